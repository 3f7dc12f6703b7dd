//! The contract's logarithm and exponential against libm 0.2.16, whose bits they have.
use shatterscope::contract::canonical_bits;
use shatterscope::math::Math;

fn differs(x: f32) -> bool {
    let same = |a: f32, b: f32| canonical_bits(a) == canonical_bits(b);
    !same(Math::Libm.exp(x), libm::expf(x)) || !same(Math::Libm.ln(x), libm::logf(x))
}

#[test]
fn logarithms_and_exponentials_equal_libm_at_a_million_arguments() {
    // An odd step meets all exponents, signs and ends of mantissas.
    let words = (0..1 << 20).map(|i: u32| i.wrapping_mul(4097));
    let ends =
        (0..=0x1ff).flat_map(|top: u32| (0..8).flat_map(move |low| [top << 23 | low, (top << 23).wrapping_sub(low)]));
    let cuts = [0x42b1_7218u32, 0x42cf_f1b5, 0x3900_0000, 0x3eb1_7218, 0x3f85_1592, 0x3f35_04f3, 0x42ae_ac50];
    let cuts =
        cuts.into_iter().flat_map(|cut| (0..64).map(move |i| cut - 32 + i)).flat_map(|word| [word, word | 1 << 31]);
    let different: Vec<u32> = words.chain(ends).chain(cuts).filter(|word| differs(f32::from_bits(*word))).collect();
    assert!(different.is_empty(), "{:x?}", &different[..different.len().min(8)]);
}

#[test]
#[ignore = "all arguments: a minute"]
fn logarithms_and_exponentials_equal_libm_everywhere() {
    let different = (0..=u32::MAX).filter(|word| differs(f32::from_bits(*word))).count();
    assert_eq!(different, 0);
}
