//! Convolutions by groups and pools by dilated windows: against convolutions and pools by plain windows, sums in f64, and the kernels.
use crate::common::bits;
use shatterscope::exec::Isa;
use shatterscope::graph::{Builder, DilatedWindow, Image, Node, Op, Shape, Window};
use shatterscope::internals::kernel;
use shatterscope::internals::op::{self, Conv, DilatedPool, GroupedConv, Pool};
use shatterscope::train::{InitialWeights, Initializer};
use shatterscope::{Buffer, Error, InvalidSpec};

/// Numbers that follow from their index.
fn values(n: usize, salt: u32) -> Vec<f32> {
    let hash = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) ^ (i >> 3);
    (0..n as u32).map(|i| (hash(i).wrapping_mul(2_246_822_519) >> 8) as f32 / 8_388_608.0 - 1.0).collect()
}

struct Draw(u64);

impl Draw {
    /// A number from `least` to `most`.
    fn of(&mut self, least: u32, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        least + ((self.0 >> 33) as u32) % (most - least + 1)
    }

    fn window(&mut self) -> DilatedWindow {
        let mut byte = |least, most| self.of(least, most) as u8;
        let (strides, dilations) = ([byte(1, 4), byte(1, 3)], [byte(1, 3), byte(1, 4)]);
        let padding = [byte(0, 3), byte(0, 3), byte(0, 3), byte(0, 3)];
        DilatedWindow { height: self.of(1, 4) as u16, width: self.of(1, 4) as u16, strides, dilations, padding }
    }

    fn image(&mut self, channels: u32) -> Image {
        Image { channels, height: self.of(1, 8), width: self.of(1, 12) }
    }

    /// A convolution that fits: of one group, depthwise, and in between.
    fn conv(&mut self) -> GroupedConv {
        loop {
            let (groups, inputs, outputs) =
                [(1, self.of(1, 4), self.of(1, 15)), (self.of(1, 5), 1, self.of(1, 2)), (2, 3, 2)]
                    [self.of(0, 2) as usize];
            let window = self.window();
            let input = self.image(groups * inputs);
            let conv =
                GroupedConv { input, channels: groups * outputs, groups, window, taps_first: self.of(0, 1) == 1 };
            if conv.output().is_some() {
                return conv;
            }
        }
    }

    fn pool(&mut self) -> DilatedPool {
        loop {
            let pool = DilatedPool { input: self.image(2), window: self.window() };
            if pool.output().is_some() {
                return pool;
            }
        }
    }
}

fn units(image: &Image) -> usize {
    image.units().unwrap() as usize
}

/// The element that a tap sees from a position, by the formula of the contract.
fn seen(window: &DilatedWindow, image: &Image, place: [usize; 2], tap: [usize; 2]) -> Option<usize> {
    let at = |i: usize, size: u32| {
        let at = place[i] * window.strides[i] as usize + tap[i] * window.dilations[i] as usize;
        at.checked_sub(window.padding[i] as usize).filter(|at| *at < size as usize)
    };
    Some(at(0, image.height)? * image.width as usize + at(1, image.width)?)
}

fn grid(height: usize, width: usize) -> impl Iterator<Item = [usize; 2]> {
    (0..height).flat_map(move |row| (0..width).map(move |column| [row, column]))
}

/// Sums in f64 and in any order: value, gradient of the input, gradient of the weights.
fn wide(conv: &GroupedConv, [weight, bias, x, g]: [&[f32]; 4]) -> [Vec<f64>; 3] {
    let (output, window) = (conv.output().unwrap(), &conv.window);
    let (taps, plane) = (window.taps() as usize, conv.input.plane() as usize);
    let (inputs, outputs) = (conv.input.channels / conv.groups, conv.channels / conv.groups);
    let mut y = vec![0.0; g.len()];
    let (mut of_x, mut of_weight) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    for (i, bias) in bias.iter().enumerate().take(conv.channels as usize) {
        for (q, place) in grid(output.height as usize, output.width as usize).enumerate() {
            let at = i * output.plane() as usize + q;
            y[at] += f64::from(*bias);
            for c in 0..inputs as usize {
                let channel = i / outputs as usize * inputs as usize + c;
                for (k, tap) in grid(window.height as usize, window.width as usize).enumerate() {
                    let Some(seen) = seen(window, &conv.input, place, tap) else { continue };
                    let (w, x_at) = ((i * inputs as usize + c) * taps + k, channel * plane + seen);
                    y[at] += f64::from(weight[w]) * f64::from(x[x_at]);
                    of_x[x_at] += f64::from(weight[w]) * f64::from(g[at]);
                    of_weight[w] += f64::from(g[at]) * f64::from(x[x_at]);
                }
            }
        }
    }
    [y, of_x, of_weight]
}

