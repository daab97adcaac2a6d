//! The form of a token (RFC 6750 section 2.1).

const CHUNK: usize = 32;

/// Whether this is a `b64token`:
/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
pub(crate) fn is_b64token(token: &[u8]) -> bool {
    let mut body = token;
    while let [rest @ .., b'='] = body {
        body = rest;
    }
    // Without branches in the loop, the bytes are checked in vectors. The last chunk overlaps the
    // one before, because bytes behind the last whole vector are checked one by one.
    let is_valid = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(true, |ok, &byte| ok & is_token_byte(byte))
    };
    match body.last_chunk::<CHUNK>() {
        Some(last) => body.chunks_exact(CHUNK).all(is_valid) && is_valid(last),
        None => !body.is_empty() && is_valid(body),
    }
}

fn is_token_byte(byte: u8) -> bool {
    // "-" "." "/" stand before the digits.
    let is_digit = byte.wrapping_sub(b'-') <= b'9' - b'-';
    let is_letter = (byte | 0x20).wrapping_sub(b'a') <= b'z' - b'a';
    is_digit | is_letter | (byte == b'_') | (byte == b'~') | (byte == b'+')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfcs_are_tokens() {
        for token in [
            "mF_9.B5f-4.1JqM",
            "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
            "a",
            "a=",
            "a====",
            "+/",
        ] {
            assert!(is_b64token(token.as_bytes()), "{token}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for token in [
            "", "=", "==", "a=b", "=a", "a b", " a", "a ", "a,b", "a;b", "a$", "a*", "a|", "a\"",
            "a\0", "é", "a\t", "{}", "a:b", "a%3d",
        ] {
            assert!(!is_b64token(token.as_bytes()), "{token}");
        }
    }

    #[test]
    fn every_byte_is_classed_as_the_grammar_does() {
        for byte in 0..=u8::MAX {
            let listed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token_byte(byte), listed, "{byte:#x}");
        }
    }

    proptest! {
        /// The grammar once more, read from the left.
        #[test]
        fn it_says_what_the_grammar_says(token in "[a-b=~+/ ,]{0,8}") {
            let body = token.trim_end_matches('=');
            let valid = !body.is_empty()
                && body.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
            prop_assert_eq!(is_b64token(token.as_bytes()), valid);
        }

        #[test]
        fn any_bytes_are_judged(token: Vec<u8>) {
            let _ = is_b64token(&token);
        }
    }
}
