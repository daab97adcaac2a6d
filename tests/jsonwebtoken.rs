//! Conversions between the keys of this crate and those of `jsonwebtoken`, and tokens that one side
//! signs and the other one verifies.

use jsonwebtoken::{
    Algorithm as Theirs, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, aws_lc},
    decode, encode, get_current_timestamp,
    jwk::{Jwk, JwkSet},
};
use serde_json::{Value, json};
use std::{error::Error as _, fs, path::PathBuf, ptr};
use tower_auth::{
    Identity, Rejection, Verify,
    bearer::Token,
    issue::{Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::{Algorithm, JwtVerifier, Key, KeySet, TokenError},
};

const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://rs.example";
const SECRET: [u8; 64] = [0x5a; 64];
const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

fn pem(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys")).join(name);
    fs::read(path).unwrap()
}

fn is_hmac(algorithm: Algorithm) -> bool {
    algorithm.as_str().starts_with('H')
}

fn theirs(algorithm: Algorithm) -> Theirs {
    algorithm.try_into().unwrap()
}

/// Their private key, from the PEM file or from the secret.
fn encoding_key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(&pem("p256.private.pem")),
        Algorithm::ES384 => EncodingKey::from_ec_pem(&pem("p384.private.pem")),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(&pem("ed25519.private.pem")),
        _ if is_hmac(algorithm) => EncodingKey::from_secret(&SECRET),
        _ => EncodingKey::from_rsa_pem(&pem("rsa.private.pem")),
    }
    .unwrap()
}

/// Their public key, from the PEM file or from the secret.
fn decoding_key(algorithm: Algorithm) -> DecodingKey {
    match algorithm {
        Algorithm::ES256 => DecodingKey::from_ec_pem(&pem("p256.public.pem")),
        Algorithm::ES384 => DecodingKey::from_ec_pem(&pem("p384.public.pem")),
        Algorithm::EdDSA => DecodingKey::from_ed_pem(&pem("ed25519.public.pem")),
        _ if is_hmac(algorithm) => DecodingKey::from_secret(&SECRET),
        _ => DecodingKey::from_rsa_pem(&pem("rsa.public.pem")),
    }
    .unwrap()
}

/// Our public key, from the same PEM file or secret.
fn key(algorithm: Algorithm) -> Key {
    match algorithm {
        Algorithm::ES256 => Key::from_pem(algorithm, pem("p256.public.pem")),
        Algorithm::ES384 => Key::from_pem(algorithm, pem("p384.public.pem")),
        Algorithm::EdDSA => Key::from_pem(algorithm, pem("ed25519.public.pem")),
        _ if is_hmac(algorithm) => Key::from_secret(algorithm, SECRET),
        _ => Key::from_pem(algorithm, pem("rsa.public.pem")),
    }
    .unwrap()
}

fn claims() -> Value {
    let expiry = get_current_timestamp() + 600;
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": expiry })
}

/// Signs a token with `jsonwebtoken`.
fn sign(algorithm: Algorithm, key: &EncodingKey) -> String {
    encode(&Header::new(theirs(algorithm)), &claims(), key).unwrap()
}

/// Verifies a token with this crate.
async fn verify(key: impl Into<KeySet>, token: &str) -> Result<Identity, Rejection> {
    let verifier = JwtVerifier::issuer(ISSUER).audience(AUDIENCE);
    let verifier = verifier.keys(key.into()).build().unwrap();
    verifier.verify(Token::new(token)).await
}

/// Verifies a token with `jsonwebtoken`, and returns its subject.
fn decoded(
    algorithm: Algorithm,
    key: &DecodingKey,
    token: &str,
) -> jsonwebtoken::errors::Result<String> {
    let mut validation = Validation::new(theirs(algorithm));
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let claims = decode::<Value>(token, key, &validation)?.claims;
    Ok(claims["sub"].as_str().unwrap().to_owned())
}

/// Changes one bit of the signature.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{other}{}", &signature[1..])
}

fn token_error(rejection: &Rejection) -> &'static str {
    let source = rejection.source().unwrap();
    source.downcast_ref::<TokenError>().unwrap().as_str()
}

#[test]
fn algorithms_convert_in_both_directions() {
    for algorithm in ALGORITHMS {
        let other = theirs(algorithm);
        assert_eq!(format!("{other:?}"), algorithm.as_str());
        assert_eq!(Algorithm::try_from(other).unwrap(), algorithm);
    }
}

