//! Hard cases of `y + w * x`, alone and in chains: registers by hand, the reference in Rust, and the ordinary operators give
//! the same bits. It ends with status 0, or says what differs and ends with another.
//!
//! `ROUNDS=2000 cargo build` makes it that much longer; one is 256 cases of each kind, and chains of each.
#![no_std]
#![no_main]

#[path = "../../../tests/cases/mod.rs"]
mod cases;

use cases::{Dice, Kind};
use semihosting::{println, process::exit};
use shatterscope::contract::canonical_bits;
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Matrix, chain, chain_matrix};
use shatterscope_qemu_support::entry;

const ROWS: usize = 16;
const COLUMNS: usize = 12;
const ROUNDS: u64 = number(option_env!("ROUNDS"));

const fn number(text: Option<&str>) -> u64 {
    let Some(text) = text else { return 100 };
    let (mut value, mut i) = (0, 0);
    while i < text.len() {
        value = value * 10 + (text.as_bytes()[i] - b'0') as u64;
        i += 1;
    }
    value
}

entry!({
    let mut dice = Dice(ROUNDS);
    let (mut cases, mut terms) = (0u64, 0);
    for _ in 0..ROUNDS {
        for kind in Kind::ALL {
            for _ in 0..256 / ROWS {
                single(kind, &mut dice);
                cases += ROWS as u64;
            }
            terms += chains(kind, &mut dice);
        }
    }
    println!("{cases} multiply-accumulates and {terms} terms of chains: the same bits three ways");
    exit(0)
});

/// One term a chain.
fn single(kind: Kind, dice: &mut Dice) {
    let x = kind.input(dice);
    let (mut w, mut start) = ([0.0; ROWS], [0.0; ROWS]);
    for (w, y) in w.iter_mut().zip(&mut start) {
        *w = kind.weight(dice, x);
        *y = kind.sum(dice, *w, x);
    }
    compare(&w, &[x], &start);
}

/// Chains of some terms, zeros and a few numbers of any kind among them; the terms.
fn chains(kind: Kind, dice: &mut Dice) -> u64 {
    let columns = 1 + dice.below(COLUMNS as u32) as usize;
    let rare = 4 + dice.below(60);
    let (mut w, mut x, mut start) = ([0.0; ROWS * COLUMNS], [0.0; COLUMNS], [0.0; ROWS]);
    let (w, x) = (&mut w[..ROWS * columns], &mut x[..columns]);
    let any = |dice: &mut Dice, number: f32| match dice.below(rare) {
        0 => 0.0,
        1 => -0.0,
        2 => f32::from_bits(dice.word()),
        _ => number,
    };
    for x in x.iter_mut() {
        *x = kind.input(dice);
        // A number of any kind among the inputs sends the whole chain to the ordinary operators.
        *x = if rare < 24 { any(dice, *x) } else { *x };
        *x = if rare > 44 && dice.below(2) == 0 { 0.0 } else { *x };
    }
    for (w, y) in w.chunks_exact_mut(columns).zip(&mut start) {
        for (w, x) in w.iter_mut().zip(x.iter()) {
            *w = kind.weight(dice, *x);
            *w = any(dice, *w);
        }
        if columns > 2 {
            // A term that takes back what another brought.
            (w[1], x[1]) = (-w[0], x[0]);
        }
        *y = kind.sum(dice, w[0], x[0]);
    }
    compare(w, x, &start);
    (ROWS * columns) as u64
}

fn compare(w: &[f32], x: &[f32], start: &[f32; ROWS]) {
    let (columns, mut expected) = (x.len(), start.map(|y| [y]));
    for (w, y) in w.chunks_exact(columns).zip(expected.as_flattened_mut()) {
        for (w, x) in w.iter().zip(x) {
            *y += w * x;
        }
    }
    let same = |y: &[f32], expected: &[f32], how: &str| {
        for (row, (y, expected)) in y.iter().zip(expected).enumerate() {
            let (found, expected, start) = (canonical_bits(*y), canonical_bits(*expected), start[row].to_bits());
            let w = &w[row * columns..][..columns];
            assert!(found == expected, "{how}: {start:#x} + {w:x?} * {x:x?} is {found:#x}, not {expected:#x}");
        }
    };
    let x = x.as_chunks::<1>().0;
    let mut y = start.map(|y| [y]);
    chain::<1, 1>(Isa::SoftFloat, w, x, &mut y);
    same(y.as_flattened(), expected.as_flattened(), "side by side");

    let mut turned = [0.0; ROWS * COLUMNS];
    for (i, w) in w.iter().enumerate() {
        turned[i % columns * ROWS + i / columns] = *w;
    }
    let matrix = Matrix { data: &turned[..ROWS * columns], stride: ROWS, transposed: true };
    let mut y = start.map(|y| [y]);
    chain_matrix::<1, 1>(Isa::SoftFloat, matrix, x, &mut y);
    same(y.as_flattened(), expected.as_flattened(), "a column's step apart");

    // The reference: tiles of two points are not written by hand.
    let mut pairs = [[0.0; 2]; COLUMNS];
    pairs.iter_mut().zip(x).for_each(|(pair, x)| *pair = [x[0]; 2]);
    let mut y = start.map(|y| [y; 2]);
    chain::<1, 2>(Isa::SoftFloat, w, &pairs[..columns], &mut y);
    (0..2).for_each(|p| same(&y.map(|y| y[p]), expected.as_flattened(), "reference"));
}
