//! The table "I want …" in the documentation of the crate and in the README is the list of features
//! in `Cargo.toml`.

use std::fmt::Write as _;

const MANIFEST: &str = include_str!("../Cargo.toml");

/// Returns the features of the manifest in their order, each with the comment above it.
fn features() -> Vec<(&'static str, String)> {
    let (_, section) = MANIFEST.split_once("\n[features]\n").unwrap();
    let (section, _) = section.split_once("\n[").unwrap();
    let mut comment = String::new();
    let mut features = Vec::new();
    for line in section.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment = format!("{comment} {text}").trim().to_owned();
        } else if let Some((name, _)) = line.split_once(" = [") {
            features.push((name, std::mem::take(&mut comment)));
        } else {
            comment.clear();
        }
    }
    features
}

fn table() -> String {
    let is_default = |name: &str| {
        let (_, default) = MANIFEST.split_once("\ndefault = [").unwrap();
        let (default, _) = default.split_once(']').unwrap();
        default.contains(&format!("\"{name}\""))
    };
    let mut table = "| I want … | feature |\n|---|---|\n".to_owned();
    for (name, comment) in features().iter().filter(|(name, _)| *name != "default") {
        assert!(!comment.is_empty(), "{name} has a comment");
        let default = if is_default(name) { ", by default" } else { "" };
        writeln!(table, "| {comment} | `{name}`{default} |").unwrap();
    }
    table
}

#[test]
fn the_documentation_and_the_readme_list_the_features_of_the_manifest() {
    let table = table();
    let documentation: String = include_str!("../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! "))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(documentation.contains(&table), "src/lib.rs lacks\n{table}");
    let readme = include_str!("../README.md");
    assert!(readme.contains(&table), "README.md lacks\n{table}");
}

#[test]
fn the_feature_full_enables_every_other_one() {
    let (_, full) = MANIFEST.split_once("\nfull = [").unwrap();
    let (full, _) = full.split_once(']').unwrap();
    // These are enabled through the bundles.
    let bundled = |feature: &str| {
        ["default", "app", "login", "provider"].iter().any(|name| {
            let (_, bundle) = MANIFEST.split_once(&format!("\n{name} = [")).unwrap();
            let (bundle, _) = bundle.split_once(']').unwrap();
            bundle.contains(&format!("\"{feature}\""))
        })
    };
    for (name, _) in features() {
        let is_enabled = full.contains(&format!("\"{name}\"")) || bundled(name);
        assert!(is_enabled || name == "full", "{name}");
    }
}
