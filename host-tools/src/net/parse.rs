//! The text of a list: layers with their keys, and the lines that they begin on.
use super::keys::Value;
use super::operations::{self, Operation};
use crate::text::visible;
use crate::{Failure, Result, decimal};
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A list of layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Net {
    /// The inputs, in their order; none if the first layer says what it takes.
    pub inputs: Vec<Input>,
    /// In the order in which they are computed.
    pub layers: Vec<Layer>,
    /// Names of the layers whose values are the outputs; of the last layer if there are none.
    pub outputs: Vec<String>,
}

/// An input of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name by which layers and files refer to it.
    pub name: String,
    /// Channels, or channels and columns, or channels, rows and columns.
    pub extents: Vec<u32>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The name of its operation.
    pub operation: &'static str,
    /// Where it is in the text, from 1 on.
    pub line: usize,
    /// The name by which other layers refer to it.
    pub name: Option<String>,
    /// What the names of its tensors begin with, if that is not its name.
    pub tensors: Option<String>,
    /// Names of the layers or inputs that it computes from; of the layer before it if there are none.
    pub inputs: Vec<String>,
    /// The values of its other keys.
    pub keys: BTreeMap<String, Value>,
}

impl Layer {
    /// What the names of its tensors begin with.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.tensors.as_deref().or(self.name.as_deref())
    }
}

type Parsed<T> = std::result::Result<T, String>;

impl Net {
    /// Reads a list.
    ///
    /// # Errors
    /// A file that cannot be read, or is no such list.
    pub fn read(path: &Path) -> Result<Self> {
        let text = crate::read::text(path, "cannot read")?;
        Self::parse(&text).map_err(|error| Failure { message: format!("{}, {error}", path.display()), ..error })
    }

    /// The same of a file's text.
    ///
    /// # Errors
    /// A text that is no such list, with the line.
    pub fn parse(text: &str) -> Result<Self> {
        decimal::check_toml(text).map_err(Failure::failed)?;
        let lines = Lines(text);
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| lines.at(span.start));
            Failure::failed(format!("line {line}: {}", error.message().replace('\n', " ")))
        })?;
        net(table.get_ref(), &lines).map_err(Failure::failed)
    }
}

/// Finds lines.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn at(&self, place: usize) -> usize {
        // A value begins in its line.
        self.0.get(..place).map_or(1, |before| before.matches('\n').count() + 1)
    }

    fn of<T>(&self, value: &Spanned<T>) -> usize {
        self.at(value.span().start)
    }
}

fn net(table: &DeTable<'_>, lines: &Lines<'_>) -> Parsed<Net> {
    let mut net = Net { inputs: Vec::new(), layers: Vec::new(), outputs: Vec::new() };
    let mut listed = false;
    for (key, value) in table {
        let line = lines.of(key);
        let wrong = |expected: &str| format!("line {line}: {}: expected {expected}", key.get_ref());
        match (&**key.get_ref(), value.get_ref()) {
            ("layers", DeValue::Array(all)) => {
                listed = true;
                net.layers = all.iter().map(|each| layer(each, lines)).collect::<Parsed<_>>()?;
            }
            ("layers", _) => return Err(wrong("an array of layers")),
            ("input" | "inputs", value) => {
                if !net.inputs.is_empty() {
                    return Err(format!("line {line}: write input or inputs, not both"));
                }
                net.inputs = inputs(value).ok_or_else(|| {
                    wrong("[channels], [channels, columns] or [channels, rows, columns], or { NAME = [..], .. }")
                })?;
            }
            ("output" | "outputs", value) => {
                net.outputs = of(value).and_then(|value| value.texts()).ok_or_else(|| wrong("names of layers"))?;
            }
            (other, _) => {
                let other = visible(other);
                return Err(format!("line {line}: the key {other} is not known: a list has layers, input and outputs"));
            }
        }
    }
    if listed { Ok(net) } else { Err("line 1: it has no key layers, which is an array of layers".to_owned()) }
}

