use crate::data::{Augment, Move};
use shatterscope::graph::Image;
use shatterscope::random::philox4x32_10;

const BOTH: Augment = Augment { shift: 2, flip: true };
const SEED: u64 = 0x0123_4567_89ab_cdef;

/// The address, word by word: column, row, layer and purpose, run.
#[test]
fn moves_are_those_of_the_contract() {
    for (run, epoch, example) in [(0, 0, 0), (1, 2, 3), (7, 90, 59_999), (3, 2, 1)] {
        let words = philox4x32_10([example, epoch, 8 << 24, run], [SEED as u32, (SEED >> 32) as u32]);
        let by = |word: u32| (f64::from(word) / 4_294_967_296.0 * 5.0).floor() as i32 - 2;
        let expected = Move { right: by(words[0]), down: by(words[1]), mirrored: words[2] >= 1 << 31 };
        assert_eq!(BOTH.of(SEED, run, epoch, example), expected);
    }
}

#[test]
fn a_move_depends_on_each_coordinate_of_its_place() {
    let series = |of: &dyn Fn(u32) -> Move| (0..64).map(of).collect::<Vec<_>>();
    let of = |seed, run, epoch| series(&move |example| BOTH.of(seed, run, epoch, example));
    let here = of(1, 0, 0);
    assert_eq!(here, of(1, 0, 0));
    assert!(here.iter().any(|moved| *moved != here[0]));
    for other in [of(2, 0, 0), of(1 << 32 | 1, 0, 0), of(1, 1, 0), of(1, 0, 1)] {
        assert_ne!(here, other);
    }
}

/// Chi-squared of the 25 shifts and of the two sides, at one in a thousand; the words are independent of each other.
#[test]
fn all_moves_are_equally_likely() {
    const N: u32 = 50_000;
    let mut counts = [[0u32; 25]; 2];
    for i in 0..N {
        let Move { right, down, mirrored } = BOTH.of(SEED, 0, i / 1_000, i % 1_000);
        counts[usize::from(mirrored)][((right + 2) * 5 + down + 2) as usize] += 1;
    }
    let expected = f64::from(N) / 50.0;
    let chi: f64 = counts.as_flattened().iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
    assert!(chi < 85.35, "{chi}");
    let mirrored: u32 = counts[1].iter().sum();
    // 3.3 deviations of sqrt(N)/2.
    assert!((f64::from(mirrored) - f64::from(N) / 2.0).abs() < 3.3 * f64::from(N).sqrt() / 2.0, "{mirrored}");
}

#[test]
fn what_is_off_does_nothing() {
    for example in 0..100 {
        assert_eq!(Augment::default().of(SEED, 0, 1, example), Move::default());
        let (shifted, mirrored) = (Augment { flip: false, ..BOTH }, Augment { shift: 0, ..BOTH });
        let both = BOTH.of(SEED, 0, 1, example);
        assert_eq!(shifted.of(SEED, 0, 1, example), Move { mirrored: false, ..both });
        assert_eq!(mirrored.of(SEED, 0, 1, example), Move { right: 0, down: 0, ..both });
    }
}

/// 1 2 3 over 4 5 6, mirrored, one to the right and one down: nothing, then nothing 3 2.
#[test]
fn pixels_come_from_where_they_were() {
    let image = Image { channels: 1, height: 2, width: 3 };
    let moved = |by: Move| {
        let at = |i: u32| by.source(image, i / 3, i % 3).map_or(0, |(y, x)| 3 * y + x + 1);
        std::array::from_fn::<u32, 6, _>(|i| at(i as u32))
    };
    let still = Move::default();
    assert_eq!(moved(still), [1, 2, 3, 4, 5, 6]);
    assert_eq!(moved(Move { right: 1, ..still }), [0, 1, 2, 0, 4, 5]);
    assert_eq!(moved(Move { right: -2, ..still }), [3, 0, 0, 6, 0, 0]);
    assert_eq!(moved(Move { down: -1, ..still }), [4, 5, 6, 0, 0, 0]);
    assert_eq!(moved(Move { mirrored: true, ..still }), [3, 2, 1, 6, 5, 4]);
    assert_eq!(moved(Move { right: 1, down: 1, mirrored: true }), [0, 0, 0, 0, 3, 2]);
}

#[test]
fn shifts_leave_some_of_the_image() {
    let shift = |shift, height, width| Augment { shift, flip: true }.check(Image { channels: 1, height, width });
    assert!(shift(7, 8, 9).is_ok() && shift(0, 1, 1).is_ok());
    assert!(shift(8, 8, 9).is_err() && shift(8, 9, 8).is_err() && shift(1, 1, 1).is_err());
}
