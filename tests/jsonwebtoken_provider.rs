//! `jsonwebtoken` with the cryptography of this crate, compared with its own provider. The provider
//! is installed for the whole process, so these tests have a process of their own.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, aws_lc},
    decode, encode,
    errors::ErrorKind,
    get_current_timestamp,
    jwk::{Jwk, ThumbprintHash},
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, ptr, sync::Once};
use tower_auth::jsonwebtoken::CRYPTO_PROVIDER;

const FAMILIES: [AlgorithmFamily; 4] = [
    AlgorithmFamily::Hmac,
    AlgorithmFamily::Rsa,
    AlgorithmFamily::Ec,
    AlgorithmFamily::Ed,
];

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| CRYPTO_PROVIDER.install_default().unwrap());
    let installed = CryptoProvider::try_get_default().unwrap();
    assert!(ptr::eq(installed, &raw const CRYPTO_PROVIDER));
}

fn algorithms() -> impl Iterator<Item = Algorithm> {
    FAMILIES
        .iter()
        .flat_map(|family| family.algorithms().iter().copied())
}

fn keys(algorithm: Algorithm) -> (EncodingKey, DecodingKey) {
    let pem = |name: &str| {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys")).join(name);
        fs::read(path).unwrap()
    };
    let ec = |name: &str| {
        (
            EncodingKey::from_ec_pem(&pem(&format!("{name}.private.pem"))).unwrap(),
            DecodingKey::from_ec_pem(&pem(&format!("{name}.public.pem"))).unwrap(),
        )
    };
    match algorithm {
        Algorithm::ES256 => ec("p256"),
        Algorithm::ES384 => ec("p384"),
        _ => match algorithm.family() {
            AlgorithmFamily::Hmac => (
                EncodingKey::from_secret(&[7; 64]).unwrap(),
                DecodingKey::from_secret(&[7; 64]).unwrap(),
            ),
            AlgorithmFamily::Ed => (
                EncodingKey::from_ed_pem(&pem("ed25519.private.pem")).unwrap(),
                DecodingKey::from_ed_pem(&pem("ed25519.public.pem")).unwrap(),
            ),
            _ => (
                EncodingKey::from_rsa_pem(&pem("rsa.private.pem")).unwrap(),
                DecodingKey::from_rsa_pem(&pem("rsa.public.pem")).unwrap(),
            ),
        },
    }
}

#[test]
fn encode_and_decode_run_on_the_backend_of_this_crate() {
    install();
    for algorithm in algorithms() {
        let (private, public) = keys(algorithm);
        let claims = json!({ "sub": "alice", "exp": get_current_timestamp() + 600 });
        let token = encode(&Header::new(algorithm), &claims, &private).unwrap();
        let validation = Validation::new(algorithm);
        let data = decode::<Value>(&token, &public, &validation).unwrap();
        assert_eq!(data.claims["sub"], "alice", "{algorithm:?}");

        let (signed, _) = token.rsplit_once('.').unwrap();
        let other = encode(&Header::new(algorithm), &json!({}), &private).unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{signature}");
        let error = decode::<Value>(forged, &public, &validation).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidSignature, "{algorithm:?}");
    }
}

#[test]
fn signatures_are_accepted_by_the_provider_of_jsonwebtoken_and_the_other_way_round() {
    let providers = [&CRYPTO_PROVIDER, &aws_lc::DEFAULT_PROVIDER];
    for (signing, verifying) in [(0, 1), (1, 0)] {
        let (signing, verifying) = (providers[signing], providers[verifying]);
        for algorithm in algorithms() {
            let (private, public) = keys(algorithm);
            let signer = (signing.signer_factory)(&algorithm, &private).unwrap();
            let verifier = (verifying.verifier_factory)(&algorithm, &public).unwrap();
            assert_eq!(signer.algorithm(), algorithm);
            assert_eq!(verifier.algorithm(), algorithm);
            let signature = signer.try_sign(b"message").unwrap();
            assert!(
                verifier.verify(b"message", &signature).is_ok(),
                "{algorithm:?}"
            );
            assert!(verifier.verify(b"another", &signature).is_err());
            assert!(verifier.verify(b"message", &Vec::new()).is_err());
        }
    }
}

#[test]
fn jwks_and_thumbprints_are_those_of_the_provider_of_jsonwebtoken() {
    install();
    let (ours, oracle) = (
        &CRYPTO_PROVIDER.key_utils,
        &aws_lc::DEFAULT_PROVIDER.key_utils,
    );
    let (private, public) = keys(Algorithm::RS256);
    let private = private.as_bytes();
    assert_eq!(
        (ours.rsa_pub_components_from_private_key)(private),
        (oracle.rsa_pub_components_from_private_key)(private)
    );
    let public = public.try_get_as_bytes().unwrap();
    assert_eq!(
        (ours.rsa_pub_components_from_public_key)(public),
        (oracle.rsa_pub_components_from_public_key)(public)
    );
    for algorithm in [Algorithm::ES256, Algorithm::ES384] {
        let (private, _) = keys(algorithm);
        let private = private.as_bytes();
        assert_eq!(
            (ours.ec_pub_components_from_private_key)(private, algorithm),
            (oracle.ec_pub_components_from_private_key)(private, algorithm)
        );
    }
    for hash in [
        ThumbprintHash::SHA256,
        ThumbprintHash::SHA384,
        ThumbprintHash::SHA512,
    ] {
        assert_eq!(
            (ours.compute_digest)(b"text", hash.clone()),
            (oracle.compute_digest)(b"text", hash)
        );
    }
    for algorithm in algorithms() {
        let (private, public) = keys(algorithm);
        let jwk = Jwk::from_encoding_key(&private, algorithm).unwrap();
        assert_eq!(
            jwk,
            Jwk::from_decoding_key(&public, Some(algorithm)).unwrap()
        );
        assert!(jwk.thumbprint(ThumbprintHash::SHA256).is_ok());
    }
}

#[test]
fn keys_that_do_not_fit_or_are_too_weak_are_errors() {
    let short = DecodingKey::from_secret(&[7; 31]).unwrap();
    let result = (CRYPTO_PROVIDER.verifier_factory)(&Algorithm::HS256, &short);
    let kind = result.err().unwrap().into_kind();
    assert!(matches!(kind, ErrorKind::Provider(_)), "{kind:?}");
    for (one, other) in [
        (Algorithm::HS256, Algorithm::RS256),
        (Algorithm::RS256, Algorithm::ES256),
        (Algorithm::ES256, Algorithm::ES384),
        (Algorithm::EdDSA, Algorithm::HS256),
    ] {
        let (private, public) = keys(other);
        assert!((CRYPTO_PROVIDER.signer_factory)(&one, &private).is_err());
        assert!((CRYPTO_PROVIDER.verifier_factory)(&one, &public).is_err());
    }
    let utils = &CRYPTO_PROVIDER.key_utils;
    assert!((utils.rsa_pub_components_from_private_key)(b"").is_err());
    assert!((utils.rsa_pub_components_from_public_key)(b"").is_err());
    assert!((utils.ec_pub_components_from_private_key)(b"", Algorithm::ES256).is_err());
    assert!((utils.ec_pub_components_from_private_key)(b"", Algorithm::HS256).is_err());
}
