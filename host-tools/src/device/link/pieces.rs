//! The elements of a part as they come in, whatever the order and however often.
use super::expected::{Expected, check_finite, check_profile};
use super::{Answer, LinkError};
use shatterscope::Pass;
use shatterscope::contract::Digest;
use shatterscope::wire::{Done, Part, Run};

/// What has come of one part.
pub(super) struct Pieces {
    run: Run,
    pub expected: Expected,
    elements: Vec<Option<u64>>,
    /// The whole part's, once the device has said it.
    whole: Option<Done>,
    /// Whole answers whose elements did not have the digest that came with them.
    mismatches: u32,
}

/// Such answers that are asked for again: bytes that changed on the way past two checksums are rarer than this.
const MISMATCHES: u32 = 2;

impl Pieces {
    /// Nothing yet.
    pub fn new(run: &Run, expected: Expected) -> Self {
        Self { run: *run, expected, elements: Vec::new(), whole: None, mismatches: 0 }
    }

    /// The request for what is missing: all of it, or the points between the first and the last that have not come.
    pub fn request(&self) -> Run {
        let by_point = matches!(self.run.part, Part::Gradient | Part::Outputs);
        if !by_point || self.whole.is_none() {
            return self.run;
        }
        let missing =
            || self.elements.iter().enumerate().filter(|(_, element)| element.is_none()).map(|(i, _)| i as u32);
        match (missing().next(), missing().next_back()) {
            (Some(first), Some(last)) => Run { first: self.run.first + first, count: last - first + 1, ..self.run },
            _ => self.run,
        }
    }

    /// Elements of the answer to `asked`, and the place of the first of them among all.
    fn range(&self, asked: &Run) -> (usize, usize) {
        let all = self.expected.elements.unwrap_or(0);
        let skip = (asked.first - self.run.first) as usize;
        if *asked == self.run { (0, all) } else { (skip, (asked.count as usize).min(all.saturating_sub(skip))) }
    }

    /// Takes the elements of one frame of the answer to `asked`: bytes of those that are new.
    ///
    /// # Errors
    /// Elements that were not asked for, before any memory is taken for them.
    pub fn put(&mut self, asked: &Run, first: u32, bytes: &[u8]) -> Result<usize, LinkError> {
        let each = self.run.part.element_bytes();
        let (skip, len) = self.range(asked);
        let (first, count) = (first as usize, bytes.len() / each);
        if !bytes.len().is_multiple_of(each) {
            return Err(LinkError::Lie(format!("{} bytes of elements of {each} bytes", bytes.len())));
        }
        if first.checked_add(count).is_none_or(|end| end > len) {
            return Err(LinkError::Lie(format!("{count} elements from element {first} on, {len} were asked for")));
        }
        let (start, end) = (skip + first, skip + first + count);
        if self.elements.len() < end {
            self.elements.resize(end, None);
        }
        let mut new = 0;
        for (element, bytes) in self.elements[start..end].iter_mut().zip(bytes.chunks_exact(each)) {
            let mut word = [0; 8];
            word[..each].copy_from_slice(bytes);
            new += if element.is_none() { each } else { 0 };
            *element = Some(u64::from_le_bytes(word));
        }
        Ok(new)
    }

    /// The answer, if all elements are there and have the digest that the device says they have.
    ///
    /// # Errors
    /// An answer of another length, values that are not finite, digests that are wrong again and again.
    pub fn complete(&mut self, asked: &Run, done: Done) -> Result<Option<Answer>, LinkError> {
        let (_, len) = self.range(asked);
        self.expected.check_done(len, &done)?;
        if *asked == self.run {
            self.elements.resize(len, None);
            self.whole = Some(done);
        }
        let Some(whole) = self.whole else { return Ok(None) };
        let Some(elements) = self.elements.iter().copied().collect::<Option<Vec<u64>>>() else { return Ok(None) };
        // First, as NaN has many bits and one digest.
        self.check(&elements)?;
        if digest(self.run.part, &elements) != whole.digest {
            self.mismatches += 1;
            if self.mismatches == MISMATCHES {
                return Err(LinkError::Lie(format!("a digest {} that its own elements do not have", whole.digest)));
            }
            // Nothing says which elements are wrong: all of them come again.
            (self.elements, self.whole) = (Vec::new(), None);
            return Ok(None);
        }
        Ok(Some(Answer { elements, done: whole }))
    }

    /// Refuses elements that no run has.
    fn check(&self, elements: &[u64]) -> Result<(), LinkError> {
        let Run { run, first, .. } = self.run;
        let what = match self.run.part {
            Part::Digests { .. } => return Ok(()),
            Part::Profile { .. } => {
                return check_profile(elements, self.whole.and_then(|whole| whole.ticks));
            }
            Part::Gradient => "the gradient".to_owned(),
            Part::Outputs => "the output".to_owned(),
            Part::Values { pass, node } => {
                let way = if pass == Pass::Forward { "forward" } else { "backward" };
                format!("a value of node {node}, {way},")
            }
        };
        let bits: Vec<u32> = elements.iter().map(|&element| element as u32).collect();
        let each = (bits.len() / (self.run.count as usize).max(1)).max(1);
        check_finite(&bits, |i| format!("{what} at point {} of run {run}", first as usize + i / each))
    }
}

/// The digest that a device says of these elements.
fn digest(part: Part, elements: &[u64]) -> Digest {
    let mut digest = Digest::new();
    for &element in elements {
        match part {
            Part::Digests { .. } | Part::Profile { .. } => digest.push_hash(element),
            _ => digest.push(f32::from_bits(element as u32)),
        }
    }
    digest
}
