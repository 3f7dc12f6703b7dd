//! One .npy array: a strict header, then exactly the elements that it declares.
//!
//! # References
//! NumPy, "numpy.lib.format", versions 1.0, 2.0 and 3.0.
mod any;
mod literal;
#[cfg(test)]
mod tests;

pub use any::{Any, any};

use super::Tensor;
use literal::{Dtype, Literal};
use std::io::{ErrorKind, Read};

/// The longest header that NumPy itself believes.
const LONGEST: usize = 10_000;

/// Bytes that are read between two conversions, a multiple of every size of an element.
const PIECE: usize = 1 << 16;

const MAGIC: &[u8] = b"\x93NUMPY";

/// What an array turned out to be.
pub(super) enum Array {
    /// f4 or f8, rounded to f32, in C order.
    Floats(Tensor),
    /// u1 in one dimension.
    Bytes(Vec<u8>),
    /// Anything else, with what it is and what to do.
    Other(String),
}

/// The header of an array.
#[derive(Debug, PartialEq)]
struct Header {
    dtype: Dtype,
    fortran: bool,
    shape: Vec<usize>,
    /// Of the elements together.
    elements: usize,
}

/// Reads an entry of an archive. `size` is its whole length; a reader that says more or less is refused.
pub(super) fn read(from: impl Read, size: u64) -> Result<Array, String> {
    // One byte more, so that the end is met, where an archive compares the checksum.
    let mut from = from.take(size.saturating_add(1));
    let mut start = Vec::new();
    take(&mut from, 10, &mut start)?;
    if !start.starts_with(MAGIC) {
        let rest = drain(from)?;
        exact(start.len() as u64 + rest, size)?;
        return Ok(Array::Other("is no .npy array".to_owned()));
    }
    let (header, read) = header(&mut from, start)?;
    let bytes = match header.dtype {
        Dtype::Float(size, _) | Dtype::Fixed(_, size) => Some(size),
        Dtype::U1 => Some(1),
        Dtype::Object | Dtype::Structured => None,
    };
    let bytes = match bytes.map(|size| header.elements.checked_mul(size).map(|bytes| bytes as u64)) {
        None => None,
        Some(Some(bytes)) => Some(bytes),
        Some(None) => return Err(format!("its shape {:?} is of more elements than any file has", header.shape)),
    };
    if let Some(bytes) = bytes.filter(|bytes| read + bytes != size) {
        return Err(format!(
            "its header declares {bytes} bytes of elements {:?}, and the archive {}: it is damaged",
            header.shape,
            size.saturating_sub(read)
        ));
    }
    let floats = "give float32 or float64";
    match header.dtype {
        Dtype::Float(4, big) => {
            let of = if big { f32::from_be_bytes } else { f32::from_le_bytes };
            let mut data = reserved::<f32>(header.elements, "its elements")?;
            let found = in_pieces(&mut from, |piece: &[[u8; 4]]| data.extend(piece.iter().map(|&word| of(word))))?;
            exact(read + found, size)?;
            Ok(Array::Floats(ordered(data, header.shape, header.fortran)?))
        }
        Dtype::Float(_, big) => {
            let of = if big { f64::from_be_bytes } else { f64::from_le_bytes };
            let mut data = reserved::<f32>(header.elements, "its elements")?;
            let mut wide = Ok(());
            let found = in_pieces(&mut from, |piece: &[[u8; 8]]| {
                if wide.is_ok() {
                    wide = super::narrow(&mut data, piece.iter().map(|&word| of(word)));
                }
            })?;
            exact(read + found, size)?;
            Ok(match wide {
                Ok(()) => Array::Floats(ordered(data, header.shape, header.fortran)?),
                Err(why) => Array::Other(why),
            })
        }
        Dtype::U1 if header.shape.len() == 1 && header.elements as u64 <= crate::read::TEXT => {
            let mut data = reserved(header.elements, "its bytes")?;
            let found = in_pieces(&mut from, |piece: &[[u8; 1]]| data.extend_from_slice(piece.as_flattened()))?;
            exact(read + found, size)?;
            Ok(Array::Bytes(data))
        }
        other => {
            exact(read + drain(from)?, size)?;
            Ok(Array::Other(match other {
                Dtype::Object => format!("is an array of Python objects (dtype O), which are not read: {floats}"),
                Dtype::Structured => format!("is a structured array, which is not read: {floats}"),
                Dtype::Fixed(descr, _) => format!("is {descr}: {floats}"),
                _ => format!("is |u1: {floats}"),
            }))
        }
    }
}

/// An empty list with memory for `len` elements.
fn reserved<T>(len: usize, what: &str) -> Result<Vec<T>, String> {
    let mut list = Vec::new();
    match list.try_reserve_exact(len) {
        Ok(()) => Ok(list),
        Err(_) => {
            let bytes = crate::limits::size((len as u64).saturating_mul(size_of::<T>() as u64));
            Err(format!("the system has no {bytes} of memory for {what}: give a smaller array"))
        }
    }
}

