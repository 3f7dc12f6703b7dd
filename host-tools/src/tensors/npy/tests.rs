use super::*;

fn array(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes(), data].concat()
}

fn of(bytes: &[u8]) -> Result<Array, String> {
    read(bytes, bytes.len() as u64)
}

fn floats(bytes: &[u8]) -> Tensor {
    match of(bytes) {
        Ok(Array::Floats(tensor)) => tensor,
        Ok(Array::Other(why)) | Err(why) => panic!("{why}"),
        Ok(Array::Bytes(_)) => panic!("bytes"),
    }
}

fn why(bytes: &[u8]) -> String {
    match of(bytes) {
        Ok(Array::Other(why)) | Err(why) => why,
        Ok(Array::Floats(tensor)) => panic!("{tensor:?}"),
        Ok(Array::Bytes(bytes)) => panic!("{bytes:?}"),
    }
}

#[test]
fn floats_of_either_order_are_read() {
    let values = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let little: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let big: Vec<u8> = values.iter().flat_map(|x| x.to_be_bytes()).collect();
    let wide: Vec<u8> = values.iter().flat_map(|&x| f64::from(x).to_be_bytes()).collect();
    let c = Tensor { shape: vec![2, 3], data: values.to_vec() };
    assert_eq!(floats(&array("'<f4'", "False", "(2, 3)", &little)), c);
    assert_eq!(floats(&array("'>f4'", "False", "(2L, 3L,)", &big)), c);
    assert_eq!(floats(&array("\">f8\"", "False", "(2,3)", &wide)), c);
    let turned = Tensor { shape: vec![2, 3], data: vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0] };
    assert_eq!(floats(&array("'<f4'", "True", "(2, 3)", &little)), turned);
    assert_eq!(floats(&array("'<f4'", "True", "(6,)", &little)).data, values);
    assert_eq!(floats(&array("'<f4'", "False", "()", &little[..4])), Tensor { shape: vec![], data: vec![1.0] });
    assert_eq!(floats(&array("'<f4'", "False", "(0, 5)", &[])), Tensor { shape: vec![0, 5], data: vec![] });
    let written = write("<f4", &[2, 3], &little);
    assert_eq!((floats(&written), written.len()), (c, 128 + 24));
    // Versions 2 and 3 have four bytes of length.
    for version in [2, 3] {
        let one = array("'<f4'", "False", "(6,)", &little);
        let bytes = [&one[..6], &[version, 0], &one[8..10], &[0, 0], &one[10..]].concat();
        assert_eq!(floats(&bytes).data, values);
    }
}

#[test]
fn what_is_no_array_of_floats_says_what_it_is() {
    for (descr, len, part) in [
        ("'|O'", 7, "Python objects"),
        ("[('re', '<f4'), ('im', '<i4', (2, 3))]", 9, "structured"),
        ("'<U5'", 40, "<U5"),
        ("'|S3'", 6, "|S3"),
        ("'<c8'", 16, "<c8"),
        ("'<f16'", 32, "<f16"),
        ("'<f2'", 4, "<f2"),
        ("'<i8'", 16, "<i8"),
        ("'<M8[ns]'", 16, "<M8[ns]"),
    ] {
        let said = why(&array(descr, "False", "(2,)", &vec![0; len]));
        assert!(said.contains(part) && said.contains("give float32 or float64"), "{descr}: {said}");
    }
    let wide: Vec<u8> = [1.0, 1e300].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    assert!(why(&array("'<f8'", "False", "(2,)", &wide)).contains("1e300 at element 1"));
    assert!(why(b"hello").contains("is no .npy array"));
}

#[test]
fn headers_that_lie_are_refused() {
    let four = [0; 4];
    for (bytes, part) in [
        (array("'<f4'", "False", "(2,)", &four), "declares 8 bytes"),
        (array("'<f4'", "False", "()", &[0; 8]), "declares 4 bytes"),
        (array("'<i4'", "False", "(2,)", &four), "declares 8 bytes"),
        (array("'<f4'", "False", "(-4, 3)", &four), "not understood"),
        (array("'<f4'", "False", "(1)", &four), "not understood"),
        (array("'<f4'", "Falsch", "(1,)", &four), "not understood"),
        (array("'<f4', 'descr': '<f4'", "False", "(1,)", &four), "not understood"),
        (array("'<f4', 'more': 1", "False", "(1,)", &four), "not understood"),
        (array("'f4'", "False", "(1,)", &four), "not understood"),
        (array("'<f4'", "False", "(4294967296, 4294967296)", &four), "more elements than"),
        (array("'<f8'", "False", "(2305843009213693953,)", &four), "more elements than"),
        (array("'<f4'", "False", "(99999999999999999999,)", &four), "not understood"),
        (b"\x93NUMPY\x01\x00\xff".to_vec(), "cut off"),
        (b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), "cut off"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "at most 10000"),
        (b"\x93NUMPY\x02\x00\xff\xff".to_vec(), "cut off"),
        (b"\x93NUMPY\x04\x00\x01\x00{".to_vec(), "version 4.0"),
    ] {
        let said = why(&bytes);
        assert!(said.contains(part) && !said.contains('\n'), "{said}");
    }
    let whole = array("'<f4'", "False", "(1,)", &four);
    assert!(read(whole.as_slice(), whole.len() as u64 + 1).is_err(), "the archive declares more");
    assert!(read(&[&whole[..], &four].concat()[..], whole.len() as u64).is_err(), "there is more");
}
