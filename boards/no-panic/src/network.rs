//! Specs, plans, weights, and the executor: its options are unknown to the optimiser, so each mode is here.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::Error;
use shatterscope::math::Math;
use shatterscope::network::*;
use shatterscope::random::Normal;

pub fn everything() {
    let spec: Spec = black_box(Spec::feedforward(black_box(3), black_box(4)));
    let spec = black_box(spec.with_family(black_box(Family::Crelu)).with_init(black_box(Init::LooksLinear)));
    let spec = black_box(spec.with_norm(black_box(Norm::None)));
    let math: Math = black_box(Math::Libm);
    let _ = black_box((spec.check(), spec.features(), spec.join(), spec.resolved_readout_std()));
    let network: Network = black_box(Network::Family(spec));
    plans(&network);
    let normal: Normal = black_box(Normal::IrwinHall);
    let seeded: Seeded = black_box(Seeded::with(&spec, black_box(7), black_box(0), normal, math));
    let _ = black_box(Seeded::new(&spec, black_box(7), black_box(0)));
    let tensor = slice(&[1.0; 4]);
    let parameters = [Parameters { weight: tensor, bias: tensor }; 4];
    executors(network, &seeded);
    if let Ok(stored) = black_box(Stored::new(&network, slice(&parameters))) {
        executors(network, &stored);
    }
}

fn plans(network: &Network) {
    let options: Options = black_box(Options::new(black_box(20)));
    let _ = black_box((network.check(), network.plan(&options, black_box(4)), network.inputs(), network.outputs()));
    black_box((network.len(), network.is_empty(), network.layer_number(black_box(2))));
    let layers: &[Layer] = slice(&[Layer::Relu { width: 1 }; 2]);
    black_box(network.layer(black_box(1)).map(|layer| (layer.shape(), layer.is_norm())));
    let _ = black_box(black_box(Network::Layers(layers)).plan(&options, black_box(4)));
}

fn executors<W: Weights>(network: Network, weights: &W) {
    let _ = black_box(run::<W, 1, 1>(network, weights));
    let _ = black_box(run::<W, 4, 4>(network, weights));
    let _ = black_box(run::<W, 2, 16>(network, weights));
    let dense: Dense = black_box(Dense { role: Role::Hidden, layer: 2, fan_in: 4, fan_out: 4, bias: true });
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

fn run<W: Weights, const R: usize, const T: usize>(network: Network, weights: &W) -> Result<(), Error> {
    let [mut activations, mut statistics, mut normalised, mut panel] = [[0.0; 8]; 4];
    let (mut tape, mut outputs, mut gradient) = ([0; 8], [0.0; 8], [0.0; 8]);
    let mut executor = Executor::<W, Serial, R, T>::new(
        network,
        weights,
        &Serial,
        black_box(Input::Points(slice(&[1.0; 4]))),
        black_box(Options::new(20)),
        Buffers {
            activations: buffer(&mut activations),
            tape: buffer(&mut tape),
            statistics: buffer(&mut statistics),
            normalised: buffer(&mut normalised),
            panel: buffer(&mut panel),
        },
        buffer(&mut outputs),
        buffer(&mut gradient),
    )?
    .with_seed(slice(&[1.0; 4]))?;
    black_box((executor.plan(), executor.multiply_adds()));
    let step = black_box(executor.step(black_box(1))?);
    black_box(step.is_done());
    executor.run()
}