#[track_caller]
fn near(ours: &[f32], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((f64::from(*ours) - theirs).abs() < 2e-5, "{what}: {ours} against {theirs}");
    }
}

#[test]
fn grouped_convolutions_agree_with_f64() {
    for number in 0..300 {
        let conv = Draw(number).conv();
        let what = format!("{conv:?}");
        let (ins, outs) = (units(&conv.input), units(&conv.output().unwrap()));
        let (weight, bias) = (values(conv.weights().unwrap() as usize, 1), values(conv.channels as usize, 2));
        let (x, g) = (values(ins, 3), values(outs, 4));
        let [y, of_x, of_weight] = wide(&conv, [&weight, &bias, &x, &g]);
        let (mut ours, mut back) = (vec![f32::NAN; outs], vec![f32::NAN; ins]);
        op::grouped_conv_forward(&conv, &weight, &bias, 1, &x, &mut ours).unwrap();
        op::grouped_conv_backward_input(&conv, &weight, 1, &g, &mut back).unwrap();
        near(&ours, &y, &what);
        near(&back, &of_x, &what);
        let (mut grad_weight, mut grad_bias) = (vec![0.0; weight.len()], vec![0.0; bias.len()]);
        op::grouped_conv_backward_parameters(&conv, 1, &x, &g, &mut grad_weight, &mut grad_bias).unwrap();
        near(&grad_weight, &of_weight, &what);
        let sums: Vec<_> = g.chunks(outs / bias.len()).map(|g| g.iter().map(|g| f64::from(*g)).sum()).collect();
        near(&grad_bias, &sums, &what);
    }
}

/// One group, equal strides and paddings, no dilation: the bits of a convolution. And of pools.
#[test]
fn plain_windows_have_the_bits_of_convolutions_and_pools() {
    let (mut convolutions, mut averages, mut maxima, points) = (0, 0, 0, 3);
    for number in 0..700 {
        let mut draw = Draw(number);
        let (height, width) = (draw.of(1, 4), draw.of(1, 4));
        let window = Window { height, width, stride: draw.of(1, 3), padding: draw.of(0, 2) };
        let channels = draw.of(1, 3);
        let input = draw.image(channels);
        if window.positions(&input).is_none() {
            continue;
        }
        let dilated = DilatedWindow::of(&window).unwrap();
        assert_eq!(dilated.positions(&input), window.positions(&input));
        let conv = Conv { input, channels: 4, window };
        let grouped = GroupedConv { input, channels: 4, groups: 1, window: dilated, taps_first: false };
        assert_eq!((grouped.output(), grouped.weights()), (conv.output(), conv.weights()));
        assert_eq!(grouped.multiply_adds(), conv.multiply_adds());
        let (ins, outs) = (units(&input) * points, units(&conv.output().unwrap()) * points);
        let (weight, bias) = (values(conv.weights().unwrap() as usize, 1), values(4, 2));
        let (x, g) = (values(ins, 3), values(outs, 4));
        let [mut y, mut other] = [vec![f32::NAN; outs], vec![f32::NAN; outs]];
        op::conv_forward(&conv, &weight, &bias, points, &x, &mut y).unwrap();
        op::grouped_conv_forward(&grouped, &weight, &bias, points, &x, &mut other).unwrap();
        assert_eq!(bits(&other), bits(&y), "{conv:?}");
        let [mut back, mut other] = [vec![f32::NAN; ins], vec![f32::NAN; ins]];
        op::conv_backward_input(&conv, &weight, points, &g, &mut back).unwrap();
        op::grouped_conv_backward_input(&grouped, &weight, points, &g, &mut other).unwrap();
        assert_eq!(bits(&other), bits(&back), "{conv:?}");
        let [mut own, mut other] = [(values(weight.len(), 5), values(4, 6)), (values(weight.len(), 5), values(4, 6))];
        op::conv_backward_parameters(&conv, points, &x, &g, &mut own.0, &mut own.1).unwrap();
        op::grouped_conv_backward_parameters(&grouped, points, &x, &g, &mut other.0, &mut other.1).unwrap();
        assert_eq!((bits(&other.0), bits(&other.1)), (bits(&own.0), bits(&own.1)), "{conv:?}");
        convolutions += 1;

        let (pool, other) = (Pool { input, window }, DilatedPool { input, window: dilated });
        let outs = units(&pool.output().unwrap()) * points;
        let g = values(outs, 7);
        if window.padding == 0 {
            for whole in [false, true] {
                let run = |forward: &dyn Fn(&mut [f32]), back: &dyn Fn(&mut [f32])| {
                    let (mut y, mut to) = (vec![f32::NAN; outs], vec![f32::NAN; ins]);
                    forward(&mut y);
                    back(&mut to);
                    (bits(&y), bits(&to))
                };
                let plain = run(&|y| op::average_pool_forward(&pool, points, &x, y).unwrap(), &|to| {
                    op::average_pool_backward(&pool, points, &g, to).unwrap();
                });
                let dilated =
                    run(&|y| op::dilated_average_pool_forward(&other, whole, points, &x, y).unwrap(), &|to| {
                        op::dilated_average_pool_backward(&other, whole, points, &g, to).unwrap();
                    });
                assert_eq!(dilated, plain, "{pool:?}");
            }
            averages += 1;
        }
        // Many equal values: the first of them is chosen.
        let x: Vec<_> = x.iter().map(|x| (x * 3.0).round()).collect();
        let [mut a, mut b] = [(vec![f32::NAN; outs], vec![0xa5; outs]), (vec![f32::NAN; outs], vec![0xa5; outs])];
        op::max_pool_forward(&pool, points, &x, &mut a.0, &mut a.1).unwrap();
        op::dilated_max_pool_forward(&other, points, &x, &mut b.0, &mut b.1).unwrap();
        assert_eq!((bits(&a.0), &a.1), (bits(&b.0), &b.1), "{pool:?}");
        let [mut back, mut to] = [vec![f32::NAN; ins], vec![f32::NAN; ins]];
        op::max_pool_backward(&pool, points, &a.1, &g, &mut back).unwrap();
        op::dilated_max_pool_backward(&other, points, &b.1, &g, &mut to).unwrap();
        assert_eq!(bits(&to), bits(&back), "{pool:?}");
        let t = values(ins, 8);
        op::max_pool_tangent(&pool, points, &a.1, &t, &mut a.0).unwrap();
        op::dilated_max_pool_tangent(&other, points, (&x, &t), &mut b.0).unwrap();
        assert_eq!(bits(&a.0), bits(&b.0), "{pool:?}");
        maxima += 1;
    }
    assert!(convolutions > 200 && averages > 60 && maxima > 200, "{convolutions} {averages} {maxima}");
}

