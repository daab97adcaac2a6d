//! Where things lie in a text.

use super::{Value, text};

/// Where one member of an object lies in the text.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    /// Without the quotes.
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) kind: Kind,
}

/// What a value is, as far as its scanner has seen it anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string that reads as it stands.
    String,
    /// An array of nothing but such strings.
    Strings,
    /// Whatever else it is.
    #[default]
    Other,
}

/// Where a part of a text lies.
///
/// One word: half a word written and a whole one read waits for the processor's store buffer.
#[derive(Clone, Copy, Default)]
pub(crate) struct Span(u64);

impl Span {
    #[inline]
    pub(super) fn new(start: u32, end: u32) -> Self {
        Self(u64::from(start) | u64::from(end) << 32)
    }

    #[inline]
    pub(super) fn start(self) -> usize {
        (self.0 as u32) as usize
    }

    #[inline]
    pub(super) fn end(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// Where this part of the text lies; `None` if it is none.
    #[inline]
    pub(crate) fn within(text: &str, part: &str) -> Option<Self> {
        let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        let span = Self::new(u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        (end <= text.len()).then_some(span)
    }

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Of a string, without the quotes.
    #[inline]
    pub(super) fn inside(self) -> Self {
        // One more at the start, one less at the end.
        Self(self.0.wrapping_add(1).wrapping_sub(1 << 32))
    }

    fn length(self) -> usize {
        self.end().saturating_sub(self.start())
    }

    /// The same as bytes, which need not be checked for where characters begin.
    pub(super) fn bytes_of(self, text: &str) -> &[u8] {
        let bytes = text.as_bytes().get(self.start()..self.end());
        bytes.unwrap_or_default()
    }
}

impl Member {
    /// The name, still escaped.
    pub(super) fn name<'a>(&self, text: Text<'a>) -> &'a str {
        self.name.of(text.text)
    }

    pub(super) fn is_named(&self, text: Text<'_>, name: &str) -> bool {
        match text.plain {
            // Most differ in their length already.
            true => {
                self.name.length() == name.len() && self.name.bytes_of(text.text) == name.as_bytes()
            }
            false => text::is(self.name(text), name),
        }
    }

    #[inline(always)]
    pub(super) fn value<'a>(&self, text: Text<'a>) -> Value<'a> {
        Value::scanned(text.part(self.value), self.kind)
    }
}

/// A text, and whether it is plain: without a backslash or a control character anywhere, so that
/// every string in it reads as it stands and ends with the next quote.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) plain: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Without an early end, so that it is done many bytes at a time.
        let is_plain = |plain, &byte: &u8| plain & (byte >= 0x20) & (byte != b'\\');
        Self {
            text,
            plain: text.as_bytes().iter().fold(true, is_plain),
        }
    }

    #[inline]
    pub(super) fn part(self, span: Span) -> Self {
        Self {
            text: span.of(self.text),
            ..self
        }
    }
}
