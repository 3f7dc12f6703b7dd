//! A whole .npy file: floats as f32, integers and booleans as i64.
use super::super::Tensor;
use super::literal::Dtype;
use super::{MAGIC, header, ordered, reserved, take};

/// An array of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Any {
    /// f2, f4 or f8, rounded to f32.
    Floats(Tensor),
    /// Integers of up to 64 bits and booleans.
    Integers {
        /// Extents, slowest first.
        shape: Vec<usize>,
        /// Elements, row-major.
        data: Vec<i64>,
        /// Whether they are bytes, as images have them.
        bytes: bool,
    },
}

/// Reads the bytes of a .npy file.
///
/// # Errors
/// A header that is not understood, elements of another number than it declares, a type that is not read; f64 values that f32 does not hold.
pub fn any(bytes: &[u8]) -> Result<Any, String> {
    if !bytes.starts_with(MAGIC) {
        return Err("it is no .npy array".to_owned());
    }
    let mut from = bytes;
    let mut start = Vec::new();
    take(&mut from, 10, &mut start)?;
    let (header, read) = header(&mut from, start)?;
    let data = bytes.get(read as usize..).unwrap_or_default();
    let (size, descr) = match &header.dtype {
        Dtype::Float(size, big) => (*size, format!("{}f{size}", if *big { '>' } else { '<' })),
        Dtype::U1 => (1, "|u1".to_owned()),
        Dtype::Fixed(descr, size) => (*size, descr.clone()),
        Dtype::Object => return Err("it is an array of Python objects (dtype O), which are not read".to_owned()),
        Dtype::Structured => return Err("it is a structured array, which is not read".to_owned()),
    };
    if header.elements.checked_mul(size) != Some(data.len()) {
        return Err(format!(
            "its header declares {:?} elements of {size} bytes, and {} bytes follow it",
            header.shape,
            data.len()
        ));
    }
    let (big, kind) = (descr.starts_with('>'), descr.get(1..).unwrap_or_default());
    // Eight bytes, least significant first; what is above `size` is zero.
    let words = data.chunks_exact(size.max(1)).map(|element| {
        let mut word = [0; 8];
        let element: Vec<u8> = if big { element.iter().rev().copied().collect() } else { element.to_vec() };
        word.iter_mut().zip(element).for_each(|(to, byte)| *to = byte);
        u64::from_le_bytes(word)
    });
    let bits = 8 * size as u32;
    match kind {
        "f4" | "f8" | "f2" => {
            let mut floats = reserved(header.elements, "its elements")?;
            let wide = words.map(|word| match kind {
                "f4" => f64::from(f32::from_bits(word as u32)),
                "f8" => f64::from_bits(word),
                _ => half(word as u16),
            });
            super::super::narrow(&mut floats, wide)?;
            Ok(Any::Floats(ordered(floats, header.shape, header.fortran)?))
        }
        "b1" | "u1" | "u2" | "u4" | "u8" | "i1" | "i2" | "i4" | "i8" => {
            if header.fortran && header.shape.len() > 1 {
                return Err("its integers are in Fortran order: save it with np.ascontiguousarray".to_owned());
            }
            let mut integers = reserved(header.elements, "its elements")?;
            for word in words {
                integers.push(match kind.starts_with('i') {
                    true => (word as i64) << (64 - bits) >> (64 - bits),
                    false => {
                        i64::try_from(word).map_err(|_| format!("its element {word} is beyond 64-bit integers"))?
                    }
                });
            }
            Ok(Any::Integers { shape: header.shape, data: integers, bytes: kind == "u1" })
        }
        _ => Err(format!("its elements are of type {descr}: give float32, float64, integers or booleans")),
    }
}

/// A number in half precision.
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * (-24f64).exp2(),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * f64::from(exponent - 25).exp2(),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;

    #[test]
    fn every_type_is_read() {
        let of = |descr: &str, shape: &[usize], data: &[u8]| any(&write(descr, shape, data));
        let floats = |data: Vec<f32>| Ok(Any::Floats(Tensor { shape: vec![data.len()], data }));
        assert_eq!(of("<f4", &[2], &[0, 0, 128, 63, 0, 0, 0, 192]), floats(vec![1.0, -2.0]));
        assert_eq!(of(">f8", &[1], &1.5f64.to_be_bytes()), floats(vec![1.5]));
        assert_eq!(of("<f2", &[3], &[0, 0x3c, 1, 0, 0, 0xfc]), floats(vec![1.0, 5.9604645e-8, f32::NEG_INFINITY]));
        let integers = |data: Vec<i64>, bytes| Ok(Any::Integers { shape: vec![data.len()], data, bytes });
        assert_eq!(of("<i2", &[2], &[254, 255, 3, 0]), integers(vec![-2, 3], false));
        assert_eq!(of(">i8", &[1], &(-7i64).to_be_bytes()), integers(vec![-7], false));
        assert_eq!(of("|u1", &[2], &[255, 0]), integers(vec![255, 0], true));
        assert_eq!(of("|b1", &[2], &[1, 0]), integers(vec![1, 0], false));
        assert!(of("<u8", &[1], &[255; 8]).unwrap_err().contains("beyond"));
        assert!(of("<f8", &[1], &1e300f64.to_le_bytes()).unwrap_err().contains("beyond what f32 holds"));
        assert!(of("<c8", &[1], &[0; 8]).unwrap_err().contains("<c8"));
        assert!(of("<f4", &[2], &[0; 4]).unwrap_err().contains("4 bytes follow"));
        assert!(any(b"PK").is_err());
    }
}
