//! Every operation against `docs/vectors`, which an implementation of its own wrote: signed zeros, NaN, subnormals,
//! infinities and all.
mod images;
mod int8;
mod train;

use crate::common::{case_of, draw};
use serde_json::Value;
use shatterscope::contract::Red16;
use shatterscope::contract::{Digest, canonical_bits};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{self};
use shatterscope::internals::op::naive;
use shatterscope::internals::op::{self, Affine};
use shatterscope::internals::weights::{Block, Dense, Role};
use shatterscope::math::Math;
use shatterscope::probe::{Autocorrelation, Endpoint, Grid, Series, autocorrelation, brown_noise, white_noise};
use shatterscope::random::{Normal, Purpose, Stream, philox4x32_10};
use shatterscope::spec::{Init, Spec};
use shatterscope::weights::Seeded;
use std::path::Path;

pub(crate) fn cases(name: &str) -> Vec<Value> {
    // From the package at the root and from `host-tools/goldens`.
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("docs/vectors"));
    let path = folders.find(|folder| folder.is_dir()).expect("docs/vectors").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let value: Value = serde_json::from_str(&text).unwrap();
    let cases = value["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{name}");
    cases
}

pub(crate) fn word(value: &Value) -> u32 {
    u32::from_str_radix(value.as_str().unwrap_or_else(|| panic!("a word: {value}")), 16).unwrap()
}

fn float(value: &Value) -> f32 {
    // Through black_box: the compiler must not fold what a machine is to compute.
    std::hint::black_box(f32::from_bits(word(value)))
}

pub(crate) fn words(value: &Value) -> Vec<u32> {
    value.as_array().unwrap_or_else(|| panic!("a list: {value}")).iter().map(word).collect()
}

pub(crate) fn floats(value: &Value) -> Vec<f32> {
    words(value).into_iter().map(f32::from_bits).collect()
}

pub(crate) fn rows(value: &Value) -> Vec<Vec<f32>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

fn flat(value: &Value) -> Vec<f32> {
    rows(value).concat()
}

pub(crate) fn uint(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Bits, every NaN being the one NaN.
#[track_caller]
pub(crate) fn same(ours: &[f32], theirs: &[f32], case: &Value) {
    let bits = |x: &[f32]| x.iter().map(|&x| format!("{:08x}", canonical_bits(x))).collect::<Vec<_>>();
    assert_eq!(bits(ours), bits(theirs), "{case}");
}

fn normal(case: &Value) -> Normal {
    if case["normal"] == "as241" { Normal::As241 } else { Normal::IrwinHall }
}

#[test]
fn philox_has_the_words_of_strict1_py() {
    for case in cases("philox") {
        let (counter, key) = (words(&case["counter"]), words(&case["key"]));
        let output = philox4x32_10(counter.try_into().unwrap(), key.try_into().unwrap());
        assert_eq!(output.to_vec(), words(&case["output"]), "{case}");
    }
}

#[test]
fn normal_numbers_have_the_bits_of_strict1_py() {
    let purposes = [Purpose::Weight, Purpose::Bias, Purpose::Stem, Purpose::StemBias, Purpose::Readout, Purpose::Noise];
    for case in cases("normals") {
        let of = |normal: Normal| {
            if let Some(row) = case.get("row") {
                let purpose = purposes[uint(&case["purpose"]) as usize];
                let number = |name: &str| uint(&case[name]) as u32;
                let (run, layer) = (number("run"), number("layer"));
                let stream = Stream::new(uint(&case["seed"]), run, purpose, layer, normal);
                return stream.value(uint(row) as u32, number("column"));
            }
            let words = match case.get("words") {
                Some(given) => words(given).try_into().unwrap(),
                None => [word(&case["word"]), 0, 0, 0],
            };
            normal.value(words, Math::Libm)
        };
        for (name, normal) in [("irwin_hall", Normal::IrwinHall), ("as241", Normal::As241)] {
            if let Some(expected) = case.get(name) {
                same(&[of(normal)], &[float(expected)], &case);
            }
        }
    }
}

#[test]
fn chains_have_the_roundings_of_strict1_py() {
    fn tiled<const R: usize, const T: usize>(isa: Isa, init: f32, a: &[f32], b: &[f32]) -> Vec<f32> {
        let x: Vec<[f32; T]> = b.iter().map(|&b| [b; T]).collect();
        // Whole groups of R rows and one row left over, all the same chain.
        let rows = 2 * R + 1;
        let mut panel = vec![0.0; rows * a.len()];
        for row in 0..rows {
            for (k, &a) in a.iter().enumerate() {
                panel[kernel::panel_index::<R>(rows, a_len(&x), row, k)] = a;
            }
        }
        let mut y = vec![[init; T]; rows];
        kernel::chain::<R, T>(isa, &panel, &x, &mut y);
        y.concat()
    }
    fn a_len<const T: usize>(x: &[[f32; T]]) -> usize {
        x.len()
    }
    for case in cases("chains") {
        let (init, a, b) = (float(&case["init"]), floats(&case["a"]), floats(&case["b"]));
        let expected = float(&case["result"]);
        let mut y = [f32::NAN];
        naive::dense(&a, &[init], a.len(), 1, &b, &mut y);
        same(&y, &[expected], &case);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for ours in [
                tiled::<1, 1>(isa, init, &a, &b),
                tiled::<2, 4>(isa, init, &a, &b),
                tiled::<2, 16>(isa, init, &a, &b),
                tiled::<6, 16>(isa, init, &a, &b),
                tiled::<8, 32>(isa, init, &a, &b),
                tiled::<5, 64>(isa, init, &a, &b),
            ] {
                same(&ours, &vec![expected; ours.len()], &case);
            }
        }
    }
}

