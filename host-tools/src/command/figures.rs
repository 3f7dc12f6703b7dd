//! `figures`: the paper's figures as files and one page.
use super::{print, print_json};
use crate::cli::{Common, Figures};
use crate::data::{self, Dataset};
use crate::device::{Target, open as open_place};
use crate::engine::Engine;
use crate::figure::{DataInputs, FIGURES, FigureContext, FigureEntry, Needs};
use crate::files::{claim, refuse_inputs};
use crate::plot::{write_figure, write_index};
use crate::{Failure, Result};
use serde_json::json;
use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Draws what was asked into a folder.
///
/// # Errors
/// A figure that does not exist; runs without a result; files that cannot be written.
pub fn run(figures: &Figures, engine: &Engine, common: &Common) -> Result<()> {
    if figures.list {
        return list(common);
    }
    if figures.runs == 0 {
        return Err(Failure::usage("--runs must be at least 1"));
    }
    let target = figures.target.as_deref().map(Target::parse).transpose()?.filter(|target| *target != Target::Host);
    let sets = figures.data.iter().map(|dir| data::open(Some(dir))).collect::<Result<Vec<_>>>()?;
    let (names, left_out) = available(chosen(&figures.which, target.is_some())?, figures, &sets)?;
    for dir in &figures.data {
        refuse_inputs(&figures.out, &files_of(&names), &data::files(Some(dir))?)?;
    }
    let _ours = claim(&figures.out, &files_of(&names))?;
    let device = match &target {
        None => None,
        Some(target) => Some((target, RefCell::new(open_place(target, &figures.devices.settings()?, engine)?))),
    };
    let context = FigureContext { device, ..FigureContext::new(engine, figures.seed, figures.runs) };
    let start = Instant::now();
    let (mut drawn, mut files) = (Vec::new(), Vec::new());
    for entry in names {
        let figure = entry.drawn(&context, |needs| {
            let data = set(&sets, needs).ok_or_else(|| Failure::usage(missing(entry, needs, figures)))?;
            Ok(DataInputs { data, scale: figures.scale, out: &figures.out })
        })?;
        files.extend(write_figure(&figure, &figures.out)?);
        drawn.push(figure);
    }
    let provenance = [
        ("program", format!("shatterscope {}, commit {}", env!("CARGO_PKG_VERSION"), env!("SHATTERSCOPE_COMMIT"))),
        ("compiled for", env!("SHATTERSCOPE_TARGET").to_owned()),
        ("kernel, threads", format!("{:?}, {}", engine.isa, engine.threads).to_lowercase()),
        ("drawn", chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string()),
        ("time to draw", format!("{:.1} s", start.elapsed().as_secs_f64())),
    ]
    .map(|(what, value)| (what.to_owned(), value));
    let page = write_index(&drawn, &left_out, &provenance, &figures.out)?;
    let seconds = start.elapsed().as_secs_f64();
    if common.json {
        let paths: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        let left_out: Vec<_> = left_out.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect();
        print_json(&json!({
            "index": page.display().to_string(), "files": paths, "left_out": left_out, "seconds": seconds
        }))?;
    } else if !common.quiet {
        let names: Vec<_> = drawn.iter().map(|figure| figure.name.as_str()).collect();
        let left_out: String = left_out.iter().map(|(name, why)| format!("{name} left out: {why}\n")).collect();
        print(&format!("{} drawn in {seconds:.1} s\n{left_out}{}\n", names.join(", "), page.display()))?;
    }
    if figures.open { open(&page) } else { Ok(()) }
}

/// The files of these figures, which are tried before the first is drawn.
fn files_of(names: &[&FigureEntry]) -> Vec<String> {
    let of = |entry: &&FigureEntry| ["svg", "png", "csv", "json"].map(|kind| format!("{}.{kind}", entry.stem));
    names.iter().flat_map(of).chain(["index.html".to_owned()]).collect()
}

fn list(common: &Common) -> Result<()> {
    if common.json {
        let list: Vec<_> =
            FIGURES.iter().map(|f| json!({ "name": f.name, "about": f.about, "by_default": f.by_default })).collect();
        return print_json(&list);
    }
    print(&FIGURES.iter().map(|f| format!("{}  {}\n", f.name, f.about)).collect::<String>())
}

