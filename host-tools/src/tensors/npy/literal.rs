//! The header of a .npy array: a literal of Python's.

/// The type of an array's elements.
#[derive(Debug, PartialEq)]
pub(super) enum Dtype {
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

/// A Python dict literal, as NumPy writes headers.
pub(super) struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    pub fn of(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Type, shape, and whether the first extent varies fastest; None for anything that NumPy does not write.
    pub fn header(mut self) -> Option<(Dtype, Vec<usize>, bool)> {
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
