//! Operations on images.
use super::{cases, flat, float, floats, rows, same, uint, word};
use serde_json::Value;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::op::{self, Affine, Conv, Dropout, Pool, Running, Shortcut};
use shatterscope::math::Math;

fn numbers<const N: usize>(value: &Value) -> [u32; N] {
    let all: Vec<u32> = value.as_array().unwrap().iter().map(|number| uint(number) as u32).collect();
    all.try_into().unwrap()
}

fn image(case: &Value) -> Image {
    let [channels, height, width] = numbers(&case["input"]);
    Image { channels, height, width }
}

fn window(case: &Value) -> Window {
    let [height, width, stride, padding] = numbers(&case["window"]);
    Window { height, width, stride, padding }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_array().unwrap().iter().map(|byte| u8::try_from(uint(byte)).unwrap()).collect()
}

/// A buffer that no value is left in.
fn unwritten(like: &Value) -> Vec<f32> {
    vec![f32::NAN; like.as_array().unwrap().len()]
}

#[test]
fn convolutions_have_the_values_and_gradients_of_strict1_py() {
    for case in cases("conv") {
        let conv = Conv { input: image(&case), channels: uint(&case["channels"]) as u32, window: window(&case) };
        let points = uint(&case["points"]) as usize;
        let (weight, x, g) = (floats(&case["weight"]), floats(&case["x"]), floats(&case["g"]));
        let mut y = unwritten(&case["y"]);
        op::conv_forward(&conv, &weight, &floats(&case["bias"]), points, &x, &mut y).unwrap();
        same(&y, &floats(&case["y"]), &case);
        let mut grad_input = unwritten(&case["x"]);
        op::conv_backward_input(&conv, &weight, points, &g, &mut grad_input).unwrap();
        same(&grad_input, &floats(&case["grad_input"]), &case);
        let (mut of_weight, mut of_bias) = (floats(&case["old_weight"]), floats(&case["old_bias"]));
        op::conv_backward_parameters(&conv, points, &x, &g, &mut of_weight, &mut of_bias).unwrap();
        same(&of_weight, &floats(&case["grad_weight"]), &case);
        same(&of_bias, &floats(&case["grad_bias"]), &case);
    }
}

#[test]
fn pools_have_the_values_and_gradients_of_strict1_py() {
    for case in cases("pool") {
        let pool = Pool { input: image(&case), window: window(&case) };
        let (points, x) = (uint(&case["points"]) as usize, floats(&case["x"]));
        let g = case.get("g").map(floats);
        let (mut y, mut grad_input) = (unwritten(&case["y"]), unwritten(&case["x"]));
        if case["kind"] == "average" {
            op::average_pool_forward(&pool, points, &x, &mut y).unwrap();
            op::average_pool_backward(&pool, points, &g.unwrap(), &mut grad_input).unwrap();
            same(&grad_input, &floats(&case["grad_input"]), &case);
        } else {
            let mut tape = vec![0xa5; y.len()];
            op::max_pool_forward(&pool, points, &x, &mut y, &mut tape).unwrap();
            assert_eq!(tape, bytes(&case["tape"]), "{case}");
            if let Some(g) = g {
                op::max_pool_backward(&pool, points, &tape, &g, &mut grad_input).unwrap();
                same(&grad_input, &floats(&case["grad_input"]), &case);
                let mut tangent = unwritten(&case["y"]);
                op::max_pool_tangent(&pool, points, &tape, &floats(&case["t"]), &mut tangent).unwrap();
                same(&tangent, &floats(&case["tangent"]), &case);
            }
        }
        same(&y, &floats(&case["y"]), &case);
    }
}

#[test]
fn prelu_has_the_values_and_gradients_of_strict1_py() {
    for case in cases("prelu") {
        let points = uint(&case["points"]) as usize;
        let (slope, x, g) = (floats(&case["slope"]), floats(&case["x"]), floats(&case["g"]));
        let (mut y, mut grad) = (unwritten(&case["y"]), unwritten(&case["y"]));
        op::prelu_forward(&slope, &x, &mut y);
        same(&y, &floats(&case["y"]), &case);
        op::prelu_backward_input(&slope, &x, &g, &mut grad);
        same(&grad, &floats(&case["grad_input"]), &case);
        let mut of_slope = floats(&case["old_slope"]);
        op::prelu_backward_parameters(points, &x, &g, &mut of_slope);
        same(&of_slope, &floats(&case["grad_slope"]), &case);
    }
}

