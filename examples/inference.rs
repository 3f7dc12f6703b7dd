//! Desktop inference: a network with stored weights, its outputs, and the digest that every other machine must give.
//!
//! `cargo run --example inference`
use shatterscope::contract::Digest;
use shatterscope::exec::{Model, Options, Session};

shatterscope::network! {
    /// Two inputs, three hidden units, two classes.
    static NET: Output = input(2).dense(3).relu().dense(2);
}

/// Weights, then biases of each dense layer: `[out][in]`, `[out]`.
const PARAMETERS: [f32; 17] = [
    1.0, -1.0, 0.5, 0.5, -1.0, 1.0, 0.0, 0.1, 0.0, // first layer
    1.0, 0.0, -1.0, -1.0, 0.5, 1.0, 0.25, -0.25, // second layer
];

fn main() -> Result<(), shatterscope::Error> {
    // The memory for one point at a time, known at compile time.
    let mut arena = [0.0; NET.arena_len(1, 1)];
    let mut session = Session::new(&NET, Options::new(1), &mut arena)?;

    let inputs = [1.0, 0.0, 0.0, 1.0, 0.5, 0.25];
    let mut outputs = [0.0; 6];
    session.predict(Model::new(&PARAMETERS), &inputs, &mut outputs)?;

    for (x, y) in inputs.chunks(2).zip(outputs.chunks(2)) {
        println!("f({x:?}) = {y:?}");
    }
    println!("output digest {}", Digest::of(&outputs));
    Ok(())
}
