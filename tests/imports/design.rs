//! The files and functions that `DESIGN.md` names exist.

use std::{fs, path::Path};

/// Returns the texts of all Rust files in the folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder");
    let text = |entry: fs::DirEntry| match entry.path() {
        path if path.is_dir() => sources(&path),
        path if path.extension().is_some_and(|end| end == "rs") => {
            fs::read_to_string(path).expect("a text")
        }
        _ => String::new(),
    };
    entries
        .map(|entry| text(entry.expect("an entry")))
        .collect()
}

/// Whether the source defines a module, type or function of this name.
fn is_defined(name: &str, source: &str) -> bool {
    ["fn ", "mod ", "struct ", "enum ", "trait "]
        .iter()
        .any(|kind| {
            let definition = format!("{kind}{name}");
            let mut rests = source.split(&definition).skip(1);
            rests.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
}

#[test]
fn names_in_the_design_exist() {
    let design = fs::read_to_string("DESIGN.md").expect("DESIGN.md");
    let quoted = |text| str::split(text, '`').skip(1).step_by(2);
    // A folder's own `mod.rs` is mentioned in general.
    let is_file = |name: &&str| name.ends_with('/') || name.ends_with(".rs") && *name != "mod.rs";
    let is_missing = |name: &&str| {
        !["", "src/"]
            .iter()
            .any(|at| Path::new(&format!("{at}{name}")).exists())
    };
    let mut missing: Vec<_> = quoted(&design).filter(is_file).filter(is_missing).collect();

    let (_, walks) = design.split_once("\n## Four walks\n").expect("walks");
    let (walks, _) = walks
        .split_once("\n## ")
        .expect("the section after the walks");
    let source = sources(Path::new("src"));
    missing.extend(quoted(walks).filter(|name| {
        let name = name.rsplit("::").next().unwrap_or(name);
        !is_defined(name, &source)
    }));
    assert!(
        missing.is_empty(),
        "DESIGN.md names what does not exist: {missing:?}"
    );
}