/// The names asked for, each once, in the order of the list; with a device, of those that can come from one.
fn chosen(which: &[String], on_device: bool) -> Result<Vec<&'static FigureEntry>> {
    if let Some(unknown) = which.iter().find(|w| *w != "all" && FIGURES.iter().all(|f| f.name != **w)) {
        return Err(Failure::usage(format!("no figure {unknown}: `shatterscope figures --list` has them")));
    }
    let here = |f: &&FigureEntry| on_device && !f.on_device;
    if let Some(figure) = FIGURES.iter().filter(here).find(|f| which.iter().any(|w| w == f.name)) {
        let name = figure.name;
        return Err(Failure::usage(format!(
            "figure {name} takes more than gradients from a device: leave out --target"
        )));
    }
    Ok(FIGURES.iter().filter(|f| f.is_asked(which) && !here(f)).collect())
}

/// The figures that can be drawn, and which of `all` cannot, with the reason; of those asked for by name, none may lack its data.
type Available = (Vec<&'static FigureEntry>, Vec<(String, String)>);

fn available(names: Vec<&'static FigureEntry>, figures: &Figures, sets: &[Dataset]) -> Result<Available> {
    let (mut there, mut left_out) = (Vec::new(), Vec::new());
    for entry in names {
        match entry.needs().filter(|&needs| set(sets, needs).is_none()) {
            None => there.push(entry),
            Some(needs) if figures.which.iter().any(|which| which == entry.name) => {
                return Err(Failure::usage(missing(entry, needs, figures)));
            }
            Some(needs) => left_out.push((format!("figure {}", entry.name), missing(entry, needs, figures))),
        }
    }
    Ok((there, left_out))
}

/// The first set of a kind: CIFAR-10 has three channels, IDX files one.
fn set(sets: &[Dataset], needs: Needs) -> Option<&Dataset> {
    let channels = match needs {
        Needs::Cifar => 3,
        Needs::Idx => 1,
    };
    sets.iter().find(|set| set.image.channels == channels)
}

fn missing(entry: &FigureEntry, needs: Needs, figures: &Figures) -> String {
    let name = entry.name;
    let (what, first) = match needs {
        Needs::Cifar => ("CIFAR-10 in its binary version", "data_batch_1.bin"),
        Needs::Idx => ("Fashion-MNIST, or other grey images, as IDX files", "train-images-idx3-ubyte"),
    };
    let looked = match figures.data.is_empty() {
        true => String::new(),
        false => {
            let dirs: Vec<_> = figures.data.iter().map(|dir| dir.display().to_string()).collect();
            format!(", which {} does not hold", dirs.join(", "))
        }
    };
    format!("figure {name} needs {what}{looked}: give the folder of {first} and its companions with --data DIR")
}

fn open(page: &Path) -> Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    Command::new(program)
        .arg(page)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| Failure::failed(format!("cannot open {} with {program}: {error}", page.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::figure::Draw;
    use clap::Parser;

    fn asked(line: &str) -> Figures {
        match Cli::parse_from(line.split_whitespace()).command {
            Command::Figures(figures) => figures,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_two_entries_have_a_name_a_stem_or_a_function_in_common() {
        let same = |a: &FigureEntry, b: &FigureEntry| match (a.draw, b.draw) {
            (Draw::Networks(a), Draw::Networks(b)) => std::ptr::fn_addr_eq(a, b),
            (Draw::Data(_, a), Draw::Data(_, b)) => std::ptr::fn_addr_eq(a, b),
            _ => false,
        };
        for (i, a) in FIGURES.iter().enumerate() {
            for b in &FIGURES[..i] {
                assert!(a.name != b.name && a.stem != b.stem && !same(a, b), "{}, {}", a.name, b.name);
            }
        }
    }

    #[test]
    fn all_leaves_out_what_has_no_data_and_says_so() {
        let figures = asked("shatterscope figures all");
        let sets = [data::open(None).unwrap()];
        let names = |sets: &[Dataset]| {
            let (there, left_out) = available(chosen(&figures.which, false).unwrap(), &figures, sets).unwrap();
            (there.len(), left_out)
        };
        let (there, left_out) = names(&[]);
        assert_eq!((there, left_out.len()), (FIGURES.len() - 3, 3));
        assert!(left_out[0].0 == "figure 5" && left_out[0].1.contains("--data DIR"), "{left_out:?}");
        // Grey images are enough for one of them.
        assert_eq!(names(&sets).1.len(), 2);
        let named = asked("shatterscope figures all 6");
        assert_eq!(available(chosen(&named.which, false).unwrap(), &named, &sets).unwrap_err().code, 2);
    }
}
