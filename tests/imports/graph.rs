//! The modules of a crate, and the modules that each of them imports.

use std::collections::{BTreeMap, BTreeSet};

use crate::lexer::{Token, after_attribute, after_group, tokens, without_tests};

/// The segments of a path, such as `["jwt", "remote"]`. The root of the crate is empty.
pub(crate) type Path = Vec<String>;

/// A module's own items, as opposed to those of the modules within it.
pub(crate) const OWN_ITEMS: &str = "mod.rs";

#[derive(Default)]
pub(crate) struct Module {
    /// The file that holds the module, possibly within another one.
    file: String,
    pub(crate) children: BTreeSet<String>,
    /// Names that `use` binds, with the path as written.
    bindings: BTreeMap<String, Path>,
    mentions: Vec<Mention>,
}

/// A path in the code of a module.
struct Mention {
    path: Path,
    place: String,
    is_reexport: bool,
}

/// An import between two modules of one folder.
pub(crate) struct Edge {
    /// The file, the line and the text of the import.
    pub(crate) place: String,
    pub(crate) folder: Path,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Every module of a crate. `#[cfg]` is ignored, except that test code is left out.
pub(crate) struct Crate<'a> {
    pub(crate) modules: BTreeMap<Path, Module>,
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Crate<'a> {
    /// Reads the modules that can be reached from `src/lib.rs`.
    pub(crate) fn read(read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let modules = BTreeMap::new();
        let mut this = Self { modules, read };
        this.read_file("src/lib.rs", &[]);
        this
    }

    fn read_file(&mut self, file: &str, module: &[String]) {
        let source = (self.read)(file).unwrap_or_else(|| panic!("{file} cannot be read"));
        let lines: Vec<&str> = source.lines().collect();
        self.read_tokens(file, &lines, &without_tests(tokens(&source)), module);
    }

    fn read_tokens(&mut self, file: &str, lines: &[&str], tokens: &[Token], module: &[String]) {
        let text = |i: usize| tokens.get(i).map_or("", |token: &Token| &*token.text);
        let place = |i: usize| {
            let line = tokens[i].line;
            format!("{file}:{line}: {}", lines[line - 1].trim())
        };
        file.clone_into(&mut self.modules.entry(module.to_vec()).or_default().file);
        let (mut i, mut renamed) = (0, None);
        while i < tokens.len() {
            let end = after_attribute(tokens, i);
            if end > i {
                if text(i + 2) == "path" {
                    renamed = text(i + 4).strip_prefix('"').map(String::from);
                }
                i = end;
                continue;
            }
            match text(i) {
                "mod" if text(i + 2) == ";" => {
                    self.read_child(file, module, text(i + 1), renamed.take());
                    i += 3;
                }
                "mod" if text(i + 2) == "{" => {
                    let child = self.add_child(module, text(i + 1));
                    let end = after_group(tokens, i + 2);
                    self.read_tokens(file, lines, &tokens[i + 3..end - 1], &child);
                    i = end;
                }
                "use" if text(i + 1) != "::" && text(i + 1) != "<" => {
                    let is_reexport = i > 0 && matches!(text(i - 1), "pub" | ")");
                    let end = (i..)
                        .find(|end| matches!(text(*end), ";" | ""))
                        .unwrap_or(i);
                    let mut leaves = Vec::new();
                    use_tree(&tokens[i + 1..end], &[], &mut leaves);
                    let this = self.modules.entry(module.to_vec()).or_default();
                    for (path, name, line) in leaves {
                        let place = format!("{file}:{line}: use {}", path.join("::"));
                        assert_ne!(name, "*", "{place}: a glob hides what is imported");
                        this.bindings.insert(name, path.clone());
                        this.mentions.push(Mention {
                            path,
                            place,
                            is_reexport,
                        });
                    }
                    i = end;
                }
                // `pub(in crate::a)` is not an import.
                "(" if text(i + 1) == "in" => i = after_group(tokens, i),
                head if text(i + 1) == "::" && is_name(head) && !follows_path(text, i) => {
                    let mut path = vec![head.to_owned()];
                    let start = i;
                    while text(i + 1) == "::" && is_name(text(i + 2)) {
                        path.push(text(i + 2).to_owned());
                        i += 2;
                    }
                    let this = self.modules.entry(module.to_vec()).or_default();
                    let place = place(start);
                    this.mentions.push(Mention {
                        path,
                        place,
                        is_reexport: false,
                    });
                    i += 1;
                }
                _ => {
                    renamed = None;
                    i += 1;
                }
            }
        }
    }

