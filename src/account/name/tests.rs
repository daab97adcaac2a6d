use super::*;
use proptest::prelude::*;

#[track_caller]
fn is(typed: &str, name: &str) {
    assert_eq!(UserName::parse(typed).unwrap().as_str(), name, "{typed:?}");
}

#[track_caller]
fn refused(typed: &str, error: NameError) {
    assert_eq!(UserName::parse(typed), Err(error), "{typed:?}");
}

#[test]
fn a_name_has_one_spelling() {
    is("ada", "ada");
    is("ADA", "ada");
    is("\u{ff21}\u{ff44}a", "ada");
    is("cafe\u{301}", "caf\u{e9}");
    is("CAF\u{c9}", "caf\u{e9}");
    is("\u{fb01}n", "fin");
    is(
        "\u{39f}\u{394}\u{39f}\u{3a3}",
        "\u{3bf}\u{3b4}\u{3bf}\u{3c3}",
    );
    is(
        "\u{3bf}\u{3b4}\u{3bf}\u{3c2}",
        "\u{3bf}\u{3b4}\u{3bf}\u{3c3}",
    );
    is("\u{212a}elvin", "kelvin");
    is("x\u{b2}", "x2");
    is("ada@example.com", "ada@example.com");
    is("o'brien-%40_~!\"#", "o'brien-%40_~!\"#");
    for name in [
        "\u{915}\u{94d}\u{937}",
        "\u{5d3}\u{5d5}\u{5d3}",
        "\u{738b}\u{5c0f}\u{660e}2",
        "\u{ac01}",
    ] {
        is(name, name);
    }
    // RFC 8265 section 3.5, examples 3 and 5: not the same names.
    assert_ne!(UserName::parse("fu\u{df}ball"), UserName::parse("fussball"));
    is("\u{3c0}", "\u{3c0}");
}

#[test]
fn what_no_name_has_is_refused() {
    refused("", NameError::Empty);
    for typed in [
        " ada",
        "ada ",
        "ada lovelace",
        "\u{a0}ada",
        "ada\n",
        "\u{3000}",
        "a\tb",
        "a\u{2028}b",
    ] {
        refused(typed, NameError::Blank);
    }
    refused("ada:lovelace", NameError::Colon);
    refused("ada\u{ff1a}", NameError::Colon);
    for typed in [
        "ada\0",
        "a\u{200b}da",
        "a\u{200d}da",
        "a\u{ad}da",
        "\u{202e}ada",
        "\u{feff}ada",
        "a\u{fe0f}",
        "a\u{e0100}",
        "a\u{34f}a",
        "\u{3164}",
        "\u{115f}",
        "a\u{20dd}",
        "\u{301}a",
        "\u{1f600}",
        "\u{e000}",
        "\u{ffff}",
        "\u{265a}",
        // RFC 8265 section 3.5, example 9.
        "\u{265a}",
    ] {
        refused(typed, NameError::Character);
    }
}

/// RFC 5321 section 4.5.3.1.
#[test]
fn an_email_address_has_up_to_254_characters() {
    let address = |length: usize| {
        let local = "a".repeat(64);
        let labels = "b.".repeat((length - 64 - 1 - 2) / 2);
        let address = format!("{local}@{labels}de");
        format!("{}{address}", "c".repeat(length - address.len()))
    };
    is(&address(254), &address(254));
    refused(&address(255), NameError::TooLong);
    refused(&"a".repeat(65), NameError::TooLong);
    // Four bytes each: the largest number of bytes is the same.
    refused(&format!("a@{}", "\u{20000}".repeat(64)), NameError::TooLong);
}

#[test]
fn it_has_1_to_64_characters_and_at_most_256_bytes() {
    is(&"a".repeat(64), &"a".repeat(64));
    refused(&"a".repeat(65), NameError::TooLong);
    is(&"\u{20000}".repeat(64), &"\u{20000}".repeat(64));
    refused(&"a".repeat(1_000_000), NameError::TooLong);
    // One character that is eight, and one that is three.
    refused(&"\u{fdfb}".repeat(20), NameError::TooLong);
    refused(&"\u{fb03}".repeat(30), NameError::TooLong);
}

#[test]
fn scripts_that_look_alike_are_not_mixed() {
    for typed in [
        "p\u{430}ypal",
        "\u{3bf}range",
        "\u{430}\u{3bf}",
        "ad\u{561}",
        "\u{13a0}da",
    ] {
        refused(typed, NameError::MixedScripts);
    }
    for typed in [
        "\u{430}\u{434}\u{430}-99_",
        "ada\u{738b}",
        "\u{440}\u{430}\u{443}",
        "z\u{142}oty",
    ] {
        is(typed, typed);
    }
}

#[test]
fn new_names_do_not_look_like_others_by_mixed_scripts_or_marks() {
    for typed in [
        "ad\u{2c9f}m",
        "b\u{7c0}b",
        "r\u{a4f3}oot",
        "o\u{966}o",
        "\u{430}\u{7c0}",
        "1\u{966}",
        "\u{1d00}dmin",
    ] {
        refused(typed, NameError::MixedScripts);
        is_known(typed);
    }
    let marks = format!("a{}", "\u{30d}".repeat(63));
    let different = "q\u{30d}\u{325}\u{30e}\u{324}\u{310}";
    for typed in [
        "admin\u{332}",
        "a\u{336}d\u{336}m\u{336}in",
        &marks,
        different,
    ] {
        refused(typed, NameError::Character);
        is_known(typed);
    }
    for typed in [
        "\u{2c9f}\u{2c81}",
        "\u{7ca}\u{7c1}",
        "\u{a4d0}\u{a4d1}1",
        "\u{930}\u{93e}\u{92e}\u{967}",
        "\u{930}\u{93e}\u{92e}1",
        "\u{5d0}\u{5b8}\u{5bc}",
        "\u{2bb}okina",
        "ada\u{3042}\u{30a2}\u{ac01}",
        "\u{1ebd}\u{301}",
        "\u{e01}\u{e35}\u{e49}",
    ] {
        is(typed, typed);
    }
}

/// Asserts that a name can be looked up, since an account may have it from before it was
/// rejected.
#[track_caller]
fn is_known(typed: &str) {
    assert!(UserName::lookup(typed).is_ok(), "{typed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_one_spelling_is_spelled_once(typed in "\\PC{0,70}|[a-zA-Z\u{370}-\u{3ff}]{0,20}|.{0,3}") {
        if let Ok(name) = UserName::parse(&typed) {
            prop_assert_eq!(UserName::parse(name.as_str()), Ok(name.clone()));
            let most = if name.as_str().contains('@') { 254 } else { 64 };
            prop_assert!((1..=most).contains(&name.as_str().chars().count()));
            prop_assert!(name.as_str().len() <= 256);
            let odd = |c: char| {
                c == ':' || c.is_control() || c.is_whitespace() || c.is_ascii_uppercase()
            };
            prop_assert!(!name.as_str().contains(odd));
        }
    }
}
