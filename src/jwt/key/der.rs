//! Public keys in DER and PEM.

use super::checks::{self, Bytes};
use crate::{
    ConfigError,
    jwt::{Algorithm, algorithm::Family},
};
use der::{Decode, Document, asn1::ObjectIdentifier};
use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoRef;
use std::str;

// RFC 8017 appendix A.1, RFC 5480 section 2.1, RFC 8410 section 3.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

pub(super) fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Bytes, ConfigError> {
    let none = || ConfigError::new("this is not a public key in PEM");
    let text = str::from_utf8(pem).map_err(|_| none())?;
    let label = text
        .split_once("-----BEGIN ")
        .and_then(|(_, rest)| rest.split_once("-----"))
        .map(|(label, _)| label)
        .ok_or_else(none)?;
    let read = match label {
        "PUBLIC KEY" => from_spki,
        "RSA PUBLIC KEY" => from_pkcs1,
        "CERTIFICATE" => {
            return Err(ConfigError::new(
                "this is a certificate; take the public key out of it: openssl x509 -pubkey -noout",
            ));
        }
        label if label.ends_with("PRIVATE KEY") => return Err(private()),
        _ => return Err(none()),
    };
    let (_, document) =
        Document::from_pem(text.trim()).map_err(|error| none().with_source(error))?;
    read(algorithm, document.as_bytes())
}

pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Bytes, ConfigError> {
    if algorithm.family() == Family::Rsa && RsaPublicKeyRef::from_der(der).is_ok() {
        return from_pkcs1(algorithm, der);
    }
    from_spki(algorithm, der)
}

pub(super) fn private() -> ConfigError {
    ConfigError::new(
        "this is a private key, and verifying takes the public half only: keep the private one at the issuer",
    )
}

fn from_pkcs1(algorithm: Algorithm, der: &[u8]) -> Result<Bytes, ConfigError> {
    let key = RsaPublicKeyRef::from_der(der)
        .map_err(|error| ConfigError::new("this is not an RSA public key").with_source(error))?;
    checks::rsa(
        algorithm,
        key.modulus.as_bytes(),
        key.public_exponent.as_bytes(),
    )
}

fn from_spki(algorithm: Algorithm, der: &[u8]) -> Result<Bytes, ConfigError> {
    let none = || ConfigError::new("this is not a public key in DER");
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|error| none().with_source(error))?;
    let key = info.subject_public_key.as_bytes().ok_or_else(none)?;
    let kind = info.algorithm;
    match kind.oid {
        RSA => from_pkcs1(algorithm, key),
        EC => match kind.parameters_oid() {
            Ok(P256) => checks::point(algorithm, Family::P256, key),
            Ok(P384) => checks::point(algorithm, Family::P384, key),
            _ => Err(ConfigError::new(
                "an EC key is on a named curve: P-256 or P-384",
            )),
        },
        ED25519 => checks::ed25519(algorithm, key),
        _ => Err(ConfigError::new(
            "this public key is none of RSA, EC and Ed25519",
        )),
    }
}
