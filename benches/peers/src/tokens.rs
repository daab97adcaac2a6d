//! An issuer of tokens with ten claims, and what a verifier has to know of it.

use aws_lc_rs::{
    hmac, rand,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RsaKeyPair, VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const ISSUER: &str = "https://login.example.com/";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const KID: &str = "2026-11";
/// Seconds by which clocks may differ, for every verifier.
pub(crate) const LEEWAY: u64 = 60;

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Algorithm {
    HS256,
    RS256,
    ES256,
    EdDSA,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 4] = [Self::HS256, Self::RS256, Self::ES256, Self::EdDSA];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// What all verifiers of one algorithm are given: the key in the forms that they take, and tokens.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Material {
    pub(crate) algorithm: Algorithm,
    /// Of HS256. Text, since one peer takes nothing else.
    pub(crate) secret: String,
    /// Of the others, as aws-lc takes it.
    pub(crate) public: Vec<u8>,
    /// One key, with `kid` and `alg`.
    pub(crate) jwk: Value,
    /// Good for a day.
    pub(crate) token: String,
    /// The same claims, signed with another key.
    pub(crate) forged: String,
    /// Each with one claim that has to be refused, and its name.
    pub(crate) wrong: Vec<(String, String)>,
}

impl Material {
    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": [self.jwk] }).to_string()
    }

    /// The algorithm and key of the raw check.
    pub(crate) fn verification(&self) -> Option<&'static dyn VerificationAlgorithm> {
        match self.algorithm {
            Algorithm::HS256 => None,
            Algorithm::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::ES256 => Some(&signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::EdDSA => Some(&signature::ED25519),
        }
    }
}

/// Signs with one key of one algorithm.
pub(crate) struct Issuer {
    algorithm: Algorithm,
    signer: Signer,
}

enum Signer {
    Hmac(String, Box<hmac::Key>),
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Issuer {
    /// An issuer with a new key.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let signer = match algorithm {
            Algorithm::HS256 => {
                let bytes: [u8; 24] = rand::generate(&rand::SystemRandom::new()).unwrap().expose();
                let secret = encode(bytes);
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                Signer::Hmac(secret, Box::new(key))
            }
            Algorithm::RS256 => Signer::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            Algorithm::ES256 => {
                Signer::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            Algorithm::EdDSA => Signer::Ed25519(Ed25519KeyPair::generate().unwrap()),
        };
        Self { algorithm, signer }
    }

    pub(crate) fn material(&self) -> Material {
        let now = now();
        let wrong = [
            ("exp", json!(now - 3600)),
            ("iss", json!("https://login.example.net/")),
            ("aud", json!(["https://shop.example.com"])),
            ("nbf", json!(now + 3600)),
        ];
        let wrong = wrong.into_iter().map(|(name, value)| {
            let mut claims = claims(0);
            claims[name] = value;
            (name.to_owned(), self.sign(&claims))
        });
        let (secret, public) = match &self.signer {
            Signer::Hmac(secret, _) => (secret.clone(), Vec::new()),
            Signer::Rsa(pair) => (String::new(), pair.public_key().as_ref().to_vec()),
            Signer::Ecdsa(pair) => (String::new(), pair.public_key().as_ref().to_vec()),
            Signer::Ed25519(pair) => (String::new(), pair.public_key().as_ref().to_vec()),
        };
        Material {
            algorithm: self.algorithm,
            secret,
            public,
            jwk: self.jwk(),
            token: self.token(0),
            forged: Self::new(self.algorithm).token(0),
            wrong: wrong.collect(),
        }
    }

    /// A token of ten claims; another number, another token.
    pub(crate) fn token(&self, number: usize) -> String {
        self.sign(&claims(number))
    }

    fn jwk(&self) -> Value {
        let mut jwk = match &self.signer {
            Signer::Hmac(secret, _) => json!({ "kty": "oct", "k": encode(secret) }),
            Signer::Rsa(pair) => {
                let key = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": encode(key.modulus().big_endian_without_leading_zero()),
                    "e": encode(key.exponent().big_endian_without_leading_zero()),
                })
            }
            Signer::Ecdsa(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Signer::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()) })
            }
        };
        jwk["alg"] = json!(self.algorithm.name());
        jwk["use"] = json!("sig");
        jwk["kid"] = json!(KID);
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm.name(), "typ": "at+jwt", "kid": KID });
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let rng = rand::SystemRandom::new();
        let signature = match &self.signer {
            Signer::Hmac(_, key) => hmac::sign(key, message.as_bytes()).as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Signer::Ecdsa(pair) => pair
                .sign(&rng, message.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            Signer::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(signature))
    }
}

/// Ten claims, good for a day.
fn claims(number: usize) -> Value {
    let now = now();
    json!({
        "iss": ISSUER,
        "sub": "auth0|64f1c2d3e4a5b6c7d8e9f0a1",
        "aud": [AUDIENCE, "https://login.example.com/userinfo"],
        "client_id": "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6",
        "iat": now - 10,
        "nbf": now - 10,
        "exp": now + 86_400,
        "jti": format!("9d3c2f1e-8b7a-4c6d-9e5f-{number:012x}"),
        "scope": "openid profile email orders:read orders:write",
        "roles": ["editor", "viewer"],
    })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The inverse of [`encode`].
pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
