//! Tensors of the file, and of files beside it.
use super::{proto::TensorProto, types::Type};
use crate::{
    error::{Error, Result},
    shape,
    tensor::{Tensor, narrow},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

/// Where the data of tensors may be besides the file itself.
pub struct External<'a> {
    folder: Option<&'a Path>,
    /// The lengths of files that tensors were read from.
    files: BTreeMap<PathBuf, u64>,
    /// Bytes read so far.
    pub read: u64,
}

impl<'a> External<'a> {
    pub const fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, files: BTreeMap::new(), read: 0 }
    }

    /// The bytes of a tensor that stores them in another file.
    fn bytes(&mut self, name: &str, proto: &TensorProto, expected: usize) -> Result<Vec<u8>> {
        let bad = |what: String| Error::tensor(name, what);
        let entry = |key: &str| {
            proto.external_data.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.as_deref())
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.trim().parse::<u64>().map(Some).map_err(|_| {
                bad(format!("{key} of its external data is {}, expected a number", crate::error::quoted(text)))
            }),
        };
        let location = entry("location").ok_or_else(|| bad("its external data have no location".to_owned()))?;
        let folder = self.folder.ok_or_else(|| {
            bad("its data are in another file, which cannot be read from a model without a folder".to_owned())
        })?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if length.is_some_and(|n| n != expected as u64) {
            return Err(bad(format!("length of its external data is {length:?}, expected {expected}")));
        }
        let path = inside(folder, location).map_err(bad)?;
        let failed = |source| Error::File { path: path.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if offset.checked_add(expected as u64).is_none_or(|end| end > size) {
            return Err(bad(format!(
                "its data are {expected} bytes at {offset} of {}, which has {size}",
                crate::error::quoted(location)
            )));
        }
        self.files.insert(path.clone(), size);
        self.read = self.read.saturating_add(expected as u64);
        if self.read > self.files.values().sum::<u64>().saturating_mul(4).saturating_add(1 << 20) {
            return Err(bad("tensors share the same external data too often".to_owned()));
        }
        let mut bytes = vec![0; expected];
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.read_exact(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

/// A file below the folder: no way out of it, and no link.
fn inside(folder: &Path, location: &str) -> std::result::Result<PathBuf, String> {
    let relative = Path::new(location);
    let refused = |why: &str| format!("its external data are in {}: {why}", crate::error::quoted(location));
    let mut path = folder.to_path_buf();
    if location.is_empty() || location.contains('\\') {
        return Err(refused("expected a path below the model's folder"));
    }
    for component in relative.components() {
        let Component::Normal(name) = component else {
            return Err(refused("expected a path below the model's folder, without `..`"));
        };
        path.push(name);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => return Err(refused("symbolic links are not followed")),
            Ok(_) => {}
            Err(error) => return Err(refused(&error.to_string())),
        }
    }
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => Ok(path),
        _ => Err(refused("it is not a file")),
    }
}

/// Dimensions as sizes, and the number of elements.
pub fn dimensions(name: &str, dims: &[i64]) -> Result<(Vec<usize>, usize)> {
    if dims.len() > shape::MAX_RANK {
        return Err(Error::tensor(name, format!("{} axes, at most {} are supported", dims.len(), shape::MAX_RANK)));
    }
    let sizes = dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| Error::tensor(name, format!("a dimension of {d} in {dims:?}"))))
        .collect::<Result<Vec<_>>>()?;
    let n = shape::elements(&sizes).map_err(|e| Error::tensor(name, e))?;
    Ok((sizes, n))
}

