use super::block::rows_first;
use super::{Block, Dense, Orthogonal, Role, Wanted};
use crate::error::Error;
use crate::graph::Graph;
use crate::kernel::{Along, Isa, Series, draw};
use crate::math::{Math, negate};
use crate::op::{Conv, GroupedConv};
use crate::random::{Normal, Purpose, Stream};
use crate::spec::{Family, Init, Readout, Spec};

/// The largest deviation that keeps every weight finite: no normal is as large as 8.
const LARGEST: f32 = f32::MAX / 8.0;

/// Weights that are a pure function of (seed, run, layer, row, column), drawn into the panel where they are needed.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seeded {
    seed: u64,
    run: u32,
    normal: Normal,
    math: Math,
    init: Init,
    mirrored_readout: bool,
    gain: f32,
    bias_std: f32,
    first_weight_std: f32,
    first_bias_std: f32,
    readout_std: f32,
    /// Number of the last layer.
    readout: u32,
    isa: Isa,
}

impl Seeded {
    /// The weights of run `run` of a spec: Irwin-Hall normals, libm.
    pub fn new(spec: &Spec, seed: u64, run: u32) -> Self {
        Self::with(spec, seed, run, Normal::IrwinHall, Math::Libm)
    }

    /// The same with a choice of normals and maths library.
    pub fn with(spec: &Spec, seed: u64, run: u32, normal: Normal, math: Math) -> Self {
        let doubled = matches!(spec.family, Family::Crelu) && spec.readout != Readout::Linear;
        Self {
            seed,
            run,
            normal,
            math,
            init: spec.init,
            mirrored_readout: spec.init == Init::LooksLinear && doubled,
            gain: spec.gain,
            bias_std: spec.bias_std,
            first_weight_std: spec.first_weight_std,
            first_bias_std: spec.first_bias_std,
            readout_std: spec.resolved_readout_std(),
            readout: spec.depth.saturating_add(1),
            isa: Isa::Portable,
        }
    }

    /// The same, drawn by other instructions.
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// The affine map of a layer: the first is the stem, the last one the readout.
    pub(crate) fn dense(&self, layer: u32, (fan_in, fan_out): (u32, u32), bias: bool) -> Dense {
        let role = match layer {
            1 => Role::Stem,
            layer if layer == self.readout => Role::Readout,
            _ => Role::Hidden,
        };
        Dense { role, layer, fan_in, fan_out, taps: 1, bias }
    }

    /// The affine map of node i of a graph, that of a convolution at one place; None for operations whose parameters are not drawn.
    pub fn dense_of(&self, graph: &Graph, i: u32) -> Option<Dense> {
        let node = graph.node(i)?;
        if let Some((window, bias)) = node.op.conv() {
            return self.conv(
                node.address,
                &Conv { input: graph.shape(node.x as usize).image(), channels: node.shape.channels, window },
                bias,
            );
        }
        if cfg!(feature = "models")
            && let Some((conv, bias)) = node.op.grouped_conv(graph.shape(node.x as usize).image())
        {
            return self.grouped_conv(node.address, &conv, bias);
        }
        let bias = node.op.dense()?;
        Some(self.dense(node.address, (graph.units(node.x as usize) as u32, node.shape.channels), bias))
    }

    /// The affine map of a convolution at one place; None past 2^32 - 1 inputs.
    pub(crate) fn conv(&self, layer: u32, conv: &Conv, bias: bool) -> Option<Dense> {
        let taps = u32::try_from(conv.window.taps()).ok()?;
        let dense = self.dense(layer, (conv.input.channels.checked_mul(taps)?, conv.channels), bias);
        Some(Dense { taps, ..dense })
    }

    /// The affine map of a convolution by groups at one place, from the channels of a group; None past 2^32 - 1 inputs.
    pub(crate) fn grouped_conv(&self, layer: u32, conv: &GroupedConv, bias: bool) -> Option<Dense> {
        let (taps, fan_in) = (u32::try_from(conv.window.taps()).ok()?, u32::try_from(conv.weights_each()?).ok()?);
        Some(Dense { taps, ..self.dense(layer, (fan_in, conv.channels), bias) })
    }

