//! Splits Rust source into tokens, without comments and test code.

pub(crate) struct Token {
    /// An identifier or number, a punctuation mark, or a string with its opening quote.
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Returns the tokens of a file, without comments.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        let text = match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
                None
            }
            '/' if at(i + 1) == '*' => {
                i = after_block_comment(&chars, i);
                None
            }
            'r' | 'b' | 'c' if after_prefixed_string(&chars, i).is_some() => {
                i = after_prefixed_string(&chars, i).unwrap_or(chars.len());
                Some(String::from("\""))
            }
            '"' => {
                i = after_quoted(&chars, i, '"');
                Some(chars[start..i - 1].iter().collect())
            }
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i = after_quoted(&chars, i, '\'');
                None
            }
            c if is_word(c) => {
                while is_word(at(i)) {
                    i += 1;
                }
                Some(chars[start..i].iter().collect())
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                Some(String::from("::"))
            }
            c => {
                i += 1;
                (!c.is_whitespace()).then(|| c.to_string())
            }
        };
        found.extend(text.map(|text| Token { text, line }));
        line += chars[start..i].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn after_block_comment(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn after_quoted(chars: &[char], start: usize, quote: char) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// Returns the end of `r"…"`, `r#"…"#`, `b"…"`, `b'…'` and the like, if one begins here.
fn after_prefixed_string(chars: &[char], start: usize) -> Option<usize> {
    let rest = &chars[start..];
    let prefix = rest.iter().take_while(|c| "rbc".contains(**c)).count();
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = start + prefix + hashes;
    if chars.get(open) == Some(&'\'') && prefix == 1 && chars[start] == 'b' {
        return Some(after_quoted(chars, open, '\''));
    }
    if prefix > 2 || chars.get(open) != Some(&'"') {
        return None;
    }
    if !rest[..prefix].contains(&'r') {
        return (hashes == 0).then(|| after_quoted(chars, open, '"'));
    }
    let end: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
    let body = &chars[open + 1..];
    let length = body.windows(end.len()).position(|window| window == end)?;
    Some(open + 1 + length + end.len())
}

/// Removes the items that only exist in test builds.
pub(crate) fn without_tests(mut tokens: Vec<Token>) -> Vec<Token> {
    let mut i = 0;
    while i < tokens.len() {
        let end = after_attribute(&tokens, i);
        let attribute: String = tokens[i..end].iter().map(|token| &*token.text).collect();
        if attribute.starts_with("#[cfg(test)") || attribute.starts_with("#[cfg(all(test") {
            let end = after_item(&tokens, end);
            tokens.drain(i..end);
        } else {
            i = end.max(i + 1);
        }
    }
    tokens
}

/// Returns the end of the attribute that begins at `i`, or `i` if none does.
pub(crate) fn after_attribute(tokens: &[Token], i: usize) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token: &Token| &*token.text);
    match (text(i), text(i + 1), text(i + 2)) {
        ("#", "[", _) => after_group(tokens, i + 1),
        ("#", "!", "[") => after_group(tokens, i + 2),
        _ => i,
    }
}

/// Returns the end of the brackets that open at `i`.
pub(crate) fn after_group(tokens: &[Token], mut i: usize) -> usize {
    let mut depth = 0;
    while i < tokens.len() {
        match &*tokens[i].text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        i += 1;
        if depth == 0 {
            break;
        }
    }
    i
}

/// Returns the end of an item, statement or field.
fn after_item(tokens: &[Token], mut i: usize) -> usize {
    loop {
        let end = after_attribute(tokens, i);
        if end == i {
            break;
        }
        i = end;
    }
    // A field, a variant or an expression ends with a comma, an item with its body.
    let has_body = tokens[i..]
        .iter()
        .take_while(|token| ![",", ":", ";", "="].contains(&&*token.text))
        .any(|token| {
            [
                "fn",
                "impl",
                "mod",
                "struct",
                "enum",
                "trait",
                "macro_rules",
            ]
            .contains(&&*token.text)
        });
    while i < tokens.len() {
        match &*tokens[i].text {
            ";" => return i + 1,
            "," if !has_body => return i + 1,
            "}" | ")" | "]" => return i,
            "{" if has_body => return after_group(tokens, i),
            "{" | "(" | "[" => i = after_group(tokens, i),
            _ => i += 1,
        }
    }
    i
}
