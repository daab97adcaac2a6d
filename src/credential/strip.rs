//! The removal and hiding of credentials, before a request is passed to inner services.

use super::{Location, Place, query};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, Entry, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
    uri::{Authority, PathAndQuery},
};

/// Hides credentials from inner services and from their logs.
#[derive(Debug, Default)]
pub(crate) struct Strip {
    fields: Vec<HeaderName>,
    parameters: Vec<Box<str>>,
    protocols: Vec<Box<str>>,
}

impl Strip {
    /// Hides these locations, and these further fields that schemes read.
    pub(crate) fn new(
        locations: &[Location],
        companions: impl IntoIterator<Item = HeaderName>,
    ) -> Self {
        let mut fields: Vec<HeaderName> = Vec::new();
        let all = locations.iter().filter_map(Location::field);
        for field in all.chain(companions) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        let named = |place| {
            let named = locations
                .iter()
                .filter(move |location| location.place() == place);
            named.map(|location| location.name().into()).collect()
        };
        Self {
            fields,
            parameters: named(Place::Query),
            protocols: named(Place::WebSocketProtocol),
        }
    }

    /// Returns the header fields that schemes read.
    pub(crate) fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    /// Marks header fields as sensitive, so that their `Debug` hides them, and removes credentials
    /// from the query and from the offered subprotocols. `Authorization` is always sensitive: it
    /// may have a credential of a scheme that this layer does not have.
    pub(crate) fn apply(&self, head: &mut Parts) {
        for (name, value) in &mut head.headers {
            if *name == AUTHORIZATION || self.fields.contains(name) {
                value.set_sensitive(true);
            }
        }
        if !self.parameters.is_empty()
            && let Some(query) = head.uri.query()
            && query.split('&').any(|pair| self.is_parameter(pair))
            && let Some(uri) = without(&head.uri, query, |pair| self.is_parameter(pair))
        {
            head.uri = uri;
        }
        if !self.protocols.is_empty() {
            self.strip_protocols(&mut head.headers);
        }
    }

    fn is_parameter(&self, pair: &str) -> bool {
        let mut names = self.parameters.iter();
        names.any(|name| query::is_name(key(pair), name))
    }

    /// Returns a URI that may be shown: without user information, without the query parameters that
    /// schemes read, and without `access_token` (RFC 6750 section 2.3), which may be a credential
    /// of a scheme that this layer does not have.
    pub(crate) fn shown(&self, uri: &Uri) -> Uri {
        let is_secret =
            |pair: &str| self.is_parameter(pair) || query::is_name(key(pair), "access_token");
        let shown = without_user_info(uri).and_then(|uri| {
            let query = uri.query().unwrap_or_default();
            match query.split('&').any(is_secret) {
                true => without(&uri, query, is_secret),
                false => Some(uri),
            }
        });
        // Part of a valid URI is one again, so this is never the default.
        shown.unwrap_or_default()
    }

    fn strip_protocols(&self, headers: &mut HeaderMap) {
        let Entry::Occupied(mut fields) = headers.entry(SEC_WEBSOCKET_PROTOCOL) else {
            return;
        };
        let elements = |field: &HeaderValue| {
            let elements = field.as_bytes().split(|&byte| byte == b',');
            elements.map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        let all: Vec<_> = fields.iter().flat_map(elements).collect();
        let is_credential = |element: &[u8]| {
            let mut prefixes = self.protocols.iter();
            prefixes.any(|prefix| element.starts_with(prefix.as_bytes()))
        };
        let trimmed = all.iter().map(|element| element.trim_ascii());
        let kept: Vec<_> = trimmed.filter(|each| !is_credential(each)).collect();
        if kept.len() == all.len() {
            return;
        }
        match HeaderValue::from_bytes(&kept.join(&b", "[..])) {
            Ok(value) if !kept.is_empty() => {
                fields.insert(value);
            }
            _ => {
                fields.remove();
            }
        }
    }
}

fn key(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(key, _)| key)
}

/// Removes pairs from the query. The other pairs stay as they are, byte for byte.
///
/// Part of a valid URI is one again, so this is never `None`. If it were, the path that has been
/// checked would have to stay the one that is called.
fn without(uri: &Uri, query: &str, is_removed: impl Fn(&str) -> bool) -> Option<Uri> {
    let others = query.split('&').filter(|pair| !is_removed(pair));
    let kept: Vec<_> = others.collect();
    let path = uri.path();
    let path_and_query = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

fn without_user_info(uri: &Uri) -> Option<Uri> {
    let authority = uri.authority().map(Authority::as_str);
    let Some((_, host)) = authority.and_then(|authority| authority.rsplit_once('@')) else {
        return Some(uri.clone());
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(Authority::try_from(host).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests;
