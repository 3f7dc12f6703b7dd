//! `probe --model`: how shattered the gradients of a user's model are.
use super::{print, print_json};
use crate::cli::{Common, ModelInputs};
use crate::engine::Engine;
use crate::model::probe::{Drawing, Layer, Of, Path, Points, drawn, gradients};
use crate::model::{Examples, Network, Scaling, read};
use crate::output::say;
use crate::plot::{write_figure, write_index};
use crate::{Failure, Result};
use serde::Serialize;
use shatterscope::contract::Digest;
use shatterscope::plan::Want;
use shatterscope::train::Initializer;
use std::path::{Path as File, PathBuf};

/// What is asked of a model.
#[derive(Debug)]
pub struct Question<'a> {
    /// The file.
    pub model: &'a File,
    /// What it is run on.
    pub inputs: &'a ModelInputs,
    /// What the gradients are of.
    pub of: Of,
    /// Two examples.
    pub path: Option<[usize; 2]>,
    /// Points of the path.
    pub points: usize,
    /// The largest lag.
    pub lags: usize,
    /// Beside it, so many runs with drawn weights of this seed.
    pub reinit: Option<(Initializer, u32, u64)>,
    /// A file with the label of each example.
    pub classes: Option<&'a File>,
    /// Folder for the page, pictures and tables.
    pub out: Option<&'a File>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    contract: &'static str,
    model: String,
    examples: usize,
    /// What the gradients are of.
    of: String,
    /// Of the gradients at the examples.
    gradient_digest: String,
    points: Points,
    path: Option<Path>,
    layers: Vec<Layer>,
    /// With drawn weights; null without `--reinit`.
    reinit: Option<Drawn>,
}

/// Averages over runs with drawn weights.
#[derive(Serialize)]
struct Drawn {
    runs: u32,
    seed: u64,
    mean_cosine: Option<f64>,
    relative_effective_rank: Option<f64>,
    gradient_norm: f64,
    autocorrelation: Option<Vec<f64>>,
    neighbours: Option<f64>,
}

/// Probes, prints, and writes the page.
///
/// # Errors
/// A model or examples that cannot be read; wrong use; NaN or infinity, with the node; a folder that cannot be written.
pub fn run(question: &Question<'_>, engine: &Engine, common: &Common) -> Result<()> {
    let scaling = Scaling::parse(&question.inputs.scaling)?;
    let network = question.inputs.options.source(question.model)?.network(Want::InputGradient)?;
    let mut examples = read(&network, &question.inputs.input, &scaling, false)?;
    if let Some(file) = question.classes {
        examples.labels = Some(labels(file, examples.count)?);
    }
    check(question, &network, &examples)?;
    let document = engine.install(|| probe(question, &network, &examples, engine))??;
    if let Some(out) = question.out {
        let files = write(question, &document, out)?;
        if !common.quiet {
            say(&format!("{} files in {}: open {}", files.len(), out.display(), out.join("index.html").display()));
        }
    }
    if common.json { print_json(&document) } else { print(&text(&document)) }
}

/// A label each line.
fn labels(path: &File, count: usize) -> Result<Vec<u32>> {
    let text = crate::read::text(path, "cannot read the labels")?;
    let mut labels = Vec::new();
    for (line, word) in (1..).zip(text.lines().map(str::trim)).filter(|(_, word)| !word.is_empty()) {
        let label = word.parse();
        labels.push(label.map_err(|_| {
            Failure::failed(format!("{}, line {line}: no label, which is a number from 0 on", path.display()))
        })?);
    }
    match labels.len() == count {
        true => Ok(labels),
        false => Err(Failure::failed(format!("{}: {} labels for {count} examples", path.display(), labels.len()))),
    }
}

fn check(question: &Question<'_>, network: &Network, examples: &Examples) -> Result<()> {
    let outputs: usize = network.outputs.iter().map(crate::model::Port::elements).sum();
    match question.of {
        Of::Output(output) if output >= outputs => {
            Err(Failure::usage(format!("--of output:{output}: the model has {outputs} outputs, counted from 0")))
        }
        Of::Loss => match &examples.labels {
            None => Err(Failure::usage(
                "--of loss: the examples have no labels: give --classes with a label each line, or a CIFAR-10 file",
            )),
            Some(labels) => match labels.iter().position(|&label| label as usize >= outputs) {
                Some(at) => Err(Failure::failed(format!(
                    "example {} has the label {}, and the model {outputs} outputs",
                    at + 1,
                    labels[at]
                ))),
                None => Ok(()),
            },
        },
        _ => Ok(()),
    }
}

fn probe(question: &Question<'_>, network: &Network, examples: &Examples, engine: &Engine) -> Result<Document> {
    let (of, isa) = (question.of, engine.isa);
    let at = |network: &Network| gradients(network, examples, of, isa);
    let along = |network: &Network| {
        let path = |ends| Path::new(network, examples, ends, (question.points, question.lags), of, isa);
        question.path.map(path).transpose()
    };
    let found = at(network)?;
    let points = Points::new(&found, examples.labels.as_deref());
    let path = along(network)?.map(|(path, _)| path);
    let reinit = match question.reinit {
        None => None,
        Some((start, runs, seed)) => {
            let mut all = Vec::new();
            for run in 0..runs {
                let network = drawn(network, start, seed, run)?;
                let points = Points::new(&at(&network)?, examples.labels.as_deref());
                all.push((points, along(&network)?.map(|(path, _)| path)));
            }
            Some(averages(&all, runs, seed))
        }
    };
    Ok(Document {
        contract: shatterscope::contract::CONTRACT,
        model: question.model.display().to_string(),
        examples: examples.count,
        of: match of {
            Of::Output(output) => format!("output {output}"),
            Of::Loss => "cross entropy with the labels".to_owned(),
            Of::Random(seed) => format!("a random sum of the outputs, seed {seed}"),
        },
        gradient_digest: Digest::of(&found.gradient).to_string(),
        points,
        path,
        layers: found.layers,
        reinit,
    })
}

