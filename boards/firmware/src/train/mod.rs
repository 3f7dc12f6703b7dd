//! Training on the device: parameters and all else lie in the arena from one step to the next.
mod flash;
mod layout;
mod refused;
mod step;
mod stores;

use crate::training_words;
use layout::{Pieces, init};
pub use layout::{TrainingLayout, training_layout, training_tile};
pub(crate) use refused::Refused;
use shatterscope::contract::Digest;
use shatterscope::kernel::Isa;
use shatterscope::train::{Options, Powers};
use shatterscope::wire::{LAYER_BYTES, Layers, MAX_LAYERS, Ready, Saved, Taught, Train, Why, With, decode_layers};

/// A training between two requests.
pub(crate) struct Session {
    number: u32,
    layer_bytes: u32,
    with: With,
    layout: TrainingLayout,
    powers: Powers,
    /// Steps done.
    step: u32,
    last: Option<Taught>,
    /// What the flash has of it since it was last saved or restored.
    saved: Option<Saved>,
    /// Units in, and elements of a tile of them.
    inputs: (u32, u32),
}

impl Session {
    /// The one that is asked for, its list of layers at the arena's beginning.
    pub fn new(train: &Train, arena: &mut [f32]) -> Self {
        let fits = train.layers.len() <= LAYER_BYTES;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(arena);
        let layer_bytes = match bytes.get_mut(..train.layers.len()) {
            Some(to) if fits => {
                to.copy_from_slice(train.layers);
                to.len() as u32
            }
            _ => 0,
        };
        let (step, powers) = (train.with.step, Powers::new());
        let layout = TrainingLayout::default();
        Self {
            number: train.session,
            layer_bytes,
            with: train.with,
            layout,
            powers,
            step,
            last: None,
            saved: None,
            inputs: (0, 0),
        }
    }

    /// Whether this is the one that is asked for.
    pub fn is(&self, train: &Train, arena: &[f32]) -> bool {
        let bytes: &[u8] = bytemuck::cast_slice(arena);
        let same = bytes.get(..self.layer_bytes as usize) == Some(train.layers);
        self.number == train.session && same && self.with == train.with
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// Cuts the arena and draws the weights.
    #[inline(never)]
    pub fn begin<const T: usize>(&mut self, arena: &mut [f32]) -> Result<(), Refused> {
        let mut layers = Layers::new();
        self.layers(arena, &mut layers)?;
        let words = training_words(arena.len() as u64, self.with.ram, size_of::<usize>() > 4);
        let (plan, layout) = training_layout(&layers, self.layer_bytes, &self.with, T as u32, words)?;
        self.layout = layout.map_err(|short| Refused::Why(Why::Memory, short.need, short.have))?;
        self.inputs = (plan.inputs, plan.inputs_tile_len as u32);
        let kept = [self.layout.layers, self.layout.parameters, self.layout.running, self.layout.state];
        let [_, parameters, running, state] = kept.map(|words| words as usize);
        let rest = arena.get_mut(kept[0] as usize..).unwrap_or_default();
        let (parameters, rest) = rest.split_at_mut_checked(parameters).unwrap_or_default();
        let (running, rest) = rest.split_at_mut_checked(running).unwrap_or_default();
        let (state, scratch) = rest.split_at_mut_checked(state).unwrap_or_default();
        init(&self.with).fill(&layers, parameters, scratch)?;
        state.fill(0.0);
        let mut rest = running;
        for layer in &layers {
            let channels = layer.statistics() as usize;
            let (means, after) = rest.split_at_mut_checked(channels).unwrap_or_default();
            let (variances, after) = after.split_at_mut_checked(channels).unwrap_or_default();
            means.fill(0.0);
            variances.fill(1.0);
            rest = after;
        }
        Ok(())
    }

    /// Where it stands.
    #[inline(never)]
    pub fn ready(&self, arena: &[f32]) -> Ready {
        let TrainingLayout { parameters, running, state, least, .. } = self.layout;
        let (arena_bytes, least) = (4 * self.layout.words(), 4 * least);
        Ready { step: self.step, parameters, running, state, arena: arena_bytes, least, digest: self.digest(arena) }
    }

    fn digest(&self, arena: &[f32]) -> Digest {
        let start = self.layout.layers as usize;
        let end = start + (self.layout.parameters + self.layout.running) as usize;
        Digest::of(arena.get(start..end).unwrap_or_default())
    }

    /// The list of layers, from the arena's beginning.
    #[inline(never)]
    fn layers(&self, words: &[f32], layers: &mut Layers) -> Result<(), Refused> {
        let bytes: &[u8] = bytemuck::cast_slice(words);
        match bytes.get(..self.layer_bytes as usize) {
            Some(bytes) if decode_layers(bytes, layers) => Ok(()),
            _ => Err(Refused::Why(Why::Layers, 0, MAX_LAYERS as u64)),
        }
    }

    fn options(&self) -> Options {
        Options { batch: self.with.batch, isa: Isa::detect(), seed: self.with.seed }
    }
}
