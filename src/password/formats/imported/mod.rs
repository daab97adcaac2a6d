//! Kinds that other software has made: checked, and never made here.
//!
//! | kind | forms | bounds |
//! |---|---|---|
//! | bcrypt | `$2a$`, `$2b$`, `$2y$` | cost 4 to 15 |
//! | scrypt | PHC `$scrypt$`; Werkzeug's `scrypt:` | 256 MiB, `r` 32, `p` 16, `N * r * p` 2^23 |
//! | PBKDF2 | PHC and passlib's `$pbkdf2-sha256$`, `$pbkdf2-sha512$`; Django's `pbkdf2_sha256$`; Werkzeug's `pbkdf2:` | 5,000,000 iterations |
//! | SHA-crypt | `$5$`, `$6$` | 1,000 to 1,000,000 rounds |

mod bcrypt;
mod kind;
mod pbkdf2;
mod scrypt;
mod sha_crypt;

pub(crate) use kind::Kind;
pub(super) use kind::read;
