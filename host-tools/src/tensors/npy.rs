//! One .npy array: a strict header, then exactly the elements that it declares.
//!
//! # References
//! NumPy, "numpy.lib.format", versions 1.0, 2.0 and 3.0.
use super::Tensor;
use std::io::Read;

/// The longest header that NumPy itself believes.
const LONGEST: usize = 10_000;

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

/// The type of an array's elements.
#[derive(Debug, PartialEq)]
enum Dtype {
    /// Bytes of an element, and whether they are big-endian.
    Float(usize, bool),
    U1,
    /// Of a known size, none of them floats that are read.
    Fixed(String, usize),
    /// Pickled Python objects.
    Object,
    /// Fields.
    Structured,
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
    let all = |from: &mut dyn Read| {
        let mut data = Vec::new();
        from.read_to_end(&mut data).map_err(damaged)?;
        exact(read + data.len() as u64, size)?;
        Ok::<_, String>(data)
    };
    let floats = "give float32 or float64";
    match header.dtype {
        Dtype::Float(4, big) => {
            let of = if big { f32::from_be_bytes } else { f32::from_le_bytes };
            let data = all(&mut from)?.as_chunks::<4>().0.iter().map(|&word| of(word)).collect();
            Ok(Array::Floats(ordered(data, header.shape, header.fortran)))
        }
        Dtype::Float(_, big) => {
            let of = if big { f64::from_be_bytes } else { f64::from_le_bytes };
            let wide = all(&mut from)?.as_chunks::<8>().0.iter().map(|&word| of(word)).collect::<Vec<f64>>();
            Ok(match super::narrow(&wide) {
                Ok(data) => Array::Floats(ordered(data, header.shape, header.fortran)),
                Err(why) => Array::Other(why),
            })
        }
        Dtype::U1 if header.shape.len() == 1 => all(&mut from).map(Array::Bytes),
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

/// What is left of a reader, counted.
fn drain(mut from: impl Read) -> Result<u64, String> {
    std::io::copy(&mut from, &mut std::io::sink()).map_err(damaged)
}

fn damaged(error: std::io::Error) -> String {
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
    let header = Literal { rest: &text }.header().ok_or_else(|| {
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

/// A Python dict literal, as NumPy writes headers.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn header(mut self) -> Option<(Dtype, Vec<usize>, bool)> {
        let (mut dtype, mut fortran, mut shape) = (None, None, None);
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.string()?;
            self.token(":")?;
            let twice = match key {
                "descr" => dtype.replace(self.dtype()?).is_some(),
                "fortran_order" => fortran.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => true,
            };
            if twice {
                return None;
            }
            if self.token(",").is_none() {
                self.token("}")?;
                break;
            }
        }
        let done = self.rest.trim_matches([' ', '\n', '\t', '\r']).is_empty();
        if done { Some((dtype?, shape?, fortran?)) } else { None }
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\t', '\r']).strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.token("'").is_some() { '\'' } else { self.token("\"").map(|()| '"')? };
        let (text, rest) = self.rest.split_once(quote)?;
        self.rest = rest;
        (!text.contains('\\')).then_some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.token("True") {
            Some(()) => Some(true),
            None => self.token("False").map(|()| false),
        }
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.token("(")?;
        let mut shape = Vec::new();
        while self.token(")").is_none() {
            self.token("")?;
            let digits = self.rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, rest) = self.rest.split_at(digits);
            self.rest = rest;
            shape.push(number.parse().ok()?);
            // Python 2 wrote long integers so.
            let _ = self.token("L");
            // NumPy has no more than 64 dimensions.
            if shape.len() > 64 {
                return None;
            }
            if self.token(",").is_none() {
                // One number in parentheses is no tuple.
                self.token(")").filter(|()| shape.len() > 1)?;
                break;
            }
        }
        Some(shape)
    }

    /// A type: a string, or a list of fields, which is skipped.
    fn dtype(&mut self) -> Option<Dtype> {
        if self.token("[").is_some() {
            let mut open = 1u32;
            while open > 0 {
                if self.token("[").is_some() || self.token("(").is_some() {
                    open += 1;
                } else if self.token("]").is_some() || self.token(")").is_some() {
                    open -= 1;
                } else if self.token(",").is_none() && self.string().is_none() {
                    self.token("")?;
                    let digits = self.rest.find(|c: char| !c.is_ascii_digit()).filter(|&digits| digits > 0)?;
                    self.rest = &self.rest[digits..];
                }
            }
            return Some(Dtype::Structured);
        }
        let descr = self.string()?;
        let (order, kind) = (descr.get(..1)?, descr.get(1..)?);
        if !["<", ">", "|", "="].contains(&order) {
            return None;
        }
        // Where no order is said, it is that of the machine that wrote: nothing is known of it.
        let big = order == ">";
        let size = || kind.get(1..)?.split('[').next()?.parse::<usize>().ok();
        Some(match kind {
            "f4" if order == "<" || big => Dtype::Float(4, big),
            "f8" if order == "<" || big => Dtype::Float(8, big),
            "u1" => Dtype::U1,
            _ if kind.starts_with('O') => Dtype::Object,
            _ if kind.starts_with('U') => Dtype::Fixed(descr.to_owned(), size()?.checked_mul(4)?),
            _ if kind.starts_with(['b', 'i', 'u', 'f', 'c', 'm', 'M', 'S', 'a', 'V']) => {
                Dtype::Fixed(descr.to_owned(), size()?)
            }
            _ => return None,
        })
    }
}

