//! An endpoint with a clock, and helpers to ask it.

pub(crate) use crate::common::origin::{Answer, Asked, Origin};
pub(crate) use serde_json::{Value, json};
pub(crate) use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
pub(crate) use tower_auth::{
    Identity, Rejection, RejectionKind, Verify,
    bearer::Token,
    introspection::{Introspection, IntrospectionBuilder, IntrospectionError},
};

pub(crate) const ISSUER: &str = "https://server.example.com/";
pub(crate) const AUDIENCE: &str = "https://protected.example.net/resource";
pub(crate) const NOW: u64 = 1_800_000_000;

/// The time, in milliseconds since 1970; clones share it.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn clock(&self) -> impl Fn() -> SystemTime + Send + Sync + use<> {
        let now = self.0.clone();
        move || UNIX_EPOCH + Duration::from_millis(now.load(Ordering::SeqCst))
    }

    /// Seconds since [`NOW`].
    pub(crate) fn set(&self, seconds: f64) {
        let milliseconds = NOW as f64 * 1000.0 + seconds * 1000.0;
        self.0.store(milliseconds as u64, Ordering::SeqCst);
    }
}

pub(crate) struct Endpoint {
    pub(crate) origin: Origin,
    pub(crate) time: Time,
}

const PATH: &str = "/introspect";

impl Endpoint {
    pub(crate) async fn start() -> Self {
        Self {
            origin: Origin::start().await,
            time: Time(Arc::new(AtomicU64::new(NOW * 1000))),
        }
    }

    pub(crate) async fn answering(answer: Answer) -> Self {
        let endpoint = Self::start().await;
        endpoint.answer(answer);
        endpoint
    }

    pub(crate) fn answer(&self, answer: Answer) {
        self.origin.answer(PATH, answer);
    }

    /// Answers by the token that is asked about.
    pub(crate) fn script(&self, script: impl Fn(&str) -> Answer + Send + Sync + 'static) {
        self.origin.script(PATH, move |asked| {
            let token = field(asked, "token").expect("a token is asked about");
            script(&token)
        });
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.origin.asked(PATH)
    }

    pub(crate) fn count(&self) -> usize {
        self.origin.count(PATH)
    }

    /// With neither an issuer nor an audience yet.
    pub(crate) fn bare(&self) -> IntrospectionBuilder {
        crate::common::install_tls();
        Introspection::endpoint(self.origin.url(PATH))
            .client_basic("rs", "rs-secret")
            .dangerous_allow_http()
            .clock(self.time.clock())
    }

    pub(crate) fn builder(&self) -> IntrospectionBuilder {
        self.bare().issuer(ISSUER).audience(AUDIENCE)
    }

    pub(crate) fn introspection(&self) -> Introspection {
        self.builder().build().unwrap()
    }
}

/// A field of the form that was sent, decoded.
pub(crate) fn field(asked: &Asked, name: &str) -> Option<String> {
    let pairs = asked
        .body
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name);
    let value = values.next().map(|(_, value)| decode(value));
    assert!(values.next().is_none(), "{name} twice");
    value
}

/// The way back of `application/x-www-form-urlencoded`.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn claims() -> Value {
    json!({
        "active": true, "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "scope": "read write",
        "exp": NOW + 600, "iat": NOW - 10, "client_id": "app", "token_type": "Bearer",
    })
}

/// The usual answer with one member changed, or taken away by `None`.
pub(crate) fn with(name: &str, value: impl Into<Option<Value>>) -> Value {
    let mut claims = claims();
    match value.into() {
        None => drop(claims.as_object_mut().unwrap().remove(name)),
        Some(value) => claims[name] = value,
    }
    claims
}

pub(crate) fn good() -> Answer {
    Answer::json(claims().to_string())
}

pub(crate) fn inactive() -> Answer {
    Answer::json(r#"{"active":false}"#)
}

pub(crate) async fn ask(verifier: &impl Verify<Token>, token: &str) -> Result<Identity, Rejection> {
    verifier.verify(Token::new(token)).await
}

/// Who it is, or the status and the reason.
pub(crate) async fn line(verifier: &impl Verify<Token>, token: &str) -> String {
    match ask(verifier, token).await {
        Ok(identity) => format!("200 {}", identity.subject()),
        Err(rejection) => {
            let status = rejection.status().as_u16();
            assert_eq!(status == 503, rejection.retry_after().is_some());
            let reason = reason(&rejection);
            let name = reason.as_str();
            match reason {
                IntrospectionError::Credentials(theirs) | IntrospectionError::Status(theirs) => {
                    format!("{status} {name}({})", theirs.as_u16())
                }
                _ => format!("{status} {name}"),
            }
        }
    }
}

#[track_caller]
pub(crate) fn reason(rejection: &Rejection) -> IntrospectionError {
    let source = rejection.source().expect("there is a reason");
    source
        .downcast_ref::<IntrospectionError>()
        .expect("it is an introspection error")
        .clone()
}
