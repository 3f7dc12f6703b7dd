use super::{bits, near, sample};
use shatterscope::contract::Red16;
use shatterscope::math::Math;
use shatterscope::train::{Largest, clip_by_norm, clip_by_value};
use shatterscope::{Buffer, Error, InvalidConfig};

fn norm_of(gradient: &[f32]) -> f64 {
    gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt()
}

fn scaled(scale: f32) -> Vec<f32> {
    sample(6, 75).iter().map(|g| g * scale).collect()
}

#[test]
fn norms_of_every_size_are_clipped() {
    // The third and the last from the end have squares, and the last a norm, that f32 does not hold.
    for scale in [1e-44, 1e-36, 1e-20, 1e-3, 1.0, 700.0, 1e12, 1e30, 9e37] {
        let gradient = scaled(scale);
        let limit = (norm_of(&gradient) / 3.0) as f32;
        let mut clipped = gradient.clone();
        let norm = clip_by_norm(&mut clipped, limit, Math::Libm).unwrap();
        if scale < 9e37 {
            near(norm, norm_of(&gradient), 1e-6, 1e-45);
        } else {
            assert_eq!(norm, f32::INFINITY);
        }
        for (g, clipped) in gradient.iter().zip(&clipped) {
            near(*clipped, f64::from(*g) / norm_of(&gradient) * f64::from(limit), 1e-6, 1e-45);
        }
        let mut kept = gradient.clone();
        clip_by_norm(&mut kept, f32::MAX, Math::Libm).unwrap();
        assert_eq!(scale < 9e37, bits(&kept) == bits(&gradient));
    }
}

#[test]
fn the_scale_changes_no_bit_of_an_ordinary_norm() {
    for scale in [1e-15, 0.3, 1.0, 1e15] {
        let gradient = scaled(scale);
        let plain = Math::Libm.sqrt(Red16::sum(gradient.iter().map(|g| g * g)));
        assert_eq!(clip_by_norm(&mut gradient.clone(), 1.0, Math::Libm).unwrap().to_bits(), plain.to_bits());
        // Not above its limit: left alone.
        let mut kept = gradient.clone();
        clip_by_norm(&mut kept, plain, Math::Libm).unwrap();
        assert_eq!(bits(&kept), bits(&gradient));
    }
}

/// A magnitude is what is looked for, not a value.
#[test]
fn negative_gradients_are_scaled_as_well() {
    let mut gradient = [-3e30, 1.0, -4e30];
    near(clip_by_norm(&mut gradient, 10.0, Math::Libm).unwrap(), 5e30, 1e-6, 0.0);
    near(gradient[0], -6.0, 1e-6, 0.0);
    near(gradient[2], -8.0, 1e-6, 0.0);
}

#[test]
fn cuts_of_the_parameters_change_no_bit() {
    let gradient = scaled(10.0);
    let mut whole = gradient.clone();
    let norm = clip_by_norm(&mut whole, 2.5, Math::Libm).unwrap();
    for cut in [1, 3, 16, 50] {
        let mut parts = gradient.clone();
        let mut largest = Largest::new();
        parts.chunks(cut).for_each(|part| largest.add(part).unwrap());
        let mut sum = largest.norm();
        parts.chunks(cut).for_each(|part| sum.add(part));
        let clip = sum.clip(2.5, Math::Libm).unwrap().unwrap();
        parts.chunks_mut(cut).for_each(|part| clip.apply(part));
        assert_eq!(sum.value(Math::Libm).to_bits(), norm.to_bits());
        assert_eq!(bits(&parts), bits(&whole));
        assert_eq!(clip.element(gradient[9]).to_bits(), whole[9].to_bits());
    }
}

#[test]
fn nothing_is_clipped_of_zeros() {
    for mut gradient in [vec![], vec![0.0, -0.0, 0.0]] {
        assert_eq!(clip_by_norm(&mut gradient, 1e-45, Math::Libm), Ok(0.0));
    }
}

#[test]
fn values_are_clipped() {
    let mut g = [0.5, -0.5, 0.75, -0.75, 3.0, f32::NEG_INFINITY, -0.0, 1e-45];
    clip_by_value(&mut g, 0.5).unwrap();
    assert_eq!(bits(&g), bits(&[0.5, -0.5, 0.5, -0.5, 0.5, -0.5, -0.0, 1e-45]));
    let mut g = [f32::NAN];
    clip_by_value(&mut g, 0.5).unwrap();
    assert!(g[0].is_nan());
}

#[test]
fn what_cannot_be_clipped_is_named() {
    for limit in [0.0, -1.0, f32::INFINITY, f32::NAN] {
        let mut g = [1.0, 2.0];
        assert_eq!(clip_by_norm(&mut g, limit, Math::Libm), Err(Error::InvalidConfig(InvalidConfig::Limit)));
        assert_eq!(clip_by_value(&mut g, limit), Err(Error::InvalidConfig(InvalidConfig::Limit)));
        assert_eq!(g, [1.0, 2.0]);
    }
    for odd in [f32::NAN, f32::NEG_INFINITY] {
        let mut largest = Largest::new();
        largest.add(&[1.0; 5]).unwrap();
        let error = Error::InvalidValue { buffer: Buffer::Gradient, layer: 0, index: 7 };
        assert_eq!(largest.add(&[1.0, 2.0, odd, odd]), Err(error));
    }
}
