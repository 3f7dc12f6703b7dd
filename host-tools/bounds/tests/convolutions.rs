//! Convolutions and the loops they are made of, on buffers of exactly their length, against the plain loops.
use shatterscope::exec::Isa;
use shatterscope::graph::{Image, Window};
use shatterscope::internals::kernel::{
    Nest, conv_backward_input, conv_forward, conv_gather, conv_pack, conv_weight_gradient, nest, nest_rows,
};
use shatterscope::internals::op::conv_gathered_len;
use shatterscope::internals::op::{self, Conv};
use shatterscope_bounds::{available, bits, values};
use std::ops::Range;

/// Channels in and out.
const CHANNELS: [(u32, u32); 8] = [(1, 1), (3, 5), (2, 12), (5, 13), (1, 22), (13, 3), (4, 45), (22, 2)];

fn convolutions() -> Vec<Conv> {
    let mut all = Vec::new();
    for (height, width) in [(1, 1), (5, 4), (2, 7), (6, 3)] {
        for (rows, columns) in [(1, 1), (3, 3), (2, 3), (5, 1), (1, 7)] {
            for (stride, padding) in [(1, 0), (1, 1), (2, 1), (3, 0), (2, 2), (4, 0)] {
                let (c_in, channels) = CHANNELS[all.len() % CHANNELS.len()];
                let window = Window { height: rows, width: columns, stride, padding };
                let input = Image { channels: c_in, height, width };
                let conv = Conv { input, channels, window };
                all.extend(conv.output().is_some().then_some(conv));
            }
        }
    }
    // Miri takes a second for what the processor does in a microsecond.
    if cfg!(miri) {
        return all.into_iter().step_by(16).collect();
    }
    // So many places that gradients of weights take a few points at a time.
    let input = Image { channels: 2, height: 23, width: 29 };
    all.push(Conv { input, channels: 13, window: Window { height: 3, width: 3, stride: 1, padding: 1 } });
    all
}

fn empty(len: usize) -> Box<[f32]> {
    vec![f32::NAN; len].into_boxed_slice()
}

/// All rows, and those of a part by themselves.
fn parts(rows: u32) -> Vec<Range<usize>> {
    let rows = rows as usize;
    let ends = if rows < 3 { vec![0, rows] } else { vec![0, rows / 2, rows - 1, rows] };
    ends.windows(2).map(|ends| ends[0]..ends[1]).collect()
}

fn check<const T: usize>(isa: Isa, conv: &Conv) {
    let what = format!("{isa:?} {T} {conv:?}");
    let units = |image: Image| image.units().unwrap() as usize;
    let (ins, outs) = (units(conv.input) * T, units(conv.output().unwrap()) * T);
    let (weight, bias) = (values(conv.weights().unwrap() as usize, 1), values(conv.channels as usize, 2));
    let (x, g) = (values(ins, 3), values(outs, 4));
    let each = weight.len() / conv.channels as usize;
    let each_back = weight.len() / conv.input.channels as usize;

    let mut expected = empty(outs);
    op::conv_forward(conv, &weight, &bias, T, &x, &mut expected).unwrap();
    let mut y = empty(outs);
    for rows in parts(conv.channels) {
        let mut panel = empty(rows.len() * each);
        conv_pack::<T>(isa, conv, false, rows.clone(), &weight, &mut panel);
        conv_forward::<T>(isa, conv, rows, &panel, &bias, x.as_chunks().0, y.as_chunks_mut().0);
    }
    assert_eq!(bits(&y), bits(&expected), "{what}, forward");

    let mut expected = empty(ins);
    op::conv_backward_input(conv, &weight, T, &g, &mut expected).unwrap();
    let mut back = empty(ins);
    for rows in parts(conv.input.channels) {
        let mut panel = empty(rows.len() * each_back);
        conv_pack::<T>(isa, conv, true, rows.clone(), &weight, &mut panel);
        conv_backward_input::<T>(isa, conv, rows, &panel, g.as_chunks().0, back.as_chunks_mut().0);
    }
    assert_eq!(bits(&back), bits(&expected), "{what}, backward");

    for points in [T, T.div_ceil(2)] {
        let some = |x: &[f32]| -> Box<[f32]> { x.chunks(T).flat_map(|unit| unit[..points].to_vec()).collect() };
        let (mut of_weight, mut of_bias) = (values(weight.len(), 5), values(bias.len(), 6));
        let (mut start, start_bias) = (of_weight.clone(), of_bias.clone());
        op::conv_backward_parameters(conv, points, &some(&x), &some(&g), &mut of_weight, &mut of_bias).unwrap();
        let (inputs, gradients) = conv_gathered_len(conv, T as u64).unwrap();
        let (mut inputs, mut gradients) = (empty(inputs as usize), empty(gradients as usize));
        conv_gather::<T>(isa, conv, points, x.as_chunks().0, g.as_chunks().0, &mut inputs, &mut gradients);
        for rows in parts(conv.channels) {
            // Each part in an allocation of its own.
            let part = rows.start * each..rows.end * each;
            let mut own = start[part.clone()].to_vec().into_boxed_slice();
            let mut own_bias = start_bias[rows.clone()].to_vec().into_boxed_slice();
            conv_weight_gradient::<T>(isa, conv, points, rows.start, &inputs, &gradients, &mut own, &mut own_bias);
            start[part].copy_from_slice(&own);
            assert_eq!(bits(&own_bias), bits(&of_bias[rows]), "{what}, gradient of biases");
        }
        assert_eq!(bits(&start), bits(&of_weight), "{what}, gradient of weights, {points} points");
    }
}

