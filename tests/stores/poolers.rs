//! PgBouncer between the application and PostgreSQL.

use crate::{
    durable,
    servers::{PgBouncer, Postgres},
    short_lived,
    suite::ephemeral::Sleep,
};
use std::{error::Error as _, sync::Arc};
use tower_auth::store::PostgresStore;

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_sessions_passes_the_suite() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "session") else {
        return;
    };
    let store = Arc::new(PostgresStore::connect(&pooler.url).await.unwrap());
    durable(&store).await;
    short_lived(&store, &Sleep).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_transactions_is_an_error_at_start_up() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "transaction") else {
        return;
    };
    let error = PostgresStore::connect(&pooler.url).await.unwrap_err();
    assert!(error.to_string().contains("pool_mode = session"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_statements_is_an_error_at_start_up() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "statement") else {
        return;
    };
    let error = PostgresStore::connect(&pooler.url).await.unwrap_err();
    let reason = error.source().expect("a source").to_string();
    assert!(reason.contains("statement pooling mode"), "{reason}");
}
