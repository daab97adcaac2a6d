//! Where everything is kept, and the secrets.

use aws_lc_rs::{hkdf, rand};
use std::{
    env,
    error::Error,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
};
use tower_auth::store::{
    AccountStore, ApiKeyStore, EphemeralStore, PostgresStore, RedisStore, SqliteStore, TokenStore,
};

/// One store for everything that outlives a request.
pub trait Store: AccountStore + ApiKeyStore + TokenStore + EphemeralStore {}

impl<S: AccountStore + ApiKeyStore + TokenStore + EphemeralStore> Store for S {}

/// Where everything is kept, and the secret of who keeps it.
pub struct Stores {
    pub database: Arc<dyn Store>,
    /// Counters, and revocations where they are read quickly.
    pub redis: Option<RedisStore>,
    secret: String,
}

/// Opens the stores that the environment names: a file of SQLite, unless there is a database that
/// several servers share.
pub async fn stores() -> Result<Stores, Box<dyn Error>> {
    let chosen = env::var("SECRET").ok();
    let (database, secret): (Arc<dyn Store>, _) = match env::var("DATABASE_URL") {
        Ok(url) => {
            let secret = chosen.ok_or("servers of one DATABASE_URL share a SECRET: set it")?;
            (Arc::new(PostgresStore::connect(&url).await?), secret)
        }
        Err(_) => {
            let path = env::var("DATABASE").unwrap_or_else(|_| "demo.db".to_owned());
            let store = SqliteStore::open(&path).await?;
            let kept = || kept_secret(&Path::new(&path).with_extension("secret"));
            (Arc::new(store), chosen.map_or_else(kept, Ok)?)
        }
    };
    if secret.len() < 32 {
        return Err("SECRET has 32 bytes or more, and nobody can guess it".into());
    }
    let redis = match env::var("REDIS_URL") {
        Ok(url) => Some(RedisStore::connect(&url).await?),
        Err(_) => None,
    };
    Ok(Stores {
        database,
        redis,
        secret,
    })
}

/// The secret in this file, which is made, for its owner's eyes only, if it is not there: what is
/// signed today is good after a restart.
fn kept_secret(path: &Path) -> Result<String, Box<dyn Error>> {
    if !path.exists() {
        let new = path.with_extension(format!("secret.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(format!("{}{}", random()?, random()?).as_bytes())?;
        file.sync_all()?;
        // There is a whole secret or none. If two processes make one at once, one of them counts.
        let _ = fs::hard_link(&new, path);
        fs::remove_file(new)?;
    }
    Ok(fs::read_to_string(path)?)
}

impl Stores {
    /// A secret for one purpose. Who knows it knows no other (HKDF, RFC 5869).
    pub fn secret_for(&self, purpose: &str) -> Result<[u8; 32], Box<dyn Error>> {
        let mut secret = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"tower-auth demo")
            .extract(self.secret.as_bytes())
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