#[test]
fn convolutions_at_the_edge() {
    for conv in convolutions() {
        for isa in available() {
            check::<16>(isa, &conv);
            if !cfg!(miri) {
                check::<1>(isa, &conv);
                check::<4>(isa, &conv);
                check::<8>(isa, &conv);
                check::<12>(isa, &conv);
                check::<32>(isa, &conv);
            }
        }
    }
}

fn loops<const T: usize>(isa: Isa, loops: &Nest, start: usize, rows: usize) {
    let span = |steps: [usize; 3]| steps.iter().zip(loops.counts).map(|(s, n)| s * (n - 1)).sum::<usize>();
    let forward = loops.x.map(isize::unsigned_abs);
    let (w, x) = (values(span(loops.w) + rows, 1), values(start + span(forward) + T, 2));
    let begin = values(rows * T, 3);
    let mut expected = begin.clone();
    let [n0, n1, n2] = loops.counts;
    for (i, j, k) in (0..n0).flat_map(|i| (0..n1).flat_map(move |j| (0..n2).map(move |k| (i, j, k)))) {
        let at = i * loops.w[0] + j * loops.w[1] + k * loops.w[2];
        let from = start as isize + i as isize * loops.x[0] + j as isize * loops.x[1] + k as isize * loops.x[2];
        for row in 0..rows {
            for t in 0..T {
                expected[row * T + t] += w[at + row] * x[from as usize + t];
            }
        }
    }
    let mut y = begin.clone();
    nest::<T>(isa, loops, &w, &x, start, y.as_chunks_mut().0);
    assert_eq!(bits(&y), bits(&expected), "{isa:?} {rows}x{T} {loops:?}");
    // What is one element short of the last term leaves the rows that need it alone.
    let mut y = begin.clone();
    nest::<T>(isa, loops, &w[..w.len() - 1], &x, start, y.as_chunks_mut().0);
    assert_eq!(bits(&y[(rows - 1) * T..]), bits(&begin[(rows - 1) * T..]), "{isa:?} {rows}x{T} {loops:?}, short");
    for counts in [[0, n1, n2], [n0, 0, n2], [n0, n1, 0]] {
        let mut y = begin.clone();
        nest::<T>(isa, &Nest { counts, ..*loops }, &w, &x, start, y.as_chunks_mut().0);
        assert_eq!(bits(&y), bits(&begin), "no rounds");
    }
}

#[test]
fn nests_at_the_edge() {
    let all = [
        (Nest { counts: [1, 1, 1], w: [0, 0, 0], x: [0, 0, 0] }, 0),
        (Nest { counts: [2, 3, 4], w: [36, 12, 3], x: [40, 9, 2] }, 3),
        (Nest { counts: [3, 2, 3], w: [5, 40, 7], x: [11, -6, -3] }, 12),
        (Nest { counts: [4, 1, 2], w: [13, 1, 26], x: [-5, 3, 1] }, 15),
    ];
    // Those that this processor lacks, too, and more rows than are fastest.
    for isa in Isa::ALL {
        for (of, start) in &all {
            for rows in (1..=12).filter(|rows| !cfg!(miri) || [1, 5, 12].contains(rows)) {
                loops::<16>(isa, of, *start, rows);
                if !cfg!(miri) {
                    loops::<1>(isa, of, *start, rows);
                    loops::<4>(isa, of, *start, rows);
                    loops::<8>(isa, of, *start, rows);
                    loops::<12>(isa, of, *start, rows);
                    loops::<32>(isa, of, *start, rows);
                    loops::<64>(isa, of, *start, rows);
                }
            }
        }
        for rows in [nest_rows::<1>(isa), nest_rows::<4>(isa), nest_rows::<16>(isa), nest_rows::<64>(isa)] {
            assert!((1..=12).contains(&rows));
        }
    }
}