#[test]
fn red16_sums_have_the_bits_of_strict1_py() {
    fn by_tiles<const T: usize>(first: usize, values: &[f32]) -> f32 {
        let mut sum = Red16::new();
        for (i, tile) in values.chunks(T).enumerate() {
            let mut lanes = [f32::NAN; T];
            lanes[..tile.len()].copy_from_slice(tile);
            sum.add_series(first + i * T, tile.len(), [lanes].into_iter());
        }
        sum.fold()
    }
    for case in cases("red16") {
        let (first, values) = (uint(&case["first"]) as usize, floats(&case["values"]));
        let mut sum = Red16::new();
        values.iter().enumerate().for_each(|(i, &value)| sum.add(first + i, value));
        let ours = [
            sum.fold(),
            by_tiles::<1>(first, &values),
            by_tiles::<4>(first, &values),
            by_tiles::<16>(first, &values),
            by_tiles::<32>(first, &values),
        ];
        same(&ours, &[float(&case["result"]); 5], &case);
        if first == 0 {
            same(&[Red16::sum(values)], &[float(&case["result"])], &case);
        }
    }
}

#[test]
fn relu_has_the_values_and_gradients_of_strict1_py() {
    for case in cases("relu") {
        let x = float(&case["x"]);
        same(&[op::relu(x)], &[float(&case["y"])], &case);
        // A run of nine fills one byte of tape and begins another.
        let (mut y, mut tape) = ([x; 9], [0xa5; 2]);
        op::relu_forward(&mut y, &mut tape);
        let bit = uint(&case["bit"]) as u8;
        assert_eq!(tape, [0xff * bit, bit], "{case}");
        same(&y, &[float(&case["y"]); 9], &case);
        let (mut g, mut t, mut value) = ([-3.5; 9], [-3.5; 9], [x; 9]);
        op::relu_backward(&mut g, &tape);
        op::relu_tangent(&mut value, &mut t);
        let expected = if bit == 1 { -3.5f32 } else { 0.0 };
        same(&g, &[expected; 9], &case);
        same(&t, &[expected; 9], &case);
        same(&value, &y, &case);
    }
}