fn inputs(value: &DeValue<'_>) -> Option<Vec<Input>> {
    let extents = |value: &DeValue<'_>| {
        let all = of(value)?.counts()?;
        ((1..=3).contains(&all.len()) && all.iter().all(|n| *n > 0)).then_some(all)
    };
    match value {
        DeValue::Table(table) => {
            let mut all: Vec<_> = table.iter().collect();
            // In the order of the text.
            all.sort_by_key(|(name, _)| name.span().start);
            let input = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let name: &std::borrow::Cow<'_, str> = name.get_ref();
                Some(Input { name: name.to_string(), extents: extents(value.get_ref())? })
                    .filter(|i| !i.name.is_empty())
            };
            all.into_iter().map(input).collect::<Option<Vec<_>>>().filter(|all| !all.is_empty())
        }
        value => Some(vec![Input { name: "input".to_owned(), extents: extents(value)? }]),
    }
}

fn layer(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Parsed<Layer> {
    let line = lines.of(value);
    let operation = |word: &str| -> Parsed<Operation> {
        operations::find(word).ok_or_else(|| {
            let all: Vec<&str> = operations::names().collect();
            format!("line {line}: the operation {} is not known; there are {}", visible(word), all.join(", "))
        })
    };
    let empty = |operation: Operation| Layer {
        operation: operation.name,
        line,
        name: None,
        tensors: None,
        inputs: Vec::new(),
        keys: BTreeMap::new(),
    };
    match value.get_ref() {
        DeValue::String(word) => operation(word).map(empty),
        DeValue::Table(table) if table.len() == 1 => {
            let Some((word, value)) = table.iter().next() else { return Err(format!("line {line}: an empty layer")) };
            let operation = operation(word.get_ref())?;
            let mut layer = empty(operation);
            match value.get_ref() {
                DeValue::String(name) => layer.name = Some(name.to_string()),
                DeValue::Table(keys) => {
                    for (key, value) in keys {
                        set(&mut layer, operation, key.get_ref(), value.get_ref())
                            .map_err(|why| format!("line {}: {}: {why}", lines.of(key), operation.name))?;
                    }
                }
                _ => {
                    return Err(format!(
                        "line {line}: {}: expected the name of the layer, or a table of keys",
                        operation.name
                    ));
                }
            }
            Ok(layer)
        }
        _ => Err(format!(
            "line {line}: a layer is \"operation\", {{ operation = \"name\" }} or {{ operation = {{ key = value }} }}"
        )),
    }
}

fn set(layer: &mut Layer, operation: Operation, word: &str, value: &DeValue<'_>) -> Parsed<()> {
    let key = word.replace('_', "-");
    let value =
        of(value).ok_or_else(|| format!("{key}: expected a number, a string, true, false, or an array of these"))?;
    match (key.as_str(), value) {
        ("name", Value::Text(name)) => layer.name = Some(name),
        ("tensors", Value::Text(prefix)) if operation.tensors => layer.tensors = Some(prefix),
        ("input" | "inputs", value) => {
            let names = value.texts().filter(|names| !names.is_empty() && layer.inputs.is_empty());
            layer.inputs =
                names.ok_or_else(|| format!("{key}: expected the name of a layer, or some in [..], once"))?;
        }
        ("name" | "tensors", _) if key == "name" || operation.tensors => {
            return Err(format!("{key}: expected a string"));
        }
        (own, value) if operation.keys.contains(&own) => drop(layer.keys.insert(key, value)),
        _ => {
            let common = if operation.tensors { &["name", "tensors", "input"][..] } else { &["name", "input"] };
            let all: Vec<&str> = operation.keys.iter().chain(common).copied().collect();
            return Err(format!("the key {} is not known; it has {}", visible(word), all.join(", ")));
        }
    }
    Ok(())
}

/// A value that a key can have; None for tables, dates, and numbers that are none.
fn of(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(n) => Value::Integer(i64::from_str_radix(n.as_str(), n.radix()).ok()?),
        DeValue::Float(x) => Value::Float(x.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(all) => Value::List(all.iter().map(|each| of(each.get_ref())).collect::<Option<_>>()?),
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}
