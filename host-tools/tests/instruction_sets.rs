//! Which code tells instruction sets apart: one that is added must be a file of its own and a line of the table in `src/kernel/isa.rs`.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};

/// The only file that may tell them apart, by the macro that the table makes.
const TABLE: &str = "src/kernel/isa.rs";

/// Patterns and comparisons with a variant of `Isa`, by its name.
struct Told<'s> {
    sets: &'s [&'static str],
    found: Vec<String>,
}

impl Told<'_> {
    /// `Isa::Avx` in any path, and the name alone after `use Isa::*`.
    fn look(&mut self, path: &syn::Path) {
        let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        let (Some(last), before) = (names.next(), names.next()) else { return };
        if self.sets.contains(&last.as_str()) && before.is_none_or(|before| before == "Isa") {
            self.found.push(last);
        }
    }

    fn look_at_value(&mut self, value: &syn::Expr) {
        match value {
            syn::Expr::Path(value) => self.look(&value.path),
            syn::Expr::Reference(value) => self.look_at_value(&value.expr),
            syn::Expr::Paren(value) => self.look_at_value(&value.expr),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Told<'_> {
    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        match pattern {
            syn::Pat::Path(pattern) => self.look(&pattern.path),
            syn::Pat::Ident(pattern) => self.look(&pattern.ident.clone().into()),
            _ => {}
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_expr_binary(&mut self, item: &'ast syn::ExprBinary) {
        if matches!(item.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_)) {
            self.look_at_value(&item.left);
            self.look_at_value(&item.right);
        }
        visit::visit_expr_binary(self, item);
    }

    // The walk does not see what a macro is given: its expressions, the pattern of `matches!`, or whatever holds an arm.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let matches = |input: syn::parse::ParseStream| -> syn::Result<(syn::Expr, syn::Pat)> {
            let value = input.parse()?;
            input.parse::<syn::Token![,]>()?;
            let pattern = syn::Pat::parse_multi_with_leading_vert(input)?;
            if input.parse::<Option<syn::Token![if]>>()?.is_some() {
                input.parse::<syn::Expr>()?;
            }
            input.parse::<Option<syn::Token![,]>>()?;
            Ok((value, pattern))
        };
        if item.path.is_ident("matches") {
            if let Ok((value, pattern)) = matches.parse2(item.tokens.clone()) {
                self.visit_expr(&value);
                self.visit_pat(&pattern);
            }
        } else if let Ok(values) = Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated.parse2(item.tokens.clone())
        {
            let asserts = item.path.is_ident("assert_eq") || item.path.is_ident("assert_ne");
            values.iter().filter(|_| asserts).take(2).for_each(|value| self.look_at_value(value));
            values.iter().for_each(|value| self.visit_expr(value));
        } else {
            let text = item.tokens.to_string();
            self.found.extend(
                self.sets.iter().filter(|set| text.contains(&format!("Isa :: {set} =>"))).map(|set| set.to_string()),
            );
        }
    }
}

/// The variants, as the table has them.
fn sets() -> Vec<&'static str> {
    shatterscope::exec::Isa::ALL.map(|isa| &*format!("{isa:?}").leak()).to_vec()
}

fn told(text: &str, sets: &[&'static str]) -> Vec<String> {
    let mut told = Told { sets, found: Vec::new() };
    told.visit_file(&syn::parse_file(text).unwrap());
    told.found
}

/// Every Rust file of the repository.
fn files(folder: &Path, to: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                files(&path, to);
            }
        } else if name.ends_with(".rs") {
            to.push(path);
        }
    }
}

#[test]
fn one_file_tells_instruction_sets_apart() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut all, sets) = (Vec::new(), sets());
    for folder in ["src", "tests", "benches", "boards", "fuzz", "host-tools"] {
        files(&root.join(folder), &mut all);
    }
    assert!(all.len() > 300, "{} files", all.len());
    let mut telling = BTreeSet::new();
    for path in all {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let found = told(&std::fs::read_to_string(&path).unwrap(), &sets);
        if file != TABLE && !found.is_empty() {
            telling.insert(format!("{file}: {found:?}"));
        }
    }
    assert!(telling.is_empty(), "ask for a fact of `InstructionSet` instead: {telling:#?}");
}

/// The walk sees what hides: `if let`, tuples, references, comparisons, macros.
#[test]
fn patterns_and_comparisons_that_hide_are_found() {
    for hidden in [
        "if let Isa::Neon = isa {}",
        "match (isa, 1) { (kernel::Isa::Avx, _) => {} _ => {} }",
        "match isa { Isa::Sse2 | Isa::Portable => {} _ => {} }",
        "match isa { Avx512 => {} _ => {} }",
        "let wide = isa == Isa::Avx512;",
        "let other = list.iter().filter(|isa| **isa != shatterscope::exec::Isa::SoftFloat);",
        "let simd = matches!(isa, Isa::Simd128 if true);",
        "assert!(isa == Isa::Vfp);",
        "assert_eq!(isa, Isa::Vfp);",
        "any! { match isa { Isa::Vfp => () } }",
    ] {
        let text = format!("fn f(isa: Isa) {{ {hidden} }}");
        assert!(!told(&text, &sets()).is_empty(), "{hidden}");
    }
    let made =
        "fn f() { run(Isa::Portable); let options = Options { isa: Isa::Portable }; println!(\"{:?}\", Isa::Avx); }";
    assert!(told(made, &sets()).is_empty());
}