#[test]
fn crelu_has_the_values_and_gradients_of_strict1_py() {
    fn at<const T: usize>(case: &Value) {
        // The first half holds the units, lanes beside each other.
        let widen = |rows: &Value| flat(rows).iter().map(|&x| [x; T]).collect::<Vec<_>>();
        let units = widen(&case["x"]).len();
        let spread = |rows: &Value| {
            let mut x = widen(rows);
            x.resize(2 * units, [f32::NAN; T]);
            x
        };
        let mut x = spread(&case["x"]);
        let mut tape = vec![0xa5; op::tape_bytes(units as u64, T as u64).unwrap() as usize];
        op::crelu_forward::<T>(1, &mut x, &mut tape);
        same(&x.concat(), &widen(&case["features"]).concat(), case);
        let mut g = widen(&case["g"]);
        op::crelu_backward::<T>(1, &mut g, &tape);
        same(&g[..units].concat(), &widen(&case["grad_x"]).concat(), case);
        let (mut value, mut t) = (spread(&case["x"]), spread(&case["t"]));
        op::crelu_tangent::<T>(1, &mut value, &mut t);
        same(&t.concat(), &widen(&case["tangent"]).concat(), case);
        same(&value.concat(), &x.concat(), case);
    }
    for case in cases("crelu") {
        if case["x"][0].as_array().unwrap().len() == 1 {
            at::<1>(&case);
            at::<4>(&case);
            at::<16>(&case);
        } else {
            // A batch [unit][point] is one tile of as many points as it has, turned point by point here.
            let columns = case["x"][0].as_array().unwrap().len();
            for p in 0..columns {
                let column = |name: &str| {
                    let rows = case[name].as_array().unwrap();
                    Value::from(rows.iter().map(|row| Value::from(vec![row[p].clone()])).collect::<Vec<_>>())
                };
                let mut one = serde_json::Map::new();
                for name in ["x", "features", "g", "grad_x", "t", "tangent"] {
                    one.insert(name.into(), column(name));
                }
                at::<1>(&one.into());
            }
        }
    }
}

#[test]
fn joins_have_the_values_and_gradients_of_strict1_py() {
    for case in cases("join") {
        let (a, b) = (float(&case["a"]), float(&case["b"]));
        let mut y = floats(&case["f"]);
        op::join_forward(a, &floats(&case["x"]), b, &mut y);
        same(&y, &floats(&case["y"]), &case);
        let mut branch = floats(&case["g"]);
        op::join_backward_branch(b, &mut branch);
        same(&branch, &floats(&case["grad_branch"]), &case);
        let mut x = floats(&case["branch_back"]);
        op::join_backward_input(a, &floats(&case["g"]), &mut x);
        same(&x, &floats(&case["grad_x"]), &case);
    }
}

#[test]
fn batch_norm_has_the_statistics_and_gradients_of_strict1_py() {
    for case in cases("batch_norm") {
        let (z, g, eps) = (floats(&case["z"]), floats(&case["g"]), float(&case["eps"]));
        let affine = case.get("gamma").map(|gamma| Affine { gamma: float(gamma), beta: float(&case["beta"]) });
        let moments = op::batch_norm_moments(&z, eps, Math::Libm);
        let expected = ["mean", "var", "inv"].map(|name| float(&case[name]));
        same(&[moments.mean, moments.variance, moments.inv], &expected, &case);
        let (mut xhat, mut y) = (z.clone(), vec![f32::NAN; z.len()]);
        op::batch_norm_forward(&mut xhat, moments, affine, &mut y);
        same(&xhat, &floats(&case["xhat"]), &case);
        same(&y, &floats(&case["y"]), &case);
        let (mut detached, mut full) = (g.clone(), g.clone());
        op::batch_norm_backward_detached(&mut detached, moments.inv, affine);
        op::batch_norm_backward_full(&mut full, &xhat, moments.inv, affine);
        same(&detached, &floats(&case["grad_z_detached"]), &case);
        same(&full, &floats(&case["grad_z_full"]), &case);
        if affine.is_some() {
            let (mut of_gamma, mut of_beta) = (float(&case["old_gamma"]), float(&case["old_beta"]));
            op::batch_norm_backward_parameters(&g, &xhat, &mut of_gamma, &mut of_beta);
            same(&[of_gamma, of_beta], &[float(&case["grad_gamma"]), float(&case["grad_beta"])], &case);
        }
    }
}

