//! Training's parts (section 11), and the exponential.
use super::{cases, flat, float, floats, rows, same, uint};
use serde_json::Value;
use shatterscope::graph::Node;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::Conv;
use shatterscope::math::Math;
use shatterscope::train::{
    Decay, Decrease, InitialWeights, Initializer, MeanLoss, Optimiser, Powers, Rate, Settings, argmax, clip_by_norm,
    clip_by_value, cross_entropy, partner, shuffle, squared_error,
};
use shatterscope_layers::{Layer, to_graph};

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|number| uint(number) as u32).collect()
}

#[test]
fn exponentials_have_the_bits_of_strict1_py() {
    for case in cases("exp") {
        same(&[Math::Libm.exp(float(&case["x"]))], &[float(&case["y"])], &case);
    }
}

#[test]
fn losses_have_the_values_and_gradients_of_strict1_py() {
    for case in cases("cross_entropy") {
        let (mut z, labels) = (flat(&case["z"]), numbers(&case["labels"]));
        let shape = (z.len() / labels.len(), labels.len());
        let (mut loss, mut predicted) = (vec![f32::NAN; labels.len()], vec![u32::MAX; labels.len()]);
        argmax(&z, shape, &mut predicted).unwrap();
        assert_eq!(predicted, numbers(&case["predicted"]), "{case}");
        cross_entropy(&mut z, shape, &labels, uint(&case["batch"]) as u32, &mut loss, Math::Libm).unwrap();
        same(&loss, &floats(&case["loss"]), &case);
        same(&z, &flat(&case["gradient"]), &case);
        let mut mean = MeanLoss::new();
        mean.add(&loss);
        same(&[mean.mean().unwrap()], &[float(&case["mean_loss"])], &case);
    }
    for case in cases("squared_error") {
        let (mut y, targets, expected) = (flat(&case["y"]), flat(&case["targets"]), floats(&case["loss"]));
        let (shape, mut loss) = ((y.len() / expected.len(), expected.len()), vec![f32::NAN; expected.len()]);
        squared_error(&mut y, shape, &targets, uint(&case["batch"]) as u32, &mut loss).unwrap();
        same(&loss, &expected, &case);
        same(&y, &flat(&case["gradient"]), &case);
    }
}

#[test]
fn optimisers_update_weights_as_strict1_py_does() {
    for case in cases("optimiser") {
        let number = |name: &str| float(&case[name]);
        let optimiser = match case["rule"].as_str().unwrap() {
            "sgd" => Optimiser::Sgd,
            "momentum" => Optimiser::Momentum { mu: number("mu") },
            "nesterov" => Optimiser::Nesterov { mu: number("mu") },
            _ => Optimiser::Adam { beta1: number("beta1"), beta2: number("beta2"), eps: number("eps") },
        };
        let decay = match case["decay"].as_str().unwrap() {
            "none" => Decay::None,
            "l2" => Decay::L2(number("decay_by")),
            _ => Decay::Decoupled(number("decay_by")),
        };
        let settings = Settings::new(optimiser).with_decay(decay);
        let (mut weight, mut powers) = (floats(&case["weight"]), Powers::new());
        let mut state = vec![0.0; optimiser.state_len(weight.len() as u64) as usize];
        for gradient in rows(&case["gradients"]) {
            settings.step(number("rate"), &mut powers).unwrap().apply(&mut weight, &gradient, &mut state).unwrap();
        }
        same(&weight, &floats(&case["updated"]), &case);
        same(&state, &floats(&case["state"]), &case);
        same(&[powers.beta1, powers.beta2], &floats(&case["powers"]), &case);
    }
}

