//! `figures`: the paper's figures as files and one page.
use super::{print, print_json};
use crate::cli::{Common, Figures};
use crate::device::{Target, open as open_place};
use crate::engine::Engine;
use crate::figure::{FIGURES, Setting, figure1, figure2, figure3, figure4, statistics_mode, textbook, theorems, width};
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
    let names = chosen(&figures.which, target.is_some())?;
    let device = match &target {
        None => None,
        Some(target) => Some((target, RefCell::new(open_place(target, &figures.devices.settings()?, engine)?))),
    };
    let setting = Setting { device, ..Setting::new(engine, figures.seed, figures.runs) };
    let start = Instant::now();
    let (mut drawn, mut files) = (Vec::new(), Vec::new());
    for name in names {
        let figure = match name {
            "1" => figure1(&setting)?,
            "2" => figure2(&setting)?,
            "3" => figure3(&setting)?,
            "4" => figure4(&setting)?,
            "theorems" => theorems(&setting)?,
            "textbook" => textbook(&setting)?,
            "statistics-mode" => statistics_mode(&setting)?,
            _ => width(&setting)?,
        };
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
    let page = write_index(&drawn, &provenance, &figures.out)?;
    let seconds = start.elapsed().as_secs_f64();
    if common.json {
        let paths: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        print_json(&json!({ "index": page.display().to_string(), "files": paths, "seconds": seconds }))?;
    } else if !common.quiet {
        let names: Vec<_> = drawn.iter().map(|figure| figure.name.as_str()).collect();
        print(&format!("{} drawn in {seconds:.1} s\n{}\n", names.join(", "), page.display()))?;
    }
    if figures.open { open(&page) } else { Ok(()) }
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
fn chosen(which: &[String], on_device: bool) -> Result<Vec<&'static str>> {
    if let Some(unknown) = which.iter().find(|w| *w != "all" && FIGURES.iter().all(|f| f.name != **w)) {
        return Err(Failure::usage(format!("no figure {unknown}: `shatterscope figures --list` has them")));
    }
    let here = |f: &&crate::figure::Listed| on_device && !f.on_device;
    if let Some(figure) = FIGURES.iter().filter(here).find(|f| which.iter().any(|w| w == f.name)) {
        let name = figure.name;
        return Err(Failure::usage(format!(
            "figure {name} takes more than gradients from a device: leave out --target"
        )));
    }
    let all = which.iter().any(|w| w == "all");
    let wanted = |f: &&crate::figure::Listed| {
        if which.is_empty() { f.by_default } else { all || which.iter().any(|w| w == f.name) }
    };
    Ok(FIGURES.iter().filter(wanted).filter(|f| !here(f)).map(|f| f.name).collect())
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
