//! One value of a text that has been read before.

use super::read::Name;
use serde::{
    Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// Returns the text of the value at a path. The text must have been accepted by the strict reader:
/// this function skips the other values without checking them.
pub(super) fn at<'a, 'p>(
    text: &'a str,
    path: impl IntoIterator<Item = &'p str>,
) -> Option<&'a str> {
    let mut path = path.into_iter();
    let first = member(text, path.next()?)?;
    path.try_fold(first, member)
}

fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut source = serde_json::Deserializer::from_str(text);
    source.deserialize_map(Member(name)).ok()?
}

struct Member<'p>(&'p str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = object.next_key_seed(Name::default())? {
            let value: &RawValue = object.next_value()?;
            if name.as_deref() == Some(self.0) {
                found = Some(value.get());
            }
        }
        Ok(found)
    }
}