#[tokio::test]
async fn converted_decoding_keys_verify_tokens_of_jsonwebtoken() {
    for algorithm in ALGORITHMS {
        let token = sign(algorithm, &encoding_key(algorithm));
        let key = Key::try_from((algorithm, &decoding_key(algorithm))).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.key_id(), None);
        let identity = verify(key.clone(), &token).await.unwrap();
        assert_eq!(identity.subject(), "alice", "{algorithm}");
        let rejection = verify(key.clone(), &forged(&token)).await.unwrap_err();
        assert_eq!(token_error(&rejection), "signature");

        // And back: the key of this crate verifies for `jsonwebtoken`.
        let again = DecodingKey::try_from(&key).unwrap();
        assert_eq!(decoded(algorithm, &again, &token).unwrap(), "alice");
        assert!(decoded(algorithm, &again, &forged(&token)).is_err());
    }
}

#[tokio::test]
async fn converted_signers_sign_tokens_that_the_other_side_accepts() {
    for algorithm in ALGORITHMS {
        let signer = Signer::try_from((algorithm, &encoding_key(algorithm))).unwrap();
        assert_eq!(signer.key_id().is_none(), is_hmac(algorithm));
        let issuer = TokenIssuer::issuer(ISSUER, SigningKeys::new(signer.clone()));
        let issuer = issuer.audience(AUDIENCE).build().unwrap();
        let token = issuer.access_token(TokenSubject::new("bob")).unwrap();
        let subject = decoded(algorithm, &decoding_key(algorithm), token.expose());
        assert_eq!(subject.unwrap(), "bob", "{algorithm}");

        // And back: the private key of this crate signs for `jsonwebtoken`.
        let token = sign(algorithm, &EncodingKey::try_from(&signer).unwrap());
        let identity = verify(key(algorithm), &token).await.unwrap();
        assert_eq!(identity.subject(), "alice", "{algorithm}");
    }
}

#[tokio::test]
async fn generated_keys_convert() {
    for algorithm in [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let signer = Signer::generate(algorithm).unwrap();
        let encoding = EncodingKey::try_from(&signer).unwrap();
        let token = sign(algorithm, &encoding);
        verify(signer.key().clone(), &token).await.unwrap();
        let again = Signer::try_from((algorithm, &encoding)).unwrap();
        // The thumbprint of the public key.
        assert_eq!(again.key_id(), signer.key_id(), "{algorithm}");
    }
}

#[tokio::test]
async fn public_keys_convert_to_jwks_and_back() {
    for algorithm in ALGORITHMS.into_iter().filter(|one| !is_hmac(*one)) {
        let original = key(algorithm).with_key_id("k\"1");
        let jwk = Jwk::try_from(&original).unwrap();
        assert_eq!(jwk.common.key_id.as_deref(), Some("k\"1"));
        assert_eq!(jwk.common.key_algorithm, Some(theirs(algorithm).into()));
        let key = Key::try_from(&jwk).unwrap();
        assert_eq!(key.key_id(), Some("k\"1"));
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(Jwk::try_from(&key).unwrap(), jwk);

        let token = sign(algorithm, &encoding_key(algorithm));
        assert_eq!(verify(key, &token).await.unwrap().subject(), "alice");
        // Their way from a JWK to a key: of RSA keys the modulus and the exponent.
        let decoding = DecodingKey::from_jwk(&jwk).unwrap();
        let key = Key::try_from((algorithm, &decoding)).unwrap();
        assert_eq!(verify(key, &token).await.unwrap().subject(), "alice");
    }
}

#[tokio::test]
async fn key_sets_convert_and_skip_what_cannot_be_used() {
    let keys = [Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| key(algorithm).with_key_id(algorithm.as_str()));
    let set = KeySet::new(keys).unwrap();
    let jwks = JwkSet::try_from(&set).unwrap();
    assert_eq!(jwks.keys.len(), 2);
    assert!(jwks.find("ES256").is_some());

    // A key of an unknown type: since 11.0, `jsonwebtoken` parses a set that contains one.
    let mut json = serde_json::to_value(&jwks).unwrap();
    let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA" });
    json["keys"].as_array_mut().unwrap().push(unknown);
    let jwks: JwkSet = serde_json::from_value(json).unwrap();
    assert_eq!(jwks.keys.len(), 3);
    let set = KeySet::try_from(&jwks).unwrap();
    assert_eq!(set.keys().count(), 2);
    assert_eq!(set.skipped_keys().len(), 1);
    assert_eq!(set.skipped_keys()[0].key_id(), Some("pq"));

    let mut header = Header::new(Theirs::EdDSA);
    header.kid = Some("EdDSA".to_owned());
    let token = encode(&header, &claims(), &encoding_key(Algorithm::EdDSA)).unwrap();
    assert_eq!(verify(set, &token).await.unwrap().subject(), "alice");

    let error = KeySet::try_from(&JwkSet::default()).unwrap_err();
    assert!(!error.to_string().is_empty());
}

