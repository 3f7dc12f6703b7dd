//! The trainer against the plain loops, bit for bit.
use super::machine::{How, Mode, Outcome, Planned, Task, run};
use super::workers::Order;
use super::{naive, networks};
use shatterscope::exec::Isa;
use shatterscope::plan::Want;
use shatterscope_layers::Layer;

/// `f::<R, T>(..)` for every tile.
macro_rules! tiles {
    ($f:ident, $task:expr, $order:expr, $how:expr, $check:expr) => {
        $check("1x1", $f::<1, 1>($task, $order, $how));
        $check("4x4", $f::<4, 4>($task, $order, $how));
        $check("5x8", $f::<5, 8>($task, $order, $how));
        $check("5x16", $f::<5, 16>($task, $order, $how));
        $check("2x16", $f::<2, 16>($task, $order, $how));
        $check("12x16", $f::<12, 16>($task, $order, $how));
        $check("12x32", $f::<12, 32>($task, $order, $how));
    };
}

#[track_caller]
fn same(ours: Result<Outcome, shatterscope::Error>, expected: &Outcome, what: &str) {
    let ours = ours.unwrap_or_else(|error| panic!("{what}: {error}"));
    for (name, ours, expected) in [
        ("outputs", &ours.outputs, &expected.outputs),
        ("input gradient", &ours.input_gradient, &expected.input_gradient),
        ("gradient", &ours.gradient, &expected.gradient),
        ("running", &ours.running, &expected.running),
    ] {
        assert_eq!(ours.len(), expected.len(), "{what}, {name}");
        if let Some(at) = (0..ours.len()).find(|&at| ours[at] != expected[at]) {
            let of = |bits: u32| f32::from_bits(bits);
            panic!("{what}, {name} {at}: {:e}, not {:e}", of(ours[at]), of(expected[at]));
        }
    }
}

/// Scratch that makes passes faster, beyond the least.
fn more(layers: &[Layer]) -> usize {
    let planned = Planned::new(layers, Want::Gradients).unwrap();
    let plan = planned.plan();
    plan.scratch_best.saturating_sub(plan.scratch_len) as usize
}

/// All tiles and instructions; the rest in turns.
fn everywhere(layers: &[(&str, Vec<Layer>)], all_cuts: &[&[usize]], modes: &[Mode]) {
    for (name, layers) in layers {
        for &mode in modes {
            let points = all_cuts[0].iter().sum();
            let task = Task::new(layers, points, mode);
            let expected = naive::run(&task, How::plain(&[points]));
            let mut turn = 0;
            // Those that this processor lacks, too: they fall back.
            for isa in Isa::ALL {
                for cuts in all_cuts {
                    let more = more(layers);
                    let how = How {
                        isa,
                        cuts,
                        scratch: [0, more, more / 3][turn % 3],
                        gathered: 1 + turn % 4,
                        update: false,
                    };
                    let check = |tile: &str, ours| same(ours, &expected, &format!("{name} {mode:?} {tile} {how:?}"));
                    if turn % 2 == 0 {
                        tiles!(run, &task, &Order::InTurn, how, check);
                    } else {
                        tiles!(run, &task, &Order::Reverse, how, check);
                    }
                    turn += 1;
                }
            }
        }
    }
}

#[test]
fn networks_without_norms_under_every_cut() {
    everywhere(&networks::plain(), &[&[21], &[16, 5], &[1, 3, 17]], &[Mode::Training { step: 3 }]);
}

#[test]
fn networks_with_norms() {
    everywhere(&networks::normed(), &[&[21]], &[Mode::Training { step: 3 }, Mode::Probing, Mode::Inference]);
}

#[test]
fn nothing_drops_out_but_in_training() {
    everywhere(&networks::plain()[5..6], &[&[17]], &[Mode::Probing, Mode::Inference]);
}

#[test]
fn batches_of_one_and_of_whole_tiles() {
    everywhere(&networks::all(), &[&[1]], &[Mode::Training { step: 0 }]);
    everywhere(&networks::all(), &[&[32]], &[Mode::Training { step: 0 }]);
}

fn updates(order: &Order, isa: Isa) {
    for (name, layers) in networks::all() {
        let task = Task::new(&layers, 19, Mode::Training { step: 1 });
        let how = How { update: true, isa, ..How::plain(&[19]) };
        let expected = naive::run(&task, how);
        let most = more(&layers) + 1;
        for (i, scratch) in [0, most / 5, most / 2, most - 1, most].into_iter().enumerate() {
            let how = How { scratch, gathered: 1 + i, ..how };
            let check = |tile: &str, ours| same(ours, &expected, &format!("{name} {tile} {how:?}"));
            tiles!(run, &task, order, how, check);
        }
    }
}

#[test]
fn each_parameter_is_updated_once_by_the_same_gradient() {
    updates(&Order::InTurn, Isa::Portable);
    updates(&Order::Reverse, Isa::detect());
}

#[test]
fn any_length_of_scratch_updates_all() {
    let half = shatterscope::graph::Window::half_padded;
    for outputs in [5, 11, 12, 13, 24] {
        let layers = networks::List::new(networks::image(2, 3, 3)).conv(outputs, half(3, 2), true).layers;
        let task = Task::new(&layers, 5, Mode::Probing);
        let how = How { update: true, ..How::plain(&[5]) };
        let expected = naive::run(&task, how);
        for scratch in 0..=more(&layers) + 2 {
            let how = How { scratch, ..how };
            same(run::<4, 4>(&task, &Order::InTurn, how), &expected, &format!("{outputs} outputs, {how:?}"));
        }
    }
}

#[test]
fn threads_change_no_bit() {
    for (name, layers) in networks::all() {
        let task = Task::new(&layers, 37, Mode::Training { step: 9 });
        for update in [false, true] {
            let how = How { isa: Isa::detect(), gathered: 3, update, ..How::plain(&[37]) };
            let expected = naive::run(&task, how);
            same(run::<12, 16>(&task, &Order::Threads, how), &expected, &format!("{name} on threads"));
            same(run::<4, 4>(&task, &Order::Threads, how), &expected, &format!("{name} on threads"));
        }
    }
}

#[test]
fn gradients_are_added_to_what_is_there() {
    for (name, layers) in networks::all() {
        let mut task = Task::new(&layers, 9, Mode::Probing);
        task.gradient.iter_mut().enumerate().for_each(|(i, g)| *g = super::machine::value(i + 77));
        let how = How::plain(&[9]);
        let expected = naive::run(&task, how);
        same(run::<5, 8>(&task, &Order::InTurn, how), &expected, name);
    }
}
