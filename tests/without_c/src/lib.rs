//! Everything that needs no C compiler. No provider of TLS is compiled or installed, and whatever
//! needs one returns an error at start-up.

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use tower_auth::{
        ConfigError,
        fetch::HttpClient,
        jwt::JwtVerifier,
        store::{PostgresStore, RedisStore},
    };

    #[track_caller]
    fn asks_for(part: &str, result: Result<impl Debug, ConfigError>) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[tokio::test]
    async fn without_a_provider_of_tls_nothing_that_needs_one_starts() {
        let call = "rustls::crypto::aws_lc_rs::default_provider().install_default()";
        asks_for(call, HttpClient::new());
        let jwt = JwtVerifier::issuer("https://login.example.com/").audience("a");
        asks_for(call, jwt.build());
        asks_for(call, RedisStore::open("rediss://127.0.0.1:1/"));
        let sqlx = "sqlx needs a feature such as `tls-rustls-aws-lc-rs`";
        asks_for(
            sqlx,
            PostgresStore::connect("postgres://a@127.0.0.1:1/b").await,
        );
    }

    #[tokio::test]
    async fn without_tls_no_provider_is_needed() {
        assert!(RedisStore::open("redis://127.0.0.1:1/").is_ok());
        let store = PostgresStore::connect("postgres://a@127.0.0.1:1/b?sslmode=disable").await;
        asks_for("the PostgreSQL database cannot be used", store);
    }
}
