//! The auto traits of the public types: `Send`, `Sync`, `Unpin`, `Clone`, and the bodies that layers
//! accept.

mod common;

use bytes::Bytes;
use common::{Probe, Toy};
use http::{Request, Response};
use http_body_util::Full;
use std::{
    convert::Infallible,
    future::{Ready, ready},
    marker::PhantomData,
    rc::Rc,
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt};
use tower_auth::{
    AccessRules, Anonymous, AuthLayer, ConfigError, Identity, Location, Policy, Rejection,
    RejectionKind, RequireLayer, Scheme, Verdict, Verify,
    account::{NameError, UserName},
    authenticated,
    authz::{BuiltInPolicy, Combined, Not, PolicyFn, RoutePattern},
    axum::Claims,
    basic::{Htpasswd, Users},
    bearer::FixedTokens,
    clock::SystemClock,
    credential::{Credential, Found, Place},
    identity::{ClaimPath, Hierarchy},
    introspection::{Introspection, IntrospectionBuilder, IntrospectionError},
    jwt::{JwtVerifier, OrOpaque},
    layer::{AuthService, RequireService, ResponseBody},
    password::{HashPool, NormalizedPassword, PasswordHash, PasswordPolicy, PolicyError},
    rejection::{Challenge, Format, Scope},
    revocation::{RevocationCheck, Revocations, RevokeError, RevokedBy, WithRevocation},
    role,
    scheme::{Attempt, Schemes},
    verify::VerifyFn,
    well_known::{
        ResourceMetadata, ResourceMetadataBuilder, ResourceMetadataLayer, ResourceMetadataService,
    },
};

/// Whether a type has an auto trait, as a value.
struct Is<T: ?Sized>(PhantomData<T>);

trait Isnt {
    const SEND: bool = false;
    const SYNC: bool = false;
}

impl<T: ?Sized> Isnt for Is<T> {}

impl<T: Send + ?Sized> Is<T> {
    const SEND: bool = true;
}

impl<T: Sync + ?Sized> Is<T> {
    #[allow(dead_code, reason = "asked for only where it is false")]
    const SYNC: bool = true;
}

fn shared<T: Send + Sync + Unpin + 'static>() {}
fn sent<T: Send + Unpin + 'static>() {}
fn cloned<T: Clone + Send + Sync + Unpin + 'static>() {}
fn debugged<T: std::fmt::Debug>() {}
fn errors<T: std::error::Error + Send + Sync + 'static>() {}
fn defaulted<T: Default>() {}

#[test]
fn configuration_types_are_clone_and_sync() {
    cloned::<AuthLayer>();
    cloned::<AuthService<Probe>>();
    cloned::<RequireLayer>();
    cloned::<ResourceMetadata>();
    cloned::<ResourceMetadataBuilder>();
    cloned::<ResourceMetadataLayer>();
    cloned::<ResourceMetadataService<Probe>>();
    cloned::<RequireService<Probe>>();
    cloned::<AccessRules>();
    cloned::<RoutePattern>();
    cloned::<Hierarchy>();
    cloned::<Location>();
    cloned::<SystemClock>();
    cloned::<Challenge>();
    shared::<Schemes>();
    shared::<Box<dyn Scheme>>();
    shared::<Box<dyn Policy>>();
    shared::<Box<dyn Verify<Credential>>>();
    shared::<Box<dyn tower_auth::clock::Clock>>();
    shared::<VerifyFn<fn(), ()>>();
    shared::<PolicyFn<fn(), ()>>();
    defaulted::<AccessRules>();
}

