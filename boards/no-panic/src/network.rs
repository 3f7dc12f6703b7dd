//! Specs and weights.
use crate::buffer;
use core::hint::black_box;
use shatterscope::graph::Graph;
use shatterscope::internals::weights::*;
use shatterscope::math::Math;
use shatterscope::random::Normal;
use shatterscope::spec::*;
use shatterscope::weights::Seeded;

pub fn everything() {
    let spec: Spec = black_box(Spec::feedforward(black_box(3), black_box(4)));
    let spec = black_box(spec.with_family(black_box(Family::Crelu)).with_init(black_box(Init::LooksLinear)));
    let spec = black_box(spec.with_norm(black_box(Norm::None)));
    let math: Math = black_box(Math::Libm);
    let _ = black_box((spec.check(), spec.features(), spec.join(), spec.resolved_readout_std(), spec.panel_len()));
    let normal: Normal = black_box(Normal::IrwinHall);
    let seeded: Seeded = black_box(Seeded::with(&spec, black_box(7), black_box(0), normal, math));
    let _ = black_box(
        Seeded::new(&spec, black_box(7), black_box(0)).with_isa(black_box(shatterscope::exec::Isa::Portable)),
    );
    if let Ok(graph) = black_box(Graph::family(&spec)) {
        black_box(seeded.dense_of(&graph, black_box(2)));
    }
    weights(&seeded);
}

fn weights(weights: &Seeded) {
    let dense: Dense = black_box(Dense { role: Role::Hidden, layer: 2, fan_in: 4, fan_out: 4, taps: 1, bias: true });
    if let Ok(block) = black_box(weights.block(&dense, black_box(false), black_box((0, 0)), black_box(9), black_box(2)))
    {
        black_box((block.len(), block.is_empty()));
        weights.fill::<3>(&dense, &block, buffer(&mut [0.0; 16]));
        let wanted: Wanted = black_box(Wanted::unless(black_box(7), |input| black_box(input) == 2));
        black_box((wanted.has(black_box(3)), Wanted::ALL.has(black_box(600))));
        weights.fill_wanted::<3>(&dense, &block, buffer(&mut [0.0; 16]), &wanted);
    }
    black_box((weights.bias(&dense, black_box(1)), weights.panel_len(&dense)));
}
