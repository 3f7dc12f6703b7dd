use super::{Session, training_tile};
use crate::answer::Answer;
use crate::device::{Gone, Machine};
use shatterscope::contract::Digest;
use shatterscope::train::Powers;
use shatterscope::wire::{Done, Get, Message, Put, Store, VALUE_BYTES, Why};

impl Session {
    /// Takes words, if they are for the step that comes next.
    #[inline(never)]
    pub fn put<const T: usize>(&mut self, put: &Put, arena: &mut [f32]) {
        let words = put.bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        match put.store {
            _ if put.session != self.number() => {}
            Store::Nodes if !self.is_ready() => self.nodes().put(arena, put.first as usize, words),
            _ if !self.is_ready() || put.step != self.step => {}
            Store::Report => self.report = put.word(),
            Store::Inputs => {
                let map = self.input_map(training_tile(self.train.with.batch, T as u32) as usize);
                map.put(self.layout.divide(arena).buffers.values, put.first as usize, words);
            }
            _ => self.put_words(put, arena),
        }
    }

    /// The positions of inputs in the tiles of a training.
    pub(super) fn input_map(&self, tile: usize) -> Input {
        let (units, slot) = self.input;
        let batch = self.train.with.batch as usize;
        let tile = tile.max(1);
        Input { units: units as usize, slot: slot as usize, batch, points: batch.next_multiple_of(tile), tile }
    }

    fn put_words(&mut self, put: &Put, arena: &mut [f32]) {
        let words = put.bytes.as_chunks::<4>().0;
        let mut powers = self.powers.to_le_bytes();
        let pieces = self.layout.divide(arena);
        let to: &mut [u8] = match put.store {
            Store::Labels => bytemuck::cast_slice_mut(pieces.labels),
            Store::Parameters => bytemuck::cast_slice_mut(pieces.parameters),
            Store::Running => bytemuck::cast_slice_mut(pieces.running),
            Store::State => bytemuck::cast_slice_mut(pieces.state),
            Store::Powers => &mut powers,
            Store::Inputs | Store::Nodes | Store::Outputs | Store::Report => &mut [],
        };
        let to = to.as_chunks_mut::<4>().0.get_mut(put.first as usize..).unwrap_or_default();
        for (to, word) in to.iter_mut().zip(words) {
            *to = match put.store {
                // No parameter is -0.0.
                Store::Parameters => (f32::from_le_bytes(*word) + 0.0).to_ne_bytes(),
                // They stay bytes.
                Store::Powers => *word,
                _ => u32::from_le_bytes(*word).to_ne_bytes(),
            };
        }
        self.powers = Powers::from_le_bytes(powers);
    }

    /// Says words of a store.
    #[inline(never)]
    pub fn say<M: Machine>(&self, get: &Get, arena: &mut [f32], answer: &mut Answer<M>) -> Result<(), Gone> {
        let powers = [self.powers.beta1, self.powers.beta2];
        let pieces = self.layout.divide(arena);
        let all: &[f32] = match get.store {
            Store::Parameters => pieces.parameters,
            Store::Running => pieces.running,
            Store::State => pieces.state,
            Store::Powers => &powers,
            Store::Inputs | Store::Labels | Store::Nodes | Store::Outputs | Store::Report => &[],
        };
        let end = (get.first as usize).saturating_add(get.count as usize);
        let Some(words) = all.get(get.first as usize..end) else {
            return answer.refuse(Why::Store, end as u64, all.len() as u64);
        };
        for (i, frame) in words.chunks(VALUE_BYTES / 4).enumerate() {
            answer.say_words((i * VALUE_BYTES / 4) as u32, frame)?;
        }
        let stack = answer.machine().stack();
        let (elements, digest, arena) = (words.len() as u32, Digest::of_bits(words), 4 * self.layout.words());
        answer.say(Message::Done(Done { elements, digest, arena, panel: 0, stack, ticks: None }))
    }
}

/// The elements of an input among the values: `[tile][unit][T]` from its slot on.
#[derive(Clone, Copy)]
pub(super) struct Input {
    units: usize,
    slot: usize,
    batch: usize,
    /// Points that the slots have room for.
    points: usize,
    tile: usize,
}

impl Input {
    /// The index of a unit of a point; None past the batch's tiles.
    pub fn at(&self, point: usize, unit: usize) -> Option<usize> {
        let tile = (point / self.tile).checked_mul(self.units)?.checked_add(unit)?.checked_mul(self.tile)?;
        let start = self.slot.checked_mul(self.points)?;
        (point < self.points).then_some(start.checked_add(tile)?.checked_add(point % self.tile)?)
    }

    /// Elements `[point][unit]` from the `first` on.
    fn put(&self, values: &mut [f32], first: usize, words: impl Iterator<Item = u32>) {
        let (Some(mut point), Some(mut unit)) = (first.checked_div(self.units), first.checked_rem(self.units)) else {
            return;
        };
        for word in words {
            if point >= self.batch {
                return;
            }
            if let Some(to) = self.at(point, unit).and_then(|at| values.get_mut(at)) {
                *to = f32::from_bits(word);
            }
            unit = unit.wrapping_add(1);
            if unit == self.units {
                (point, unit) = (point.wrapping_add(1), 0);
            }
        }
    }

    /// Lanes past the last of `count` points are that point again.
    pub fn repeat_last(&self, values: &mut [f32], count: usize) {
        for point in count..count.next_multiple_of(self.tile) {
            for unit in 0..self.units {
                let x = self.at(count.saturating_sub(1), unit).and_then(|at| values.get(at).copied());
                if let (Some(x), Some(to)) = (x, self.at(point, unit).and_then(|at| values.get_mut(at))) {
                    *to = x;
                }
            }
        }
    }
}