#[test]
fn centring_has_the_values_and_gradients_of_strict1_py() {
    for case in cases("centre") {
        let (mut z, mut g) = (floats(&case["z"]), floats(&case["g"]));
        let mean = op::centre_forward(&mut z);
        same(&[mean], &[float(&case["mean"])], &case);
        same(&z, &floats(&case["y"]), &case);
        op::centre_backward_full(&mut g);
        same(&g, &floats(&case["grad_z_full"]), &case);
    }
}

#[test]
fn dense_layers_have_the_values_and_gradients_of_strict1_py() {
    for case in cases("dense") {
        let (weight, bias, x) = (rows(&case["weight"]), floats(&case["bias"]), rows(&case["x"]));
        let shape = (weight.len(), weight[0].len(), x[0].len());
        let mut y = vec![f32::NAN; shape.0 * shape.2];
        op::dense_forward(&weight.concat(), &bias, shape, &x.concat(), &mut y).unwrap();
        same(&y, &flat(&case["y"]), &case);
        let mut grad_input = vec![f32::NAN; shape.1 * shape.2];
        let g = flat(&case["g"]);
        op::dense_backward_input(&weight.concat(), shape, &g, &mut grad_input).unwrap();
        same(&grad_input, &flat(&case["grad_input"]), &case);
        let (mut grad_weight, mut grad_bias) = (flat(&case["old_weight"]), floats(&case["old_bias"]));
        op::dense_backward_parameters(shape, &x.concat(), &g, &mut grad_weight, &mut grad_bias).unwrap();
        same(&grad_weight, &flat(&case["grad_weight"]), &case);
        same(&grad_bias, &floats(&case["grad_bias"]), &case);
    }
}

#[test]
fn autocorrelations_have_the_bits_of_strict1_py() {
    for case in cases("acf") {
        let mode = if case["mode"] == "raw" { Autocorrelation::Raw } else { Autocorrelation::MeanRemoved };
        let mut r = vec![f32::NAN; uint(&case["lags"]) as usize + 1];
        let kind = autocorrelation(&mut floats(&case["series"]), mode, &mut r).unwrap();
        assert_eq!(kind == Series::Constant, case["constant"] == true, "{case}");
        if kind != Series::Constant {
            same(&r, &floats(&case["r"]), &case);
        }
    }
}

#[test]
fn grid_points_have_the_bits_of_strict1_py() {
    for case in cases("grid") {
        let endpoint = if case["endpoint"] == "inclusive" { Endpoint::Inclusive } else { Endpoint::Exclusive };
        let points = uint(&case["points"]) as u32;
        let grid = Grid { points, from: float(&case["from"]), to: float(&case["to"]), endpoint };
        let x: Vec<f32> = (0..points).map(|i| grid.point(i)).collect();
        same(&x, &floats(&case["x"]), &case);
    }
}

#[test]
fn noises_have_the_bits_of_strict1_py() {
    for case in cases("noise") {
        let (seed, run) = (uint(&case["seed"]), uint(&case["run"]) as u32);
        let mut series = vec![f32::NAN; uint(&case["points"]) as usize];
        white_noise(seed, run, normal(&case), &mut series);
        same(&series, &floats(&case["white"]), &case);
        brown_noise(seed, run, normal(&case), &mut series);
        same(&series, &floats(&case["brown"]), &case);
    }
}

#[test]
fn digests_are_those_of_strict1_py() {
    for case in cases("digest") {
        let of = |words_of: &Value| Digest::of(&floats(words_of));
        if let Some(runs) = case.get("runs") {
            let digests: Vec<Digest> = runs.as_array().unwrap().iter().map(of).collect();
            for (ours, theirs) in digests.iter().zip(case["run_digests"].as_array().unwrap()) {
                assert_eq!(ours.text().as_str(), theirs.as_str().unwrap());
            }
            assert_eq!(Digest::of_runs(digests).text().as_str(), case["record"].as_str().unwrap());
        } else {
            assert_eq!(of(&case["words"]).text().as_str(), case["digest"].as_str().unwrap());
        }
    }
}

