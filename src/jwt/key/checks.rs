//! The checks of keys that are too weak, or not keys at all.

use crate::{
    ConfigError,
    error::fail_if,
    jwt::{Algorithm, algorithm::Family},
};
use der::{Encode, asn1::UintRef};
use pkcs1::RsaPublicKeyRef;
use zeroize::Zeroizing;

/// The bytes of a key, in the form that a `Key` stores and the backends take.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// The sizes that both backends verify, and in bounded time.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// The largest exponent that both backends take.
const MAX_EXPONENT: u64 = (1 << 33) - 1;

/// The lower half of p = 2^255 - 19, the prime of Ed25519.
const P: u128 = u128::MAX - 18;

/// The lower and the upper half of y for the points of Ed25519 whose order divides the cofactor,
/// without the sign of x: 0, 1, p - 1, p and p + 1 (which are 0 and 1 once more), and the two of
/// order 8.
const SMALL_ORDER: [[u128; 2]; 7] = [
    [0, 0],
    [1, 0],
    [P - 1, u128::MAX >> 1],
    [P, u128::MAX >> 1],
    [P + 1, u128::MAX >> 1],
    [
        0xf098eff289f4c345b027b2c28f95e826,
        0x05fc536d880238b13933c6d305acdfd5,
    ],
    [
        0x0f67100d760b3cba4fd84d3d706a17c7,
        0x7a03ac9277fdc74ec6cc392cfa53202a,
    ],
];

/// Refuses the algorithm if it takes another kind of key.
fn expect(algorithm: Algorithm, family: Family) -> Result<(), ConfigError> {
    if algorithm.family() == family {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "{algorithm} takes {}, and this is {}",
        algorithm.family().as_str(),
        family.as_str()
    )))
}

pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Bytes, ConfigError> {
    expect(algorithm, Family::Hmac)?;
    let least = algorithm.hash_len();
    fail_if!(
        secret.len() < least,
        "a secret for {algorithm} has at least {least} bytes (RFC 7518 section 3.2), and this one has {}",
        secret.len()
    );
    // Whoever configures this means a key pair, and its public half is no secret.
    // Tools write blank lines, a byte order mark or the bag's attributes before it.
    let begin = b"-----BEGIN ";
    fail_if!(
        secret.windows(begin.len()).any(|window| window == begin),
        "this secret is a PEM file; a public key belongs into `Key::from_pem`"
    );
    Ok(secret.to_vec().into())
}

/// Checks an RSA key, given by its modulus and exponent, both big-endian.
pub(super) fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Bytes, ConfigError> {
    expect(algorithm, Family::Rsa)?;
    let none = |error| ConfigError::new("this is not an RSA key").with_source(error);
    // Leading zeros are dropped.
    let key = RsaPublicKeyRef {
        modulus: UintRef::new(n).map_err(none)?,
        public_exponent: UintRef::new(e).map_err(none)?,
    };
    let (n, e) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    let unused = n.first().map_or(0, |first| first.leading_zeros());
    let bits = u32::try_from(n.len().saturating_mul(8)).unwrap_or(u32::MAX) - unused;
    fail_if!(
        !RSA_BITS.contains(&bits),
        "an RSA key has {} to {} bits (RFC 7518 section 3.3), and this one has {bits}",
        RSA_BITS.start(),
        RSA_BITS.end()
    );
    let digits = |number: u64, &byte: &u8| Some(number.checked_mul(256)? | u64::from(byte));
    let exponent = e.iter().try_fold(0, digits);
    fail_if!(
        !exponent.is_some_and(|e| (3..=MAX_EXPONENT).contains(&e) && e % 2 == 1),
        "the public exponent of an RSA key is odd, at least 3 and has at most 33 bits"
    );
    fail_if!(
        n.last().is_none_or(|last| last % 2 == 0),
        "the modulus of an RSA key is odd"
    );
    Ok(key.to_der().map_err(none)?.into())
}

/// Checks a point in the uncompressed form of SEC 1; the backend checks that it is on the curve.
pub(super) fn point(
    algorithm: Algorithm,
    curve: Family,
    point: &[u8],
) -> Result<Bytes, ConfigError> {
    expect(algorithm, curve)?;
    let length = 1 + 2 * curve.coordinate_len();
    fail_if!(
        point.len() != length || point.first() != Some(&4),
        "the point of {} has {length} bytes, uncompressed",
        curve.as_str()
    );
    Ok(point.to_vec().into())
}

pub(super) fn ed25519(algorithm: Algorithm, key: &[u8]) -> Result<Bytes, ConfigError> {
    expect(algorithm, Family::Ed25519)?;
    let key = key
        .try_into()
        .map_err(|_| ConfigError::new("an Ed25519 key has 32 bytes"))?;
    fail_if!(
        is_small_order(key),
        "invalid Ed25519 public key: small order (accepts forged signatures)"
    );
    Ok(key.to_vec().into())
}

/// Returns whether this is one of the points of [`SMALL_ORDER`], whatever the sign of its x is (RFC
/// 8032 section 5.1.2).
fn is_small_order(mut key: [u8; 32]) -> bool {
    key[31] &= 0x7f;
    let halves = SMALL_ORDER.map(|halves| halves.map(u128::to_le_bytes));
    halves.iter().any(|halves| halves.as_flattened() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_of_small_order_are_those_that_another_library_finds() {
        let mut p = [0xff; 32];
        p[31] = 0x7f;
        let with_first = |mut key: [u8; 32], first| {
            key[0] = first;
            key
        };
        let eights = [
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ];
        let eights = eights.map(|hex| {
            std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        });
        let mut keys = vec![
            [0; 32],
            with_first([0; 32], 1),
            with_first(p, 0xec),
            with_first(p, 0xed),
            with_first(p, 0xee),
        ];
        keys.extend(eights);
        for key in keys {
            for sign in [0, 0x80] {
                let mut key = key;
                key[31] |= sign;
                assert!(is_small_order(key), "{key:x?}");
                if let Ok(oracle) = ed25519_dalek::VerifyingKey::from_bytes(&key) {
                    assert!(oracle.is_weak(), "{key:x?}");
                }
            }
        }
        for i in 0..=u8::MAX {
            let key = [i; 32];
            if let Ok(oracle) = ed25519_dalek::VerifyingKey::from_bytes(&key) {
                assert_eq!(is_small_order(key), oracle.is_weak(), "{key:x?}");
            }
        }
    }
}
