//! Schemes that `AuthLayer::new` rejects.

use crate::common::panic_of;
use http::request::Parts;
use tower_auth::{
    AuthLayer, Location, Rejection, Scheme,
    credential::{Credential, Found},
    rejection::Challenges,
    scheme::Attempt,
};

/// Every 401 carries a challenge (RFC 9110 section 15.5.2).
#[test]
fn a_scheme_without_a_challenge_is_rejected_at_construction() {
    struct Silent;
    impl Scheme for Silent {
        fn name(&self) -> &'static str {
            "Silent"
        }
        fn locations(&self) -> Vec<Location> {
            vec![Location::header("x-user")]
        }
        fn find(&self, _: &Parts) -> Found {
            Found::nothing()
        }
        fn authenticate(&self, _: &Parts, _: Credential) -> Attempt {
            Attempt::new(Err(Rejection::invalid()))
        }
        fn challenge(&self, _: &Rejection, _: &mut Challenges<'_>) {}
    }
    let message = panic_of(|| AuthLayer::new(Silent));
    assert_eq!(
        message,
        "the scheme has no challenge for a request without credentials"
    );
}
