//! The removal and hiding of credentials, before a request is passed to inner services.

use super::{Location, Place, query};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, Entry, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
    uri::PathAndQuery,
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
            && let Some(uri) = self.without_parameters(&head.uri, query)
        {
            head.uri = uri;
        }
        if !self.protocols.is_empty() {
            self.strip_protocols(&mut head.headers);
        }
    }

    fn is_parameter(&self, pair: &str) -> bool {
        let key = pair.split_once('=').map_or(pair, |(key, _)| key);
        self.parameters.iter().any(|name| query::is_name(key, name))
    }

    /// The other pairs stay as they are, byte for byte.
    ///
    /// Part of a valid URI is one again, so this is never `None`; were it, the path that has been
    /// judged had to stay the one that is called.
    fn without_parameters(&self, uri: &Uri, query: &str) -> Option<Uri> {
        let others = query.split('&').filter(|pair| !self.is_parameter(pair));
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

    fn is_protocol(&self, element: &[u8]) -> bool {
        self.protocols
            .iter()
            .any(|prefix| element.starts_with(prefix.as_bytes()))
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
        let trimmed = all.iter().map(|element| element.trim_ascii());
        let kept: Vec<_> = trimmed.filter(|each| !self.is_protocol(each)).collect();
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

#[cfg(test)]
mod tests;
