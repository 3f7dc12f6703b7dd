//! The shape of the core's source: which module uses which, and what is public.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the core: each uses only modules that come before it.
const ORDER: [&str; 17] = [
    "error",
    "math",
    "shape",
    "workers",
    "contract",
    "random",
    "op",
    "kernel",
    "spec",
    "graph",
    "plan",
    "weights",
    "train",
    "exec",
    "probe",
    "self_test",
    "wire",
];

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src")
}

/// All source files below a folder with their texts, without comments.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = |line: &&str| !line.trim_start().starts_with("//");
            let text = text.lines().filter(code).collect::<Vec<_>>().join("\n");
            all.push((path, text));
        }
    }
    all
}

/// Each module that a source text names as `crate::module` or `crate::{module::..}`.
fn used(text: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let first = |text: &str| text.chars().take_while(|c| is_name(*c)).collect::<String>();
    let mut all = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        // Macros for users name what their users have.
        if text[..at].ends_with('$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{').and_then(|list| list.split_once('}')) {
            Some((list, _)) => all.extend(list.split(',').map(|item| first(item.trim_start()))),
            None => all.push(first(rest)),
        }
    }
    all.retain(|name| !name.is_empty());
    all
}

#[test]
fn modules_use_only_what_comes_before_them() {
    let (mut found, mut wrong) = (BTreeSet::new(), Vec::new());
    for (path, text) in sources(&core()) {
        let own = path.strip_prefix(core()).unwrap().iter().next().unwrap().to_str().unwrap();
        let own = own.trim_end_matches(".rs");
        let Some(at) = ORDER.iter().position(|module| *module == own) else {
            assert!(["lib", "invariant"].contains(&own), "{own} has no place in the order");
            continue;
        };
        found.insert(own.to_owned());
        for used in used(&text) {
            match ORDER.iter().position(|module| *module == used) {
                Some(before) if before <= at => {}
                Some(_) => wrong.push(format!("{}: {own} uses {used}", path.display())),
                None => assert!(used == "invariant" || used == "operations", "{}: {used}", path.display()),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(found.len(), ORDER.len(), "{found:?}");
    assert_eq!(used("use crate::{op::Op, Error}; $crate::plan crate::graph::Graph"), ["op", "graph"]);
}

#[test]
fn no_value_is_replaced_silently() {
    // A default that is meant is a `match` with its reason; a value that is always there is taken by `invariant!`.
    for (path, text) in sources(&core()) {
        assert!(!text.contains("unwrap_or"), "{}: write a match with the reason, or invariant!", path.display());
    }
}

#[test]
fn documents_list_the_modules_in_their_order() {
    let root = core().join("..");
    let text = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let list = text.split("The modules").nth(1).unwrap().split("\n//!\n//! ```").next().unwrap().to_owned();
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let tree = architecture.split("src/  ").nth(1).unwrap().split("\nboards/").next().unwrap().to_owned();
    for (text, quote) in [(list, "`"), (tree, "\n  ")] {
        let at =
            |module: &&str| text.find(&format!("{quote}{module}")).unwrap_or_else(|| panic!("{module} is not listed"));
        let places: Vec<usize> = ORDER.iter().map(at).collect();
        assert!(places.is_sorted(), "{:?}", ORDER.iter().zip(places).collect::<Vec<_>>());
    }
}

/// What a user of the crate can name, and the methods of these types.
#[derive(Default)]
struct Surface {
    items: BTreeSet<String>,
    methods: BTreeSet<String>,
}

const LIST: &str = "docs/api.txt";
const MOST: usize = 200;

impl Surface {
    fn of_core() -> Self {
        let mut surface = Self::default();
        let lib = parsed(&core().join("lib.rs"));
        surface.add_module("", &lib.items, &core());
        for (path, _) in sources(&core()) {
            surface.add_methods(&path);
        }
        surface
    }

    fn add_module(&mut self, path: &str, items: &[syn::Item], folder: &Path) {
        for item in items {
            let name = match item {
                syn::Item::Mod(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    let name = item.ident.to_string();
                    let (file, own) = (folder.join(format!("{name}.rs")), folder.join(&name));
                    let file = if file.is_file() { file } else { own.join("mod.rs") };
                    let inner = format!("{path}{name}::");
                    self.items.insert(inner.clone());
                    self.add_module(&inner, &parsed(&file).items, &own);
                    continue;
                }
                syn::Item::Use(item) if is_public(&item.vis) => {
                    self.add_use(path, &item.tree);
                    continue;
                }
                syn::Item::Const(item) if is_public(&item.vis) => &item.ident,
                syn::Item::Enum(item) if is_public(&item.vis) => &item.ident,
                syn::Item::Fn(item) if is_public(&item.vis) => &item.sig.ident,
                syn::Item::Struct(item) if is_public(&item.vis) => &item.ident,
                syn::Item::Trait(item) if is_public(&item.vis) => &item.ident,
                syn::Item::Type(item) if is_public(&item.vis) => &item.ident,
                _ => continue,
            };
            self.items.insert(format!("{path}{name}"));
        }
    }

    fn add_use(&mut self, path: &str, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(tree) => self.add_use(path, &tree.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(path, tree)),
            syn::UseTree::Name(name) => drop(self.items.insert(format!("{path}{}", name.ident))),
            syn::UseTree::Rename(name) => drop(self.items.insert(format!("{path}{}", name.rename))),
            syn::UseTree::Glob(_) => panic!("{path}: a glob hides what is public"),
        }
    }

    fn add_methods(&mut self, file: &Path) {
        for item in parsed(file).items {
            match item {
                syn::Item::Macro(item)
                    if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) =>
                {
                    self.items.insert(format!("{}!", item.ident.unwrap()));
                }
                syn::Item::Impl(item) if item.trait_.is_none() && !is_hidden(&item.attrs) => {
                    let syn::Type::Path(own) = &*item.self_ty else { continue };
                    let own = &own.path.segments.last().unwrap().ident;
                    for item in item.items {
                        match item {
                            syn::ImplItem::Fn(item) if is_public(&item.vis) => {
                                self.methods.insert(format!("{own}::{}", item.sig.ident));
                            }
                            syn::ImplItem::Const(item) if is_public(&item.vis) => {
                                self.methods.insert(format!("{own}::{}", item.ident));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Items, then the methods of those that are types.
    fn text(&self) -> String {
        let names: BTreeSet<&str> = self.items.iter().map(|item| item.rsplit("::").next().unwrap()).collect();
        let methods = self.methods.iter().filter(|method| names.contains(method.split("::").next().unwrap()));
        let items = self.items.iter().map(String::as_str);
        let lines: Vec<&str> = items.chain([""]).chain(methods.map(String::as_str)).collect();
        format!("{} items\n{}\n", self.items.len(), lines.join("\n"))
    }
}

fn parsed(path: &Path) -> syn::File {
    syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap()
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    let hidden = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("doc") && list.tokens.to_string() == "hidden",
        _ => false,
    };
    attributes.iter().any(hidden)
}

#[test]
fn the_public_items_are_those_of_the_committed_list() {
    let surface = Surface::of_core();
    let list = fs::read_to_string(core().join("..").join(LIST)).unwrap();
    assert_eq!(surface.text(), list, "{LIST} is not what the crate has: see `write_the_list_of_public_items`");
    assert!(surface.items.len() <= MOST, "{} public items: at most {MOST}", surface.items.len());
}

#[test]
#[ignore = "writes docs/api.txt"]
fn write_the_list_of_public_items() {
    fs::write(core().join("..").join(LIST), Surface::of_core().text()).unwrap();
}

#[test]
fn every_public_item_has_an_example() {
    let mut examples = String::new();
    for folder in ["examples", "boards/examples"] {
        sources(&core().join("..").join(folder)).iter().for_each(|(_, text)| examples.push_str(text));
    }
    for entry in walk(&core()) {
        let (mut inside, text) = (false, fs::read_to_string(entry).unwrap());
        for line in text.lines().map(str::trim_start) {
            let Some(doc) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else { continue };
            if doc.trim_start().starts_with("```") {
                inside = !inside;
            } else if inside {
                examples.push_str(doc);
                examples.push('\n');
            }
        }
    }
    let words: BTreeSet<&str> = examples.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let surface = Surface::of_core();
    let name = |item: &str| item.trim_end_matches("::").trim_end_matches('!').rsplit("::").next().unwrap().to_owned();
    let without: Vec<&String> = surface.items.iter().filter(|item| !words.contains(&*name(item))).collect();
    assert!(without.is_empty(), "{} without an example: {without:?}", without.len());
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    sources(folder).into_iter().map(|(path, _)| path).collect()
}
