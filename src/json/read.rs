//! The strict pass over a text.

use super::{
    error::{JsonError, MAX_DEPTH},
    value::{Members, Number, Value},
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};
use zeroize::Zeroizing;

/// The beginning of the names that have a meaning of their own for `serde_json`.
const RESERVED: &str = "$serde_json::private";

/// Objects with at most this number of members are searched for duplicates pair by pair.
const FEW: usize = 16;

/// Reads a text that is one object, with at most this number of members in all of its objects.
pub(super) fn object(text: &str, members: u32) -> Result<Members<'_>, JsonError> {
    let mut state = State {
        members,
        error: JsonError::Syntax,
    };
    let mut source = serde_json::Deserializer::from_str(text);
    let read = Reader {
        state: &mut state,
        depth: MAX_DEPTH,
    };
    match read.deserialize(&mut source) {
        Ok(Value::Object(members)) if source.end().is_ok() => Ok(members),
        _ => Err(state.error),
    }
}

struct State {
    /// The number of members that may still follow.
    members: u32,
    /// The reason, if the text is rejected.
    error: JsonError,
}

/// Reads one value.
struct Reader<'s> {
    state: &'s mut State,
    /// The number of levels that may still follow.
    depth: u8,
}

impl Reader<'_> {
    fn reject<T, E: Error>(&mut self, error: JsonError) -> Result<T, E> {
        self.state.error = error;
        Err(E::custom(error))
    }

    /// Returns the depth of the values inside an array or object.
    fn inside<E: Error>(&mut self) -> Result<u8, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(depth),
            None => self.reject(JsonError::Depth),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value<'de>, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(is_true))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Whole(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Other(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(Number::Other(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Plain(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Escaped(Zeroizing::new(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<Value<'de>, A::Error> {
        let depth = self.inside()?;
        let mut elements = Vec::new();
        loop {
            let state = &mut *self.state;
            match array.next_element_seed(Reader { state, depth })? {
                Some(element) => elements.push(element),
                None => return Ok(Value::Array(elements)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Value<'de>, A::Error> {
        let mut next = object.next_key_seed(Name::default())?;
        if let Some(None) = next {
            return number(&object.next_value::<String>()?);
        }
        let depth = self.inside()?;
        let mut members = Vec::new();
        if self.depth == MAX_DEPTH {
            // Room for the claims of most tokens.
            members.reserve(FEW);
        }
        while let Some(name) = next {
            // A later name is always in the text.
            let Some(name) = name.filter(|name| !name.starts_with(RESERVED)) else {
                return self.reject(JsonError::Reserved);
            };
            let Some(rest) = self.state.members.checked_sub(1) else {
                return self.reject(JsonError::Members);
            };
            self.state.members = rest;
            let state = &mut *self.state;
            members.push((name, object.next_value_seed(Reader { state, depth })?));
            next = object.next_key_seed(Name::default())?;
        }
        match has_duplicate(&members) {
            true => self.reject(JsonError::Duplicate),
            false => Ok(Value::Object(Members(members))),
        }
    }
}

/// Reads a number from its text. Only `serde_json/arbitrary_precision` passes texts.
fn number<'de, E: Error>(text: &str) -> Result<Value<'de>, E> {
    if let Ok(whole) = text.parse() {
        return Ok(Value::Number(Number::Whole(whole)));
    }
    match text.parse() {
        Ok(number) if f64::is_finite(number) => Ok(Value::Number(Number::Other(number))),
        _ => Err(E::custom("number out of range")),
    }
}

fn has_duplicate(members: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    if members.len() <= FEW {
        let mut rest = members;
        while let Some(((name, _), others)) = rest.split_first() {
            // Names of the same length mostly differ in the last byte: `iss`, `sub`, `aud`, `exp`.
            let last = |name: &str| name.as_bytes().last().copied();
            let is_same = |other: &str| last(other) == last(name) && *other == **name;
            if others.iter().any(|(other, _)| is_same(other)) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair.first() == pair.last())
}

/// Reads the name of a member. `None` stands for a name that is not in the text.
///
/// With `serde_json/arbitrary_precision`, a number arrives as an object with one member, whose name
/// is reserved. The text of an object may contain the same name. The two differ in one respect:
/// `serde_json` calls `visit_some` for a name that is in the text only.
#[derive(Default)]
pub(super) struct Name {
    is_in_text: bool,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(Self { is_in_text: true })
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        match self.is_in_text {
            true => Ok(Some(Cow::Borrowed(name))),
            false if name.starts_with(RESERVED) => Ok(None),
            false => Err(E::custom("a name must be in the text")),
        }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        match self.is_in_text {
            true => Ok(Some(Cow::Owned(name.into()))),
            false => Err(E::custom("a name must be in the text")),
        }
    }
}
