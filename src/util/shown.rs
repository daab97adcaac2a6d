//! Texts from outside in the form for logs.

/// The size of a text in the form for logs, in bytes.
const LONGEST: usize = 128;

/// Returns a text from outside in the form for logs: escaped, and at most 128 bytes long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        let before = shown.len();
        match character {
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
        if shown.len() > LONGEST {
            shown.truncate(before);
            while shown.len().saturating_add('…'.len_utf8()) > LONGEST {
                shown.pop();
            }
            shown.push('…');
            break;
        }
    }
    shown
}

/// Returns a text from outside in the form for logs, between quotes.
#[cfg(any(feature = "introspection", feature = "jwt"))]
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// Returns a list in the form for logs, with commas between the elements. A list that is longer than
/// 256 bytes is cut after a whole element.
#[cfg(any(feature = "introspection", feature = "jwt"))]
pub(crate) fn listed(elements: impl IntoIterator<Item = String>) -> String {
    let mut list = String::new();
    for element in elements {
        if list.len() > 2 * LONGEST {
            list.push_str(", …");
            break;
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&element);
    }
    list
}

/// Returns configured values in the form for logs.
#[cfg(any(feature = "introspection", feature = "jwt"))]
pub(crate) fn one_of<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut values = values.into_iter().peekable();
    match (values.next(), values.peek()) {
        (None, _) => "none".to_owned(),
        (Some(only), None) => quoted(only),
        (Some(first), Some(_)) => {
            let all = std::iter::once(first).chain(values);
            format!("one of {}", listed(all.map(quoted)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_short_and_escaped() {
        assert_eq!(
            shown(r#"["https://a.example/"]"#),
            r#"["https://a.example/"]"#
        );
        assert_eq!(
            shown("a\nWARN \u{1b}[31m\u{202e}"),
            "a\\nWARN \\u{1b}[31m\\u{202e}"
        );
        assert_eq!(shown(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
        for text in ["x", "é", "\n", "\u{1b}"] {
            let shown = shown(&text.repeat(1000));
            assert!(shown.len() <= LONGEST && shown.ends_with('…'), "{shown}");
        }
    }
}
