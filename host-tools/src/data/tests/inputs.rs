use crate::data::{Dataset, Examples, Inputs, Scaling, open};
use shatterscope::graph::Image;

#[test]
fn standard_inputs_have_mean_zero_and_deviation_one() {
    let digits = open(None).unwrap();
    let inputs = Inputs::of(&digits, Scaling::Standard);
    let values: Vec<f64> = digits.train.pixels.iter().map(|&b| f64::from(inputs.values(0)[usize::from(b)])).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|x| x * x).sum::<f64>() / n;
    assert!(mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-6, "{mean} {square}");
}

/// Two channels of two images: 0, 4 | 2, 6 and 9, 9 | 9, 9.
#[test]
fn each_channel_has_its_own_moments() {
    let examples = Examples { pixels: vec![0, 4, 9, 9, 2, 6, 9, 9], labels: vec![0, 1] };
    let image = Image { channels: 2, height: 1, width: 2 };
    // The part to test with does not enter.
    let test = Examples { pixels: vec![255; 4], labels: vec![0] };
    let set = Dataset { name: String::new(), image, classes: 2, largest: 255, train: examples, test };
    let inputs = Inputs::of(&set, Scaling::Standard);
    assert_eq!(
        (inputs.mean.as_slice(), inputs.inv.as_slice()),
        ([3.0, 9.0].as_slice(), [0.2f64.sqrt() as f32, 1.0].as_slice())
    );
    assert_eq!(inputs.values(0)[6], 3.0 * 0.2f64.sqrt() as f32);
    assert_eq!(inputs.values(1)[9].to_bits(), 0);
    let said = set.provenance(&inputs);
    assert_eq!(Inputs::new(said.scaling, said.mean, said.inv), inputs);
}

#[test]
fn the_unit_is_the_largest_value() {
    let mut digits = open(None).unwrap();
    assert_eq!(
        Inputs::of(&digits, Scaling::Unit).values(0)[..17],
        std::array::from_fn::<_, 17, _>(|i| i as f32 / 16.0)
    );
    digits.largest = 255;
    let inputs = Inputs::of(&digits, Scaling::Unit);
    assert_eq!((inputs.values(0)[0], inputs.values(0)[255]), (0.0, 1.0));
}
