//! The others, each told to check what this crate checks: signature, `exp`, `nbf`, `iss`, `aud`,
//! with a minute of leeway. Each gets the key in the form that costs it least per request.

mod aliri;
mod axum_jwt_auth;
mod by_hand;
mod jwt_authorizer;
mod oauth_resource_server;
mod tower_jwt;
mod tower_oauth2_resource_server;

pub(crate) use by_hand::layer as by_hand;

use crate::{backend::Backend, case::Subject, tokens::Material};

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Whose cryptography, if it cannot be chosen.
    pub(crate) fixed: Option<&'static str>,
    /// What it does with RustCrypto is measured, too.
    pub(crate) with_rust_crypto: bool,
    /// `None` if it does not do the algorithm.
    pub(crate) subject: fn(&Material) -> Option<Subject>,
}

impl Peer {
    /// What the cryptography is called, if this process measures the peer.
    pub(crate) fn backend(&self, of_process: Backend) -> Option<&'static str> {
        match (of_process, self.fixed) {
            (Backend::AwsLcRs, fixed) => Some(fixed.unwrap_or("aws-lc-rs")),
            (Backend::RustCrypto, None) if self.with_rust_crypto => Some("RustCrypto"),
            (Backend::RustCrypto, _) => None,
        }
    }
}

pub(crate) const ALL: [Peer; 7] = [
    Peer {
        name: "aliri_tower 0.6",
        fixed: Some("ring"),
        with_rust_crypto: false,
        subject: aliri::subject,
    },
    Peer {
        name: "tower-jwt 0.2",
        fixed: Some("ring"),
        with_rust_crypto: false,
        subject: tower_jwt::subject,
    },
    Peer {
        name: "axum-jwt-auth 0.7",
        fixed: None,
        with_rust_crypto: true,
        subject: axum_jwt_auth::subject,
    },
    Peer {
        name: "jwt-authorizer 0.15",
        fixed: Some("ring"),
        with_rust_crypto: false,
        subject: jwt_authorizer::subject,
    },
    Peer {
        name: "tower-oauth2-resource-server 0.12",
        fixed: None,
        with_rust_crypto: true,
        subject: tower_oauth2_resource_server::subject,
    },
    Peer {
        name: "oauth-resource-server 0.4",
        fixed: Some("ring"),
        with_rust_crypto: false,
        subject: oauth_resource_server::subject,
    },
    Peer {
        name: "from_fn + jsonwebtoken 11",
        fixed: None,
        with_rust_crypto: false,
        subject: by_hand::subject,
    },
];

/// Waits for what a peer does when it is built.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
