//! What is too weak to be a key, or none at all.

use crate::{
    ConfigError,
    jwt::{Algorithm, algorithm::Family, backend::Material},
};
use der::{Encode, asn1::UintRef};
use pkcs1::RsaPublicKeyRef;
use zeroize::Zeroizing;

const MIN_RSA_BITS: usize = 2048;

/// What both backends verify, and in bounded time.
const MAX_RSA_BITS: usize = 8192;

/// What both backends take.
const MAX_EXPONENT: u64 = (1 << 33) - 1;

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

pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Material, ConfigError> {
    expect(algorithm, Family::Hmac)?;
    let least = algorithm.hash_len();
    if secret.len() < least {
        return Err(ConfigError::new(format!(
            "a secret for {algorithm} has at least {least} bytes (RFC 7518 section 3.2), and this one has {}",
            secret.len()
        )));
    }
    // Whoever configures this means a key pair, and its public half is no secret.
    // Tools write blank lines, a byte order mark or the bag's attributes before it.
    let begin = b"-----BEGIN ";
    if secret.windows(begin.len()).any(|window| window == begin) {
        return Err(ConfigError::new(
            "this secret is a PEM file; a public key belongs into `Key::from_pem`",
        ));
    }
    Ok(Material::Secret(Zeroizing::new(secret.to_vec())))
}

/// Modulus and exponent, big-endian.
pub(super) fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Material, ConfigError> {
    expect(algorithm, Family::Rsa)?;
    let (n, e) = (without_zeros(n), without_zeros(e));
    let bits = bits(n);
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(ConfigError::new(format!(
            "an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits (RFC 7518 section 3.3), and this one has {bits}"
        )));
    }
    let exponent = match e.len() {
        0..=8 => e
            .iter()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)),
        _ => u64::MAX,
    };
    if !(3..=MAX_EXPONENT).contains(&exponent) || exponent % 2 == 0 {
        return Err(ConfigError::new(
            "the public exponent of an RSA key is odd, at least 3 and has at most 33 bits",
        ));
    }
    if n.last().is_none_or(|last| last % 2 == 0) {
        return Err(ConfigError::new("the modulus of an RSA key is odd"));
    }
    let pkcs1 = UintRef::new(n)
        .and_then(|modulus| {
            let public_exponent = UintRef::new(e)?;
            let key = RsaPublicKeyRef {
                modulus,
                public_exponent,
            };
            key.to_der()
        })
        .map_err(|error| ConfigError::new("this is not an RSA key").with_source(error))?;
    Ok(Material::Rsa(pkcs1.into()))
}

/// A point in the uncompressed form of SEC 1; the backend checks that it is on the curve.
pub(super) fn point(
    algorithm: Algorithm,
    curve: Family,
    point: &[u8],
) -> Result<Material, ConfigError> {
    expect(algorithm, curve)?;
    let length = match curve {
        Family::P384 => 97,
        _ => 65,
    };
    if point.len() != length || point.first() != Some(&4) {
        return Err(ConfigError::new(format!(
            "the point of {} has {length} bytes, uncompressed",
            curve.as_str()
        )));
    }
    Ok(Material::Point(point.into()))
}

pub(super) fn ed25519(algorithm: Algorithm, key: &[u8]) -> Result<Material, ConfigError> {
    expect(algorithm, Family::Ed25519)?;
    let key: [u8; 32] = key
        .try_into()
        .map_err(|_| ConfigError::new("an Ed25519 key has 32 bytes"))?;
    if is_small_order(key) {
        return Err(ConfigError::new(
            "this Ed25519 key is of small order: it verifies what nobody signed",
        ));
    }
    Ok(Material::Ed25519(key))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    number
        .len()
        .saturating_mul(8)
        .saturating_sub(unused as usize)
}

/// Whether the y of an encoded point (RFC 8032 section 5.1.2), in any spelling, is that of one
/// of the eight points whose order divides the cofactor.
fn is_small_order(mut key: [u8; 32]) -> bool {
    /// The two of order 8.
    const EIGHT: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [first, middle @ .., last] = &mut key;
    *last &= 0x7f; // the sign of x
    // With p = 2^255 - 19: 0 and 1; p - 1; p and p + 1, which are 0 and 1 once more.
    let low = *first <= 1 && *last == 0 && middle.iter().all(|&byte| byte == 0);
    let high =
        matches!(first, 0xec..=0xee) && *last == 0x7f && middle.iter().all(|&byte| byte == 0xff);
    low || high || EIGHT.contains(&key)
}

#[cfg(all(test, feature = "rust-crypto"))]
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
