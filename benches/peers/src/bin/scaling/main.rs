//! How the cost of a gradient grows: time against width, depth and points, as a figure; the smallest networks, as a table.
mod core;
mod plain;

use crate::core::Core;
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Tile, Tiled};
use shatterscope::plan::{Plan, Want};
use shatterscope::probe::Grid;
use shatterscope::spec::Spec;
use shatterscope::weights::Seeded;
use shatterscope_host::engine;
use shatterscope_host::plot::{Body, Curve, Figure, Panel, Table, write_figure};
use shatterscope_host::weights::Drawn;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// (depth, width, points)
type Size = (u32, u32, u32);

/// What the others are held at while one grows.
const BASE: Size = (10, 200, 256);

/// Plain loops take half a minute beyond so many multiply-adds.
const MOST_PLAIN: u64 = 3_000_000_000;

/// Turns of each contestant, of so long.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_millis(10);

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(out), facts) = (arguments.next(), arguments) else { return Err(io::Error::other("usage: scaling OUT")) };
    let provenance = facts.map(|fact| {
        let fact = fact.to_string_lossy().into_owned();
        fact.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap_or((fact, String::new()))
    });
    let isa = engine::Isa::Auto.kernel().map_err(io::Error::other)?;
    let provenance: Vec<_> = provenance.chain([("kernel".into(), format!("{isa:?}"))]).collect();
    let (depth, width, points) = BASE;
    let sweeps: [(&str, String, Vec<Size>); 3] = [
        (
            "width",
            format!("{depth} layers, {points} points"),
            [8, 16, 32, 64, 125, 200, 250, 500, 1000, 2000].map(|width| (depth, width, points)).to_vec(),
        ),
        (
            "depth",
            format!("width {width}, {points} points"),
            [1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000].map(|depth| (depth, width, points)).to_vec(),
        ),
        ("points", format!("{depth} layers of {width}"), (0..=12).map(|power| (depth, width, 1 << power)).collect()),
    ];
    let mut panels = (Vec::new(), Vec::new());
    for (what, rest, sizes) in sweeps {
        let mut measured = Vec::new();
        for size in sizes {
            let times = measure(size, isa)?;
            println!("{size:?}: {times:?}");
            measured.push((size, times));
        }
        let x = |size: Size| {
            f64::from(match what {
                "width" => size.1,
                "depth" => size.0,
                _ => size.2,
            })
        };
        let panel = |title: &str, y_label: &str, y: &dyn Fn(&Times, f64) -> f64| Panel {
            title: format!("{title} against {what}: {rest}"),
            x_label: what.into(),
            y_label: y_label.into(),
            y_range: None,
            body: Body::LogCurves { curves: curves(&measured, &x, y) },
        };
        panels.0.push(panel("Time a multiply-add", "ns a multiply-add", &|times, ns| ns / times.multiply_adds as f64));
        panels.1.push(panel("Time", "ms", &|_, ns| ns / 1e6));
    }
    let smallest = smallest(isa)?;
    let figure = Figure {
        name: "scaling".into(),
        title: "How the cost of a gradient grows".into(),
        caption: format!(
            "The gradient of a plain network on one thread, weights given, by the fastest kernel of this machine ({isa:?}), by \
             the portable kernel and by plain loops; the least time of several turns. Above, time over multiply-adds: flat where \
             cost is in proportion. Plain loops are left out beyond {MOST_PLAIN} multiply-adds. All three give the same bits."
        ),
        choices: Vec::new(),
        columns: 3,
        panels: panels.0.into_iter().chain(panels.1).collect(),
        provenance,
        ran: Vec::new(),
        tables: vec![smallest],
        sheets: Vec::new(),
    };
    for file in write_figure(&figure, &out).map_err(|error| io::Error::other(error.to_string()))? {
        println!("written: {}", file.display());
    }
    let text = markdown(&figure);
    print!("{text}");
    std::fs::write(out.join("scaling.md"), text)
}

/// The least time of each, nanoseconds.
#[derive(Debug)]
struct Times {
    multiply_adds: u64,
    fastest: f64,
    portable: f64,
    /// Tiles of one row and one point.
    single: f64,
    plain: Option<f64>,
}

fn curves(measured: &[(Size, Times)], x: &dyn Fn(Size) -> f64, y: &dyn Fn(&Times, f64) -> f64) -> Vec<Curve> {
    let curve = |label: &str, ns: &dyn Fn(&Times) -> Option<f64>| {
        let found = measured.iter().filter_map(|(size, times)| Some((x(*size), y(times, ns(times)?))));
        let (x, y) = found.unzip();
        Curve { label: label.into(), x, y, spread: None, dashed: false }
    };
    vec![
        curve("fastest kernel", &|times| Some(times.fastest)),
        curve("portable", &|times| Some(times.portable)),
        curve("plain loops", &|times| times.plain),
    ]
}

