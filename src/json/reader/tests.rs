use super::*;
use proptest::prelude::*;
use std::thread;

const NAMES: [&str; 5] = ["iss", "sub", "exp", "roles", ""];

/// What a reader says about a text: an error, or the values of its names.
type Answer<'a> = Result<Vec<Option<(&'a str, Kind)>>, JsonError>;

/// Reads a text, and has its layout learnt.
fn answer<'a>(reader: &Reader, text: &'a str) -> Answer<'a> {
    reader.read(text.into(), |object, found| {
        reader.learn(&object, found);
        values(&object, found, text)
    })
}

fn values<'a>(object: &Object, found: &Found, text: &'a str) -> Vec<Option<(&'a str, Kind)>> {
    let numbers = 0..NAMES.len() as u8;
    let values = numbers.map(|place| {
        let number = Number::new(place);
        let (span, kind) = found.places[usize::from(place)];
        let value = object.found(found, number).map(Value::text);
        // The short ways to a value say what the long one says.
        let string = found.plain_string(number).map(|inside| inside.of(text));
        assert_eq!(string, value.filter(|_| kind == Kind::String).map(unquoted));
        let strings = found.plain_strings(number).map(|span| span.of(text));
        assert_eq!(strings, value.filter(|_| kind == Kind::Strings));
        value.map(|value| {
            assert_eq!(value, span.of(text));
            (span.of(text), kind)
        })
    });
    values.collect()
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').unwrap().strip_suffix('"').unwrap()
}

/// By a reader that has learnt nothing; and the grammar's own answer has to be the same.
fn fresh_answer(text: &str) -> Answer<'_> {
    let answer = answer(&Reader::new(&NAMES), text);
    if let Ok(object) = Object::parse(text.into()) {
        let reader = Reader::new(&NAMES);
        let again = reader.read_again(object, |object, found| values(&object, found, text));
        assert_eq!(again, answer);
    }
    let parsed = Object::parse(text.into());
    assert_eq!(parsed.as_ref().err(), answer.as_ref().err());
    let (Ok(object), Ok(values)) = (parsed, &answer) else {
        return answer;
    };
    for (name, value) in NAMES.iter().zip(values) {
        let named = object.value().named(name);
        assert_eq!(named.map(Value::text), value.map(|(text, _)| text));
    }
    answer
}

fn follows(reader: &Reader, text: &str) -> bool {
    let whole = Text::new(text);
    whole.plain && reader.follow(whole, &mut Found::nothing()).is_some()
}

fn learnt(reader: &Reader) -> u8 {
    *reader.learnt.lock().unwrap()
}

#[test]
fn a_layout_is_followed_once_it_was_learnt() {
    let reader = Reader::new(&NAMES);
    let first = r#"{"sub":"a","roles":["x","y"],"exp":1,"other":{"a":[1]}}"#;
    reader.read(first.into(), |_, _| ()).unwrap();
    assert!(!follows(&reader, first), "nobody has asked for that");
    answer(&reader, first).unwrap();
    assert_eq!(learnt(&reader), 1);
    for same in [
        first,
        r#"{"sub":"somebody else","roles":[],"exp":1.5e3,"other":null}"#,
        r#"{"sub":null,"roles":{"sub":[{}]},"exp":"no","other":""}"#,
    ] {
        assert!(follows(&reader, same), "{same}");
        assert_eq!(answer(&reader, same), fresh_answer(same));
    }
    assert_eq!(learnt(&reader), 1, "nothing new was read");
}

