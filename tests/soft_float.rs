//! The arithmetic on integers against that of this machine: the same bits.

use crate::cases::{Dice, Kind};
use shatterscope::exec::Isa;
use shatterscope::internals::kernel::{Matrix, chain, chain_matrix};

/// Fractions at the ends, at halves, and next to them.
const FRACTIONS: [u32; 12] =
    [0, 1, 2, 3, 0x1f_ffff, 0x2a_aaab, 0x3f_ffff, 0x40_0000, 0x40_0001, 0x55_5555, 0x7f_fffe, 0x7f_ffff];

/// The bits, those of all NaN the same.
fn bits(x: f32) -> u32 {
    if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }
}

/// `y[i] + w[i] * x` for every i.
fn check(x: f32, weights: &[f32], sums: &[f32], work: &mut Vec<[f32; 1]>) {
    work.clear();
    work.extend(sums.iter().map(|&y| [y]));
    chain::<1, 1>(Isa::SoftFloat, weights, &[[x]], work);
    for ((&w, &y), &[found]) in weights.iter().zip(sums).zip(work.iter()) {
        let expected = y + w * x;
        assert_eq!(
            bits(found),
            bits(expected),
            "{:#010x} + {:#010x} * {:#010x}: {found:e} for {expected:e}",
            y.to_bits(),
            w.to_bits(),
            x.to_bits()
        );
    }
}

/// All exponents with each of the fractions and both signs.
fn numbers(fractions: &[u32]) -> Vec<f32> {
    let signed = |bits: u32| [f32::from_bits(bits), f32::from_bits(bits | 1 << 31)];
    (0..256).flat_map(|field| fractions.iter().flat_map(move |fraction| signed(field << 23 | fraction))).collect()
}

#[test]
fn products_of_all_exponents() {
    let (weights, mut work) = (numbers(&FRACTIONS), Vec::new());
    let zeros = vec![0.0; weights.len()];
    for x in numbers(&FRACTIONS).into_iter().filter(|x| x.is_sign_positive()) {
        check(x, &weights, &zeros, &mut work);
    }
}

#[test]
fn sums_of_all_exponents() {
    let (sums, mut work) = (numbers(&FRACTIONS), Vec::new());
    let ones = vec![1.0; sums.len()];
    for x in numbers(&FRACTIONS) {
        check(x, &ones, &sums, &mut work);
    }
}

#[test]
fn multiply_accumulates_of_all_exponents() {
    let few = [FRACTIONS[1], FRACTIONS[5], FRACTIONS[10]];
    let mut work = Vec::new();
    let (sums, weights) = (numbers(&few), numbers(&few));
    for x in [1.0, 1.5, 1.000_000_1, 1.999_999_9] {
        for w in weights.iter().filter(|w| w.is_sign_positive()) {
            check(x, &vec![*w; sums.len()], &sums, &mut work);
        }
    }
}

/// Cases of one kind, 256 to an input.
fn random(kind: Kind, seed: u64, inputs: u32) {
    let (mut weights, mut sums, mut work, mut dice) = ([0.0; 256], [0.0; 256], Vec::new(), Dice(seed));
    for _ in 0..inputs {
        let x = kind.input(&mut dice);
        for (w, y) in weights.iter_mut().zip(&mut sums) {
            *w = kind.weight(&mut dice, x);
            *y = kind.sum(&mut dice, *w, x);
        }
        check(x, &weights, &sums, &mut work);
    }
}

/// Chains of several terms, whose sums are not numbers between two of them; zeros and a few terms of any kind among them.
fn chains(seed: u64, inputs: u32) {
    let mut dice = Dice(seed);
    for _ in 0..inputs {
        let kind = Kind::ALL[dice.below(Kind::ALL.len() as u32) as usize];
        let columns = 1 + dice.below(12) as usize;
        let rare = 4 + dice.below(60);
        let any = |dice: &mut Dice, number: f32| match dice.below(rare) {
            0 => 0.0,
            1 => -0.0,
            2 => f32::from_bits(dice.word()),
            _ => number,
        };
        let x: Vec<[f32; 2]> = (0..columns).map(|_| [0; 2].map(|_| kind.input(&mut dice))).collect();
        let x: Vec<[f32; 2]> =
            x.into_iter().map(|x| if rare > 40 { x } else { x.map(|x| any(&mut dice, x)) }).collect();
        let w: Vec<f32> = (0..4 * columns).map(|i| kind.weight(&mut dice, x[i % columns][0])).collect();
        let mut w: Vec<f32> = w.into_iter().map(|w| any(&mut dice, w)).collect();
        if columns > 2 {
            // Terms that take back what others brought.
            (0..4).for_each(|row| w[row * columns + 1] = -w[row * columns]);
        }
        let start: Vec<[f32; 2]> =
            (0..4).map(|row| [0, 1].map(|p| kind.sum(&mut dice, w[row * columns], x[0][p]))).collect();
        let mut expected = start.clone();
        for (row, y) in expected.iter_mut().enumerate() {
            for (x, w) in x.iter().zip(&w[row * columns..]) {
                (0..2).for_each(|p| y[p] += w * x[p]);
            }
        }
        let expected: Vec<u32> = expected.as_flattened().iter().map(|&y| bits(y)).collect();
        let same = |y: &[f32], how: &str| {
            let found: Vec<u32> = y.iter().map(|&y| bits(y)).collect();
            assert_eq!(found, expected, "{how}: {start:x?} + {w:x?} * {x:x?}");
        };
        let mut y = start.clone();
        chain::<1, 2>(Isa::SoftFloat, &w, &x, &mut y);
        same(y.as_flattened(), "steps of the inputs");
        let turned: Vec<f32> = (0..4 * columns).map(|i| w[i % 4 * columns + i / 4]).collect();
        let mut y = start.clone();
        let matrix = Matrix { data: &turned, stride: 4, transposed: true };
        chain_matrix::<1, 2>(Isa::SoftFloat, matrix, &x, &mut y);
        same(y.as_flattened(), "steps of both");
        let mut y = start.clone();
        for p in 0..2 {
            let one: Vec<[f32; 1]> = x.iter().map(|x| [x[p]]).collect();
            let mut column: Vec<[f32; 1]> = y.iter().map(|y| [y[p]]).collect();
            chain::<1, 1>(Isa::SoftFloat, &w, &one, &mut column);
            y.iter_mut().zip(column).for_each(|(y, column)| y[p] = column[0]);
        }
        same(y.as_flattened(), "no steps");
    }
}

#[test]
fn a_million_of_each_kind() {
    for kind in Kind::ALL {
        random(kind, kind as u64, 1 << 12);
    }
    chains(1, 1 << 15);
}

/// In release, on all cores, some minutes: `cargo test --release --test all -- --ignored --nocapture soft_float::`.
#[test]
#[ignore = "minutes"]
fn billions() {
    const EACH: u32 = 3 << 20;
    std::thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || {
                for kind in Kind::ALL {
                    random(kind, 1 << 32 | part << 16 | kind as u64, EACH / 2);
                }
                chains(1 << 33 | part, 1 << 24);
            });
        }
    });
    let cases = Kind::ALL.len() as u64 * u64::from(EACH) * 256;
    println!("{cases} multiply-accumulates and {} batches of chains, all with the bits of this machine", 2u64 << 24);
    assert!(cases > 1 << 32);
}