fn measure(size: Size, isa: Isa) -> io::Result<Times> {
    isa.tiled(size.2, Measure(size, isa))
}

struct Measure(Size, Isa);

impl Tiled for Measure {
    type Output = io::Result<Times>;

    fn with<const R: usize, const T: usize>(self) -> io::Result<Times> {
        with::<R, T>(self.0, self.1)
    }
}

const PORTABLE: Tile = Isa::Portable.tile();

/// All contestants in turns; their bits must agree.
fn with<const R: usize, const T: usize>((depth, width, points): Size, isa: Isa) -> io::Result<Times> {
    let refused = |error: shatterscope::Error| io::Error::other(format!("{error:?}"));
    let spec = Spec::feedforward(depth, width);
    let (plan, grid) = (Plan::family(&spec, Want::DetachedGradient).map_err(refused)?, Grid::new(points));
    let drawn = Drawn::draw(&spec, &Seeded::new(&spec, 1, 0).with_isa(isa)).map_err(io::Error::other)?;
    let mut fastest = Core::<R, T>::new(&plan, &drawn.parameters, grid, isa).map_err(refused)?;
    let mut portable =
        Core::<{ PORTABLE.rows }, { PORTABLE.points }>::new(&plan, &drawn.parameters, grid, Isa::Portable)
            .map_err(refused)?;
    let mut single = Core::<1, 1>::new(&plan, &drawn.parameters, grid, Isa::Portable).map_err(refused)?;
    let grid: Vec<f32> = (0..points).map(|i| grid.point(i)).collect();
    let mut gradient = vec![0.0; points as usize];
    let multiply_adds = fastest.multiply_adds;
    let slow = multiply_adds <= MOST_PLAIN;
    let mut least = [f64::INFINITY; 4];
    for _ in 0..if slow && multiply_adds < MOST_PLAIN / 30 { TURNS } else { 2 } {
        least[0] = least[0].min(turn(|| fastest.run()));
        least[1] = least[1].min(turn(|| portable.run()));
        if slow {
            least[2] = least[2].min(turn(|| single.run()));
            least[3] = least[3].min(turn(|| plain::gradient(std::hint::black_box(&drawn), &grid, &mut gradient)));
        }
    }
    let digests =
        [&fastest.gradient, &portable.gradient, &single.gradient, &gradient].map(|gradient| Digest::of(gradient));
    if digests[..if slow { 4 } else { 2 }].iter().any(|digest| *digest != digests[0]) {
        return Err(io::Error::other(format!("{depth} x {width} at {points} points: bits differ, {digests:?}")));
    }
    let [fastest, portable, single, plain] = least;
    Ok(Times { multiply_adds, fastest, portable, single, plain: slow.then_some(plain) })
}

/// The least time of one turn, at least once.
fn turn(mut run: impl FnMut()) -> f64 {
    let (start, mut least) = (Instant::now(), Duration::MAX);
    while least == Duration::MAX || start.elapsed() < TURN {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed());
    }
    least.as_nanos() as f64
}

/// Where tiles are mostly empty and everything else counts.
fn smallest(isa: Isa) -> io::Result<Table> {
    let sizes: [Size; 12] = [
        (1, 8, 1),
        (1, 8, 16),
        (1, 8, 256),
        (8, 8, 1),
        (8, 8, 16),
        (8, 8, 256),
        (24, 8, 1),
        (8, 32, 1),
        (8, 32, 16),
        (1, 200, 1),
        (8, 200, 1),
        (24, 200, 1),
    ];
    let mut rows = Vec::new();
    for size in sizes {
        let Times { fastest, portable, single, plain, .. } = measure(size, isa)?;
        let plain = plain.unwrap_or(f64::NAN);
        let us = |ns: f64| format!("{:.2}", ns / 1e3);
        let (depth, width, points) = size;
        rows.push(vec![
            format!("{depth} x {width}"),
            points.to_string(),
            us(fastest),
            us(portable),
            us(single),
            us(plain),
            format!("{:.2}", plain / fastest),
        ]);
    }
    let head = [
        "network",
        "points",
        "fastest kernel, µs",
        "portable, µs",
        "portable 1x1, µs",
        "plain loops, µs",
        "plain/fastest",
    ];
    Ok(Table {
        title: "The smallest networks: least times, weights given".into(),
        head: head.map(String::from).to_vec(),
        rows,
    })
}

fn markdown(figure: &Figure) -> String {
    let mut text = format!("# {}\n\nWritten by `cargo xtask bench --scaling`.\n\n", figure.title);
    for (name, value) in &figure.provenance {
        text += &format!("- {name}: {value}\n");
    }
    for table in &figure.tables {
        text +=
            &format!("\n## {}\n\n| {} |\n|{}\n", table.title, table.head.join(" | "), "---|".repeat(table.head.len()));
        for row in &table.rows {
            text += &format!("| {} |\n", row.join(" | "));
        }
    }
    text
}