    /// Whether the columns of a looks-linear pair are not adjacent: for an operand of several places a channel, a window of several taps, or
    /// several groups.
    pub(crate) fn parts_pairs(&self, graph: &Graph, i: u32, dense: &Dense) -> bool {
        let pairs = match dense.role {
            Role::Stem => false,
            Role::Hidden => self.init == Init::LooksLinear,
            Role::Readout => self.mirrored_readout,
        };
        let place = |x: u32| graph.shape(x as usize).plane() == 1;
        if cfg!(feature = "models")
            && let Some(node) = graph.node(i)
            && let Some((conv, _)) = node.op.grouped_conv(graph.shape(node.x as usize).image())
        {
            return pairs && (dense.taps > 1 || conv.groups > 1);
        }
        pairs && !(dense.taps == 1 && graph.node(i).is_some_and(|node| node.op.conv().is_some() || place(node.x)))
    }

    fn stream(&self, purpose: Purpose, layer: u32) -> Stream {
        Stream::new(self.seed, self.run, purpose, layer, self.normal).with_math(self.math)
    }

    fn deviation(&self, dense: &Dense) -> f32 {
        match (dense.role, self.init) {
            (Role::Stem, _) => self.first_weight_std,
            (Role::Readout, _) => self.readout_std,
            (Role::Hidden, Init::Glorot) => {
                let fan_out = dense.fan_out.saturating_mul(dense.taps);
                self.gain * self.math.sqrt(2.0 / dense.fan_in.saturating_add(fan_out) as f32)
            }
            (Role::Hidden, _) => self.gain * self.math.sqrt(2.0 / dense.fan_in as f32),
        }
    }

    fn orthogonal(&self, dense: &Dense) -> Option<Orthogonal> {
        let mirrored = match (dense.role, self.init) {
            (Role::Hidden, Init::Orthogonal) => false,
            (Role::Hidden, Init::LooksLinear) => true,
            _ => return None,
        };
        Some(Orthogonal::new(dense, mirrored, self.gain, self.math, self.stream(Purpose::Weight, dense.layer)))
    }
}

impl Seeded {
    /// Fills a panel of an orthogonal matrix; whether it is one.
    // As the next one beside the product, whose stack would otherwise hold what either needs.
    #[inline(never)]
    fn fill_orthogonal<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32]) -> bool {
        let orthogonal = self.orthogonal(dense);
        if let Some(orthogonal) = &orthogonal {
            orthogonal.fill::<R>(block, panel);
        }
        orthogonal.is_some()
    }

    /// Fills a panel with weights of which each is a draw.
    #[inline(never)]
    fn fill_independent<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32], wanted: &Wanted) {
        let purpose = match dense.role {
            Role::Stem => Purpose::Stem,
            Role::Hidden => Purpose::Weight,
            Role::Readout => Purpose::Readout,
        };
        let (stream, deviation) = (self.stream(purpose, dense.layer), self.deviation(dense));
        if dense.role == Role::Readout && self.mirrored_readout {
            return mirrored::<R>(&stream, deviation, block, panel);
        }
        let along = if block.transposed { Along::Column } else { Along::Row };
        if !self.isa.has_words() {
            // Larger ones may overflow to infinity, which spoils a sum whatever the other factor is.
            let finite = deviation.to_bits() << 1 <= LARGEST.to_bits() << 1;
            let wanted = if finite { wanted } else { &Wanted::ALL };
            block.fill_series::<R>(panel, &mut Series::new(&stream, along, deviation), wanted);
        } else {
            block.fill_pieces::<R>(panel, |row, column, out| {
                draw(self.isa, &stream, (row, column), along, deviation, out);
            });
        }
    }
}

