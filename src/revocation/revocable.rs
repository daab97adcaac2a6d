//! [`WithRevocation`]: a verifier that asks whether what it accepts is revoked.

use super::RevocationCheck;
use crate::{Identity, Rejection, RejectionKind, Verdict, Verify, identity::Prepared};
use std::{fmt, sync::Arc};

/// A verifier whose identities are refused once they are revoked; made by
/// [`Verify::with_revocation`].
///
/// The list is asked on every request, whether the verifier has judged anew or remembered.
#[derive(Clone)]
pub struct WithRevocation<V> {
    verifier: V,
    list: List,
}

#[derive(Clone)]
struct List {
    revoked: Arc<dyn RevocationCheck>,
    allow_when_unavailable: bool,
}

impl<V> WithRevocation<V> {
    pub(crate) fn new(verifier: V, revoked: impl RevocationCheck) -> Self {
        Self {
            verifier,
            list: List {
                revoked: Arc::new(revoked),
                allow_when_unavailable: false,
            },
        }
    }

    /// Lets identities pass while the list cannot be asked, and logs a warning each time.
    ///
    /// Then whoever can keep the store from answering can use what was revoked.
    #[must_use]
    pub fn dangerous_allow_when_unavailable(mut self) -> Self {
        self.list.allow_when_unavailable = true;
        self
    }
}

impl<C: 'static, V: Verify<C>> Verify<C> for WithRevocation<V> {
    fn verify_borrowed(&self, bytes: &[u8]) -> Option<Result<Prepared, Rejection>> {
        match self.verifier.verify_borrowed(bytes)? {
            Ok(identity) => {
                let passed = self.list.pass(identity.into_identity()).now().ok()?;
                Some(passed.map(Prepared::from))
            }
            refused => Some(refused),
        }
    }

    fn verify(&self, credentials: C) -> Verdict<Identity> {
        match self.verifier.verify(credentials).now() {
            Ok(Ok(identity)) => self.list.pass(identity),
            Ok(refused) => Verdict::ready(refused),
            Err(pending) => {
                let list = self.list.clone();
                Verdict::pending(async move { list.pass(pending.await?).await })
            }
        }
    }

    fn token_format(&self) -> Option<&'static str> {
        self.verifier.token_format()
    }
}

impl List {
    fn pass(&self, identity: Identity) -> Verdict<Identity> {
        let tolerant = self.allow_when_unavailable;
        match self.revoked.check(&identity).now() {
            Ok(answer) => Verdict::ready(judge(answer, tolerant).map(|()| identity)),
            Err(pending) => {
                Verdict::pending(async move { judge(pending.await, tolerant).map(|()| identity) })
            }
        }
    }
}

fn judge(answer: Result<(), Rejection>, tolerant: bool) -> Result<(), Rejection> {
    match answer {
        Err(rejection) if tolerant && rejection.kind() == RejectionKind::Unavailable => {
            passed_unasked(&rejection);
            Ok(())
        }
        answer => answer,
    }
}

/// Nobody knows whether this identity is revoked.
fn passed_unasked(rejection: &Rejection) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "revocations cannot be looked up; the credentials pass all the same, as configured"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = rejection;
}

impl<V: fmt::Debug> fmt::Debug for WithRevocation<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithRevocation")
            .field("verifier", &self.verifier)
            .field("allow_when_unavailable", &self.list.allow_when_unavailable)
            .finish_non_exhaustive()
    }
}
