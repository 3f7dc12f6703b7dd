//! A model file with what is said about it on the command line.
use crate::net::infer::{Inferred, infer};
use crate::net::{self, Shapes};
use crate::output::say;
use crate::tensors::Bundle;
use crate::tensors::npy::{Any, any};
use crate::train::{Checkpoint, FILES};
use crate::{Failure, Result, read};
use safetensors::SafeTensors;
use shatterscope::plan::Want;
use shatterscope_model::{KEY, MOST, Network, Options, Tensor, from_safetensors};
use std::path::{Path, PathBuf};

/// A model file and its options.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// The list of layers of weights alone.
    pub net: Option<PathBuf>,
    /// How it is read.
    pub options: Options,
}

impl Source {
    /// From words: `NAME=1x3x32x32` for shapes, `NAME=FILE.npy` for inputs that are constant.
    ///
    /// # Errors
    /// Wrong use: a word that is not understood. A file that cannot be read.
    pub fn new(
        path: &Path,
        batch: Option<usize>,
        shapes: &[String],
        binds: &[String],
        ways: [bool; 2],
    ) -> Result<Self> {
        let [recognise, fold] = ways;
        let mut options = Options { batch, recognise, fold, ..Options::default() };
        for word in shapes {
            let (name, shape) = parts("--shape", word, "NAME=1x3x32x32")?;
            let extents: Option<Vec<usize>> =
                shape.split(['x', ',']).map(|n| n.parse().ok().filter(|n| *n > 0)).collect();
            let extents = extents.ok_or_else(|| Failure::usage(format!("--shape {word}: write NAME=1x3x32x32")))?;
            options.shapes.insert(name.to_owned(), extents);
        }
        for word in binds {
            let (name, file) = parts("--bind", word, "NAME=FILE.npy")?;
            let path = Path::new(file);
            let bytes = read::bytes(path, "cannot read", MOST)?;
            let tensor = match any(&bytes).map_err(|why| Failure::failed(format!("{file}: {why}")))? {
                Any::Floats(tensor) => Tensor::F32 { shape: tensor.shape, data: tensor.data },
                Any::Integers { shape, data, .. } => Tensor::I64 { shape, data },
            };
            options.bind.insert(name.to_owned(), tensor);
        }
        Ok(Self { path: path.to_owned(), net: None, options })
    }

    /// Reads the network; a list that was inferred is said on standard error.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn network(&self, want: Want) -> Result<Network> {
        let (network, inferred) = self.read(want)?;
        if let Some(Inferred { text, said, .. }) = inferred {
            say(&format!("note: {}: {said}", self.path.display()));
            text.lines().for_each(say);
        }
        Ok(network)
    }

    /// Reads the network, and the list of layers if that had to be inferred: of a file of weights alone, without a list beside it.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or is no network; weights that several networks have, after the list of one of them is said;
    /// options that have no effect on such a file; as [`shatterscope_model::read`].
    pub fn read(&self, want: Want) -> Result<(Network, Option<Inferred>)> {
        let path = if self.path.is_dir() { self.path.join(FILES[0]) } else { self.path.clone() };
        // Only files that can be opened are: a pipe would block.
        read::open(&path, "cannot read the model", MOST)?;
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match (extension.as_deref(), &self.net) {
            (Some("safetensors" | "npz"), Some(net)) => {
                self.check_options("with --net", &["--shape"])?;
                Ok((net::read(&path, net, &self.shapes(), want)?.network, None))
            }
            (_, Some(net)) => Err(Failure::usage(format!(
                "--net {}: {} is a network itself: give --net with weights, .safetensors or .npz",
                net.display(),
                path.display()
            ))),
            (Some("npz"), None) => {
                let bundle = Bundle::read(&path)?;
                self.alone(&bundle, want)
                    .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error })
            }
            (Some("safetensors"), None) => {
                let named = |error: Failure| Failure { message: format!("{}: {error}", path.display()), ..error };
                self.safetensors(&read::bytes(&path, "cannot read the model", MOST)?, want).map_err(named)
            }
            _ => Ok((shatterscope_model::read(&path, &self.options, want)?, None)),
        }
    }

    /// The native form, a checkpoint, or weights alone.
    fn safetensors(&self, bytes: &[u8], want: Want) -> Result<(Network, Option<Inferred>)> {
        let metadata = SafeTensors::read_metadata(bytes).ok().and_then(|(_, metadata)| metadata.metadata().clone());
        if metadata.is_some_and(|all| all.contains_key(KEY)) {
            return Ok((from_safetensors(bytes, want)?, None));
        }
        let bundle = Bundle::from_safetensors(bytes)?;
        match &bundle.spec {
            Some(spec) if Checkpoint::is_document(spec) => {
                self.check_options("on a checkpoint, which is a network itself", &[])?;
                Ok((Checkpoint::parse_alone(bytes)?.network(want)?, None))
            }
            Some(_) => Err(Failure::failed(
                "it holds the weights of a spec, as `export` writes them: give it to `probe --weights`",
            )),
            None => self.alone(&bundle, want),
        }
    }

    /// Weights alone, without a list.
    fn alone(&self, bundle: &Bundle, want: Want) -> Result<(Network, Option<Inferred>)> {
        self.check_options("on weights alone", &["--shape"])?;
        let inferred = infer(bundle, &self.shapes())?;
        if !inferred.certain {
            inferred.text.lines().for_each(say);
        }
        let network = inferred.assemble(bundle, &self.shapes(), want)?.network;
        Ok((network, Some(inferred)))
    }

    fn shapes(&self) -> Shapes {
        self.options.shapes.iter().map(|(name, extents)| (name.clone(), extents.clone())).collect()
    }

    /// Refuses options of ONNX and TensorFlow Lite files, but for those that have an effect.
    fn check_options(&self, place: &str, used: &[&str]) -> Result<()> {
        let Options { batch, shapes, bind, fold, recognise, .. } = &self.options;
        let given = [
            ("--model-batch", batch.is_some()),
            ("--shape", !shapes.is_empty()),
            ("--bind", !bind.is_empty()),
            ("--fold", *fold),
            ("--no-recognise", !recognise),
        ];
        match given.into_iter().find(|(option, given)| *given && !used.contains(option)) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::usage(format!("{option} has no effect {place}: leave it out"))),
        }
    }
}

fn parts<'w>(option: &str, word: &'w str, form: &str) -> Result<(&'w str, &'w str)> {
    word.split_once('=').ok_or_else(|| Failure::usage(format!("{option} {word}: write {form}")))
}
