//! An estimate of how easily a password is guessed.

use std::{cmp::Reverse, collections::BTreeSet};
use zeroize::Zeroizing;

/// zxcvbn's score, 0 to 4.
///
/// Its time grows with the square of the length, and with the number of ways in which the
/// characters of the password could stand for letters: `(((` for `ccc`, `1` for `i` or `l`. It is
/// given as many characters as keep that within some dozen milliseconds; the beginning of a
/// password is never harder to guess than the whole.
pub(super) fn score(password: &str, user_words: &[&str]) -> u8 {
    let words = parts(user_words);
    if is_of(password, &words) {
        return 0;
    }
    let chars = LONGEST
        .min((MOST_WORK / ways(password)).isqrt())
        .max(SHORTEST);
    let start: Zeroizing<String> = Zeroizing::new(password.chars().take(chars).collect());
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(&start, &words).score().into()
}

/// In how many ways the characters could stand for letters, by zxcvbn's table; twice where one
/// stands for either of two.
fn ways(password: &str) -> usize {
    let has = |character: &char| password.contains(*character);
    let letters = ["4@", "({[<", "69", "1!|", "1|7", "$5", "+7"];
    let each = letters.map(|signs| signs.chars().filter(has).count().max(1));
    let shared = "17|".chars().filter(has).count();
    each.into_iter().fold(1 << shared, usize::saturating_mul)
}

/// Words about a user, and their parts: of `ada@example.com` also `ada`, `example` and `com`.
fn parts(words: &[&str]) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for word in words.iter().take(16) {
        let word: String = word.trim().chars().take(100).collect();
        let word = word.to_lowercase();
        let split = word.split(|character: char| !character.is_alphanumeric());
        parts.extend(
            split
                .filter(|part| part.len() > 2)
                .take(16)
                .map(str::to_owned),
        );
        let joined: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        parts.extend([joined, word]);
    }
    parts.remove("");
    parts
}

/// Whether a password is little else than words about its user: zxcvbn takes two of them, and a
/// sign, for hard enough.
fn is_of(password: &str, words: &BTreeSet<String>) -> bool {
    let whole = Zeroizing::new(password.to_lowercase());
    let mut words: Vec<_> = words.iter().filter(|word| word.len() > 3).collect();
    words.sort_by_key(|word| Reverse(word.len()));
    let rest = words.into_iter().fold(whole.clone(), |rest, word| {
        Zeroizing::new(rest.replace(word, ""))
    });
    rest.len() < whole.len() && rest.chars().count() < OWN
}

/// Characters that are no word about the user, if there is one in the password.
const OWN: usize = 8;

/// Characters that are looked at.
const LONGEST: usize = 100;
const SHORTEST: usize = 20;

/// The square of the characters, times the ways.
const MOST_WORK: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    #[test]
    fn no_password_takes_long() {
        for pattern in [
            "a",
            "4@8({[<369&#!1/|0$5+7%2",
            "1|7",
            "({[<69",
            "1!|7$5",
            "0!1@3$4%5+7|8&9<",
            "1234567890",
            "p4$$w0rd",
            "qwertyuiop",
        ] {
            let password = pattern.repeat(1024 / pattern.len());
            let fastest = (0..3)
                .map(|_| {
                    let start = Instant::now();
                    score(&password, &["Ada Lovelace", "ada@example.com"]);
                    start.elapsed()
                })
                .min();
            println!("{pattern}: {fastest:?}");
            assert!(
                fastest < Some(Duration::from_millis(200)),
                "{pattern}: {fastest:?}"
            );
        }
    }

    #[test]
    fn a_user_is_known_by_parts() {
        let parts = parts(&["Ada Lovelace", " ada.l@Example.com ", ""]);
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        assert_eq!(
            parts,
            [
                "ada",
                "ada lovelace",
                "ada.l@example.com",
                "adalexamplecom",
                "adalovelace",
                "com",
                "example",
                "lovelace"
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_password_makes_it_panic(
            password in "[a-zA-Z0-9 !-~]{0,120}|\\PC{0,120}|[0-9/.-]{0,120}",
            word in "\\PC{0,20}",
        ) {
            prop_assert!(score(&password, &[&word]) <= 4);
        }
    }
}