fn averages(all: &[(Points, Option<Path>)], runs: u32, seed: u64) -> Drawn {
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let paths: Vec<&Path> = all.iter().filter_map(|(_, path)| path.as_ref()).collect();
    let series: Vec<&Vec<f64>> = paths.iter().filter_map(|path| path.autocorrelation.as_ref()).collect();
    let autocorrelation = series.first().map(|first| {
        (0..first.len()).map(|lag| series.iter().map(|own| own[lag]).sum::<f64>() / series.len() as f64).collect()
    });
    Drawn {
        runs,
        seed,
        mean_cosine: mean(all.iter().filter_map(|(points, _)| points.mean_cosine).collect()),
        relative_effective_rank: mean(
            all.iter().filter_map(|(points, _)| points.effective_rank.map(|rank| rank.relative)).collect(),
        ),
        gradient_norm: mean(all.iter().map(|(points, _)| points.gradient_norm[0]).collect()).unwrap_or(0.0),
        autocorrelation,
        neighbours: mean(paths.iter().filter_map(|path| path.neighbours).collect()),
    }
}

fn write(question: &Question<'_>, document: &Document, out: &File) -> Result<Vec<PathBuf>> {
    let provenance = vec![
        ("program".to_owned(), format!("shatterscope {}", env!("CARGO_PKG_VERSION"))),
        ("contract".to_owned(), document.contract.to_owned()),
        ("gradients of".to_owned(), document.of.clone()),
        ("gradient digest".to_owned(), document.gradient_digest.clone()),
    ];
    let drawing = Drawing {
        model: question.model.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        points: Some(&document.points),
        path: document.path.as_ref(),
        drawn: document.reinit.as_ref().and_then(|drawn| drawn.autocorrelation.as_deref()),
        layers: &document.layers,
        provenance: provenance.clone(),
    };
    let figure =
        drawing.figure().ok_or_else(|| Failure::failed("there is nothing to draw: give two examples or more"))?;
    std::fs::create_dir_all(out).map_err(|error| Failure::file(out, "cannot create", error))?;
    let mut files = write_figure(&figure, out)?;
    files.push(write_index(&[figure], &[], &provenance, out)?);
    Ok(files)
}

fn text(document: &Document) -> String {
    let Document { points, path, layers, reinit, .. } = document;
    let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.4}"));
    let of_reinit = |value: Option<f64>| match reinit {
        Some(drawn) => format!("   {} over {} runs with drawn weights", number(value), drawn.runs),
        None => String::new(),
    };
    let mut text = format!(
        "examples         {}\ngradients of     {}\ngradient digest  {}\ngradient norm    {:.4e} +- {:.1e}\n",
        document.examples, document.of, document.gradient_digest, points.gradient_norm[0], points.gradient_norm[1]
    );
    text += &format!(
        "mean cosine      {}{}\n",
        number(points.mean_cosine),
        of_reinit(reinit.as_ref().and_then(|drawn| drawn.mean_cosine))
    );
    if let Some([same, other]) = points.by_class {
        text += &format!("  same class     {}\n  other class    {}\n", number(same), number(other));
    }
    if let Some(rank) = points.effective_rank {
        text += &format!(
            "effective rank   {:.2}, {:.3} of Gaussian gradients{}\n",
            rank.value,
            rank.relative,
            of_reinit(reinit.as_ref().and_then(|drawn| drawn.relative_effective_rank))
        );
    }
    if let Some(path) = path {
        let [a, b] = path.ends;
        text += &format!(
            "\npath from example {a} to {b}, {} points; neighbouring gradients have cosine {}{}\n",
            path.points,
            number(path.neighbours),
            of_reinit(reinit.as_ref().and_then(|drawn| drawn.neighbours))
        );
        match &path.autocorrelation {
            None => text += "the derivative along the path is constant: it has no autocorrelation\n",
            Some(own) => {
                text += " lag  autocorrelation";
                text += if reinit.is_some() { "  drawn weights\n" } else { "\n" };
                for (lag, r) in own.iter().enumerate() {
                    let beside = reinit.as_ref().and_then(|drawn| drawn.autocorrelation.as_ref()?.get(lag).copied());
                    let beside = beside.map_or(String::new(), |r| format!("       {r:8.4}"));
                    text += &format!("{lag:4}         {r:8.4}{beside}\n");
                }
            }
        }
    }
    let wide = layers.iter().map(|layer| layer.node.chars().count().min(40)).max().unwrap_or(4).max(4);
    text += &format!("\n{:wide$}  {:18} activation  gradient    Jacobian    dead\n", "node", "operation");
    let small = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3e}"));
    for layer in layers {
        let name: String = layer.node.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
        text += format!(
            "{name:wide$}  {:18} {:10}  {:10}  {:10}  {}",
            layer.operation,
            small(Some(layer.activation_rms)),
            small(layer.gradient_norm),
            small(layer.jacobian_rms),
            layer.dead.map_or("-".to_owned(), |dead| format!("{:.1}%", 100.0 * dead)),
        )
        .trim_end();
        text.push('\n');
    }
    text += "\nactivation and Jacobian: root of the mean square over examples and units; gradient: mean norm over examples; dead: ReLU units that are\n\
             0 at every example\n";
    text
}