/// A tensor of the file; `name` is for errors.
pub fn convert(name: &str, proto: &TensorProto, external: &mut External<'_>) -> Result<Tensor> {
    let bad = |what: String| Error::tensor(name, what);
    let kind = Type::new(i64::from(proto.data_type.unwrap_or(0))).map_err(bad)?;
    let (shape, n) = dimensions(name, &proto.dims)?;
    let expected = n.checked_mul(kind.bytes()).ok_or_else(|| bad("too many bytes".to_owned()))?;
    if proto.data_location == Some(1) {
        return raw(name, kind, shape, &external.bytes(name, proto, expected)?);
    }
    if let Some(bytes) = &proto.raw_data {
        if bytes.len() != expected {
            return Err(bad(format!(
                "{} bytes of data, expected {expected} for shape {shape:?} of {}",
                bytes.len(),
                kind.name()
            )));
        }
        return raw(name, kind, shape, bytes);
    }
    let count = |found: usize| {
        if found == n { Ok(()) } else { Err(bad(format!("{found} elements, expected {n} for shape {shape:?}"))) }
    };
    let small = &proto.int32_data;
    Ok(match kind {
        Type::F32 => {
            count(proto.float_data.len())?;
            Tensor::F32 { shape, data: proto.float_data.clone() }
        }
        Type::F64 => {
            count(proto.double_data.len())?;
            Tensor::F32 { shape, data: narrow(name, proto.double_data.iter().copied())? }
        }
        Type::F16 | Type::Bf16 => {
            count(small.len())?;
            let wide = |&bits: &i32| match kind {
                Type::F16 => half::f16::from_bits(bits as u16).to_f32(),
                _ => half::bf16::from_bits(bits as u16).to_f32(),
            };
            Tensor::F32 { shape, data: small.iter().map(wide).collect() }
        }
        Type::Bool => {
            count(small.len())?;
            Tensor::Bool { shape, data: small.iter().map(|&v| v != 0).collect() }
        }
        Type::I64 => {
            count(proto.int64_data.len())?;
            Tensor::I64 { shape, data: proto.int64_data.clone() }
        }
        Type::U32 | Type::U64 => {
            count(proto.uint64_data.len())?;
            Tensor::I64 { shape, data: proto.uint64_data.iter().enumerate().map(signed(name)).collect::<Result<_>>()? }
        }
        _ => {
            count(small.len())?;
            Tensor::I64 { shape, data: small.iter().map(|&v| i64::from(v)).collect() }
        }
    })
}

/// u64 to i64, if it fits.
fn signed(name: &str) -> impl Fn((usize, &u64)) -> Result<i64> + '_ {
    move |(index, &value)| {
        i64::try_from(value)
            .map_err(|_| Error::tensor(name, format!("element {index} is {value}, at most {} is supported", i64::MAX)))
    }
}

/// Elements from bytes in little-endian order, of which there are as many as the shape needs.
pub fn raw(name: &str, kind: Type, shape: Vec<usize>, bytes: &[u8]) -> Result<Tensor> {
    macro_rules! each {
        ($n:literal, $from:expr) => {
            bytes.as_chunks::<$n>().0.iter().map(|&b| $from(b))
        };
    }
    macro_rules! integers {
        ($n:literal, $type:ty) => {
            Tensor::I64 { shape, data: each!($n, <$type>::from_le_bytes).map(i64::from).collect() }
        };
    }
    Ok(match kind {
        Type::F32 => Tensor::F32 { shape, data: each!(4, f32::from_le_bytes).collect() },
        Type::F64 => Tensor::F32 { shape, data: narrow(name, each!(8, f64::from_le_bytes))? },
        Type::F16 => Tensor::F32 { shape, data: each!(2, half::f16::from_le_bytes).map(half::f16::to_f32).collect() },
        Type::Bf16 => {
            Tensor::F32 { shape, data: each!(2, half::bf16::from_le_bytes).map(half::bf16::to_f32).collect() }
        }
        Type::Bool => Tensor::Bool { shape, data: bytes.iter().map(|&b| b != 0).collect() },
        Type::I64 => Tensor::I64 { shape, data: each!(8, i64::from_le_bytes).collect() },
        Type::U64 => {
            let wide: Vec<u64> = each!(8, u64::from_le_bytes).collect();
            Tensor::I64 { shape, data: wide.iter().enumerate().map(signed(name)).collect::<Result<_>>()? }
        }
        Type::U8 => integers!(1, u8),
        Type::I8 => integers!(1, i8),
        Type::U16 => integers!(2, u16),
        Type::I16 => integers!(2, i16),
        Type::I32 => integers!(4, i32),
        Type::U32 => integers!(4, u32),
    })
}
