use super::{error::MAX_DEPTH, *};
use proptest::prelude::*;

fn read(text: &str) -> Result<Document<'_>, JsonError> {
    Document::read(text.as_bytes())
}

/// Returns the reason for which a text is rejected.
fn error(text: impl AsRef<[u8]>) -> Option<JsonError> {
    Document::read(text.as_ref()).err()
}

fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!("{{\"a\":{open}{close}}}")
}

#[test]
fn the_grammar_is_that_of_rfc_8259() {
    for good in [
        "{}",
        " \t\r\n{ \"a\" : 1 , \"b\" : [ ] } ",
        r#"{"a":[1,-0,0.5,1e9,1E+9,2e-1,true,false,null,"",{}]}"#,
        r#"{"a":"\"\\\/\b\f\n\r\t\u0000\uD83D\uDE00é"}"#,
        r#"{"a":340282366920938463463374607431768211456,"b":1e300}"#,
        r#"{"":0}"#,
        "{\"a\":\"\u{7f}\"}",
    ] {
        assert!(read(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"a\"",
        "{",
        "}",
        "{}x",
        "{}{}",
        "{}\0",
        "\u{feff}{}",
        "{a:1}",
        "{'a':1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[,1]}"#,
        r#"{"a":[1}"#,
        r#"{"a":{"b":1]}"#,
        r#"{"a":1/**/}"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":+1}"#,
        r#"{"a":.5}"#,
        r#"{"a":1.}"#,
        r#"{"a":1e}"#,
        r#"{"a":1e+}"#,
        r#"{"a":0x1}"#,
        r#"{"a":1234567:}"#,
        r#"{"a":12345678a}"#,
        r#"{"a":12345678.}"#,
        r#"{"a":1.12345678-}"#,
        r#"{"a":1234567890123456e}"#,
        r#"{"a":NaN}"#,
        r#"{"a":Infinity}"#,
        r#"{"a":tru}"#,
        r#"{"a":True}"#,
        r#"{"a":nullx}"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"\0\"}",
        "{\"a\":\"12345678\u{1f}\"}",
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\u12G4"}"#,
        r#"{"a":"\u+123"}"#,
        r#"{"a":"\"}"#,
        r#"{"a":"\uD83D"}"#,
        r#"{"a":"\uDE00"}"#,
        r#"{"a":"\uD83Dx"}"#,
        r#"{"a":"\uD83D\n"}"#,
        r#"{"a":"\uD83D\uD83D"}"#,
        "{\"a\":1,\u{a0}\"b\":2}",
    ] {
        assert_eq!(error(bad), Some(JsonError::Syntax), "{bad}");
    }
    for bad in [
        &b"{\"a\":\"\xff\"}"[..],
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"\xe9\":1}",
    ] {
        assert_eq!(error(bad), Some(JsonError::Syntax));
    }
}

#[test]
fn lone_surrogates_are_rejected_in_every_value_and_name() {
    for surrogate in [
        r"\ud83d",
        r"\ude00",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\ud83d",
    ] {
        for text in [
            format!("{{\"a\":\"{surrogate}\"}}"),
            format!("{{\"{surrogate}\":1}}"),
            format!("{{\"a\":[0,{{\"b\":[\"{surrogate}\"]}}]}}"),
            format!("{{\"a\":[0,{{\"{surrogate}\":1}}]}}"),
        ] {
            assert_eq!(error(&text), Some(JsonError::Syntax), "{text}");
        }
    }
}

#[test]
fn a_name_occurs_once_in_an_object_at_any_depth() {
    for bad in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":[0,[{"b":1,"c":2,"b":3}]]}"#,
        r#"{"a":[0,[{"b":1,"c":2,"\u0062":3}]]}"#,
        r#"{"\uD83D\uDE00":1,"😀":2}"#,
        r#"{"\n":1,"\u000a":2}"#,
    ] {
        assert_eq!(error(bad), Some(JsonError::Duplicate), "{bad}");
    }
    assert!(read(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"A":1}"#).is_ok());
    let many: Vec<_> = (0..1000).map(|i| format!("\"{i}\":0")).collect();
    assert!(read(&format!("{{{}}}", many.join(","))).is_ok());
    let twice = format!("{{{},\"\\u0030\":1}}", many.join(","));
    assert_eq!(error(twice), Some(JsonError::Duplicate));
}

#[test]
fn values_nest_at_most_32_levels_deep() {
    let most = usize::from(MAX_DEPTH) - 1;
    assert!(read(&nested(most)).is_ok());
    for too_deep in [most + 1, 3_000, 100_000] {
        assert_eq!(error(nested(too_deep)), Some(JsonError::Depth));
    }
    let objects = |depth| "{\"a\":".repeat(depth) + "1.5" + &"}".repeat(depth);
    assert!(read(&objects(32)).is_ok());
    for too_deep in [33, 100_000] {
        assert_eq!(error(objects(too_deep)), Some(JsonError::Depth));
    }
}

#[test]
fn the_number_of_members_is_limited_in_all_objects_together() {
    let text = br#"{"a":[{"b":1},{"c":{}}],"d":{"e":1.5}}"#;
    assert!(Document::read_at_most(5, text).is_ok());
    let error = Document::read_at_most(4, text).err();
    assert_eq!(error, Some(JsonError::Members));
    assert!(Document::read_at_most(0, b"{}").is_ok());
}

#[test]
fn names_that_serde_json_gives_a_meaning_are_rejected() {
    for name in [
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
        "$serde_json::private",
        r"\u0024serde_json::private::Number",
    ] {
        for text in [
            format!("{{\"{name}\":\"1\"}}"),
            format!("{{\"a\":{{\"{name}\":\"1\"}}}}"),
            format!("{{\"a\":[{{\"b\":1,\"{name}\":\"1\"}}]}}"),
            format!("{{\"a\":{{\"{name}\":\"1\",\"b\":1}}}}"),
        ] {
            assert_eq!(error(&text), Some(JsonError::Reserved), "{text}");
        }
    }
    let value = read(r#"{"a":"$serde_json::private::Number","$serde_json":1}"#).unwrap();
    assert_eq!(
        value.at(["a"]).unwrap().as_str(),
        Some("$serde_json::private::Number")
    );
}

#[test]
fn numbers_are_read_by_value_and_as_they_are_written() {
    for (text, number) in [
        ("0", Number::Whole(0)),
        ("1800000000", Number::Whole(1_800_000_000)),
        ("18446744073709551615", Number::Whole(u64::MAX)),
        (
            "18446744073709551616",
            Number::Other(18_446_744_073_709_551_616.0),
        ),
        (
            "123456789012345678901234567890",
            Number::Other(1.234_567_890_123_456_8e29),
        ),
        ("-1", Number::Other(-1.0)),
        ("-0", Number::Other(-0.0)),
        ("1.5", Number::Other(1.5)),
        ("1E+2", Number::Other(100.0)),
        ("1e-400", Number::Other(0.0)),
    ] {
        let document = format!("{{\"a\": {{ \"b\" : {text} }} }}");
        let document = read(&document).unwrap();
        assert_eq!(
            document.at(["a", "b"]).unwrap().as_number(),
            Some(number),
            "{text}"
        );
        assert_eq!(document.raw(["a", "b"]), Some(text));
    }
    // No other reader agrees on the value of these.
    for text in ["1e400", "-1e400", "[0,{\"b\":1e999}]"] {
        assert_eq!(error(format!("{{\"a\":{text}}}")), Some(JsonError::Syntax));
    }
}

#[test]
fn paths_lead_to_values() {
    let text = r#" {"https://x/roles":"r", "realm_access": { "other": {}, "r\u006fles" : [ "a", "\u0062" ] }, "n": 1e300 } "#;
    let document = read(text).unwrap();
    let object = Object::parse(text.into()).unwrap();
    assert_eq!(
        document.at(["https://x/roles"]).unwrap().as_str(),
        Some("r")
    );
    assert_eq!(object.get::<String>(["https://x/roles"]).unwrap(), "r");
    let path = ["realm_access", "roles"];
    let roles = document.at(path).unwrap().elements().unwrap();
    let roles: Vec<_> = roles.iter().map(|role| role.as_str().unwrap()).collect();
    assert_eq!(roles, ["a", "b"]);
    assert_eq!(object.get::<Vec<String>>(path).unwrap(), ["a", "b"]);
    assert_eq!(document.raw(path), Some(r#"[ "a", "\u0062" ]"#));
    assert_eq!(document.raw(["n"]), Some("1e300"));
    for path in [
        &["roles"][..],
        &["realm_access", "roles", "x"],
        &["n", "roles"],
        &[],
    ] {
        assert!(document.at(path.iter().copied()).is_none(), "{path:?}");
        assert!(document.raw(path.iter().copied()).is_none(), "{path:?}");
        assert!(
            object
                .get::<serde_json::Value>(path.iter().copied())
                .is_none(),
            "{path:?}"
        );
    }
    assert_eq!(object.get::<u8>(["https://x/roles"]), None);
}

#[test]
fn a_name_with_backslashes_differs_from_one_that_is_spelt_with_more() {
    let text = r#"{"\\": 1, "\\\\": 2, "v": "\\\\"}"#;
    let object = Object::parse(text.into()).unwrap();
    assert_eq!(object.get::<u8>(["\\"]), Some(1));
    assert_eq!(object.get::<u8>(["\\\\"]), Some(2));
    assert_eq!(object.get::<u8>(["\\\\\\\\"]), None);
    let document = read(text).unwrap();
    let value = document.named("v").unwrap();
    assert!(value.is_str("\\\\") && !value.is_str("\\\\\\\\"));
}

#[test]
fn only_a_published_document_may_begin_with_a_byte_order_mark() {
    assert!(Document::published("\u{feff}{}".as_bytes()).is_ok());
    assert_eq!(error("\u{feff}{}"), Some(JsonError::Syntax));
    let twice = Document::published("\u{feff}\u{feff}{}".as_bytes());
    assert_eq!(twice.err(), Some(JsonError::Syntax));
}

#[test]
fn a_secret_is_kept_behind_an_object_and_is_not_part_of_it() {
    let mut object = Object::parse(br#"{"a":1}"#.to_vec()).unwrap();
    assert_eq!(object.behind(), b"");
    for secret in ["one", "another one"] {
        object.keep_behind(secret);
        assert_eq!(object.behind(), secret.as_bytes());
        assert_eq!(object.as_str(), r#"{"a":1}"#);
        assert_eq!(object.get::<u8>(["a"]), Some(1));
    }
}

/// Text near JSON: pieces of it in any order, and real documents with a few bytes changed.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "0",
        "-1",
        "1.5e3",
        "01",
        "true",
        "null",
        " ",
        "\n",
        "\"",
        "\\",
        "é",
        "\"long text without end",
    ]);
    let pieces =
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes());
    let mutated = (
        json(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    )
        .prop_map(|(value, changes)| {
            let mut text = value.to_string().into_bytes();
            for (index, byte) in changes {
                let at = index.index(text.len());
                text[at] = byte;
            }
            text
        });
    prop_oneof![pieces, mutated]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
    ];
    let nested = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::hash_map(".{0,12}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::hash_map(".{0,12}", nested, 0..24)
        .prop_map(|map| serde_json::Value::Object(map.into_iter().collect()))
}

/// Returns whether all numbers fit into an `f64`. With `serde_json/arbitrary_precision`, some do not.
fn is_in_range(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.as_f64().is_some(),
        serde_json::Value::Array(all) => all.iter().all(is_in_range),
        serde_json::Value::Object(all) => all.values().all(is_in_range),
        _ => true,
    }
}

fn assert_same(value: &Value<'_>, expected: &serde_json::Value) {
    assert_eq!(value.is_null(), expected.is_null());
    assert_eq!(value.as_bool(), expected.as_bool());
    assert_eq!(value.as_str(), expected.as_str());
    assert_eq!(value.as_number().is_some(), expected.is_number());
    match value.as_number() {
        Some(Number::Whole(number)) => assert_eq!(Some(number), expected.as_u64()),
        Some(Number::Other(number)) => {
            let expected = expected.as_f64().unwrap();
            assert!((number - expected).abs() <= expected.abs() * 1e-15);
        }
        None => {}
    }
    let elements = value.elements().map(<[_]>::len);
    assert_eq!(elements, expected.as_array().map(Vec::len));
    let pairs = value.elements().into_iter().flatten();
    for (value, expected) in pairs.zip(expected.as_array().into_iter().flatten()) {
        assert_same(value, expected);
    }
    let members = value.members().map(|members| members.iter().count());
    assert_eq!(members, expected.as_object().map(serde_json::Map::len));
    for (name, expected) in expected.as_object().into_iter().flatten() {
        assert_same(value.named(name).unwrap(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = error(bytes);
    }

    #[test]
    fn texts_are_accepted_as_serde_json_accepts_them(text in almost_json()) {
        let oracle = serde_json::from_slice::<serde_json::Value>(&text);
        match (Document::read(&text), oracle) {
            (Ok(_), Ok(oracle)) => prop_assert!(oracle.is_object()),
            (Ok(_), Err(error)) => prop_assert!(false, "{}", error),
            (Err(JsonError::Syntax), oracle) => {
                prop_assert!(!oracle.is_ok_and(|value| value.is_object() && is_in_range(&value)));
            }
            (Err(JsonError::Duplicate | JsonError::Depth), _) => {}
            (Err(error), _) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn values_are_those_that_serde_json_reads(value in json(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let document = read(&text).unwrap();
        let object = Object::parse(text.clone().into()).unwrap();
        // Read back, since serde_json's floats do not always survive being written.
        let oracle: serde_json::Value = serde_json::from_str(&text).unwrap();
        let oracle = oracle.as_object().unwrap();
        prop_assert_eq!(document.iter().count(), oracle.len());
        for (name, expected) in oracle {
            assert_same(document.named(name).unwrap(), expected);
            prop_assert_eq!(&object.get::<serde_json::Value>([&**name]).unwrap(), expected);
            for (inner, expected) in expected.as_object().into_iter().flatten() {
                let path = [&**name, inner];
                assert_same(document.at(path).unwrap(), expected);
                prop_assert_eq!(&object.get::<serde_json::Value>(path).unwrap(), expected);
                let raw: serde_json::Value = serde_json::from_str(document.raw(path).unwrap()).unwrap();
                prop_assert_eq!(&raw, expected);
            }
        }
    }
}

proptest! {
    /// Names of every length around a word, that begin or end alike, at every depth and at the
    /// very end of a text.
    #[test]
    fn a_duplicate_is_found_among_names_that_are_alike(
        names in proptest::collection::vec("a{0,9}[ab]{0,3}|[ab]{6,9}c?|\\\\u0061a{0,8}", 0..20),
        deep: bool,
    ) {
        let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":0")).collect();
        let object = format!("{{{}}}", members.join(","));
        let text = if deep { format!("{{\"x\":[{object}]}}") } else { object };
        let names: Vec<_> = names.iter().map(|name| name.replace("\\u0061", "a")).collect();
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        let expected = (distinct.len() < names.len()).then_some(JsonError::Duplicate);
        prop_assert_eq!(error(&text), expected, "{}", text);
    }
}