#[test]
fn a_jwk_that_jsonwebtoken_does_not_understand_is_not_converted() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let good = format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#);
    let read = |json: &str| serde_json::from_str::<Jwk>(json).unwrap();
    Key::try_from(&read(&format!("{{{good}}}"))).unwrap();
    for json in [
        // `jsonwebtoken` would keep the last one.
        format!(r#"{{{good},"x":"{x}"}}"#),
        r#"{"kty":"OKP","crv":"Ed25519"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"Ed25519","x":7}"#.to_owned(),
        r#"{"kty":"AKP","pub":"AA"}"#.to_owned(),
        format!(r#"{{{good},"use":"enc"}}"#),
        format!(r#"{{{good},"key_ops":["sign"]}}"#),
        format!(r#"{{{good},"alg":"ES256"}}"#),
        format!(r#"{{{good},"alg":"unknown"}}"#),
    ] {
        assert!(Key::try_from(&read(&json)).is_err(), "{json}");
    }
}

#[tokio::test]
async fn a_secret_converts_from_a_jwk_but_not_to_one() {
    let jwk = json!({
        "kty": "oct", "alg": "HS256", "kid": "s",
        "k": "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo",
    });
    let jwk: Jwk = serde_json::from_value(jwk).unwrap();
    let key = Key::try_from(&jwk).unwrap();
    assert_eq!(key.key_id(), Some("s"));
    let token = sign(
        Algorithm::HS256,
        &EncodingKey::from_secret(&SECRET[..32]).unwrap(),
    );
    assert!(verify(key.clone(), &token).await.is_ok());

    let error = Jwk::try_from(&key).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid key: a shared secret is not converted to a public JWK"
    );
    assert!(JwkSet::try_from(&KeySet::from(key)).is_err());
}

#[test]
fn weak_keys_do_not_pass_a_conversion() {
    let short = DecodingKey::from_secret(&[7; 31]).unwrap();
    assert!(Key::try_from((Algorithm::HS256, &short)).is_err());
    let short = EncodingKey::from_secret(&[7; 31]).unwrap();
    assert!(Signer::try_from((Algorithm::HS256, &short)).is_err());
    let weak = DecodingKey::from_rsa_pem(&pem("rsa1024.public.pem")).unwrap();
    assert!(Key::try_from((Algorithm::RS256, &weak)).is_err());
    let small_order = DecodingKey::from_ed_der(&[0; 32]);
    assert!(Key::try_from((Algorithm::EdDSA, &small_order)).is_err());
    let off_curve = DecodingKey::from_ec_der(&[4; 65]);
    assert!(Key::try_from((Algorithm::ES256, &off_curve)).is_err());
    for bytes in [&[][..], &[0x30], &[4], &[0; 32]] {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384] {
            let key = match algorithm {
                Algorithm::RS256 => DecodingKey::from_rsa_der(bytes),
                _ => DecodingKey::from_ec_der(bytes),
            };
            assert!(Key::try_from((algorithm, &key)).is_err());
            let key = match algorithm {
                Algorithm::RS256 => EncodingKey::from_rsa_der(bytes),
                _ => EncodingKey::from_ec_der(bytes),
            };
            assert!(Signer::try_from((algorithm, &key)).is_err());
        }
    }
}

#[test]
fn a_key_of_another_family_is_rejected() {
    let rsa = decoding_key(Algorithm::RS256);
    // The key of an RSA pair as the secret of an HMAC (RFC 8725 section 2.1).
    let error = Key::try_from((Algorithm::HS256, &rsa)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid key: a key of the family Rsa does not fit HS256"
    );
    assert!(Key::try_from((Algorithm::ES256, &rsa)).is_err());
    assert!(Key::try_from((Algorithm::ES384, &decoding_key(Algorithm::ES256))).is_err());
    assert!(Signer::try_from((Algorithm::HS256, &encoding_key(Algorithm::EdDSA))).is_err());
    assert!(Signer::try_from((Algorithm::ES384, &encoding_key(Algorithm::ES256))).is_err());
}

#[test]
fn conversions_install_no_provider() {
    let key = Key::try_from((Algorithm::ES256, &decoding_key(Algorithm::ES256))).unwrap();
    Jwk::try_from(&key).unwrap();
    Signer::try_from((Algorithm::ES256, &encoding_key(Algorithm::ES256))).unwrap();
    let installed = CryptoProvider::try_get_default().unwrap();
    assert!(ptr::eq(installed, &raw const aws_lc::DEFAULT_PROVIDER));
}
