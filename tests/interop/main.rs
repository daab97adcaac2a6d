//! Agreement with other implementations: PyJWT and jose in both directions, and test vectors that
//! other projects wrote.

mod peers;
mod vectors;
