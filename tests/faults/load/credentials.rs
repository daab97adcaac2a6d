//! The credentials of a client, and those that it has given up.

use tower_auth::issue::IssuedTokens;

pub(super) struct Session {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) refresh: String,
    /// The latest access token with its id, unless that was revoked.
    pub(super) access: Option<(String, String)>,
    /// Earlier ones, and one that was revoked for certain.
    pub(super) earlier: Vec<String>,
    pub(super) revoked: Option<String>,
}

pub(super) struct ApiKey {
    pub(super) subject: String,
    pub(super) id: String,
    pub(super) text: String,
}

/// A log-out or a revocation that was not answered.
pub(super) struct Unanswered {
    pub(super) session: Option<Session>,
    pub(super) key: Option<ApiKey>,
    pub(super) everywhere: bool,
}

impl Session {
    pub(super) fn renew(&mut self, issued: &IssuedTokens) {
        self.refresh = issued.refresh_token().to_owned();
        let access = issued.access_token();
        let access = (access.expose().to_owned(), access.id().to_owned());
        if let Some((earlier, _)) = self.access.replace(access) {
            self.earlier.truncate(1);
            self.earlier.insert(0, earlier);
        }
    }

    /// The refresh token, and the latest access tokens.
    pub(super) fn texts(&self) -> (String, Vec<String>) {
        let mut tokens = self.earlier.clone();
        tokens.extend(self.access.iter().map(|(token, _)| token.clone()));
        (self.refresh.clone(), tokens)
    }
}