#[test]
fn token_verifiers_and_key_fetchers_are_shared() {
    use tower_auth::{fetch, jwt, jwt::remote::RemoteKeys};
    cloned::<JwtVerifier>();
    cloned::<jwt::Issuers>();
    cloned::<jwt::Health>();
    cloned::<jwt::KeySet>();
    shared::<jwt::JwtVerifierBuilder>();
    shared::<jwt::Keys>();
    shared::<RemoteKeys>();
    cloned::<fetch::HttpClient>();
    shared::<fetch::FetchFn<fn()>>();
    shared::<Box<dyn fetch::Fetch>>();
    sent::<fetch::Fetching>();
    errors::<fetch::FetchError>();
    errors::<jwt::KeysUnavailable>();
    errors::<jwt::TokenError>();
    debugged::<JwtVerifier>();
    debugged::<jwt::Issuers>();
    debugged::<jwt::JwtVerifierBuilder>();
    debugged::<jwt::Keys>();
    debugged::<RemoteKeys>();
    debugged::<fetch::HttpClient>();
    debugged::<fetch::FetchFn<fn()>>();
    // Servers connect in tasks of their own.
    fn spawned(_: impl Future + Send + 'static) {}
    spawned(JwtVerifier::issuer("https://login.example.com/").connect());
}

#[test]
fn a_login_is_cloned_and_shared() {
    use tower_auth::login;
    cloned::<login::Login>();
    cloned::<login::LoginLayer>();
    cloned::<login::LoginService<Probe>>();
    cloned::<login::SessionScheme>();
    cloned::<login::AuthRequest>();
    cloned::<login::ProviderToken>();
    cloned::<login::TokenSet>();
    cloned::<login::LoggedIn>();
    shared::<login::LoginBuilder>();
    shared::<login::Secret>();
    sent::<login::LoginFuture<Ready<Result<Response<()>, Infallible>>>>();
    errors::<login::LoginError>();
    debugged::<login::Login>();
}

#[test]
fn users_and_their_passwords_are_shared() {
    cloned::<Users>();
    cloned::<Htpasswd>();
    cloned::<HashPool>();
    cloned::<PasswordHash>();
    cloned::<PasswordPolicy>();
    cloned::<NormalizedPassword>();
    cloned::<UserName>();
    defaulted::<PasswordPolicy>();
    sent::<Verdict<PasswordHash>>();
    errors::<PolicyError>();
    errors::<NameError>();
    debugged::<Htpasswd>();
    debugged::<PasswordPolicy>();
    debugged::<NormalizedPassword>();
}

#[test]
fn a_closure_type_parameter_does_not_restrict_auto_traits() {
    // Neither the credentials nor what tells plain and async closures apart is ever held.
    shared::<VerifyFn<fn(), Rc<()>>>();
    shared::<PolicyFn<fn(), Rc<()>>>();
    cloned::<Claims<String>>();
}

#[test]
fn request_extensions_are_clone_and_sync() {
    cloned::<Identity>();
    cloned::<Anonymous>();
    cloned::<Credential>();
    cloned::<ClaimPath>();
    cloned::<Scope>();
    cloned::<Found>();
    cloned::<Place>();
    cloned::<Format>();
    cloned::<RejectionKind>();
    cloned::<Rejection>();
    errors::<Rejection>();
    errors::<ConfigError>();
}

#[test]
fn verifiers_of_tokens_and_lists_of_revocations_are_cloned_and_shared() {
    cloned::<FixedTokens>();
    cloned::<Introspection>();
    cloned::<Revocations>();
    cloned::<WithRevocation<Introspection>>();
    cloned::<OrOpaque<JwtVerifier, Introspection>>();
    shared::<Box<dyn RevocationCheck>>();
    sent::<IntrospectionBuilder>();
    defaulted::<Revocations>();
    debugged::<WithRevocation<OrOpaque<JwtVerifier, FixedTokens>>>();
    debugged::<IntrospectionBuilder>();
    cloned::<RevokedBy>();
    errors::<RevokedBy>();
    errors::<RevokeError>();
    cloned::<IntrospectionError>();
    errors::<IntrospectionError>();
}

#[test]
fn policies_are_shared() {
    shared::<Combined>();
    shared::<Not<BuiltInPolicy>>();
    cloned::<BuiltInPolicy>();
}

#[test]
fn verdicts_are_send_and_a_body_has_the_auto_traits_of_its_inner_one() {
    sent::<Verdict<Identity>>();
    sent::<Attempt>();
    shared::<ResponseBody<Bytes>>();
    const { assert!(!Is::<ResponseBody<Rc<()>>>::SEND) };
    const { assert!(!Is::<ResponseBody<std::cell::Cell<u8>>>::SYNC) };
}

#[test]
fn everything_can_be_debugged() {
    debugged::<AuthLayer>();
    debugged::<AuthService<()>>();
    debugged::<RequireLayer>();
    debugged::<RequireService<()>>();
    debugged::<AccessRules>();
    debugged::<Schemes>();
    debugged::<Attempt>();
    debugged::<Combined>();
    debugged::<Not<BuiltInPolicy>>();
    debugged::<Verdict<Rc<()>>>();
    debugged::<VerifyFn<fn(), ()>>();
    debugged::<PolicyFn<fn(), ()>>();
    debugged::<ResponseBody<Bytes>>();
    debugged::<Identity>();
    debugged::<Claims<String>>();
}

/// A request body that is neither `Send` nor `Default` nor a body, and no more is a response's.
struct Local(Rc<str>);

/// Answers with the request's body.
#[derive(Clone)]
struct Echo;

impl Service<Request<Local>> for Echo {
    type Response = Response<Local>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Local>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Local>) -> Self::Future {
        ready(Ok(Response::new(request.into_body())))
    }
}