/// Elements in C order.
fn ordered(data: Vec<f32>, shape: Vec<usize>, fortran: bool) -> Tensor {
    if !fortran || shape.len() < 2 {
        return Tensor { shape, data };
    }
    // The first extent varies fastest in the file.
    let mut strides = vec![1; shape.len()];
    for i in 1..shape.len() {
        strides[i] = strides[i - 1] * shape[i - 1];
    }
    let mut at = vec![0; shape.len()];
    let mut turned = Vec::with_capacity(data.len());
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
    Tensor { shape, data: turned }
}

/// An array as a file: version 1.0, C order, padded to 64 bytes as NumPy does.
pub(super) fn write(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = if shape.len() == 1 { format!("({},)", extents[0]) } else { format!("({})", extents.join(", ")) };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // A shape that would not fit into two bytes of length has thousands of extents.
    let len = (10 + text.len() + 1).next_multiple_of(64) - 10;
    text.extend(std::iter::repeat_n(' ', len - 1 - text.len()));
    text.push('\n');
    [MAGIC, &[1, 0], &(len as u16).to_le_bytes(), text.as_bytes(), data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes(), data].concat()
    }

    fn of(bytes: &[u8]) -> Result<Array, String> {
        read(bytes, bytes.len() as u64)
    }

    fn floats(bytes: &[u8]) -> Tensor {
        match of(bytes) {
            Ok(Array::Floats(tensor)) => tensor,
            Ok(Array::Other(why)) | Err(why) => panic!("{why}"),
            Ok(Array::Bytes(_)) => panic!("bytes"),
        }
    }

    fn why(bytes: &[u8]) -> String {
        match of(bytes) {
            Ok(Array::Other(why)) | Err(why) => why,
            Ok(Array::Floats(tensor)) => panic!("{tensor:?}"),
            Ok(Array::Bytes(bytes)) => panic!("{bytes:?}"),
        }
    }

    #[test]
    fn floats_of_either_order_are_read() {
        let values = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let little: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let big: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
        let wide: Vec<u8> = values.iter().flat_map(|&x| f64::from(x).to_be_bytes()).collect();
        let c = Tensor { shape: vec![2, 3], data: values.to_vec() };
        assert_eq!(floats(&array("'<f4'", "False", "(2, 3)", &little)), c);
        assert_eq!(floats(&array("'>f4'", "False", "(2L, 3L,)", &big)), c);
        assert_eq!(floats(&array("\">f8\"", "False", "(2,3)", &wide)), c);
        let turned = Tensor { shape: vec![2, 3], data: vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0] };
        assert_eq!(floats(&array("'<f4'", "True", "(2, 3)", &little)), turned);
        assert_eq!(floats(&array("'<f4'", "True", "(6,)", &little)).data, values);
        assert_eq!(floats(&array("'<f4'", "False", "()", &little[..4])), Tensor { shape: vec![], data: vec![1.0] });
        assert_eq!(floats(&array("'<f4'", "False", "(0, 5)", &[])), Tensor { shape: vec![0, 5], data: vec![] });
        let written = write("<f4", &[2, 3], &little);
        assert_eq!((floats(&written), written.len()), (c, 128 + 24));
        // Versions 2 and 3 have four bytes of length.
        for version in [2, 3] {
            let one = array("'<f4'", "False", "(6,)", &little);
            let bytes = [&one[..6], &[version, 0], &one[8..10], &[0, 0], &one[10..]].concat();
            assert_eq!(floats(&bytes).data, values);
        }
    }

    #[test]
    fn what_is_no_array_of_floats_says_what_it_is() {
        for (descr, len, part) in [
            ("'|O'", 7, "Python objects"),
            ("[('re', '<f4'), ('im', '<i4', (2, 3))]", 9, "structured"),
            ("'<U5'", 40, "<U5"),
            ("'|S3'", 6, "|S3"),
            ("'<c8'", 16, "<c8"),
            ("'<f16'", 32, "<f16"),
            ("'<f2'", 4, "<f2"),
            ("'<i8'", 16, "<i8"),
            ("'<M8[ns]'", 16, "<M8[ns]"),
        ] {
            let said = why(&array(descr, "False", "(2,)", &vec![0; len]));
            assert!(said.contains(part) && said.contains("give float32 or float64"), "{descr}: {said}");
        }
        let wide: Vec<u8> = [1.0, 1e300].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
        assert!(why(&array("'<f8'", "False", "(2,)", &wide)).contains("1e300 at element 1"));
        assert!(why(b"hello").contains("is no .npy array"));
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let four = [0; 4];
        for (bytes, part) in [
            (array("'<f4'", "False", "(2,)", &four), "declares 8 bytes"),
            (array("'<f4'", "False", "()", &[0; 8]), "declares 4 bytes"),
            (array("'<i4'", "False", "(2,)", &four), "declares 8 bytes"),
            (array("'<f4'", "False", "(-4, 3)", &four), "not understood"),
            (array("'<f4'", "False", "(1)", &four), "not understood"),
            (array("'<f4'", "Falsch", "(1,)", &four), "not understood"),
            (array("'<f4', 'descr': '<f4'", "False", "(1,)", &four), "not understood"),
            (array("'<f4', 'more': 1", "False", "(1,)", &four), "not understood"),
            (array("'f4'", "False", "(1,)", &four), "not understood"),
            (array("'<f4'", "False", "(4294967296, 4294967296)", &four), "more elements than"),
            (array("'<f8'", "False", "(2305843009213693953,)", &four), "more elements than"),
            (array("'<f4'", "False", "(99999999999999999999,)", &four), "not understood"),
            (b"\x93NUMPY\x01\x00\xff".to_vec(), "cut off"),
            (b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), "cut off"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "at most 10000"),
            (b"\x93NUMPY\x02\x00\xff\xff".to_vec(), "cut off"),
            (b"\x93NUMPY\x04\x00\x01\x00{".to_vec(), "version 4.0"),
        ] {
            let said = why(&bytes);
            assert!(said.contains(part) && !said.contains('\n'), "{said}");
        }
        let whole = array("'<f4'", "False", "(1,)", &four);
        assert!(read(whole.as_slice(), whole.len() as u64 + 1).is_err(), "the archive declares more");
        assert!(read(&[&whole[..], &four].concat()[..], whole.len() as u64).is_err(), "there is more");
    }
}
