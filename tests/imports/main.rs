//! Modules import only modules below them, in the order of the list in `DESIGN.md`. Within a folder,
//! no modules import each other in a circle.
//!
//! The files and functions that `DESIGN.md` names exist.
//!
//! The check of imports follows re-exports: `use crate::Identity` imports from `identity`, not from the root of
//! the crate. Test code and documentation may mention any module.

mod design;
mod graph;
mod lexer;

use std::collections::{BTreeMap, BTreeSet};

use graph::{Crate, Edge};

#[test]
fn modules_import_downward() {
    let read = |file: &str| std::fs::read_to_string(file).ok();
    let order = listed_modules(&read("DESIGN.md").expect("DESIGN.md"));
    let found = violations(&read, &order);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Returns the names in the first column of the table between the two marks.
fn listed_modules(design: &str) -> Vec<String> {
    let (_, rest) = design
        .split_once("<!-- modules -->")
        .expect("a list of modules");
    let (list, _) = rest
        .split_once("<!-- end -->")
        .expect("the end of the list");
    let rows = list.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        row.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    })
    .collect()
}

fn violations(read: &dyn Fn(&str) -> Option<String>, order: &[String]) -> Vec<String> {
    let krate = Crate::read(read);
    let edges = krate.edges();
    let mut found = unlisted(&krate, order);
    let mut folders: BTreeMap<_, Vec<&Edge>> = BTreeMap::new();
    for edge in &edges {
        folders.entry(&edge.folder).or_default().push(edge);
    }
    for (folder, edges) in folders {
        if folder.is_empty() {
            let height = |name: &str| order.iter().position(|listed| listed == name);
            let upward = edges
                .iter()
                .filter(|edge| height(&edge.from) >= height(&edge.to));
            found.extend(upward.map(|edge| message(edge, "it is not below in DESIGN.md")));
        } else {
            let circular = edges
                .iter()
                .filter(|edge| reaches(&edges, &edge.to, &edge.from));
            found.extend(circular.map(|edge| message(edge, "they import each other in a circle")));
        }
    }
    found.dedup();
    found
}

fn unlisted(krate: &Crate, order: &[String]) -> Vec<String> {
    let listed: BTreeSet<String> = order.iter().cloned().collect();
    let actual = &krate.modules[&Vec::new()].children;
    let difference = actual.symmetric_difference(&listed);
    difference
        .map(|name| format!("`{name}` is in only one of src/lib.rs and the list in DESIGN.md"))
        .collect()
}

fn message(edge: &Edge, reason: &str) -> String {
    let name = |name: &str| {
        let segments = edge.folder.iter().map(String::as_str).chain([name]);
        segments.collect::<Vec<_>>().join("::")
    };
    let (from, to) = (name(&edge.from), name(&edge.to));
    format!(
        "{}\n    `{from}` must not import `{to}`: {reason}",
        edge.place
    )
}

fn reaches(edges: &[&Edge], start: &str, end: &str) -> bool {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for edge in edges.iter().filter(|edge| edge.from == at) {
            if edge.to == end {
                return true;
            }
            if seen.insert(&*edge.to) {
                open.push(&edge.to);
            }
        }
    }
    start == end
}

/// Returns the violations in a crate of two modules, `upper` and `lower`.
fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    let read = |file: &str| {
        let found = files.iter().find(|(name, _)| *name == file);
        found.map(|(_, source)| String::from(*source))
    };
    violations(&read, &[String::from("upper"), String::from("lower")])
}

const ROOT: (&str, &str) = (
    "src/lib.rs",
    "mod lower;\nmod upper;\npub use upper::Upper as High;\n",
);
const UPPER: (&str, &str) = ("src/upper.rs", "use crate::lower;\npub struct Upper;\n");

#[test]
fn an_import_from_above_is_found_in_every_spelling() {
    for (line, source) in [
        (1, "use crate::upper::Upper;"),
        (1, "use crate::High;"),
        (1, "use super::High as Low;"),
        (3, "use crate::{\n    lower,\n    upper::{self},\n};"),
        (2, "/* a\n */ fn f() { crate::upper::f() }"),
        (1, "struct A<'a>(&'a super::High, char);"),
        (2, "mod inner {\n    use super::super::High;\n}"),
        (3, "#[cfg(test)]\nfn f<A, B>() {}\nimpl super::High {}"),
    ] {
        let found = found_in(&[ROOT, UPPER, ("src/lower.rs", source)]);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert!(
            found[0].starts_with(&format!("src/lower.rs:{line}: ")),
            "{found:?}"
        );
        assert!(
            found[0].contains("`lower` must not import `upper`"),
            "{found:?}"
        );
    }
}

#[test]
fn tests_documentation_and_texts_may_mention_every_module() {
    for source in [
        "//! [crate::upper::Upper]\n/// use crate::upper;\nfn f() {}",
        "#[cfg(test)]\nmod tests { use crate::upper::Upper; }",
        "#[cfg(test)]\n#[path = \"missing.rs\"]\nmod tests;",
        "const A: &str = r#\"use crate::upper;\"#; const B: u8 = b'\"'; const C: char = '\"';",
        "pub(in crate::upper) struct A { #[cfg(test)] b: crate::upper::Upper, c: u8 }",
        "#[cfg(all(test, unix))]\nuse crate::{upper::{Upper}};",
    ] {
        let found = found_in(&[ROOT, UPPER, ("src/lower.rs", source)]);
        assert!(found.is_empty(), "{source}: {found:?}");
    }
}

#[test]
fn a_circle_within_a_folder_is_found() {
    let files = |a: &'static str, b: &'static str, own: &'static str| {
        found_in(&[
            ROOT,
            UPPER,
            ("src/lower/mod.rs", own),
            ("src/lower/a.rs", a),
            ("src/lower/b.rs", b),
            ("src/lower/c.rs", "pub use super::a::A;"),
        ])
    };
    let own = "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::B;\npub const OWN: u8 = 0;";
    assert!(files("use super::B;", "use super::OWN;", own).is_empty());
    let found = files("use super::B;", "use super::{c};", own);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("src/lower/a.rs:1: "), "{found:?}");
    let found = files(
        "use super::OWN;",
        "",
        "mod a;\nmod b;\nmod c;\nconst OWN: u8 = a::LEN;",
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("`lower::mod.rs` must not import `lower::a`"),
        "{found:?}"
    );
}

#[test]
fn a_module_missing_from_the_list_is_found() {
    let root = ("src/lib.rs", "mod lower;\nmod middle;\n");
    let found = found_in(&[root, ("src/lower.rs", ""), ("src/middle.rs", "")]);
    assert_eq!(found.len(), 2, "{found:?}");
}
