//! The examples of the contract's second implementation.
use crate::data::{Augment, Dataset, Examples, Inputs, Loader, Scaling};
use serde_json::Value;
use shatterscope::graph::Image;

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../../docs/vectors/images.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::from_value(value.clone()).unwrap()
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

fn hex(x: &[f32]) -> Value {
    x.iter().map(|x| format!("{:08x}", x.to_bits())).collect()
}

fn set(image: Image, pixels: Vec<u8>, largest: u8) -> Dataset {
    let train = Examples { labels: vec![0; pixels.len() / image.units().unwrap() as usize], pixels };
    Dataset { name: String::new(), image, classes: 10, largest, train, test: Examples::default() }
}

#[test]
fn inputs() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.get("inv").is_some()) {
        let (set, scaling, shown) = match case.get("pixels") {
            Some(pixels) => {
                let pixels = bytes(pixels);
                let shown = pixels.iter().copied().take(8).collect();
                (set(Image::vector(1), pixels, 255), Scaling::Standard, shown)
            }
            None => {
                let largest = number(&case["largest"]) as u8;
                (set(Image::vector(1), vec![0], largest), Scaling::Unit, vec![0, 1, largest])
            }
        };
        let inputs = Inputs::of(&set, scaling);
        assert_eq!(hex(&inputs.inv)[0], case["inv"], "{case}");
        assert!(case.get("mean").is_none_or(|mean| hex(&inputs.mean)[0] == *mean), "{case}");
        let values: Vec<f32> = shown.iter().map(|&pixel: &u8| inputs.values(0)[usize::from(pixel)]).collect();
        assert_eq!(hex(&values), case["inputs"], "{case}");
        seen += 1;
    }
    assert_eq!(seen, 8);
}

/// An image is moved as the contract says, seen through a batch whose inputs are the pixels themselves.
#[test]
fn moves() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.get("move").is_some()) {
        let augment = Augment { shift: number(&case["shift"]), flip: case["flip"].as_bool().unwrap() };
        let (seed, run) = (case["seed"].as_u64().unwrap(), number(&case["run"]));
        let (epoch, example) = (number(&case["epoch"]), number(&case["example"]));
        let moved = augment.of(seed, run, epoch, example);
        assert_eq!(serde_json::json!([moved.right, moved.down, u32::from(moved.mirrored)]), case["move"], "{case}");

        let rows = case["image"].as_array().unwrap();
        let pixels: Vec<u8> = rows.iter().flat_map(bytes).collect();
        let image = Image { channels: 1, height: rows.len() as u32, width: (pixels.len() / rows.len()) as u32 };
        let set = set(image, pixels.repeat(example as usize + 1), 1);
        let inputs = Inputs::of(&set, Scaling::Unit);
        let loader = Loader::train(&set, &inputs).unwrap().augmented(augment, seed, run, epoch).unwrap();
        let mut values = vec![0.0; pixels.len()];
        loader.fill(&[example], 1, &mut values, &mut [0]).unwrap();
        let expected: Vec<f32> = case["moved"].as_array().unwrap().iter().flat_map(bytes).map(f32::from).collect();
        assert_eq!(values, expected, "{case}");
        seen += 1;
    }
    assert_eq!(seen, 9);
}