#[test]
fn dilated_pools_agree_with_their_definition() {
    for number in 0..300 {
        let mut draw = Draw(number);
        let (pool, whole) = (draw.pool(), draw.of(0, 1) == 1);
        let (output, window) = (pool.output().unwrap(), &pool.window);
        let (ins, outs) = (units(&pool.input), units(&output));
        let (x, g) = (values(ins, 1), values(outs, 2));
        let (mut averages, mut of_x) = (vec![0.0; outs], vec![0.0; ins]);
        let (mut maxima, mut chosen) = (vec![0.0; outs], vec![0.0; ins]);
        for c in 0..2 {
            for (q, place) in grid(output.height as usize, output.width as usize).enumerate() {
                let taps = grid(window.height as usize, window.width as usize);
                let all: Vec<_> = taps
                    .filter_map(|tap| seen(window, &pool.input, place, tap))
                    .map(|seen| c * pool.input.plane() as usize + seen)
                    .collect();
                let k = if whole { window.taps() as f64 } else { all.len() as f64 };
                let at = c * output.plane() as usize + q;
                averages[at] = all.iter().map(|at| f64::from(x[*at])).sum::<f64>() / k;
                let mut largest = all[0];
                for seen in &all {
                    of_x[*seen] += f64::from(g[at]) / k;
                    if x[*seen] > x[largest] {
                        largest = *seen;
                    }
                }
                maxima[at] = f64::from(x[largest]);
                chosen[largest] += f64::from(g[at]);
            }
        }
        let what = format!("{pool:?} {whole}");
        let (mut y, mut back, mut tape) = (vec![f32::NAN; outs], vec![f32::NAN; ins], vec![0xa5; outs]);
        op::dilated_average_pool_forward(&pool, whole, 1, &x, &mut y).unwrap();
        op::dilated_average_pool_backward(&pool, whole, 1, &g, &mut back).unwrap();
        near(&y, &averages, &what);
        near(&back, &of_x, &what);
        op::dilated_max_pool_forward(&pool, 1, &x, &mut y, &mut tape).unwrap();
        op::dilated_max_pool_backward(&pool, 1, &tape, &g, &mut back).unwrap();
        near(&y, &maxima, &what);
        near(&back, &chosen, &what);
        let mut values = vec![f32::NAN; outs];
        op::dilated_max_pool_forward(&pool, 1, &x, &mut values, &mut []).unwrap();
        assert_eq!(bits(&values), bits(&y), "{what}");
    }
}