#[tokio::test]
async fn bodies_of_the_inner_service_have_no_extra_bounds() {
    for (later, role, status) in [
        (false, "admin", 200),
        (true, "admin", 200),
        (false, "user", 403),
        (true, "user", 403),
    ] {
        let layer = (
            AuthLayer::new(Toy::authorization("Toy").later(later)),
            RequireLayer::new(tower_auth::role("admin")),
        );
        let request = Request::builder()
            .header("authorization", format!("Toy ann:{role}"))
            .body(Local("body".into()))
            .unwrap();
        let kept = request.body().0.clone();
        let response = layer.layer(Echo).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        drop(response);
        // Passed on or refused, nobody keeps the body.
        assert_eq!(Rc::strong_count(&kept), 1);
    }
}

/// An inner service whose errors and futures are of any kind.
struct Inner<F>(PhantomData<fn() -> F>);

impl<F> Clone for Inner<F> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<F, B> Service<Request<B>> for Inner<F>
where
    F: Future<Output = Result<Response<Full<Bytes>>, Rc<()>>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Rc<()>;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Rc<()>>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> F {
        unreachable!("only its types are asked for")
    }
}

type Answer = Result<Response<Full<Bytes>>, Rc<()>>;
type SendFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;
type LocalFuture = std::pin::Pin<Box<dyn Future<Output = Answer>>>;
type Called<S, B> = <S as Service<Request<B>>>::Future;

#[test]
fn a_future_is_send_exactly_if_its_parts_are() {
    // `Inner` holds a marker only: what counts is its future, and the request's body.
    const {
        assert!(Is::<AuthService<Probe>>::SYNC);
        assert!(Is::<Called<AuthService<Probe>, Bytes>>::SEND);
        assert!(Is::<Called<RequireService<Probe>, Bytes>>::SEND);
        assert!(Is::<Called<AuthService<RequireService<AuthService<Probe>>>, Bytes>>::SEND);
        assert!(!Is::<Called<AuthService<Probe>, Rc<()>>>::SEND);
        assert!(!Is::<Called<RequireService<Probe>, Rc<()>>>::SEND);
        assert!(Is::<Called<AuthService<Inner<SendFuture>>, Bytes>>::SEND);
        assert!(!Is::<Called<AuthService<Inner<LocalFuture>>, Bytes>>::SEND);
        assert!(!Is::<Called<RequireService<Inner<LocalFuture>>, Bytes>>::SEND);
        // Verdicts are sent between threads, not shared.
        assert!(!Is::<Verdict<()>>::SYNC);
    }
}

#[test]
fn layers_can_be_built_from_shared_and_boxed_parts() {
    let scheme: std::sync::Arc<dyn Scheme> = std::sync::Arc::new(Toy::authorization("Toy"));
    let _ = AuthLayer::new(scheme.clone());
    let boxed: Box<dyn Scheme> = Box::new(scheme);
    let boxed = boxed.or(Toy::cookie("Session", "sid"));
    let _ = AuthLayer::new(boxed).layer(Probe::new());
    let policy: std::sync::Arc<dyn Policy> = std::sync::Arc::new(role("admin"));
    let _ = RequireLayer::new(policy.clone().or(authenticated()));
    let _ = AccessRules::new().require("/", policy);
}
