//! [`ConfigError`]: errors of a configuration, at start-up; and [`Chain`], which displays any error with
//! its sources.

use std::{borrow::Cow, error::Error, fmt};

/// A scheme, key, rule or layer that was configured wrongly.
///
/// Returned by constructors at start-up, never while a request is judged; what a request can
/// be refused for is a [`Rejection`](crate::Rejection). The message names the setting and its value,
/// unless the value is secret, and ends with the messages of all sources.
#[derive(Debug)]
pub struct ConfigError {
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConfigError {
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Returns a [`ConfigError`] from the function if the condition holds.
macro_rules! fail_if {
    ($condition:expr, $($message:tt)+) => {
        if $condition {
            return Err(ConfigError::new(format!($($message)+)));
        }
    };
}
pub(crate) use fail_if;

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.source() {
            Some(source) => write!(f, ": {}", Chain(source)),
            None => Ok(()),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

/// The size of the text, in bytes.
const LONGEST_CHAIN: usize = 1024;

/// Displays an error and its sources, with colons between them, in the form for logs: control
/// characters are escaped, and the text has at most 1 KiB.
///
/// A source whose text is the end of the text before it is left out, because many errors write their
/// source themselves.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut next = self.0.source();
        while let Some(source) = next.filter(|_| text.len() < LONGEST_CHAIN) {
            let more = source.to_string();
            if !text.ends_with(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            next = source.source();
        }
        let mut written = 0_usize;
        for character in text.chars() {
            written = written.saturating_add(character.len_utf8());
            if written > LONGEST_CHAIN {
                return f.write_str("…");
            }
            match character.is_control() {
                true => write!(f, "{}", character.escape_debug())?,
                false => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Step(&'static str, Option<Box<Step>>);

    impl fmt::Display for Step {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Step {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|step| step as _)
        }
    }

    #[test]
    fn sources_follow_their_error_once_and_without_control_characters() {
        let io = Step("refused\n", None);
        let connection = Step("no connection", Some(Box::new(io)));
        let client = Step("the client: no connection", Some(Box::new(connection)));
        let text = Chain(&client).to_string();
        assert_eq!(text, "the client: no connection: refused\\n");
        let long = Step(Box::leak("é".repeat(1000).into_boxed_str()), None);
        assert!(Chain(&long).to_string().len() <= LONGEST_CHAIN + '…'.len_utf8());
    }
}