/// The kernels on tiles against the plain loops, with all instructions, by parts of the rows.
fn compare_kernels<const T: usize>(isa: Isa, conv: &GroupedConv, number: usize) {
    let what = format!("{conv:?} {isa:?} {T}");
    let output = conv.output().unwrap();
    let (ins, outs) = (units(&conv.input) * T, units(&output) * T);
    let (weight, bias) = (values(conv.weights().unwrap() as usize, 1), values(conv.channels as usize, 2));
    let (x, g) = (values(ins, 3), values(outs, 4));
    let (mut y, mut back) = (vec![f32::NAN; outs], vec![f32::NAN; ins]);
    op::grouped_conv_forward(conv, &weight, &bias, T, &x, &mut y).unwrap();
    op::grouped_conv_backward_input(conv, &weight, T, &g, &mut back).unwrap();
    let (inputs, outputs) = conv.per_group().unwrap();
    let taps = conv.window.taps() as usize;
    let (mut ours, mut to) = (vec![f32::NAN; outs], vec![f32::NAN; ins]);
    let parts = |rows: u32| {
        let (rows, cut) = (rows as usize, number % rows as usize);
        [0..cut, cut..rows]
    };
    for rows in parts(conv.channels) {
        let mut panel = vec![f32::NAN; rows.len() * inputs as usize * taps];
        kernel::grouped_conv_pack::<T>(isa, conv, false, rows.clone(), &weight, &mut panel);
        let (x, y) = (x.as_chunks().0, ours.as_chunks_mut().0);
        kernel::grouped_conv_forward::<T>(isa, conv, rows, &panel, &bias, x, y);
    }
    assert_eq!(bits(&ours), bits(&y), "{what}");
    for rows in parts(conv.input.channels) {
        let mut panel = vec![f32::NAN; rows.len() * outputs as usize * taps];
        kernel::grouped_conv_pack::<T>(isa, conv, true, rows.clone(), &weight, &mut panel);
        kernel::grouped_conv_backward_input::<T>(isa, conv, rows, &panel, g.as_chunks().0, to.as_chunks_mut().0);
    }
    assert_eq!(bits(&to), bits(&back), "{what}");
}

