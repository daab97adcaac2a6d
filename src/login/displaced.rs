//! The end of a session because its browser has signed in by another scheme.

use super::{
    cookies,
    session::Session,
    sessions::{Carried, Mark},
    state::Inner,
};
use crate::{Verdict, scheme::BrowserSession};
use http::{HeaderValue, request::Parts};
use std::sync::{Arc, Weak};

impl BrowserSession for Inner {
    fn join(&self, others: &[Weak<dyn BrowserSession>]) {
        self.others.add(others);
    }

    /// A cookie that cannot be decrypted may belong to another application, and is kept.
    fn displace(self: Arc<Self>, head: Option<&Parts>) -> Verdict<Vec<HeaderValue>> {
        let Some(Parts { headers, .. }) = head else {
            return Verdict::ready(Ok(self.jar.clear_joined(&self.cookie, 1)));
        };
        if !self.has_sealed_cookie(headers) {
            return Verdict::ready(Ok(Vec::new()));
        }
        let count = cookies::count(headers, &self.cookie);
        let lines = self.jar.clear_joined(&self.cookie, count);
        let Some(Carried::Whole(Session { id, .. }) | Carried::Name(id)) = self.carried(headers)
        else {
            return Verdict::ready(Ok(lines));
        };
        // In this process at once, so that a refresh under way does not set the cookies again.
        self.ended.insert(id.as_bytes(), ());
        Verdict::pending(async move {
            if let Err(rejection) = self.end(Mark::Session(&id)).await {
                super::log::not_ended(&self.issuer, &rejection);
            }
            Ok(lines)
        })
    }
}
