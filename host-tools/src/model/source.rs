//! A model file with what is said about it on the command line.
use crate::tensors::npy::{Any, any};
use crate::{Failure, Result, read};
use shatterscope::plan::Want;
use shatterscope_model::{MOST, Network, Options, Tensor};
use std::path::{Path, PathBuf};

/// A model file and its options.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
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
        Ok(Self { path: path.to_owned(), options })
    }

    /// Reads the network.
    ///
    /// # Errors
    /// As [`shatterscope_model::read`].
    pub fn network(&self, want: Want) -> Result<Network> {
        // Only files that can be opened are: a pipe would block.
        read::open(&self.path, "cannot read the model", MOST)?;
        shatterscope_model::read(&self.path, &self.options, want)
    }
}

fn parts<'w>(option: &str, word: &'w str, form: &str) -> Result<(&'w str, &'w str)> {
    word.split_once('=').ok_or_else(|| Failure::usage(format!("{option} {word}: write {form}")))
}