/// Any panel of an orthogonal matrix, in any shape, holds its entries.
#[test]
fn orthogonal_panels_hold_the_entries_of_strict1_py() {
    for case in cases("orthogonal") {
        let (fan_in, fan_out) = (uint(&case["fan_in"]) as u32, uint(&case["fan_out"]) as u32);
        let looks_linear = case["init"] == "looks-linear";
        let expected = rows(&case["rows"]);
        let spec = Spec {
            gain: float(&case["gain"]),
            init: if looks_linear { Init::LooksLinear } else { Init::Orthogonal },
            ..Spec::feedforward(2, fan_out)
        };
        let columns = expected[0].len() as u32;
        assert!(columns == fan_in || looks_linear);
        let layer = uint(&case["layer"]) as u32;
        let dense = Dense { role: Role::Hidden, layer, fan_in: columns, fan_out, taps: 1, bias: false };
        let run = uint(&case["run"]) as u32;
        let seeded = Seeded::with(&spec, uint(&case["seed"]), run, normal(&case), Math::Libm);
        panels::<1>(&seeded, &dense, &expected, &case);
        panels::<4>(&seeded, &dense, &expected, &case);
    }
}

fn panels<const R: usize>(seeded: &Seeded, dense: &Dense, expected: &[Vec<f32>], case: &Value) {
    for transposed in [false, true] {
        for extra in [0, 7, 1 << 12] {
            let mut panel = vec![f32::NAN; seeded.panel_len(dense) as usize + extra];
            let (rows, columns) =
                if transposed { (dense.fan_in, dense.fan_out) } else { (dense.fan_out, dense.fan_in) };
            let (mut row, mut column) = (0, 0);
            while row < rows {
                let block = seeded.block(dense, transposed, (row, column), panel.len(), R as u32).unwrap();
                assert!(!block.is_empty());
                seeded.fill::<R>(dense, &block, &mut panel);
                let (height, width) = (block.rows.len(), block.columns.len());
                for i in 0..height {
                    for k in 0..width {
                        let (r, c) = (block.rows.start as usize + i, block.columns.start as usize + k);
                        let theirs = if transposed { expected[c][r] } else { expected[r][c] };
                        let ours = panel[kernel::panel_index::<R>(height, width, i, k)];
                        same(&[ours], &[theirs], case);
                    }
                }
                (row, column) = if block.columns.end < columns {
                    (block.rows.start, block.columns.end)
                } else {
                    (block.rows.end, 0)
                };
            }
        }
    }
}

#[test]
fn drawn_weights_have_the_bits_of_strict1_py() {
    for case in cases("weights") {
        let Some(given) = case.get("spec") else {
            let (fan_in, fan_out) = (uint(&case["fan_in"]) as u32, uint(&case["fan_out"]) as u32);
            let spec = Spec { gain: float(&case["gain"]), ..Spec::feedforward(2, fan_out) };
            // A weight divided by its normal is the deviation: compared through products, which is what counts.
            let value = Stream::new(9, 0, Purpose::Weight, 2, Normal::IrwinHall).value(0, 0);
            for (init, name) in [(Init::He, "he"), (Init::Glorot, "glorot")] {
                let seeded = Seeded::new(&spec.with_init(init), 9, 0);
                let dense = Dense { role: Role::Hidden, layer: 2, fan_in, fan_out, taps: 1, bias: false };
                let mut panel = [f32::NAN];
                seeded.fill::<1>(&dense, &Block { transposed: false, rows: 0..1, columns: 0..1 }, &mut panel);
                same(&panel, &[value * float(&case[name])], &case);
            }
            same(&[spec.resolved_readout_std()], &[float(&case["readout_std_default"])], &case);
            continue;
        };
        let golden = case_of(given);
        let drawn = draw(&golden.spec, &golden.seeded(uint(&case["run"]) as u32));
        let (last, rest) = drawn.split_last().unwrap();
        same(&rest[0].0, &floats(&case["stem"]), &case);
        same(&rest[0].1, &floats(&case["stem_bias"]), &case);
        same(&last.0, &floats(&case["readout"]), &case);
        for (i, (weight, bias)) in rest[1..].iter().enumerate() {
            same(weight, &flat(&case["weights"][i]), &case);
            let theirs = floats(&case["biases"][i]);
            let zeros = vec![0.0; theirs.len()];
            same(if bias.is_empty() { &zeros } else { bias }, &theirs, &case);
        }
    }
}
