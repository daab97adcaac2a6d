//! Helpers that are not specific to authentication.

pub(crate) mod bounded_cache;
pub(crate) mod digest;
pub(crate) mod lane_lock;
pub(crate) mod lanes;
pub(crate) mod loopback;
pub(crate) mod near_cache;
pub(crate) mod percent;
pub(crate) mod random;
#[cfg(any(feature = "issue", feature = "login"))]
pub(crate) mod return_path;
#[cfg(any(feature = "axum", all(feature = "jwt", feature = "tracing")))]
pub(crate) mod seldom;
pub(crate) mod shown;
#[cfg(any(feature = "introspection", feature = "login"))]
pub(crate) mod single_flight;
mod sync;
#[cfg(any(feature = "redis", feature = "reqwest"))]
pub(crate) mod tls;

// Not within these modules, because a model checker runs them in another crate.
#[cfg(test)]
#[path = "lane_lock/tests.rs"]
mod lane_lock_tests;
#[cfg(test)]
#[path = "near_cache/tests.rs"]
mod near_cache_tests;

#[cfg(all(test, feature = "jwt"))]
mod tests {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    };

    /// RFC 4648 section 3.5: the same bytes are written one way only.
    #[test]
    fn base64_is_decoded_in_one_spelling_only() {
        let characters = b"AQgw-_+/=. \nz9";
        let mut texts = vec![vec![]];
        let mut accepted = 0;
        for _ in 0..4 {
            let longer = texts.iter().flat_map(|text: &Vec<u8>| {
                let with = |&character| [text.as_slice(), &[character]].concat();
                characters.iter().map(with)
            });
            texts = longer.collect();
            for text in &texts {
                for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                    if let Ok(decoded) = engine.decode(text) {
                        assert_eq!(engine.encode(decoded).as_bytes(), text);
                        accepted += 1;
                    }
                }
            }
        }
        assert!(accepted > 10_000);
        assert!(STANDARD.decode("YQ==Yg==").is_err());
    }
}