#[test]
fn kernels_have_the_bits_of_the_plain_loops() {
    for number in 0..500 {
        let conv = Draw(1000 + number).conv();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            match number % 5 {
                0 => compare_kernels::<1>(isa, &conv, number as usize),
                1 => compare_kernels::<4>(isa, &conv, number as usize),
                2 => compare_kernels::<5>(isa, &conv, number as usize),
                3 => compare_kernels::<16>(isa, &conv, number as usize),
                _ => compare_kernels::<32>(isa, &conv, number as usize),
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let window = DilatedWindow { height: 3, width: 3, strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] };
    let x = Shape { channels: 6, height: 5, width: 4 };
    let conv = |channels, groups, window| {
        let op = Op::GroupedConv { channels, groups, window, bias: true };
        op.facts(x, x).map(|facts| facts.shape)
    };
    let refused = |refusal| Err(Error::InvalidSpec(refusal));
    assert_eq!(conv(4, 2, window), Ok(Shape { channels: 4, height: 3, width: 2 }));
    for (channels, groups) in [(4, 0), (0, 2), (4, 4), (5, 2), (6, 12)] {
        assert_eq!(conv(channels, groups, window), refused(InvalidSpec::Operation), "{channels} {groups}");
    }
    for window in [
        DilatedWindow { height: 0, ..window },
        DilatedWindow { width: 5, ..window },
        DilatedWindow { strides: [0, 1], ..window },
        DilatedWindow { dilations: [1, 0], ..window },
        DilatedWindow { dilations: [3, 1], ..window },
    ] {
        assert_eq!(conv(4, 2, window), refused(InvalidSpec::Window), "{window:?}");
    }
    let largest = DilatedWindow { height: u16::MAX, width: u16::MAX, padding: [255; 4], ..window };
    assert_eq!(conv(4, 2, largest), refused(InvalidSpec::Window));
    // A convolution may see padding alone, a pool must see some of the image everywhere.
    let far = DilatedWindow { padding: [0, 0, 3, 0], ..window };
    assert_eq!(conv(4, 2, far).map(|shape| shape.height), Ok(6));
    let pools = |window| {
        [Op::DilatedAveragePool { window, whole: true }, Op::DilatedMaxPool { window }]
            .map(|op| op.facts(x, x).map(|facts| facts.shape))
    };
    for window in [
        far,
        DilatedWindow { padding: [3, 0, 0, 0], ..window },
        DilatedWindow { height: 2, dilations: [6, 1], padding: [2, 0, 2, 0], ..window },
    ] {
        assert_eq!(pools(window), [refused(InvalidSpec::Pool), refused(InvalidSpec::Pool)], "{window:?}");
    }
    assert_eq!(pools(DilatedWindow { height: 6, ..window }), [refused(InvalidSpec::Window); 2]);
    // A maximum is two bytes of tape at most.
    let x = Shape { channels: 1, height: 300, width: 300 };
    let all = DilatedWindow { height: 300, width: 300, ..window };
    assert_eq!(Op::DilatedMaxPool { window: all }.facts(x, x).map(|facts| facts.shape), refused(InvalidSpec::Pool));
    let average = Op::DilatedAveragePool { window: all, whole: false };
    assert_eq!(average.facts(x, x).map(|facts| facts.shape), Ok(Shape::vector(1)));
}

#[test]
fn slices_are_checked() {
    let window = DilatedWindow { height: 2, width: 2, strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] };
    let input = Image { channels: 2, height: 3, width: 4 };
    let conv = GroupedConv { input, channels: 2, groups: 2, window, taps_first: false };
    let (x, w, mut y) = ([1.0; 48], [1.0; 8], [0.0; 24]);
    let short = |buffer, need: u64| Err(Error::TooShort { buffer, need, have: need - 1 });
    assert_eq!(op::grouped_conv_forward(&conv, &w, &[], 2, &x, &mut y), Ok(()));
    assert_eq!(op::grouped_conv_forward(&conv, &w[1..], &[], 2, &x, &mut y), short(Buffer::Weight, 8));
    assert_eq!(op::grouped_conv_forward(&conv, &w, &w[..1], 2, &x, &mut y), short(Buffer::Bias, 2));
    assert_eq!(op::grouped_conv_forward(&conv, &w, &[], 2, &x[1..], &mut y), short(Buffer::Inputs, 48));
    assert_eq!(op::grouped_conv_forward(&conv, &w, &[], 2, &x, &mut y[1..]), short(Buffer::Outputs, 24));
    let pool = DilatedPool { input, window };
    let mut tape = [0; 23];
    assert_eq!(op::dilated_max_pool_forward(&pool, 2, &x, &mut y, &mut tape), short(Buffer::Tape, 24));
    assert_eq!(op::dilated_max_pool_backward(&pool, 2, &tape, &y, &mut [0.0; 48]), short(Buffer::Tape, 24));
    assert_eq!(op::dilated_average_pool_forward(&pool, true, 2, &x, &mut y[1..]), short(Buffer::Outputs, 24));
}

/// Weights before training: those of a convolution from the channels of one group.
#[test]
fn grouped_convolutions_begin_as_convolutions_of_a_group() {
    let begun = |image: Shape, op: Op, start: Initializer| {
        let mut nodes = [Node::EMPTY; 2];
        let mut g = Builder::new(&mut nodes);
        let x = g.input(image);
        let y = g.push(op, x, x);
        let graph = g.finish(&[y]).unwrap();
        let (init, facts) = (InitialWeights::new(start, 3), graph.facts(1).unwrap());
        let mut scratch = vec![f32::NAN; init.scratch_len(&graph) as usize];
        let mut parameters = vec![f32::NAN; facts.parameters_len() as usize];
        init.fill(&graph, &mut parameters, &mut scratch).unwrap();
        bits(&parameters)
    };
    let plain = Window { height: 3, width: 2, stride: 2, padding: 1 };
    let window = DilatedWindow::of(&plain).unwrap();
    for start in [Initializer::He, Initializer::Glorot, Initializer::Orthogonal] {
        for (groups, inputs) in [(1, 3), (3, 2), (6, 1)] {
            let image = |channels| Shape { channels, height: 7, width: 5 };
            let theirs = begun(image(inputs), Op::Conv { channels: 12, window: plain, bias: true }, start);
            let grouped = Op::GroupedConv { channels: 12, groups, window, bias: true };
            assert_eq!(begun(image(groups * inputs), grouped, start), theirs, "{start:?} {groups}");
            let taps_first = Op::TapsFirstConv { channels: 12, groups, window };
            let without = &theirs[..theirs.len() - 12];
            assert_eq!(begun(image(groups * inputs), taps_first, start), without, "{start:?} {groups}");
        }
    }
}
