//! Password hashes for tests: next to free, or slow enough to be waited for.

#![allow(dead_code, unreachable_pub, reason = "no test uses everything")]

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use tower_auth::password::PasswordHash;

/// A hash that costs next to nothing.
pub fn cheap(password: &str) -> PasswordHash {
    let params = Params::new(8, 1, 1, Some(32)).unwrap();
    let mut output = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), b"somesalt", &mut output)
        .unwrap();
    phc("m=8,t=1,p=1", &output)
}

/// A hash of no known password that takes some tenths of a second to compare with.
pub fn costly() -> PasswordHash {
    phc("m=65536,t=16,p=1", &[7; 32])
}

/// A hash of no known password that takes some hundredths of a second to compare with: less than
/// the pool's time limit for waiting, even on a loaded machine.
pub fn slow() -> PasswordHash {
    phc("m=65536,t=1,p=1", &[7; 32])
}

fn phc(costs: &str, output: &[u8]) -> PasswordHash {
    let salt = STANDARD_NO_PAD.encode(b"somesalt");
    let output = STANDARD_NO_PAD.encode(output);
    PasswordHash::parse(&format!("$argon2id$v=19${costs}${salt}${output}")).unwrap()
}