    fn read_child(&mut self, file: &str, parent: &[String], name: &str, renamed: Option<String>) {
        let (folder, stem) = file.rsplit_once('/').unwrap_or(("", file));
        let within = match stem {
            "lib.rs" | "mod.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", stem.trim_end_matches(".rs")),
        };
        let candidates = match renamed {
            Some(path) => match path.strip_prefix("../") {
                Some(path) => vec![format!(
                    "{}/{path}",
                    folder.rsplit_once('/').map_or("", |it| it.0)
                )],
                None => vec![format!("{folder}/{path}")],
            },
            None => vec![
                format!("{within}/{name}.rs"),
                format!("{within}/{name}/mod.rs"),
            ],
        };
        let child = self.add_child(parent, name);
        match candidates.iter().find(|file| (self.read)(file).is_some()) {
            Some(file) => self.read_file(file, &child),
            None => panic!("{file}: none of {candidates:?} can be read"),
        }
    }

    fn add_child(&mut self, parent: &[String], name: &str) -> Path {
        let module = self.modules.entry(parent.to_vec()).or_default();
        module.children.insert(name.to_owned());
        parent.iter().cloned().chain([name.to_owned()]).collect()
    }

    /// Returns every import that leaves a module, at the level where the two modules are siblings.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (from, module) in &self.modules {
            for mention in &module.mentions {
                let mut trail = Vec::new();
                if self.is_imported_item(from, mention) {
                    continue;
                }
                self.follow(from, &mention.path, &mut trail, 0);
                for (i, to) in trail.iter().enumerate() {
                    let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
                    let (a, b) = (from.get(shared), to.get(shared));
                    let is_passed_through = b.is_none() && i + 1 < trail.len();
                    if module.file == self.modules[to].file
                        || is_passed_through
                        || (a.is_none() && mention.is_reexport)
                    {
                        continue;
                    }
                    let name = |segment: Option<&String>| {
                        segment.map_or(OWN_ITEMS, |name| &**name).to_owned()
                    };
                    edges.push(Edge {
                        place: mention.place.clone(),
                        folder: from[..shared].to_vec(),
                        from: name(a),
                        to: name(b),
                    });
                }
            }
        }
        edges
    }

    /// Whether the path begins with an item that a `use` has imported, which is counted there.
    fn is_imported_item(&self, module: &Path, mention: &Mention) -> bool {
        let head = &mention.path[0];
        let this = &self.modules[module];
        if matches!(&**head, "crate" | "self" | "super") || this.children.contains(head) {
            return false;
        }
        let mut trail = Vec::new();
        mention.path.len() > 1
            && this.bindings.get(head).is_some_and(|path| {
                path != &mention.path && !self.follow(module, path, &mut trail, 0)
            })
    }

    /// Adds the modules that a path goes through, up to the module that defines the item.
    /// Returns whether the path ends with a module.
    fn follow(
        &self,
        module: &[String],
        path: &[String],
        trail: &mut Vec<Path>,
        depth: usize,
    ) -> bool {
        let is_bound = |at: &[String], name: &str| {
            self.modules[at].children.contains(name) || self.modules[at].bindings.contains_key(name)
        };
        let (mut at, rest) = match &*path[0] {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (module.to_vec(), &path[1..]),
            "super" => {
                let ups = path
                    .iter()
                    .take_while(|segment| *segment == "super")
                    .count();
                (
                    module[..module.len().saturating_sub(ups)].to_vec(),
                    &path[ups..],
                )
            }
            head if depth < 16 && is_bound(module, head) => (module.to_vec(), path),
            _ => return false,
        };
        trail.push(at.clone());
        for (i, segment) in rest.iter().enumerate() {
            let here = &self.modules[&at];
            if here.children.contains(segment) {
                at.push(segment.clone());
                trail.push(at.clone());
                continue;
            }
            let Some(target) = here.bindings.get(segment) else {
                return false;
            };
            let target: Path = target.iter().chain(&rest[i + 1..]).cloned().collect();
            return self.follow(&at, &target, trail, depth + 1);
        }
        true
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

fn follows_path<'t>(text: impl Fn(usize) -> &'t str, i: usize) -> bool {
    i > 0 && matches!(text(i - 1), "::" | ".")
}

/// Adds the paths of a `use` with the names that they bind.
fn use_tree(tokens: &[Token], prefix: &[String], leaves: &mut Vec<(Path, String, usize)>) {
    let mut path = prefix.to_vec();
    let (mut i, mut alias) = (0, None);
    while i < tokens.len() {
        match &*tokens[i].text {
            "{" => {
                let end = after_group(tokens, i);
                let mut start = i + 1;
                let mut at = start;
                while at < end {
                    match &*tokens[at].text {
                        "{" => at = after_group(tokens, at),
                        "," | "}" => {
                            if start < at {
                                use_tree(&tokens[start..at], &path, leaves);
                            }
                            at += 1;
                            start = at;
                        }
                        _ => at += 1,
                    }
                }
                return;
            }
            "as" => {
                alias = tokens.get(i + 1).map(|token| token.text.clone());
                i += 1;
            }
            "self" if !path.is_empty() => {}
            "::" if i == 0 => return,
            "::" => {}
            segment => path.push(segment.to_owned()),
        }
        i += 1;
    }
    if let Some(last) = path.last() {
        let name = alias.unwrap_or_else(|| last.clone());
        // An item that no path can name.
        let name = if name == "_" { path.join("::") } else { name };
        let line = tokens.last().map_or(0, |token| token.line);
        leaves.push((path, name, line));
    }
}
