//! An issuer of tokens with ten claims, for measuring.

use aws_lc_rs::{
    hmac, rand,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RsaKeyPair, VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tower_auth::jwt::{Algorithm, JwtVerifier, JwtVerifierBuilder, Key};

/// Signs with one key of one algorithm.
pub(crate) struct Issuer {
    algorithm: Algorithm,
    signer: Signer,
    public: Public,
}

enum Signer {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// What verifies, in the form that the raw check takes.
pub(crate) enum Public {
    Secret(Vec<u8>),
    Key(&'static dyn VerificationAlgorithm, Vec<u8>),
}

impl Issuer {
    /// An issuer with a new key.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let rng = rand::SystemRandom::new();
        let (signer, public) = match algorithm {
            Algorithm::HS256 => {
                let secret: [u8; 32] = rand::generate(&rng).unwrap().expose();
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                (Signer::Hmac(Box::new(key)), Public::Secret(secret.to_vec()))
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let public = pair.public_key().as_ref().to_vec();
                let public = Public::Key(&signature::RSA_PKCS1_2048_8192_SHA256, public);
                (Signer::Rsa(pair), public)
            }
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                let public = pair.public_key().as_ref().to_vec();
                (
                    Signer::Ecdsa(pair),
                    Public::Key(&signature::ECDSA_P256_SHA256_FIXED, public),
                )
            }
            _ => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let public = pair.public_key().as_ref().to_vec();
                (
                    Signer::Ed25519(pair),
                    Public::Key(&signature::ED25519, public),
                )
            }
        };
        Self {
            algorithm,
            signer,
            public,
        }
    }

    /// What verifies.
    pub(crate) fn public(&self) -> &Public {
        &self.public
    }

    /// A verifier for this issuer, which remembers nothing.
    pub(crate) fn verifier(&self) -> JwtVerifier {
        self.builder().without_cache().build().unwrap()
    }

    /// One that remembers tokens.
    pub(crate) fn remembering(&self) -> JwtVerifier {
        self.builder().build().unwrap()
    }

    fn builder(&self) -> JwtVerifierBuilder {
        let key = match (&self.public, self.algorithm) {
            (Public::Secret(secret), _) => Key::from_secret(self.algorithm, secret).unwrap(),
            (Public::Key(_, point), Algorithm::ES256) => {
                let (x, y) = point[1..].split_at(32);
                let jwk = json!({
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "x": encode(x), "y": encode(y),
                });
                Key::from_jwk(&jwk.to_string()).unwrap()
            }
            (Public::Key(_, x), Algorithm::EdDSA) => {
                let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": encode(x) });
                Key::from_jwk(&jwk.to_string()).unwrap()
            }
            (Public::Key(_, der), algorithm) => Key::from_der(algorithm, der).unwrap(),
        };
        JwtVerifier::issuer("https://login.example.com/")
            .audience("https://api.example.com")
            .keys(key.with_key_id("2026-11"))
            .roles_at("roles")
    }

    /// A token of ten claims, good for a day.
    pub(crate) fn token(&self) -> String {
        self.token_of("auth0|64f1c2d3e4a5b6c7d8e9f0a1")
    }

    /// A token of this subject.
    pub(crate) fn token_of(&self, subject: &str) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let header = json!({
            "alg": format!("{:?}", self.algorithm), "typ": "at+jwt", "kid": "2026-11",
        });
        let claims = json!({
            "iss": "https://login.example.com/",
            "sub": subject,
            "aud": ["https://api.example.com", "https://login.example.com/userinfo"],
            "client_id": "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 86_400,
            "jti": "9d3c2f1e-8b7a-4c6d-9e5f-0a1b2c3d4e5f",
            "scope": "openid profile email orders:read orders:write",
            "roles": ["editor", "viewer"],
        });
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = rand::SystemRandom::new();
        match &self.signer {
            Signer::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                    .unwrap();
                signature
            }
            Signer::Ecdsa(pair) => pair.sign(&rng, message).unwrap().as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The inverse of [`encode`].
pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
