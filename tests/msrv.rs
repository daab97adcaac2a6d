//! The `rust-version` of every dependency is at most ours: the oldest toolchain is not on every
//! machine that runs the tests, so that a build cannot show it.

use serde_json::Value;
use std::{collections::HashSet, process::Command};

/// A version of Rust; a patch release that is not given is 0.
fn version(text: &str) -> Vec<u64> {
    let mut parts: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
    parts.resize(3, 0);
    parts
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// Returns the names of the packages that a user of this crate builds, with every feature and for
/// every target, and that need a newer Rust than this crate promises. Packages that only tests and
/// examples need are left out.
fn too_new(metadata: &Value) -> Vec<String> {
    let packages = list(metadata, "packages");
    let package = |id: &str| packages.iter().find(|package| text(package, "id") == id);
    let nodes = list(&metadata["resolve"], "nodes");
    let root = text(&metadata["resolve"], "root");
    let ours = text(package(root).expect("the root package"), "rust_version");

    let (mut seen, mut rest) = (HashSet::from([root]), vec![root]);
    let mut found = Vec::new();
    while let Some(id) = rest.pop() {
        let package = package(id).expect("a package of the graph");
        let wanted = text(package, "rust_version");
        if !wanted.is_empty() && version(wanted) > version(ours) {
            let (name, number) = (text(package, "name"), text(package, "version"));
            found.push(format!(
                "{name} {number} needs Rust {wanted}, ours is {ours}"
            ));
        }
        let node = nodes.iter().find(|node| text(node, "id") == id);
        for dependency in list(node.expect("a node of the graph"), "deps") {
            let is_built = |kind: &Value| kind["kind"] != "dev";
            if list(dependency, "dep_kinds").iter().any(is_built) {
                let id = text(dependency, "pkg");
                if seen.insert(id) {
                    rest.push(id);
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn no_dependency_needs_a_newer_rust() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--all-features"])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        list(&metadata, "packages").len() > 100,
        "the graph is there"
    );
    assert_eq!(too_new(&metadata), <[String; 0]>::default());
}

#[test]
fn a_newer_dependency_is_reported_and_one_of_tests_is_not() {
    let package = |name: &str, rust: Option<&str>| serde_json::json!({ "id": name, "name": name, "version": "1.0.0", "rust_version": rust });
    let deps = |names: &[(&str, Option<&str>)]| {
        let dep = |(name, kind): &(&str, Option<&str>)| serde_json::json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        names.iter().map(dep).collect::<Vec<_>>()
    };
    let metadata = serde_json::json!({
        "packages": [
            package("us", Some("1.88")),
            package("same", Some("1.88.0")),
            package("newer", Some("1.88.1")),
            package("below", Some("1.100")),
            package("test", Some("1.95")),
            package("old", None),
        ],
        "resolve": {
            "root": "us",
            "nodes": [
                { "id": "us", "deps": deps(&[("same", None), ("old", Some("build")), ("test", Some("dev"))]) },
                { "id": "same", "deps": deps(&[("newer", None), ("us", None)]) },
                { "id": "newer", "deps": deps(&[]) },
                { "id": "old", "deps": deps(&[("below", None)]) },
                { "id": "below", "deps": deps(&[]) },
                { "id": "test", "deps": deps(&[]) },
            ],
        },
    });
    assert_eq!(
        too_new(&metadata),
        [
            "below 1.0.0 needs Rust 1.100, ours is 1.88",
            "newer 1.0.0 needs Rust 1.88.1, ours is 1.88",
        ]
    );
}
