//! Values of keys, and what a layer makes of them.
use super::parse::Layer;
use crate::decimal;

/// A value in TOML.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// True or false.
    Flag(bool),
    /// An array.
    List(Vec<Self>),
}

impl Value {
    /// A whole number of at least 0 that fits u32.
    pub(super) fn count(&self) -> Option<u32> {
        match self {
            Self::Integer(n) => u32::try_from(*n).ok(),
            _ => None,
        }
    }

    /// Whole numbers, or one.
    pub(super) fn counts(&self) -> Option<Vec<u32>> {
        match self {
            Self::List(all) => all.iter().map(Self::count).collect(),
            one => one.count().map(|n| vec![n]),
        }
    }

    /// Strings, or one.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => Some(vec![text.clone()]),
            Self::List(all) => {
                all.iter().map(|each| if let Self::Text(text) = each { Some(text.clone()) } else { None }).collect()
            }
            _ => None,
        }
    }
}

type Found<T> = Result<T, String>;

impl Layer {
    fn key<T>(&self, key: &str, expected: &str, of: impl Fn(&Value) -> Option<T>) -> Found<Option<T>> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(value) => of(value).map(Some).ok_or_else(|| format!("{key}: expected {expected}")),
        }
    }

    fn needed<T>(&self, key: &str, found: Option<T>) -> Found<T> {
        found.ok_or_else(|| format!("it needs the key {key}"))
    }

    /// A number of at least 1, or the default.
    pub(super) fn at_least_one(&self, key: &str, default: u32) -> Found<u32> {
        let found = self.key(key, "a whole number of at least 1", |value| value.count().filter(|n| *n > 0))?;
        Ok(found.unwrap_or(default))
    }

    /// A whole number of at least 0.
    pub(super) fn count(&self, key: &str) -> Found<Option<u32>> {
        self.key(key, "a whole number of at least 0", Value::count)
    }

    /// A whole number of at least 0 that has to be there.
    pub(super) fn needed_count(&self, key: &str) -> Found<u32> {
        self.count(key).and_then(|found| self.needed(key, found))
    }

    /// A whole number of either sign.
    pub(super) fn signed(&self, key: &str) -> Found<Option<i32>> {
        let of = |value: &Value| if let Value::Integer(n) = value { i32::try_from(*n).ok() } else { None };
        self.key(key, "a whole number", of)
    }

    /// A number, rounded to f32.
    pub(super) fn number(&self, key: &str) -> Found<Option<f32>> {
        let of = |value: &Value| match value {
            Value::Integer(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        };
        let narrow = |x: f64| decimal::narrow(x).map_err(|error| format!("{key} = {error}"));
        self.key(key, "a number", of)?.map(narrow).transpose()
    }

    /// A number that has to be there.
    pub(super) fn needed_number(&self, key: &str) -> Found<f32> {
        self.number(key).and_then(|found| self.needed(key, found))
    }

    /// What is added to a variance.
    pub(super) fn eps(&self) -> Found<f32> {
        match self.keys.get("eps") {
            None => Ok(1e-5),
            Some(Value::Float(x)) if *x <= 0.0 => {
                Err(format!("eps = {x:?}: it must be above 0 (PyTorch's default is 1e-5)"))
            }
            Some(Value::Integer(n)) if *n <= 0 => {
                Err(format!("eps = {:?}: it must be above 0 (PyTorch's default is 1e-5)", *n as f64))
            }
            Some(_) => self.needed_number("eps"),
        }
    }

    /// True or false; false by default.
    pub(super) fn flag(&self, key: &str, default: bool) -> Found<bool> {
        let found =
            self.key(key, "true or false", |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })?;
        Ok(found.unwrap_or(default))
    }

    /// One of some words, as its number; the first by default, if there is one.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], default: Option<T>) -> Found<T> {
        let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let found = self.key(key, &format!("one of {all}"), |value| match value {
            Value::Text(text) => words.iter().find(|(word, _)| word == text).map(|(_, one)| *one),
            _ => None,
        })?;
        self.needed(key, found.or(default))
    }

    /// Words out of some.
    pub(super) fn words<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Found<Vec<T>> {
        let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let of = |text: String| words.iter().find(|(word, _)| *word == text).map(|(_, one)| *one);
        let found = self.key(key, &format!("some of {all}"), |value| value.texts()?.into_iter().map(of).collect())?;
        self.needed(key, found)
    }

    /// A number for rows and one for columns; one number stands for both, but for a row of numbers (`one_axis`), where it is that of columns, and
    /// `idle` that of rows.
    pub(super) fn pair(&self, key: &str, one_axis: bool, idle: u32) -> Found<Option<[u32; 2]>> {
        let of = |value: &Value| match (value.counts()?.as_slice(), value) {
            (&[n], Value::Integer(_)) if one_axis => Some([idle, n]),
            (&[n], Value::Integer(_)) => Some([n, n]),
            (&[rows, columns], _) => Some([rows, columns]),
            _ => None,
        };
        self.key(key, "a whole number, or [rows, columns]", of)
    }

    /// Extents of a shape: channels, then rows and columns.
    pub(super) fn extents(&self, key: &str) -> Found<Option<Vec<u32>>> {
        let fits = |all: &Vec<u32>| (1..=3).contains(&all.len()) && all.iter().all(|n| *n > 0);
        self.key(key, "[channels], [channels, columns] or [channels, rows, columns], each at least 1", |value| {
            value.counts().filter(fits)
        })
    }
}
