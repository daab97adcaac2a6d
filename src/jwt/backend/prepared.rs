//! A key for a backend, and a key that a backend has made ready.

use zeroize::Zeroizing;

/// What a key consists of, checked as far as it can be without a backend.
#[derive(Clone)]
#[allow(dead_code, reason = "read by backends, of which there may be none")]
pub(in crate::jwt) enum Material {
    Secret(Zeroizing<Vec<u8>>),
    /// `RSAPublicKey` (RFC 8017 appendix A.1.1) in DER.
    Rsa(Box<[u8]>),
    /// A point in the uncompressed form of SEC 1 section 2.3.3.
    Point(Box<[u8]>),
    Ed25519([u8; 32]),
}

/// A key made ready once, to verify many signatures.
pub(in crate::jwt) trait Prepared: Send + Sync {
    /// Whether the signature is this key's for this message.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// The backend refuses the key.
pub(super) struct BadKey;
