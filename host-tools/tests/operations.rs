//! Which code of the core tells operations apart: each place that does is one more that a new operation has to be written in.
use quote::ToTokens;
use std::collections::BTreeMap;
use std::path::Path;
use syn::visit::{self, Visit};

/// File and function, and how many patterns there name an operation.
type Found = BTreeMap<(String, String), usize>;

/// The list of operations and what is made from it, their facts, and the passes forward, backward and with tangents.
const ALLOWED: [(&str, &str); 22] = [
    ("exec/backward.rs", "propagate"),
    ("exec/forward.rs", "compute"),
    ("exec/quantised.rs", "by_kernel"),
    ("exec/points/tangent.rs", "value_and_tangent"),
    ("graph/builder.rs", ""),
    ("graph/layers.rs", ""),
    ("op/define.rs", ""),
    ("op/mod.rs", ""),
    ("op/binary.rs", "binary_of"),
    ("op/int8/graph.rs", "in_place"),
    ("op/int8/graph.rs", "plain"),
    ("op/mod.rs", "conv"),
    ("op/mod.rs", "dense"),
    ("op/mod.rs", "elements"),
    ("op/mod.rs", "grouped_conv"),
    ("op/mod.rs", "is_binary"),
    ("op/mod.rs", "is_conv"),
    ("op/mod.rs", "is_grouped_conv"),
    ("op/mod.rs", "is_input"),
    ("op/mod.rs", "is_int8"),
    ("op/mod.rs", "norm"),
    ("op/unary.rs", "unary_of"),
];

/// What draws weights: a network begins linear or not by what stands between its weights.
const DRAWS: [(&str, &str); 2] = [("train/init.rs", "is_rectified"), ("train/init.rs", "kernels")];

struct Patterns<'f> {
    file: String,
    function: Vec<String>,
    found: &'f mut Found,
    /// Matches on operations of each function.
    matches: &'f mut Found,
}

fn names_an_operation(path: &syn::Path) -> bool {
    let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
    names.next().is_some() && names.next().as_deref() == Some("Op")
}

impl Patterns<'_> {
    fn here(&self) -> (String, String) {
        (self.file.clone(), self.function.last().cloned().unwrap_or_default())
    }

    fn count(&mut self, path: &syn::Path) {
        if names_an_operation(path) {
            *self.found.entry(self.here()).or_default() += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Patterns<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function.push(item.sig.ident.to_string());
        visit::visit_item_fn(self, item);
        self.function.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function.push(item.sig.ident.to_string());
        visit::visit_impl_item_fn(self, item);
        self.function.pop();
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        match pattern {
            syn::Pat::Path(pattern) => self.count(&pattern.path),
            syn::Pat::Struct(pattern) => self.count(&pattern.path),
            syn::Pat::TupleStruct(pattern) => self.count(&pattern.path),
            _ => {}
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_expr_match(&mut self, item: &'ast syn::ExprMatch) {
        let names = |arm: &syn::Arm| arm.pat.to_token_stream().to_string().contains("Op ::");
        if item.arms.iter().any(names) {
            *self.matches.entry(self.here()).or_default() += 1;
        }
        visit::visit_expr_match(self, item);
    }

    // `matches!` hides its pattern from the walk.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let patterns = item.tokens.to_string().matches("Op ::").count();
        if patterns > 0 {
            *self.found.entry(self.here()).or_default() += patterns;
        }
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Found, matches: &mut Found) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found, matches);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            let parsed = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            Patterns { file, function: Vec::new(), found, matches }.visit_file(&parsed);
        }
    }
}

#[test]
fn few_places_tell_operations_apart() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let (mut found, mut matches) = (Found::new(), Found::new());
    walk(&root, &root, &mut found, &mut matches);
    let places: Vec<(&str, &str)> = found.keys().map(|(file, function)| (file.as_str(), function.as_str())).collect();
    let mut expected = [&ALLOWED[..], &DRAWS].concat();
    expected.sort_unstable();
    assert_eq!(places, expected, "{found:?}");
    // One dispatch in each direction.
    let dispatches = [
        ("exec/forward.rs", "compute"),
        ("exec/backward.rs", "propagate"),
        ("exec/points/tangent.rs", "value_and_tangent"),
    ];
    for (file, function) in dispatches {
        assert_eq!(matches.get(&(file.to_owned(), function.to_owned())), Some(&1), "{file}");
    }
}

/// The walk sees what hides: `if let`, tuples, nested functions and macros.
#[test]
fn patterns_that_hide_are_found() {
    let text = "fn outer(op: Op) -> bool { if let (Op::Relu, 1) = (op, 1) { return true } let f = |op| matches!(op, Op::Crelu); \
                fn inner(op: &crate::graph::Op) -> bool { let crate::graph::Op::Dense { .. } = op else { return false }; true } \
                let made = Op::Relu; f(made) }";
    let (mut found, mut matches) = (Found::new(), Found::new());
    let parsed = syn::parse_file(text).unwrap();
    Patterns { file: "x".to_owned(), function: Vec::new(), found: &mut found, matches: &mut matches }
        .visit_file(&parsed);
    let of = |function: &str| found.get(&("x".to_owned(), function.to_owned())).copied();
    assert_eq!((of("outer"), of("inner")), (Some(2), Some(1)), "{found:?}");
}
