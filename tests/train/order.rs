use shatterscope::random::{Normal, Purpose, Stream};
use shatterscope::train::{partner, shuffle};
use shatterscope::{Error, InvalidConfig};

fn order(seed: u64, epoch: u32, examples: usize) -> Vec<u32> {
    let mut order = vec![u32::MAX; examples];
    shuffle(seed, epoch, &mut order).unwrap();
    order
}

#[test]
fn orders_are_permutations_that_differ() {
    for examples in [1, 2, 3, 100, 4000] {
        let mut sorted = order(7, 3, examples);
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..examples as u32));
    }
    let first = order(7, 3, 100);
    assert_eq!(first, order(7, 3, 100), "a function of its arguments");
    for other in [order(7, 4, 100), order(8, 3, 100), order(7 + (1 << 32), 3, 100)] {
        assert!(first.iter().zip(&other).filter(|(a, b)| a == b).count() < 8);
    }
}

/// The chi-square statistic of counts that are all alike likely.
fn chi_square(counts: &[u32]) -> f64 {
    let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|&count| (f64::from(count) - mean).powi(2) / mean).sum()
}

#[test]
fn every_permutation_is_alike_likely() {
    let mut counts = [0; 24];
    for epoch in 0..24_000 {
        let order = order(11, epoch, 4);
        let place = |value: u32, among: &[u32]| among.iter().filter(|other| **other < value).count();
        counts[place(order[0], &order) * 6 + place(order[1], &order[1..]) * 2 + place(order[2], &order[2..])] += 1;
    }
    // 23 degrees of freedom: above 50 once in 1000 seeds, below 7.5 once in 1000.
    let statistic = chi_square(&counts);
    assert!((7.5..50.0).contains(&statistic), "{statistic}: {counts:?}");
}

#[test]
fn every_example_stands_everywhere() {
    const EXAMPLES: usize = 10;
    let mut counts = [0; EXAMPLES * EXAMPLES];
    for seed in 0..10_000 {
        for (place, example) in order(seed, 5, EXAMPLES).into_iter().enumerate() {
            counts[place * EXAMPLES + example as usize] += 1;
        }
    }
    // 81 degrees of freedom: mean 81, deviation 12.7.
    let statistic = chi_square(&counts);
    assert!((40.0..130.0).contains(&statistic), "{statistic}");
}

/// Where the count is 2^31 + 1, nearly half of all words are refused: what is left must be even, and take its words in
/// order.
#[test]
fn bounded_numbers_are_even_where_most_words_are_refused() {
    let (i, mut counts, mut later) = (1u32 << 31, [0; 8], 0);
    for epoch in 0..8000 {
        let j = partner(3, epoch, i);
        assert!(j <= i);
        counts[(u64::from(j) * 8 / ((1 << 31) + 1)) as usize] += 1;
        let count = u64::from(i) + 1;
        let words = (0..).flat_map(|layer| {
            Stream::new(3, 0, Purpose::Shuffle, layer, Normal::IrwinHall).words(epoch, i).map(move |word| (layer, word))
        });
        // As many products are left as there are multiples of the count.
        let accepted = |word: u32| u64::from(word) * count % (1 << 32) >= (1 << 32) % count;
        let (layer, word) = words.into_iter().find(|(_, word)| accepted(*word)).unwrap();
        assert_eq!(u64::from(j), (u64::from(word) * count) >> 32);
        later += layer;
    }
    assert!(chi_square(&counts) < 30.0, "{counts:?}");
    // One block in sixteen is refused altogether.
    assert!((400..640).contains(&later), "{later}");
    assert!((0..100).all(|epoch| partner(3, epoch, 0) == 0 && partner(3, epoch, 1) <= 1));
    let all = Stream::new(3, 0, Purpose::Shuffle, 0, Normal::IrwinHall);
    assert_eq!(partner(3, 9, u32::MAX), all.words(9, u32::MAX)[0]);
}

#[test]
fn what_cannot_be_shuffled_is_named() {
    assert_eq!(shuffle(1, 1, &mut []), Err(Error::InvalidConfig(InvalidConfig::Batch)));
    let mut many = vec![9; (1 << 24) + 1];
    assert_eq!(shuffle(1, 1, &mut many), Err(Error::InvalidConfig(InvalidConfig::Batch)));
    assert!(many.iter().all(|x| *x == 9));
}
