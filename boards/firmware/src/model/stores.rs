use super::Model;
use super::layout::Pieces;
use super::predict::Values;
use crate::answer::Answer;
use crate::device::{Gone, Machine};
use crate::training_tile;
use shatterscope::contract::Digest;
use shatterscope::wire::{Done, Get, Message, Put, Store, VALUE_BYTES, Why};

impl Model {
    /// Takes words.
    #[inline(never)]
    pub fn put<const T: usize>(&mut self, put: &Put, arena: &mut [f32]) {
        let words = put.bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        let first = put.first as usize;
        if put.store == Store::Nodes && !self.is_ready() {
            return self.nodes().put(arena, first, words);
        }
        if !self.is_ready() {
            return;
        }
        let Pieces { nodes, slots, parameters, running, values, .. } = self.layout.divide(arena);
        let to = match put.store {
            Store::Parameters => parameters,
            Store::Running => running,
            Store::Report => {
                self.report = put.word();
                return;
            }
            Store::Inputs => {
                self.last = None;
                let tile = training_tile(self.load.batch, T as u32) as usize;
                if let Some(map) = Values::new(nodes, slots, self.load.batch, tile) {
                    map.put_inputs(values, first, self.inputs as usize, words);
                }
                return;
            }
            _ => return,
        };
        let to = to.get_mut(first..).unwrap_or_default().iter_mut();
        // No parameter is -0.0; words of bytes stay as they are.
        let bytes = self.int8;
        to.zip(words).for_each(|(to, word)| {
            let x = f32::from_bits(word);
            *to = if bytes { x } else { x + 0.0 };
        });
    }

    /// Says words of a store.
    #[inline(never)]
    pub fn say<const T: usize, M: Machine>(
        &self,
        get: &Get,
        arena: &mut [f32],
        answer: &mut Answer<M>,
    ) -> Result<(), Gone> {
        let Pieces { nodes, slots, parameters, running, values, .. } = self.layout.divide(arena);
        let tile = training_tile(self.load.batch, T as u32) as usize;
        let map = Values::new(nodes, slots, self.load.batch, tile);
        let (first, units) = (get.first as usize, self.outputs as usize);
        let end = first.saturating_add(get.count as usize);
        let have = match (get.store, &self.last) {
            (Store::Parameters, _) => parameters.len(),
            (Store::Running, _) => running.len(),
            (Store::Outputs, Some(last)) => (last.count as usize).saturating_mul(units),
            _ => 0,
        };
        if end > have {
            return answer.refuse(Why::Store, end as u64, have as u64);
        }
        let word = |i: usize| match (get.store, &map) {
            (Store::Parameters, _) => parameters.get(i).copied(),
            (Store::Running, _) => running.get(i).copied(),
            (_, Some(map)) => map.output(values, i, units),
            _ => None,
        };
        let mut digest = Digest::new();
        let mut buffer = [0.0f32; VALUE_BYTES / 4];
        for at in (first..end).step_by(buffer.len()) {
            let len = (end - at).min(buffer.len());
            let frame = buffer.get_mut(..len).unwrap_or_default();
            for (i, to) in frame.iter_mut().enumerate() {
                *to = word(at + i).unwrap_or(f32::NAN);
                digest.push_bits(*to);
            }
            answer.say_words((at - first) as u32, frame)?;
        }
        let stack = answer.machine().stack();
        let (elements, arena) = (get.count, 4 * self.layout.words());
        answer.say(Message::Done(Done { elements, digest, arena, panel: 0, stack, ticks: None }))
    }
}
