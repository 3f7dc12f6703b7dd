//! The elements of a part as they come in, whatever the order and however often.
use super::Answer;
use shatterscope::contract::Digest;
use shatterscope::wire::{Done, Part, Run};

/// What has come of one part.
pub struct Pieces {
    run: Run,
    elements: Vec<Option<u64>>,
    /// The whole part's, once the device has said it.
    whole: Option<Done>,
    requests: u32,
}

impl Pieces {
    /// Nothing yet.
    pub fn new(run: &Run) -> Self {
        Self { run: *run, elements: Vec::new(), whole: None, requests: 0 }
    }

    /// Requests made so far.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// The request for what is missing: all of it, or the points between the first and the last that have not come.
    pub fn request(&mut self) -> Run {
        self.requests += 1;
        // Networks on the wire have one input and one output: an element a point.
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

    /// Takes the elements of one frame of the answer to `asked`.
    pub fn put(&mut self, asked: &Run, first: u32, bytes: &[u8]) {
        let each = self.run.part.element_bytes();
        let start = (asked.first - self.run.first) as usize + first as usize;
        let end = start + bytes.len() / each;
        // No part has more: a position past this is none that was asked for.
        if end > 1 << 30 {
            return;
        }
        if self.elements.len() < end {
            self.elements.resize(end, None);
        }
        for (element, bytes) in self.elements[start..end].iter_mut().zip(bytes.chunks_exact(each)) {
            let mut word = [0; 8];
            word[..each].copy_from_slice(bytes);
            *element = Some(u64::from_le_bytes(word));
        }
    }

    /// The answer, if all elements are there and have the digest that the device says they have.
    pub fn complete(&mut self, asked: &Run, done: Done) -> Option<Answer> {
        if *asked == self.run {
            self.elements.resize(done.elements as usize, None);
            self.whole = Some(done);
        }
        let whole = self.whole?;
        let elements: Vec<u64> = self.elements.iter().copied().collect::<Option<_>>()?;
        if digest(self.run.part, &elements) != whole.digest {
            // Nothing says which elements are wrong: all of them come again.
            *self = Self { requests: self.requests, ..Self::new(&self.run) };
            return None;
        }
        Some(Answer { elements, done: whole })
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
