//! Times as tables: the least and the median, and how they compare.
use std::fmt::Write;

pub struct Task {
    pub id: String,
    /// Multiplications and additions.
    pub operations: u64,
    pub what: String,
}

impl Task {
    /// Networks end in their threads; everything else has one.
    pub fn threads(&self) -> u32 {
        if self.id.ends_with("-2") { 2 } else { 1 }
    }
}

/// One task, with all who did it.
pub struct Table {
    pub task: Task,
    pub rows: Vec<Row>,
}

impl Table {
    pub fn new(task: &Task) -> Self {
        let Task { id, operations, what } = task;
        Self { task: Task { id: id.clone(), operations: *operations, what: what.clone() }, rows: Vec::new() }
    }

    /// The fastest of our own, by the least time.
    fn best(&self) -> Option<&Row> {
        self.rows.iter().filter(|row| row.worker == 0).min_by_key(|row| row.least())
    }

    fn rate(&self, nanoseconds: u64) -> f64 {
        self.task.operations as f64 / nanoseconds.max(1) as f64
    }
}

/// One contestant.
pub struct Row {
    /// Which worker; ours is 0.
    pub worker: usize,
    pub name: String,
    /// Nanoseconds, of all turns.
    pub times: Vec<u64>,
    pub digest: String,
    pub deviation: String,
}

impl Row {
    pub fn new(worker: usize, name: &str) -> Self {
        Self { worker, name: name.into(), times: Vec::new(), digest: String::new(), deviation: String::new() }
    }

    fn least(&self) -> u64 {
        self.times.iter().copied().min().unwrap_or(0)
    }

    fn median(&self) -> u64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or(0)
    }
}

/// The peak that a contestant is held to: of its own registers where its name says them, of the widest otherwise.
fn peak(peaks: Option<&Table>, name: &str) -> f64 {
    let Some(peaks) = peaks else { return f64::NAN };
    let own = match name {
        name if name.contains("Portable") || name.contains("Sse2") => "SSE2",
        name if name.contains("Avx512") => "AVX-512",
        name if name.contains("Avx") => "AVX",
        _ => "",
    };
    let of = |row: &Row| peaks.rate(row.least());
    let widest = peaks.rows.iter().map(of).fold(f64::NAN, f64::max);
    peaks.rows.iter().find(|row| row.name == own).map_or(widest, of)
}

/// Everything a reader needs, as the README quotes it.
pub fn markdown(tables: &[Table], facts: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Speed beside others\n\nWritten by `cargo xtask bench --peers`; benches/peers/README.md says how it is measured. f32; the \
         contestants take turns. *best* is the least time of all repetitions and the figure to compare on a machine that others use \
         too; *ours/theirs* says how many times as fast our fastest (**bold**) is, by best and by median. *peak* is the share of what \
         this machine does in registers with multiplications and additions apart, an instruction set's own for our kernels, the \
         widest for others, times the threads; who fuses them may pass it. *apart* is the greatest difference from our result \
         over its greatest value.\n\n",
    );
    let _ = writeln!(text, "| what | |\n|---|---|");
    for (name, value) in facts {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    let peaks = tables.iter().find(|table| table.task.id == "peak");
    for table in tables {
        let _ = writeln!(text, "\n## {}\n", capital(&table.task.what));
        if table.task.id == "peak" {
            let _ = writeln!(text, "| registers | GFLOP/s best | median |\n|---|---:|---:|");
            for row in &table.rows {
                let (best, median) = (table.rate(row.least()), table.rate(row.median()));
                let _ = writeln!(text, "| {} | {best:.1} | {median:.1} |", row.name);
            }
            continue;
        }
        let _ = writeln!(
            text,
            "| who | best, µs | median, µs | GFLOP/s best | median | peak | ours/theirs best | median | digest | apart |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---|---:|"
        );
        let Some(ours) = table.best() else { continue };
        for row in &table.rows {
            let (best, median) = (row.least(), row.median());
            let name = if std::ptr::eq(row, ours) { format!("**{}**", row.name) } else { row.name.clone() };
            let share = table.rate(best) / (peak(peaks, &row.name) * f64::from(table.task.threads()));
            let ratio = |theirs: u64, ours: u64| theirs as f64 / ours.max(1) as f64;
            let _ = writeln!(
                text,
                "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0}% | {:.2} | {:.2} | `{}` | {} |",
                best as f64 / 1e3,
                median as f64 / 1e3,
                table.rate(best),
                table.rate(median),
                100.0 * share,
                ratio(best, ours.least()),
                ratio(median, ours.median()),
                row.digest,
                if row.deviation.is_empty() { "other weights" } else { &row.deviation },
            );
        }
    }
    text
}

/// A line a task: ours, the fastest of the others, and how far apart.
pub fn training(tables: &[Table], facts: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Training beside PyTorch\n\nWritten by `cargo xtask bench --training`; benches/peers/README.md says how it is measured. f32; the \
         contestants take turns, and of PyTorch's, eager, the one with the least time counts: default layout or channels last, Adam \
         as it is or fused. Convolutions are 3 x 3 with a border of zeros and a bias, 256 images; backward are both gradients. A step is forward, \
         backward and Adam. *best* is the least time of all repetitions; *ratio* says how many times as fast we are. \
         *apart* is the greatest difference from our result over its greatest value, *digest* is ours: outputs, gradients, or parameters \
         after the first step.\n\n",
    );
    let _ = writeln!(text, "| what | |\n|---|---|");
    for (name, value) in facts {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    for (threads, title) in [(1, "One thread"), (2, "Two threads")] {
        let _ = writeln!(
            text,
            "\n## {title}\n\n| what | ours: best, ms | median | GFLOP/s | PyTorch: best, ms | median | ratio best | median | which | apart | digest |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---|---:|---|"
        );
        for table in tables.iter().filter(|table| table.task.threads() == threads) {
            let theirs = table.rows.iter().filter(|row| row.worker != 0).min_by_key(|row| row.least());
            let (Some(ours), Some(theirs)) = (table.best(), theirs) else { continue };
            let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
            let ratio = |theirs: u64, ours: u64| theirs as f64 / ours.max(1) as f64;
            let which = theirs.name.trim_start_matches("PyTorch").trim_start_matches(", ");
            let _ = writeln!(
                text,
                "| {} | {:.3} | {:.3} | {:.0} | {:.3} | {:.3} | {:.2} | {:.2} | {} | {} | `{}` |",
                capital(&table.task.what),
                ms(ours.least()),
                ms(ours.median()),
                table.rate(ours.least()),
                ms(theirs.least()),
                ms(theirs.median()),
                ratio(theirs.least(), ours.least()),
                ratio(theirs.median(), ours.median()),
                if which.is_empty() { "default" } else { which },
                theirs.deviation,
                ours.digest,
            );
        }
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The same as numbers: one row a contestant of a task.
pub fn csv(tables: &[Table]) -> String {
    let mut text = String::from("task,threads,operations,who,repetitions,best_ns,median_ns,digest,apart\n");
    for Table { task, rows } in tables {
        for row in rows {
            let (threads, count, best, median) = (task.threads(), row.times.len(), row.least(), row.median());
            let _ = writeln!(
                text,
                "{},{threads},{},\"{}\",{count},{best},{median},{},{}",
                task.id, task.operations, row.name, row.digest, row.deviation
            );
        }
    }
    text
}
