//! One value of a text that has been read before.

use super::read::Name;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// Parses the value at a path. The text must have been accepted by the strict reader: this function
/// skips the other values without checking them.
pub(super) fn at<'a, 'p, T: Deserialize<'a>>(
    text: &'a str,
    path: impl IntoIterator<Item = &'p str>,
) -> Option<T> {
    let path: Vec<_> = path.into_iter().collect();
    let (name, rest) = path.split_first()?;
    let mut source = serde_json::Deserializer::from_str(text);
    source
        .deserialize_map(Member {
            name,
            rest,
            of: PhantomData,
        })
        .ok()?
}

/// Parses the value at a path.
struct At<'p, T> {
    path: &'p [&'p str],
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for At<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Option<T>, D::Error> {
        match self.path.split_first() {
            None => T::deserialize(source).map(Some),
            Some((name, rest)) => source.deserialize_map(Member {
                name,
                rest,
                of: PhantomData,
            }),
        }
    }
}

/// Parses the value at a path whose first name is that of a member.
struct Member<'p, T> {
    name: &'p str,
    rest: &'p [&'p str],
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Member<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<T>, A::Error> {
        let mut found = None;
        while let Some(name) = object.next_key_seed(Name::default())? {
            match name {
                Some(name) if name == self.name => {
                    found = object.next_value_seed(At {
                        path: self.rest,
                        of: PhantomData,
                    })?;
                }
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}
