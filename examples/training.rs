//! Training: a small network learns to tell the points of two spirals apart.
//!
//! `cargo run --example training`
use shatterscope::contract::Digest;
use shatterscope::exec::{Options, Session, Targets, TrainState};
use shatterscope::train::{InitialWeights, Initializer, Optimiser, Settings};

shatterscope::network! {
    static NET: ParameterGradient = input(2).dense(32).relu().dense(32).relu().dense(2);
}

const POINTS: usize = 64;
const STEPS: u32 = 400;

fn main() -> Result<(), shatterscope::Error> {
    // Two spirals: point i belongs to class i % 2.
    let labels: Vec<u32> = (0..POINTS as u32).map(|i| i % 2).collect();
    let spiral = |i: usize| {
        let (t, turn) = ((i / 2) as f32 / 32.0, (i % 2) as f32 * std::f32::consts::PI);
        let (sin, cos) = (6.0 * t + turn).sin_cos();
        [t * cos, t * sin]
    };
    let inputs: Vec<f32> = (0..POINTS).flat_map(spiral).collect();

    let mut arena = vec![0.0; NET.arena_len(POINTS as u32, 1)];
    let mut session = Session::new(&NET, Options::new(POINTS as u32), &mut arena)?;
    let settings = Settings::new(Optimiser::ADAM);
    let mut memory = vec![0.0; TrainState::len(&NET, &settings)];
    let mut state = TrainState::new(&NET, settings, InitialWeights::new(Initializer::He, 1), &mut memory, &mut [])?;

    for step in 0..=STEPS {
        let loss = session.train_step(&mut state, 0.01, &inputs, Targets::Labels(&labels))?;
        if step % 100 == 0 {
            println!("step {step}: loss {:.4}, {} of {POINTS} correct", loss.mean, loss.correct);
        }
    }
    let loss = session.loss(state.model(), &inputs, Targets::Labels(&labels))?;
    println!("parameter digest {}", Digest::of(state.model().parameters));
    assert!(loss.correct as usize > POINTS * 9 / 10, "{} of {POINTS} correct", loss.correct);
    Ok(())
}