/// Fills a panel with weights w, -w, ..
#[inline(never)]
fn mirrored<const R: usize>(stream: &Stream, deviation: f32, block: &Block, panel: &mut [f32]) {
    block.fill::<R>(panel, |row, column| {
        let weight = stream.value(row, column / 2) * deviation;
        if column % 2 == 0 { weight } else { negate(weight) }
    });
}

impl Seeded {
    /// The next block of a product with this matrix, or with its transpose, from (row, column) on: as much as `capacity` elements of panel
    /// hold, in groups of `group` rows.
    ///
    /// # Errors
    /// [`Error::TooShort`] naming the panel where not even the smallest block fits.
    #[inline(never)]
    pub fn block(
        &self,
        dense: &Dense,
        transposed: bool,
        from: (u32, u32),
        capacity: usize,
        group: u32,
    ) -> Result<Block, Error> {
        match self.orthogonal(dense) {
            Some(orthogonal) => orthogonal.block(transposed, from, capacity),
            None => rows_first(dense, transposed, from, capacity, group),
        }
    }

    /// Fills the panel with a block that [`Seeded::block`] gave, rows in groups of R.
    pub fn fill<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32]) {
        self.fill_wanted::<R>(dense, block, panel, &Wanted::ALL);
    }

    /// The same, where only some inputs of the product are wanted: the factors of all others are zero at every point, so that
    /// [`Wanted::PLACEHOLDER`] stands for their weights where the true ones are finite.
    pub fn fill_wanted<const R: usize>(&self, dense: &Dense, block: &Block, panel: &mut [f32], wanted: &Wanted) {
        if !self.fill_orthogonal::<R>(dense, block, panel) {
            self.fill_independent::<R>(dense, block, panel, wanted);
        }
    }

    /// The bias of one output, canonical (never -0.0).
    pub fn bias(&self, dense: &Dense, row: u32) -> f32 {
        let (purpose, deviation) = match dense.role {
            Role::Stem => (Purpose::StemBias, self.first_bias_std),
            Role::Hidden => (Purpose::Bias, self.bias_std),
            Role::Readout => return 0.0,
        };
        if deviation == 0.0 { 0.0 } else { self.stream(purpose, dense.layer).value(row, 0) * deviation + 0.0 }
    }

    /// The least f32 elements of a panel for this layer.
    pub fn panel_len(&self, dense: &Dense) -> u64 {
        self.orthogonal(dense).map_or(1, |orthogonal| orthogonal.panel_len())
    }

    /// The same for a convolution. Whole rows are drawn and then packed, forward and backward, behind the biases; all rows where columns of an
    /// orthogonal matrix are drawn.
    pub(crate) fn conv_panel_len(&self, dense: &Dense) -> u64 {
        let orthogonal = self.orthogonal(dense);
        let (fan_in, fan_out, taps) = (dense.fan_in as u64, dense.fan_out as u64, dense.taps as u64);
        let (rows, behind) = match orthogonal {
            Some(orthogonal) => (fan_in.saturating_mul(fan_out), orthogonal.reflector_len()),
            None => (fan_in.max(fan_out.saturating_mul(taps)), 0),
        };
        let biases = if dense.bias { fan_out } else { 0 };
        rows.saturating_mul(2).saturating_add(biases).saturating_add(behind)
    }

    /// The same for a convolution by groups, whose weights are drawn at once, behind the biases; behind them a row is packed.
    pub(crate) fn grouped_conv_panel_len(&self, dense: &Dense) -> u64 {
        let (fan_in, fan_out) = (dense.fan_in as u64, dense.fan_out as u64);
        let biases = if dense.bias { fan_out } else { 0 };
        let row = fan_in.max(fan_out.saturating_mul(dense.taps as u64));
        fan_in
            .saturating_mul(fan_out)
            .saturating_add(biases)
            .saturating_add(row)
            .saturating_add(self.behind(dense) as u64)
    }

    /// Elements that drawing needs behind what is drawn.
    pub(crate) fn behind(&self, dense: &Dense) -> usize {
        self.orthogonal(dense).map_or(0, |orthogonal| orthogonal.reflector_len() as usize)
    }
}