#[test]
fn clipped_gradients_have_the_bits_of_strict1_py() {
    for case in cases("clip") {
        let (mut by_norm, mut by_value, limit) = (floats(&case["g"]), floats(&case["g"]), float(&case["limit"]));
        let norm = clip_by_norm(&mut by_norm, limit, Math::Libm).unwrap();
        clip_by_value(&mut by_value, limit).unwrap();
        same(&[norm], &[float(&case["norm"])], &case);
        same(&by_norm, &floats(&case["by_norm"]), &case);
        same(&by_value, &floats(&case["by_value"]), &case);
    }
}

#[test]
fn learning_rates_follow_strict1_py() {
    for case in cases("rate") {
        let decrease = match case["decrease"].as_str().unwrap() {
            "never" => Decrease::Never,
            "steps" => Decrease::steps(&numbers(&case["epochs"]), float(&case["factor"])).unwrap(),
            _ => Decrease::Plateau {
                factor: float(&case["factor"]),
                patience: uint(&case["patience"]) as u32,
                threshold: float(&case["threshold"]),
                drops: uint(&case["drops"]) as u32,
            },
        };
        let rate = Rate { base: float(&case["base"]), warm_up: uint(&case["warm_up"]) as u32, decrease };
        let mut state = rate.start();
        for (metric, expected) in floats(&case["metrics"]).into_iter().zip(floats(&case["rates"])) {
            same(&[rate.current(&state)], &[expected], &case);
            rate.advance(&mut state, metric);
        }
    }
}

#[test]
fn shuffled_orders_are_those_of_strict1_py() {
    for case in cases("shuffle") {
        let (seed, epoch) = (uint(&case["seed"]), uint(&case["epoch"]) as u32);
        if let Some(i) = case.get("i") {
            assert_eq!(u64::from(partner(seed, epoch, uint(i) as u32)), uint(&case["j"]), "{case}");
            continue;
        }
        let expected = numbers(&case["order"]);
        let mut order = vec![u32::MAX; expected.len()];
        shuffle(seed, epoch, &mut order).unwrap();
        assert_eq!(order, expected, "{case}");
    }
}

fn layer(layer: &Value) -> Layer {
    let [channels, height, width] = numbers(&layer[1]).try_into().unwrap();
    let image = Image { channels, height, width };
    let outs = || (uint(&layer[2]) as u32, layer[3].as_bool().unwrap());
    match layer[0].as_str().unwrap() {
        "dense" => Layer::Dense { inputs: image.units().unwrap(), outputs: outs().0, bias: outs().1 },
        "conv" => {
            let [height, width, stride, padding] = numbers(&layer[4]).try_into().unwrap();
            let window = Window { height, width, stride, padding };
            Layer::Conv { conv: Conv { input: image, channels: outs().0, window }, bias: outs().1 }
        }
        "norm" => Layer::BatchNorm { image, eps: 1e-5, momentum: 0.1 },
        "relu" => Layer::Relu { units: image.units().unwrap() },
        "crelu" => Layer::Crelu { image },
        other => panic!("layer {other}"),
    }
}

#[test]
fn initial_parameters_have_the_bits_of_strict1_py() {
    for case in cases("begin") {
        let start = match case["start"].as_str().unwrap() {
            "he" => Initializer::He,
            "glorot" => Initializer::Glorot,
            "orthogonal" => Initializer::Orthogonal,
            "looks-linear" => Initializer::LooksLinear,
            _ => Initializer::LooksLinearPairs,
        };
        let layers: Vec<Layer> = case["layers"].as_array().unwrap().iter().map(layer).collect();
        let init = InitialWeights { start, seed: uint(&case["seed"]), run: uint(&case["run"]) as u32 };
        let expected = floats(&case["parameters"]);
        let mut parameters = vec![f32::NAN; expected.len()];
        let mut nodes = vec![Node::EMPTY; 3 * layers.len() + 1];
        let graph = to_graph(&layers, &mut nodes).unwrap();
        init.fill(&graph, &mut parameters, &mut vec![f32::NAN; init.scratch_len(&graph) as usize]).unwrap();
        same(&parameters, &expected, &case);
    }
}
