//! The front page of the documentation: the table of features, and the names at the root of the crate.

use std::{collections::BTreeSet, fmt::Write as _};

const MANIFEST: &str = include_str!("../Cargo.toml");
const ROOT: &str = include_str!("../src/lib.rs");

/// The names at the root: what protects a route. Everything else lives in a module.
const NAMES: &str = "AccessRules Anonymous AuthLayer ConfigError Identity Location Policy Rejection \
    RejectionKind RequireLayer Scheme Verdict Verify all_scopes any_role authenticated claim policy_fn \
    role scope subject verify_fn";

/// The modules at the root.
const MODULES: &str = "account api_key authz axum basic bearer clock credential fetch identity \
    introspection issue jsonwebtoken jwt layer login openapi password rejection revocation scheme store \
    tonic verdict verify well_known";

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
    let documentation: String = ROOT
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

#[test]
fn the_root_has_the_names_that_protect_a_route_and_modules() {
    let mut public = BTreeSet::new();
    for item in ROOT.split(';') {
        // A comment or an attribute may stand before the item.
        let Some((_, item)) = item.split_once("\npub ") else {
            continue;
        };
        if let Some(name) = item.strip_prefix("mod ") {
            public.insert(name);
        } else if let Some(paths) = item.strip_prefix("use ") {
            let (_, names) = paths.split_once("::").unwrap();
            let names = names.trim_start_matches('{').trim_end_matches('}');
            let names = names.split(',').map(str::trim);
            public.extend(names.filter(|name| !name.is_empty()));
        } else {
            panic!("`pub {item}` is neither a module nor a re-export");
        }
    }
    let expected = NAMES.split_whitespace().chain(MODULES.split_whitespace());
    assert_eq!(public, expected.collect());
    assert_eq!(NAMES.split_whitespace().count(), 22);
}
