//! Gradients of a residual convnet, with respect to its inputs and to its parameters, checked against a difference quotient.
//!
//! `cargo run --example gradients`
use shatterscope::exec::{Model, Options, Session, Targets, TrainState};
use shatterscope::train::{InitialWeights, Initializer, Settings};

shatterscope::network! {
    /// A residual block on images of 6 x 6 pixels, then three classes.
    static NET: Gradients = input(1, 6, 6).conv(4, 3).relu().fork().conv(4, 3).relu().conv(4, 3).join().relu().dense(3);
}

const POINTS: usize = 2;

fn main() -> Result<(), shatterscope::Error> {
    let mut arena = vec![0.0; NET.arena_len(POINTS as u32, 1)];
    let mut session = Session::new(&NET, Options::new(POINTS as u32), &mut arena)?;

    // Weights with deviation sqrt(2 / fan-in), determined by the seed.
    let settings = Settings::default();
    let mut memory = vec![0.0; TrainState::len(&NET, &settings)];
    let state = TrainState::new(&NET, settings, InitialWeights::new(Initializer::He, 1), &mut memory, &mut [])?;
    let parameters = state.model().parameters;

    let images: Vec<f32> = (0..POINTS * 36).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    let (mut outputs, mut by_input) = ([0.0; POINTS * 3], [0.0; POINTS * 36]);
    session.input_gradient(Model::new(parameters), &images, None, &mut outputs, &mut by_input)?;
    println!("d(sum of outputs)/d(pixel): {:?}", &by_input[..6]);

    let mut by_parameter = vec![0.0; parameters.len()];
    let loss =
        session.parameter_gradient(Model::new(parameters), &images, Targets::Labels(&[0, 2]), &mut by_parameter)?;
    println!("loss {}, d(loss)/d(weight): {:?}", loss.mean, &by_parameter[..4]);

    // One pixel moved up and down: the outputs are piecewise linear, so that the quotient is exact but for rounding.
    let mut sum = |by: f32| {
        let mut moved = images.clone();
        moved[14] += by;
        session.predict(Model::new(parameters), &moved, &mut outputs).map(|()| outputs[..3].iter().sum::<f32>())
    };
    let quotient = (sum(1e-4)? - sum(-1e-4)?) / 2e-4;
    println!("pixel 14: gradient {}, difference quotient {quotient}", by_input[14]);
    assert!((quotient - by_input[14]).abs() < 5e-3);
    Ok(())
}
