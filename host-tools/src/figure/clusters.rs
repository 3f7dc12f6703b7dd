//! k-means, drawn by position: the same vectors and seed give the same groups everywhere.
use crate::train::dot;
use rayon::prelude::*;
use shatterscope::random::{Normal, Purpose, Stream};

/// Rounds after which it stops where it has not settled.
const ROUNDS: u32 = 200;

/// The group, below `k`, of each vector.
///
/// Lloyd's rounds from the start of k-means++: the first centre is a vector drawn evenly, each later one a vector drawn in proportion
/// to its squared distance from the centres so far. Words: purpose 5, layer 3, row 0, column = number of the centre. Distances and
/// means are binary64 sums in ascending order; of equally near centres the first counts; a group that runs empty keeps its centre.
pub(super) fn k_means(vectors: &[Vec<f64>], k: usize, seed: u64) -> Vec<usize> {
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
    let stream = Stream::new(seed, 0, Purpose::Noise, 3, Normal::IrwinHall);
    let mut centres: Vec<Vec<f64>> = Vec::new();
    let mut nearest = vec![f64::INFINITY; vectors.len()];
    while centres.len() < k.min(vectors.len()) {
        let u = f64::from(stream.words(0, centres.len() as u32)[0]) / 2f64.powi(32);
        let weights: Vec<f64> = if centres.is_empty() { vec![1.0; vectors.len()] } else { nearest.clone() };
        let mut left = u * weights.iter().sum::<f64>();
        let drawn = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // All that are left coincide with a centre.
        let Some(drawn) = drawn else { break };
        centres.push(vectors[drawn].clone());
        for (near, vector) in nearest.iter_mut().zip(vectors) {
            *near = near.min(square(vector, &vectors[drawn]));
        }
    }
    let mut groups = Vec::new();
    for _ in 0..ROUNDS {
        let of = |vector: &Vec<f64>| {
            let mut best = (0, f64::INFINITY);
            for (group, centre) in centres.iter().enumerate() {
                let distance = square(vector, centre);
                if distance < best.1 {
                    best = (group, distance);
                }
            }
            best.0
        };
        let found: Vec<usize> = vectors.par_iter().map(of).collect();
        if found == groups {
            break;
        }
        groups = found;
        for (group, centre) in centres.iter_mut().enumerate() {
            let members: Vec<&Vec<f64>> =
                vectors.iter().zip(&groups).filter(|(_, of)| **of == group).map(|(vector, _)| vector).collect();
            if !members.is_empty() {
                let mean = |unit: usize| members.iter().map(|m| m[unit]).sum::<f64>() / members.len() as f64;
                *centre = (0..centre.len()).map(mean).collect();
            }
        }
    }
    groups
}

/// The numbers of the examples, group by group, the largest group first; in their own order within one.
pub(super) fn by_group(groups: &[usize]) -> Vec<usize> {
    let size = |group: usize| groups.iter().filter(|of| **of == group).count();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(size(groups[i])), groups[i], i));
    order
}

/// g_i . g_k of gradients in an order, row by row.
pub(super) fn products(gradients: &[Vec<f64>], order: &[usize]) -> Vec<f64> {
    order.par_iter().flat_map_iter(|&i| order.iter().map(move |&k| dot(&gradients[i], &gradients[k]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_heaps_are_found_and_gathered() {
        let heap = |i: usize| [(0.0, 0.0), (10.0, 0.0), (0.0, 10.0)][[0, 1, 0, 2, 0, 1][i % 6]];
        let vectors: Vec<Vec<f64>> =
            (0..60).map(|i| vec![heap(i).0 + 0.01 * (i as f64).sin(), heap(i).1 + 0.01 * (i as f64).cos()]).collect();
        for seed in 1..6 {
            let groups = k_means(&vectors, 3, seed);
            assert_eq!(groups, k_means(&vectors, 3, seed));
            for i in 0..60 {
                assert_eq!(groups[i] == groups[0], heap(i) == heap(0), "{i}");
            }
            let order = by_group(&groups);
            // Thirty of the first heap, then twenty of the second, each ascending.
            assert_eq!(order[..3], [0, 2, 4]);
            assert_eq!(order[30..33], [1, 5, 7]);
            assert_eq!(order[50], 3);
        }
    }

    #[test]
    fn fewer_vectors_than_groups() {
        assert_eq!(k_means(&[vec![1.0], vec![1.0]], 10, 1), [0, 0]);
        assert_eq!(k_means(&[], 10, 1), [0; 0]);
        let mut two = k_means(&[vec![1.0], vec![2.0], vec![1.0]], 10, 1);
        two.dedup();
        assert_eq!(two.len(), 3);
    }
}