/// Hands the bytes of a reader on in words of N, a piece at a time, so that bytes and elements are not in memory together. Returns
/// how many bytes there were; what is left of a last word is counted, too.
fn in_pieces<const N: usize>(from: &mut impl Read, mut take: impl FnMut(&[[u8; N]])) -> Result<u64, String> {
    let mut piece = vec![0; PIECE];
    let mut all = 0;
    loop {
        let mut filled = 0;
        while filled < PIECE {
            match from.read(&mut piece[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(damaged(error)),
            }
        }
        take(piece[..filled].as_chunks::<N>().0);
        all += filled as u64;
        if filled < PIECE {
            return Ok(all);
        }
    }
}

/// What is left of a reader, counted.
fn drain(mut from: impl Read) -> Result<u64, String> {
    std::io::copy(&mut from, &mut std::io::sink()).map_err(damaged)
}

fn damaged(error: std::io::Error) -> String {
    if error.kind() == ErrorKind::OutOfMemory {
        return "the system has no memory to unpack it: give a smaller array".to_owned();
    }
    format!("it cannot be unpacked ({error}): it is damaged")
}

fn exact(found: u64, size: u64) -> Result<(), String> {
    match found == size {
        true => Ok(()),
        false => Err(format!("it has not the {size} bytes that the archive declares: it is damaged")),
    }
}

/// Up to `len` more bytes.
fn take(from: &mut impl Read, len: usize, to: &mut Vec<u8>) -> Result<(), String> {
    from.take(len as u64).read_to_end(to).map(drop).map_err(damaged)
}

/// The header behind the ten bytes that have been read, and where it ends.
fn header(from: &mut impl Read, mut start: Vec<u8>) -> Result<(Header, u64), String> {
    let cut = || "the header of its array is cut off".to_owned();
    let &[.., major, minor, low, high] = start.as_slice() else { return Err(cut()) };
    let len = match (start.len(), major, minor) {
        (10, 1, 0) => usize::from(u16::from_le_bytes([low, high])),
        (10, 2 | 3, 0) => {
            take(from, 2, &mut start)?;
            let &[.., a, b, c, d] = start.as_slice() else { return Err(cut()) };
            if start.len() != 12 {
                return Err(cut());
            }
            u32::from_le_bytes([a, b, c, d]) as usize
        }
        (10, ..) => return Err(format!("it is a .npy array of version {major}.{minor}; 1.0, 2.0 and 3.0 are read")),
        _ => return Err(cut()),
    };
    if len > LONGEST {
        return Err(format!("the header of its array has {len} bytes, at most {LONGEST} are believed"));
    }
    let mut text = Vec::new();
    take(from, len, &mut text)?;
    if text.len() != len {
        return Err(cut());
    }
    // Versions 1 and 2 are Latin-1, 3 is UTF-8; names of fields alone go beyond ASCII.
    let text =
        String::from_utf8(text).unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
    let header = Literal::of(&text).header().ok_or_else(|| {
        let text: String = text.trim_end().chars().take(200).collect();
        format!("the header of its array is not understood: {}", crate::text::visible(&text))
    })?;
    let read = start.len() + len;
    let elements = header.1.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    let Some(elements) = elements.filter(|&n| n <= isize::MAX as usize) else {
        return Err(format!("its shape {:?} is of more elements than any file has", header.1));
    };
    let (dtype, shape, fortran) = header;
    Ok((Header { dtype, fortran, shape, elements }, read as u64))
}

/// Elements in C order.
fn ordered(data: Vec<f32>, shape: Vec<usize>, fortran: bool) -> Result<Tensor, String> {
    if !fortran || shape.len() < 2 {
        return Ok(Tensor { shape, data });
    }
    // The first extent varies fastest in the file.
    let mut strides = vec![1; shape.len()];
    for i in 1..shape.len() {
        strides[i] = strides[i - 1] * shape[i - 1];
    }
    let mut at = vec![0; shape.len()];
    let mut turned = reserved(data.len(), "its elements in C order")?;
    for _ in 0..data.len() {
        let from: usize = at.iter().zip(&strides).map(|(at, stride)| at * stride).sum();
        turned.push(data[from]);
        for i in (0..shape.len()).rev() {
            at[i] += 1;
            if at[i] < shape[i] {
                break;
            }
            at[i] = 0;
        }
    }
    Ok(Tensor { shape, data: turned })
}

/// An array as a file: version 1.0, C order, padded to 64 bytes as NumPy does.
pub fn write(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = if shape.len() == 1 { format!("({},)", extents[0]) } else { format!("({})", extents.join(", ")) };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // A shape that would not fit into two bytes of length has thousands of extents.
    let len = (10 + text.len() + 1).next_multiple_of(64) - 10;
    text.extend(std::iter::repeat_n(' ', len - 1 - text.len()));
    text.push('\n');
    [MAGIC, &[1, 0], &(len as u16).to_le_bytes(), text.as_bytes(), data].concat()
}