#[test]
fn crelu_of_images_has_the_values_and_gradients_of_strict1_py() {
    for case in cases("crelu_image") {
        // A tile of one point after the other.
        for p in 0..rows(&case["x"])[0].len() {
            let column = |name: &str| rows(&case[name]).iter().map(|row| [row[p]]).collect::<Vec<_>>();
            let plane = uint(&case["plane"]) as usize;
            let units = column("x").len();
            let spread = |name: &str| [column(name), vec![[f32::NAN]; units]].concat();
            let (mut x, mut tape) = (spread("x"), vec![0xa5; units.div_ceil(8)]);
            op::crelu_forward::<1>(plane, &mut x, &mut tape);
            same(x.as_flattened(), column("features").as_flattened(), &case);
            let mut g = column("g");
            op::crelu_backward::<1>(plane, &mut g, &tape);
            same(g[..units].as_flattened(), column("grad_x").as_flattened(), &case);
            let (mut value, mut t) = (spread("x"), spread("t"));
            op::crelu_tangent::<1>(plane, &mut value, &mut t);
            same(value.as_flattened(), x.as_flattened(), &case);
            same(t.as_flattened(), column("tangent").as_flattened(), &case);
        }
    }
}

#[test]
fn shortcuts_have_the_values_and_gradients_of_strict1_py() {
    for case in cases("shortcut") {
        let (channels, stride) = (uint(&case["channels"]) as u32, uint(&case["stride"]) as u32);
        let (shortcut, points) = (Shortcut { input: image(&case), channels, stride }, uint(&case["points"]) as usize);
        let (mut y, mut grad_input) = (unwritten(&case["y"]), unwritten(&case["x"]));
        op::shortcut_forward(&shortcut, points, &floats(&case["x"]), &mut y).unwrap();
        same(&y, &floats(&case["y"]), &case);
        op::shortcut_backward(&shortcut, points, &floats(&case["g"]), &mut grad_input).unwrap();
        same(&grad_input, &floats(&case["grad_input"]), &case);
    }
}

#[test]
fn dropout_keeps_the_units_that_strict1_py_keeps() {
    for case in cases("dropout") {
        let (rate, number) = (float(&case["rate"]), |name: &str| uint(&case[name]) as u32);
        if let Some(scale) = case.get("scale") {
            let dropout = Dropout::new(0, 0, 1, rate).unwrap();
            same(&[dropout.scale()], &[float(scale)], &case);
            assert_eq!(dropout.threshold(), word(&case["threshold"]), "{case}");
            continue;
        }
        let dropout = Dropout::new(uint(&case["seed"]), number("step"), number("layer"), rate).unwrap();
        let x = rows(&case["x"]);
        let points = x[0].len();
        for (unit, keeps) in case["keeps"].as_array().unwrap().iter().enumerate() {
            for (point, keeps) in bytes(keeps).into_iter().enumerate() {
                assert_eq!(dropout.keeps(point as u32, unit as u32), keeps == 1, "{case}");
            }
        }
        let (mut y, mut g) = (x.concat(), x.concat());
        op::dropout_forward(&dropout, 0, points, &mut y);
        op::dropout_backward(&dropout, 0, points, &mut g);
        same(&y, &flat(&case["y"]), &case);
        same(&g, &flat(&case["y"]), &case);
    }
}

#[test]
fn channel_norm_has_the_statistics_and_gradients_of_strict1_py() {
    for case in cases("channel_norm") {
        let (z, g, eps) = (flat(&case["z"]), flat(&case["g"]), float(&case["eps"]));
        let points = rows(&case["z"])[0].len();
        let affine = case.get("gamma").map(|gamma| Affine { gamma: float(gamma), beta: float(&case["beta"]) });
        let moments = op::channel_norm_moments(&z, points, eps, Math::Libm);
        let expected = ["mean", "var", "inv"].map(|name| float(&case[name]));
        same(&[moments.mean, moments.variance, moments.inv], &expected, &case);
        let (mut xhat, mut y) = (z.clone(), vec![f32::NAN; z.len()]);
        op::batch_norm_forward(&mut xhat, moments, affine, &mut y);
        same(&xhat, &flat(&case["xhat"]), &case);
        same(&y, &flat(&case["y"]), &case);
        let (mut detached, mut full) = (g.clone(), g.clone());
        op::batch_norm_backward_detached(&mut detached, moments.inv, affine);
        op::channel_norm_backward_full(&mut full, &xhat, points, moments.inv, affine);
        same(&detached, &flat(&case["grad_z_detached"]), &case);
        same(&full, &flat(&case["grad_z_full"]), &case);
        let (mut of_gamma, mut of_beta) = (float(&case["old_gamma"]), float(&case["old_beta"]));
        op::channel_norm_backward_parameters(&g, &xhat, points, &mut of_gamma, &mut of_beta);
        same(&[of_gamma, of_beta], &[float(&case["grad_gamma"]), float(&case["grad_beta"])], &case);
        let mut running = Running { mean: float(&case["old_mean"]), variance: float(&case["old_var"]) };
        running.update(moments, z.len(), float(&case["momentum"]));
        let expected = [float(&case["running_mean"]), float(&case["running_var"])];
        same(&[running.mean, running.variance], &expected, &case);
        let mut inference = z;
        op::batch_norm_inference(&mut inference, running.moments(eps, Math::Libm), affine);
        same(&inference, &flat(&case["inference"]), &case);
    }
}