#[test]
fn what_differs_is_scanned() {
    let reader = Reader::new(&NAMES);
    answer(&reader, r#"{"sub":"a","roles":["x"],"exp":1}"#).unwrap();
    for other in [
        "",
        "{}",
        r#"{"sub":"a"}"#,
        r#"{"sub":"a","roles":["x"],"exp":1"#,
        r#"{"sub":"a","roles":["x"],"exp":1}}"#,
        r#"{"sub":"a","roles":["x"],"exp":1}x"#,
        r#"{"sub":"a","roles":["x"],"exp":1} "#,
        r#" {"sub":"a","roles":["x"],"exp":1}"#,
        r#"{"sub": "a","roles":["x"],"exp":1}"#,
        r#"{"sub":"a" ,"roles":["x"],"exp":1}"#,
        r#"{"sub":"a","roles":["x"],"exp":01}"#,
        r#"{"sub":"a","roles":["x"],"exp":1,}"#,
        r#"{"sub":"a","roles":["x",],"exp":1}"#,
        r#"{"sub":"a","roles":["x"],"exp":}"#,
        r#"{"sub":"a","roles":["x"],"exp":1,"sub":"b"}"#,
        r#"{"sub":"a","roles":{"b":1,"b":2},"exp":1}"#,
        r#"{"sub":"\"","roles":["x"],"exp":1}"#,
        r#"{"\u0073ub":"a","roles":["x"],"exp":1}"#,
        r#"{"sub":"a","\u0073ub":["x"],"exp":1}"#,
        r#"{"roles":["x"],"sub":"a","exp":1}"#,
        r#"{"sub":"a","roles":["x"],"exq":1}"#,
        "{\"sub\":\"a\n\",\"roles\":[\"x\"],\"exp\":1}",
    ] {
        assert!(!follows(&reader, other), "{other}");
        assert_eq!(answer(&reader, other), fresh_answer(other), "{other}");
    }
}

#[test]
fn nothing_is_learnt_from_what_is_refused_or_escaped() {
    let reader = Reader::new(&NAMES);
    for text in [
        r#"{"sub":1,"sub":2}"#,
        r#"{"sub":1}}"#,
        r#"{"sub":1"#,
        r#"{"\u0073ub":1}"#,
        r#"{"sub":"\n"}"#,
    ] {
        let _ = answer(&reader, text);
        assert_eq!(learnt(&reader), 0, "{text}");
    }
}

#[test]
fn layouts_that_begin_alike_are_all_followed() {
    let reader = Reader::new(&NAMES);
    let texts = [
        r#"{"sub":"a","exp":1}"#,
        r#"{"sub": "a","exp":1}"#,
        r#"{"sub":  "a","exp":1}"#,
        r#"{"sub":"a","exp": 1}"#,
        r#"{"sub":"a","exp":1} "#,
        r#"{"sub":"a","exp":1,"roles":[]}"#,
        r#"{"sub":"a"}"#,
    ];
    for text in texts {
        answer(&reader, text).unwrap();
    }
    for text in texts {
        assert!(follows(&reader, text), "{text}");
        assert_eq!(answer(&reader, text), fresh_answer(text));
    }
    // None of them.
    for text in [
        r#"{"sub":   "a","exp":1}"#,
        r#"{"sub":"a","exp":  1}"#,
        r#"{"sub":"a","exp":1}  "#,
    ] {
        assert!(!follows(&reader, text), "{text}");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let is_learnt = |text: &str| {
        let reader = Reader::new(&NAMES);
        answer(&reader, text).unwrap();
        assert_eq!(follows(&reader, text), learnt(&reader) == 1);
        follows(&reader, text)
    };
    let long = |length: usize| format!("{{\"{}\":1}}", "a".repeat(length - 4));
    assert!(is_learnt(&long(LONGEST)));
    assert!(!is_learnt(&long(LONGEST + 1)));
    let blanks = |length: usize| format!("{{\"a\":1}}{}", " ".repeat(length - 1));
    assert!(is_learnt(&blanks(LONGEST)));
    assert!(!is_learnt(&blanks(LONGEST + 1)));
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|name| format!("\"{name}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(is_learnt(&many(MOST_MEMBERS)));
    assert!(!is_learnt(&many(MOST_MEMBERS + 1)));

    let reader = Reader::new(&NAMES);
    let texts: Vec<_> = (0..2 * MOST_LAYOUTS)
        .map(|name| format!("{{\"{name}\":1}}"))
        .collect();
    for text in texts.iter().chain(&texts) {
        assert_eq!(answer(&reader, text), fresh_answer(text));
    }
    let followed = texts.iter().filter(|text| follows(&reader, text));
    assert_eq!(followed.count(), usize::from(MOST_LAYOUTS));
    assert_eq!(learnt(&reader), MOST_LAYOUTS);
}

#[test]
fn names_are_asked_for_once_and_are_bounded() {
    let mut reader = Reader::new(&NAMES);
    assert_eq!(reader.ask("sub"), Some(Number(1)));
    for place in NAMES.len()..MOST_NAMES {
        let name = format!("name {place}");
        assert_eq!(reader.ask(&name), Some(Number(place as u8)));
        assert_eq!(reader.ask(&name), Some(Number(place as u8)));
    }
    for more in 0..300 {
        assert_eq!(reader.ask(&format!("more {more}")), None);
    }
    assert_eq!(reader.ask("name 19"), Some(Number(19)));
}

/// Threads that learn the same layouts at the same time, in different orders.
#[test]
fn threads_that_read_at_once_agree() {
    let texts: Vec<_> = (0..60)
        .map(|i| match i % 3 {
            0 => format!(r#"{{"sub":"{i}","exp":{i},"{}":1}}"#, i % 5),
            1 => format!(r#"{{"exp":{i},"sub":"{i}"}}"#),
            _ => format!(r#"{{"sub":"{i}","roles":[],"sub":{i}}}"#),
        })
        .collect();
    for _ in 0..50 {
        let reader = Reader::new(&NAMES);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (reader, texts) = (&reader, &texts);
                scope.spawn(move || {
                    for at in 0..texts.len() {
                        let text = &texts[(at * (2 * thread + 1)) % texts.len()];
                        assert_eq!(answer(reader, text), fresh_answer(text));
                    }
                });
            }
        });
        // Who was busy with one has left others to the next reader of them.
        for text in &texts {
            assert_eq!(answer(&reader, text), fresh_answer(text));
        }
        let followed = texts.iter().filter(|text| follows(&reader, text));
        assert_eq!((followed.count(), learnt(&reader)), (40, 6));
    }
}

/// Objects that are laid out alike, or almost: few names, in any order, once, twice or escaped.
fn alike() -> impl Strategy<Value = String> {
    let sometimes = |usual: &'static str, rare: Vec<&'static str>| prop_oneof![12 => Just(usual), 1 => prop::sample::select(rare)];
    let name = prop::sample::select(vec![
        "iss",
        "sub",
        "exp",
        "roles",
        "x",
        "iss",
        "sub",
        "exp",
        "su",
        "subs",
        "",
        r"\u0073ub",
    ]);
    let value = prop::sample::select(vec![
        r#""a""#,
        r#""a longer one, with a é""#,
        r#""""#,
        r#""\"""#,
        r#""\u0061""#,
        "1",
        "0",
        "-1.5e3",
        "12345678901234567890",
        "[]",
        r#"["a","b"]"#,
        r#"[ "a" , "b" ]"#,
        r#"["a",1]"#,
        r#"["\n"]"#,
        "[[]]",
        "{}",
        r#"{"a":{"sub":[1]}}"#,
        "true",
        "null",
        // None of these is a value.
        r#"{"a":1,"a":2}"#,
        "01",
        "tru",
        r#""open"#,
        "",
        "[1,]",
        r#"1,"exp":1"#,
    ]);
    let good = prop_oneof![6 => Just(r#""a""#), 6 => Just("1"), 4 => value];
    let colon = sometimes(":", vec![": ", " :", "", "::"]);
    let member =
        (name, colon, good).prop_map(|(name, colon, value)| format!("\"{name}\"{colon}{value}"));
    let comma = sometimes(",", vec![", ", " ,", "\n,", ",,", ""]);
    let members = prop::collection::vec((member, comma), 0..6);
    let open = sometimes("{", vec![" {", "{ ", "", "{{"]);
    let close = sometimes("}", vec![" }", "} ", "", "}}", ",}", "}x"]);
    (open, members, close).prop_map(|(open, members, close)| {
        let mut text = String::from(open);
        for (at, (member, comma)) in members.iter().enumerate() {
            text += if at == 0 { "" } else { comma };
            text += member;
        }
        text + close
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever it has learnt, it answers as if it had learnt nothing.
    #[test]
    fn what_it_has_learnt_changes_no_answer(
        texts in prop::collection::vec(alike(), 1..24),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[\\PC{}\",: ]"), 0..6),
    ) {
        let reader = Reader::new(&NAMES);
        let mut changed = texts.clone();
        for (which, at, with) in &changes {
            let text = which.get(&texts);
            let at = at.index(text.len() + 1);
            if text.is_char_boundary(at) {
                let (before, behind) = text.split_at(at);
                // In place of a character, and between two.
                changed.push(format!("{before}{with}{behind}"));
                let mut rest = behind.chars();
                rest.next();
                changed.push(format!("{before}{with}{}", rest.as_str()));
            }
        }
        for text in texts.iter().chain(&changed).chain(&texts) {
            prop_assert_eq!(answer(&reader, text), fresh_answer(text), "{}", text);
        }
    }
}
