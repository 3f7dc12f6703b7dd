//! Flatbuffers, read by field number: every offset and length is checked against the file when it is used.
//!
//! The crate `flatbuffers` wants `unsafe` from whoever writes its tables down; these few lines do without.
use crate::error::{Error, Result};
use std::cell::Cell;

/// The bytes of a file, and how many may still be read: tables may share what they point to, and a small file could have it read without end.
pub struct File<'a> {
    data: &'a [u8],
    budget: Cell<usize>,
}

/// A table: its fields are found by number.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    file: &'a File<'a>,
    at: usize,
    vtable: usize,
    vtable_length: usize,
}

fn outside(what: &str, at: usize) -> Error {
    Error::tflite(format!("{what} at byte {at} is outside the file"))
}

impl<'a> File<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, budget: Cell::new(data.len().saturating_mul(16)) }
    }

    fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        self.data.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(|| outside("a number", at))
    }

    fn spend(&self, bytes: usize) -> Result<()> {
        let left = self.budget.get().checked_sub(bytes);
        self.budget.set(left.ok_or_else(|| Error::tflite("its tables share data too often"))?);
        Ok(())
    }

    /// The place that an offset points to.
    fn follow(&self, at: usize) -> Result<usize> {
        let offset = u32::from_le_bytes(self.bytes(at)?) as usize;
        let to = at.checked_add(offset).filter(|&to| offset > 0 && to < self.data.len());
        to.ok_or_else(|| outside("what an offset points to,", at))
    }

    /// The elements of a vector.
    fn vector(&self, at: usize, size: usize) -> Result<&'a [u8]> {
        let n = u32::from_le_bytes(self.bytes(at)?) as usize;
        let end = n.checked_mul(size).and_then(|bytes| bytes.checked_add(at + 4));
        let bytes = end.and_then(|end| self.data.get(at + 4..end)).ok_or_else(|| outside("a vector", at))?;
        self.spend(bytes.len() + 4)?;
        Ok(bytes)
    }

    /// The table that the file begins with.
    pub fn root(&'a self) -> Result<Table<'a>> {
        if self.data.get(4..8) != Some(b"TFL3") {
            return Err(Error::tflite("its identifier at byte 4 is not TFL3"));
        }
        Table::new(self, self.follow(0)?)
    }
}

impl<'a> Table<'a> {
    fn new(file: &'a File<'a>, at: usize) -> Result<Self> {
        let back = i64::from(i32::from_le_bytes(file.bytes(at)?));
        let vtable = i64::try_from(at).ok().and_then(|at| at.checked_sub(back)).and_then(|v| usize::try_from(v).ok());
        let vtable = vtable.ok_or_else(|| outside("the list of fields of the table", at))?;
        let vtable_length = usize::from(u16::from_le_bytes(file.bytes(vtable)?));
        if vtable_length < 4 || vtable.checked_add(vtable_length).is_none_or(|end| end > file.data.len()) {
            return Err(outside("the list of fields of the table", at));
        }
        file.spend(4)?;
        Ok(Self { file, at, vtable, vtable_length })
    }

    /// Where a field is, if the table has it.
    fn field(&self, number: usize) -> Result<Option<usize>> {
        let slot = 4 + 2 * number;
        if slot + 2 > self.vtable_length {
            return Ok(None);
        }
        let offset = usize::from(u16::from_le_bytes(self.file.bytes(self.vtable + slot)?));
        Ok(if offset == 0 { None } else { Some(self.at + offset) })
    }

    fn number<const N: usize>(&self, number: usize) -> Result<Option<[u8; N]>> {
        self.field(number)?.map(|at| self.file.bytes(at)).transpose()
    }

    pub fn byte(&self, number: usize, default: u8) -> Result<u8> {
        Ok(self.number::<1>(number)?.map_or(default, |b| b[0]))
    }

    pub fn int(&self, number: usize, default: i32) -> Result<i32> {
        Ok(self.number(number)?.map_or(default, i32::from_le_bytes))
    }

    pub fn float(&self, number: usize, default: f32) -> Result<f32> {
        Ok(self.number(number)?.map_or(default, f32::from_le_bytes))
    }

    pub fn long(&self, number: usize) -> Result<u64> {
        Ok(self.number(number)?.map_or(0, u64::from_le_bytes))
    }

    pub fn table(&self, number: usize) -> Result<Option<Self>> {
        let Some(at) = self.field(number)? else { return Ok(None) };
        Self::new(self.file, self.file.follow(at)?).map(Some)
    }

    /// A vector of numbers of `size` bytes, as bytes.
    pub fn raw(&self, number: usize, size: usize) -> Result<Option<&'a [u8]>> {
        let Some(at) = self.field(number)? else { return Ok(None) };
        self.file.vector(self.file.follow(at)?, size).map(Some)
    }

    pub fn ints(&self, number: usize) -> Result<Option<Vec<i32>>> {
        let bytes = self.raw(number, 4)?;
        Ok(bytes.map(|bytes| bytes.as_chunks().0.iter().map(|&b| i32::from_le_bytes(b)).collect()))
    }

    pub fn text(&self, number: usize) -> Result<String> {
        let bytes = self.raw(number, 1)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A vector of tables; none if the field is absent.
    pub fn tables(&self, number: usize) -> Result<Vec<Self>> {
        let Some(at) = self.field(number)? else { return Ok(Vec::new()) };
        let start = self.file.follow(at)?;
        let n = self.file.vector(start, 4)?.len() / 4;
        (0..n).map(|i| Self::new(self.file, self.file.follow(start + 4 + 4 * i)?)).collect()
    }
}
