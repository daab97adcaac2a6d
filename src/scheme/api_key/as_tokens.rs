//! [`KeysAsTokens`]: API keys in the place of bearer tokens.

use super::{PresentedKey, scheme::is_key};
use crate::{Identity, Rejection, Verdict, Verify, bearer::Token};

/// Verifies bearer tokens that are API keys.
///
/// Clients such as those of OpenAI send `Authorization: Bearer KEY`. Without other tokens, use
/// [`ApiKey::bearer`](super::ApiKey::bearer). Beside JSON Web Tokens, the form of the token selects
/// the verifier:
///
/// ```
/// # #[cfg(feature = "jwt")] {
/// use tower_auth::{api_key::{ApiKeys, KeysAsTokens}, bearer::Bearer, jwt::JwtVerifier};
///
/// # fn scheme(jwt: JwtVerifier, keys: ApiKeys) {
/// let scheme = Bearer::new(jwt.or_opaque(KeysAsTokens(keys)));
/// # let _ = scheme;
/// # }
/// # }
/// ```
///
/// A token that cannot be an API key, because it is longer than 512 bytes, is rejected as invalid.
#[derive(Clone, Debug)]
pub struct KeysAsTokens<V>(pub V);

impl<V: Verify<PresentedKey>> Verify<Token> for KeysAsTokens<V> {
    fn verify(&self, token: Token) -> Verdict<Identity> {
        if !is_key(token.as_bytes()) {
            return Verdict::ready(Err(Rejection::invalid()));
        }
        self.0.verify(token.into_credential().into())
    }
}
