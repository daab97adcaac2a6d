//! The items of header fields and lists, of which at most one may be a credential.

use super::{Credential, Found, Place};
use http::{HeaderMap, HeaderName, HeaderValue, header::GetAll};

/// Reads the only one of some items in one location. More than one are ambiguous, whatever they
/// are.
pub(super) fn single<T>(
    place: Place,
    mut items: impl Iterator<Item = T>,
    read: impl FnOnce(T) -> Option<Credential>,
) -> Found {
    match (items.next(), items.next()) {
        (None, _) => Found::nothing(),
        (Some(item), None) => read(item).map_or_else(|| Found::malformed(place), Found::one),
        (Some(_), Some(_)) => Found::ambiguous(place),
    }
}

/// Returns the elements of a list in some fields, each with its field and its end in the field.
pub(super) fn elements(
    fields: GetAll<'_, HeaderValue>,
    separator: u8,
) -> impl Iterator<Item = (&HeaderValue, &[u8], usize)> {
    fields.into_iter().flat_map(move |field| {
        let split = field.as_bytes().split(move |&byte| byte == separator);
        split.scan(0usize, move |start, element| {
            let end = start.saturating_add(element.len());
            *start = end.saturating_add(1);
            Some((field, element, end))
        })
    })
}

/// Returns whether a field is there more than once.
pub(crate) fn is_repeated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}
