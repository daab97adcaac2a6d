//! [`PostgresStore`]: one database for many servers.

mod dialect;
mod store;

// The statements are written once; see `sql/mod.rs`.
#[path = "../sql/accounts.rs"]
mod accounts;
#[path = "../sql/api_keys.rs"]
mod api_keys;
#[path = "../sql/migrate.rs"]
mod migrate;
#[path = "../sql/short_lived.rs"]
mod short_lived;
#[path = "../sql/tokens.rs"]
mod tokens;
#[path = "../sql/traits.rs"]
mod traits;

pub use store::PostgresStore;

use dialect::{Connection, IS_MIGRATED, MIGRATIONS, Row, fits, lock, now_millis, skip_locked};
use store::PostgresStore as Store;
