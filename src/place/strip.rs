//! What is taken out of a request, or hidden in it, before it is passed inward.

use super::{Location, Place, query};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{Entry, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
    uri::PathAndQuery,
};

/// What inner services, and what they log, do not get to see of credentials.
#[derive(Debug)]
pub(crate) struct Strip {
    fields: Vec<HeaderName>,
    parameters: Vec<Box<str>>,
    protocols: Vec<Box<str>>,
}

impl Strip {
    pub(crate) fn new(locations: &[Location]) -> Self {
        let mut fields: Vec<HeaderName> = Vec::new();
        for field in locations.iter().filter_map(Location::field) {
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

    /// The header fields that credentials are read from.
    pub(crate) fn fields(&self) -> &[HeaderName] {
        &self.fields
    }

    /// Marks credential headers as sensitive, so that their `Debug` hides them, and strips
    /// credentials from the query and from the offered subprotocols.
    pub(crate) fn apply(&self, head: &mut Parts) {
        for field in &self.fields {
            if let Some(value) = head.headers.get_mut(field) {
                value.set_sensitive(true);
            } else {
                continue;
            }
            // Only cookies may rightly come in several fields.
            if let Entry::Occupied(mut entry) = head.headers.entry(field) {
                entry
                    .iter_mut()
                    .skip(1)
                    .for_each(|value| value.set_sensitive(true));
            }
        }
        if !self.parameters.is_empty()
            && let Some(uri) = self.without_parameters(&head.uri)
        {
            head.uri = uri;
        }
        if !self.protocols.is_empty() {
            self.strip_protocols(&mut head.headers);
        }
    }

    fn without_parameters(&self, uri: &Uri) -> Option<Uri> {
        let query = uri.query()?;
        let is_ours = |pair: &&str| {
            let key = pair.split_once('=').map_or(*pair, |(key, _)| key);
            self.parameters.iter().any(|name| query::is_name(key, name))
        };
        if !query.split('&').any(|pair| is_ours(&pair)) {
            return None;
        }
        let kept: Vec<_> = query.split('&').filter(|pair| !is_ours(pair)).collect();
        let mut text = uri.path().to_owned();
        if !kept.is_empty() {
            text.push('?');
            text.push_str(&kept.join("&"));
        }
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
        Uri::from_parts(parts).ok()
    }

    fn strip_protocols(&self, headers: &mut HeaderMap) {
        let Entry::Occupied(mut fields) = headers.entry(SEC_WEBSOCKET_PROTOCOL) else {
            return;
        };
        let mut kept = Vec::new();
        for field in fields.iter() {
            for element in field.as_bytes().split(|&byte| byte == b',') {
                let element = element.trim_ascii();
                if !self
                    .protocols
                    .iter()
                    .any(|prefix| element.starts_with(prefix.as_bytes()))
                {
                    kept.push(element.to_vec());
                }
            }
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
