//! Where everything is kept, and the secrets.

use aws_lc_rs::{hkdf, rand};
use std::{error::Error, sync::Arc};
use tower_auth::store::{AccountStore, ApiKeyStore, MemoryStore, ShortLived, TokenStore};

/// What outlives a restart: one store for all of it.
pub trait Durable: AccountStore + ApiKeyStore + TokenStore {}

impl<S: AccountStore + ApiKeyStore + TokenStore> Durable for S {}

/// Everything that is kept, and the secret of who keeps it.
pub struct Stores {
    pub durable: Arc<dyn Durable>,
    /// Counters, and revocations where they are read quickly.
    pub short_lived: Arc<dyn ShortLived>,
    secret: Vec<u8>,
}

/// Opens the stores that the environment names.
pub async fn stores() -> Result<Stores, Box<dyn Error>> {
    let store = MemoryStore::new();
    Ok(Stores {
        durable: Arc::new(store.clone()),
        short_lived: Arc::new(store),
        secret: random()?.into_bytes(),
    })
}

impl Stores {
    /// A secret for one purpose. Who knows it knows no other (HKDF, RFC 5869).
    pub fn secret_for(&self, purpose: &str) -> Result<[u8; 32], Box<dyn Error>> {
        let mut secret = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"tower-auth demo")
            .extract(&self.secret)
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|secret_for| secret_for.fill(&mut secret))
            .map_err(|_| "no secret can be derived")?;
        Ok(secret)
    }
}

/// 128 random bits, as text.
pub fn random() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| "the operating system has no randomness to give")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
