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
        if (put.session, put.step) != (self.number, self.step) || self.layout.parameters == 0 {
            return;
        }
        if put.store != Store::Inputs {
            return self.put_words(put, arena);
        }
        self.put_inputs(put, training_tile(self.with.batch, T as u32) as usize, arena);
    }

    fn put_words(&mut self, put: &Put, arena: &mut [f32]) {
        let words = put.bytes.as_chunks::<4>().0;
        let mut powers = self.powers.to_le_bytes();
        let mut places = [];
        let pieces = self.layout.cut(arena, &mut places);
        let to: &mut [u8] = match put.store {
            Store::Labels => bytemuck::cast_slice_mut(pieces.labels),
            Store::Parameters => bytemuck::cast_slice_mut(pieces.parameters),
            Store::Running => bytemuck::cast_slice_mut(pieces.running),
            Store::State => bytemuck::cast_slice_mut(pieces.state),
            Store::Powers => &mut powers,
            Store::Inputs | Store::Nodes | Store::Outputs => &mut [],
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

    /// Inputs stand `[tile][unit][T]` at the beginning of the activations.
    fn put_inputs(&mut self, put: &Put, tile: usize, arena: &mut [f32]) {
        let mut places = [];
        let inputs = self.layout.cut(arena, &mut places).buffers.activations;
        let (units, tile_len) = (self.inputs.0 as usize, self.inputs.1 as usize);
        let tile = tile.max(1);
        let (mut point, mut unit) = (put.first as usize / units.max(1), put.first as usize % units.max(1));
        for word in put.bytes.as_chunks::<4>().0 {
            if point >= self.with.batch as usize {
                return;
            }
            if let Some(to) = inputs.get_mut(point / tile * tile_len + unit * tile + point % tile) {
                *to = f32::from_le_bytes(*word);
            }
            unit += 1;
            if unit == units {
                (point, unit) = (point + 1, 0);
            }
        }
    }

    /// Says words of a store.
    #[inline(never)]
    pub fn say<M: Machine>(&self, get: &Get, arena: &mut [f32], answer: &mut Answer<M>) -> Result<(), Gone> {
        let powers = [self.powers.beta1, self.powers.beta2];
        let mut places = [];
        let pieces = self.layout.cut(arena, &mut places);
        let all: &[f32] = match get.store {
            Store::Parameters => pieces.parameters,
            Store::Running => pieces.running,
            Store::State => pieces.state,
            Store::Powers => &powers,
            Store::Inputs | Store::Labels | Store::Nodes | Store::Outputs => &[],
        };
        let end = (get.first as usize).saturating_add(get.count as usize);
        let Some(words) = all.get(get.first as usize..end) else {
            return answer.refuse(Why::Store, end as u64, all.len() as u64);
        };
        for (i, frame) in words.chunks(VALUE_BYTES / 4).enumerate() {
            answer.say_words((i * VALUE_BYTES / 4) as u32, frame)?;
        }
        let stack = answer.machine().stack();
        let (elements, digest, arena) = (words.len() as u32, Digest::of(words), 4 * self.layout.words());
        answer.say(Message::Done(Done { elements, digest, arena, panel: 0, stack, ticks: None }))
    }
}
