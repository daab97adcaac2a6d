use super::*;
use proptest::prelude::*;

fn parse(text: &[u8]) -> Result<Object, JsonError> {
    Object::parse(text.to_vec())
}

fn nested(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!("{{\"a\":{open}{close}}}")
}

#[test]
fn the_grammar_is_exact() {
    for good in [
        "{}",
        " \t\r\n{ \"a\" : 1 , \"b\" : [ ] } ",
        r#"{"a":[1,-0,0.5,1e9,1E+9,2e-1,true,false,null,"",{}]}"#,
        r#"{"a":"\"\\\/\b\f\n\r\t\u0000\uD83D\uDE00é"}"#,
        r#"{"a":340282366920938463463374607431768211456,"b":1e400}"#,
        r#"{"":0}"#,
        "{\"a\":\"\u{7f}\"}",
    ] {
        assert!(parse(good.as_bytes()).is_ok(), "{good}");
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
        assert_eq!(
            parse(bad.as_bytes()).err(),
            Some(JsonError::Syntax),
            "{bad}"
        );
    }
    for bad in [
        &b"{\"a\":\"\xff\"}"[..],
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"\xe9\":1}",
    ] {
        assert_eq!(parse(bad).err(), Some(JsonError::Syntax));
    }
}

#[test]
fn a_name_occurs_once_at_any_depth() {
    for bad in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":[0,[{"b":1,"c":2,"b":3}]]}"#,
        r#"{"\uD83D\uDE00":1,"😀":2}"#,
        r#"{"\n":1,"\u000a":2}"#,
    ] {
        assert_eq!(
            parse(bad.as_bytes()).err(),
            Some(JsonError::Duplicate),
            "{bad}"
        );
    }
    assert!(parse(br#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"A":1}"#).is_ok());
    let many: Vec<_> = (0..1000).map(|i| format!("\"{i}\":0")).collect();
    assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
    let twice = format!("{{{},\"0\":1}}", many.join(","));
    assert_eq!(parse(twice.as_bytes()).err(), Some(JsonError::Duplicate));
}

#[test]
fn depth_is_bounded() {
    let most = usize::from(MAX_DEPTH) - 1;
    assert!(parse(nested(most).as_bytes()).is_ok());
    for too_deep in [most + 1, 3_000, 100_000] {
        let text = nested(too_deep);
        assert_eq!(parse(text.as_bytes()).err(), Some(JsonError::Depth));
    }
    assert_eq!(
        parse("{\"a\":".repeat(100_000).as_bytes()).err(),
        Some(JsonError::Depth)
    );
}

#[test]
fn paths_lead_to_values() {
    let object = parse(
        br#"{"https://x/roles":"r", "realm_access": { "other": {}, "r\u006fles" : [ "a", "\u0062" ] }, "n": 1e400 }"#,
    )
    .unwrap();
    let at = |path: ClaimPath| object.at(&path);
    assert_eq!(
        at("https://x/roles".into())
            .unwrap()
            .to::<String>()
            .unwrap(),
        "r"
    );
    let roles = at(["realm_access", "roles"].into()).unwrap();
    assert_eq!(roles.to::<Vec<String>>().unwrap(), ["a", "b"]);
    let elements: Vec<_> = roles
        .elements()
        .unwrap()
        .map(|v| v.as_str().unwrap())
        .collect();
    assert_eq!(elements, ["a", "b"]);
    assert_eq!(at("n".into()).unwrap().as_number(), Some("1e400"));
    assert!(at("roles".into()).is_none());
    assert!(at(["realm_access", "roles", "x"].into()).is_none());
    assert!(at(["n", "roles"].into()).is_none());
    assert!(at(Vec::new().into()).is_none());
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

#[test]
fn a_name_with_backslashes_is_not_another_one_that_is_spelt_so() {
    let object = parse(br#"{"\\": 1, "\\\\": 2, "v": "\\\\"}"#).unwrap();
    let at = |name: &'static str| object.at(&name.into()).and_then(Value::to::<u8>);
    assert_eq!(at("\\"), Some(1));
    assert_eq!(at("\\\\"), Some(2));
    assert_eq!(at("\\\\\\\\"), None);
    let value = object.at(&"v".into()).unwrap();
    assert!(value.is_str("\\\\") && !value.is_str("\\\\\\\\"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn it_accepts_what_serde_json_accepts(text in almost_json()) {
        let oracle = serde_json::from_slice::<serde_json::Value>(&text);
        match (parse(&text), oracle) {
            (Ok(_), oracle) => match oracle {
                Ok(value) => prop_assert!(value.is_object()),
                Err(error) => prop_assert!(error.to_string().contains("out of range"), "{error}"),
            },
            (Err(JsonError::Syntax), oracle) => {
                prop_assert!(!oracle.is_ok_and(|value| value.is_object()));
            }
            (Err(JsonError::Duplicate | JsonError::Depth), _) => {}
            (Err(JsonError::Members), _) => panic!("there is no limit here"),
        }
    }

    #[test]
    fn it_finds_the_same_values(value in json(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let object = parse(text.as_bytes()).unwrap();
        // Read back, since serde_json's floats do not always survive being written.
        let oracle: serde_json::Value = serde_json::from_str(&text).unwrap();
        let oracle = oracle.as_object().unwrap();
        prop_assert_eq!(object.value().members().unwrap().count(), oracle.len());
        for (name, expected) in oracle {
            let found = object.at(&name.clone().into()).unwrap();
            prop_assert_eq!(&found.to::<serde_json::Value>().unwrap(), expected);
            let read = found.as_str();
            prop_assert_eq!(read.as_deref(), expected.as_str());
            prop_assert_eq!(found.as_number().is_some(), expected.is_number());
            prop_assert_eq!(found.elements().map(Iterator::count), expected.as_array().map(Vec::len));
            prop_assert_eq!(found.members().map(Iterator::count), expected.as_object().map(serde_json::Map::len));
            for (inner, expected) in expected.as_object().into_iter().flatten() {
                let path = ClaimPath::from(vec![name.clone(), inner.clone()]);
                let found = object.at(&path).unwrap();
                prop_assert_eq!(&found.to::<serde_json::Value>().unwrap(), expected);
            }
        }
    }
}

proptest! {
    /// Names of every length around a word, that begin or end alike, at every depth and at the
    /// very end of a text.
    #[test]
    fn a_name_that_occurs_twice_is_found_among_names_that_are_alike(
        names in proptest::collection::vec("a{0,9}[ab]{0,3}|[ab]{6,9}c?|\\\\u0061a{0,8}", 0..20),
        deep: bool,
    ) {
        let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":0")).collect();
        let object = format!("{{{}}}", members.join(","));
        let text = if deep { format!("{{\"x\":[{object}]}}") } else { object };
        let read: Vec<_> = names.iter().map(|name| name.replace("\\u0061", "a")).collect();
        let distinct: std::collections::HashSet<_> = read.iter().collect();
        let parsed = parse(text.as_bytes());
        prop_assert_eq!(parsed.is_ok(), distinct.len() == read.len(), "{}", text);
        if let Err(error) = parsed {
            prop_assert_eq!(error, JsonError::Duplicate);
        }
    }
}
