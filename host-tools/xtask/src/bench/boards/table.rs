//! The committed measurements: a CSV file, and a table made of it.
use super::with_cycles;
use crate::tree::Tree;
use anyhow::{Context, Result, bail};
use std::fs;

const CSV: &str = "boards/kernels.csv";
const README: &str = "boards/README.md";
const BEGIN: &str = "<!-- kernels: written by `cargo xtask bench boards` -->\n";
const END: &str = "<!-- end of kernels -->\n";
const COLUMNS: &str = "board,core,kernel,how,shape,elements,instructions,loads,stores,cycles,code_bytes,digest";

/// Where counts come from.
pub struct Provenance {
    pub date: String,
    pub compiler: String,
    pub emulator: String,
}

/// One kernel on one board.
pub struct Row {
    pub board: String,
    pub core: String,
    pub kernel: String,
    pub how: String,
    pub shape: String,
    pub elements: u64,
    pub instructions: u64,
    pub loads: u64,
    pub stores: u64,
    /// On Arm.
    pub cycles: Option<u64>,
    /// Of the dense kernels on one board, each beyond those before it.
    pub code_bytes: Option<u64>,
    pub digest: String,
}

impl Row {
    pub fn key(&self) -> String {
        format!("{}: {}, {}", self.board, self.kernel, self.how)
    }

    fn line(&self) -> String {
        let optional = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
        let numbers = [self.elements, self.instructions, self.loads, self.stores].map(|number| number.to_string());
        let words = [&self.board, &self.core, &self.kernel, &self.how, &self.shape].map(String::as_str).join(",");
        let more = [optional(self.cycles), optional(self.code_bytes), self.digest.clone()].join(",");
        format!("{words},{},{more}\n", numbers.join(","))
    }

    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [board, core, kernel, how, shape, elements, instructions, loads, stores, cycles, code_bytes, digest] =
            fields[..]
        else {
            bail!("not a row of {CSV}: {line}");
        };
        let [board, core, kernel, how, shape, digest] = [board, core, kernel, how, shape, digest].map(str::to_owned);
        let optional = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        Ok(Self {
            board,
            core,
            kernel,
            how,
            shape,
            elements: elements.parse()?,
            instructions: instructions.parse()?,
            loads: loads.parse()?,
            stores: stores.parse()?,
            cycles: optional(cycles)?,
            code_bytes: optional(code_bytes)?,
            digest,
        })
    }
}

/// Writes both.
pub fn write(tree: &Tree, provenance: &Provenance, rows: &[Row]) -> Result<()> {
    let Provenance { date, compiler, emulator } = provenance;
    let mut text = format!(
        "# Kernels of the core, counted by `cargo xtask bench boards` on {date}.\n# {compiler}; profile `release` of \
         boards/Cargo.toml: opt-level s, fat LTO, no target-cpu; {emulator}.\n# Cycles are modelled, as boards/README.md \
         says.\n{COLUMNS}\n"
    );
    rows.iter().for_each(|row| text += &row.line());
    fs::write(tree.root.join(CSV), text)?;
    let path = tree.root.join(README);
    let readme = fs::read_to_string(&path)?;
    let (before, after) = around(&readme)?;
    fs::write(path, [before, &table(rows), after].concat())?;
    println!("{} rows are in {CSV}, their table in {README}", rows.len());
    Ok(())
}

/// The committed rows.
pub fn read(tree: &Tree) -> Result<Vec<Row>> {
    let text = fs::read_to_string(tree.root.join(CSV)).with_context(|| format!("no {CSV}"))?;
    text.lines().filter(|line| !line.starts_with('#') && *line != COLUMNS).map(Row::parse).collect()
}

/// Whether the table is that of these rows.
pub fn stands(tree: &Tree, rows: &[Row]) -> Result<bool> {
    let readme = fs::read_to_string(tree.root.join(README))?;
    let (before, after) = around(&readme)?;
    Ok([before, &table(rows), after].concat() == readme)
}

/// What stands before and behind the table.
fn around(readme: &str) -> Result<(&str, &str)> {
    let begin = readme.find(BEGIN).with_context(|| format!("{README} has no line {BEGIN}"))? + BEGIN.len();
    let end = readme.find(END).filter(|&end| end >= begin).with_context(|| format!("{README} has no line {END}"))?;
    Ok((&readme[..begin], &readme[end..]))
}

/// Instructions an element: a line a kernel, a column a board, cycles beside one.
fn table(rows: &[Row]) -> String {
    let mut boards: Vec<&Row> = Vec::new();
    let mut kernels: Vec<&Row> = Vec::new();
    for row in rows {
        if !boards.iter().any(|board| board.board == row.board) {
            boards.push(row);
        }
        if !kernels.iter().any(|kernel| (&kernel.kernel, &kernel.how) == (&row.kernel, &row.how)) {
            kernels.push(row);
        }
    }
    kernels.sort_by_key(|row| kernels_first(rows, row));
    let mut text = String::from("| kernel | shape |");
    for board in &boards {
        text += &format!(" {} |", board.core);
        if board.board == with_cycles() {
            text += " cycles |";
        }
    }
    text += &format!("\n|{}\n", "---|".repeat(boards.len() + 3));
    for kernel in &kernels {
        let how = if kernel.how == "detected" { String::new() } else { format!(", {}", kernel.how) };
        text += &format!("| {}{how} | {} |", kernel.kernel, kernel.shape);
        for board in &boards {
            let found = rows
                .iter()
                .find(|row| (&row.board, &row.kernel, &row.how) == (&board.board, &kernel.kernel, &kernel.how));
            let each = |count: Option<u64>| match found.zip(count) {
                Some((row, count)) => format!(" {} |", short(count as f64 / row.elements as f64)),
                None => " |".to_owned(),
            };
            text += &each(found.map(|row| row.instructions));
            if board.board == with_cycles() {
                text += &each(found.and_then(|row| row.cycles));
            }
        }
        text += "\n";
    }
    let sizes: Vec<_> = rows.iter().filter_map(|row| Some((row, row.code_bytes?))).collect();
    if !sizes.is_empty() {
        let all: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
        let sizes = sizes.iter().map(|(row, bytes)| format!("{} {bytes}", row.kernel)).collect::<Vec<_>>();
        text += &format!(
            "\nBytes of code on the {}, with all that they call, each beyond those before it: {}; together {all}.\n",
            with_cycles(),
            sizes.join(", ")
        );
    }
    text
}

/// Where a kernel first stands: the ways to compute one follow each other.
fn kernels_first(rows: &[Row], kernel: &Row) -> usize {
    rows.iter().position(|row| row.kernel == kernel.kernel).unwrap_or(0)
}

fn short(number: f64) -> String {
    if number < 100.0 { format!("{number:.2}") } else { format!("{number:.0}") }
}
