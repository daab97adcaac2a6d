//! A private key that a backend has made ready.

/// A private key made ready once.
pub(in crate::issue) trait Signing: Send + Sync {
    /// The signature of this message; `None` if the operating system has no randomness to give.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// A private key, and what verifies its signatures.
pub(in crate::issue) struct Pair {
    pub(in crate::issue) signing: Box<dyn Signing>,
    /// `RSAPublicKey` in DER, a point, or the key of Ed25519.
    pub(in crate::issue) public: Vec<u8>,
}

/// Why a key cannot sign.
pub(super) enum Unprepared {
    #[cfg(not(all(feature = "aws-lc-rs", feature = "rust-crypto")))]
    NoBackend,
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    BadKey,
    /// The backend does not sign with keys of this kind.
    #[cfg(feature = "rust-crypto")]
    NotHere,
}
