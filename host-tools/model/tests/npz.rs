//! Arrays of f32 and f64 as `numpy.savez_compressed` writes them: test data of this project's own making.
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The elements of an array of f32 in C order.
pub fn floats(path: &Path, name: &str) -> Vec<f32> {
    let (kind, bytes) = array(path, name);
    assert_eq!(kind, "<f4", "{name}");
    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// The elements of an array of int8 in C order.
pub fn bytes(path: &Path, name: &str) -> Vec<i8> {
    let (kind, bytes) = array(path, name);
    assert_eq!(kind, "|i1", "{name}");
    bytes.into_iter().map(u8::cast_signed).collect()
}

/// The elements of an array of f32 or f64 in C order.
pub fn doubles(path: &Path, name: &str) -> Vec<f64> {
    let (kind, bytes) = array(path, name);
    match kind {
        "<f4" => bytes.as_chunks::<4>().0.iter().map(|word| f64::from(f32::from_le_bytes(*word))).collect(),
        _ => bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect(),
    }
}

/// The type of an array's elements, and their bytes.
fn array(path: &Path, name: &str) -> (&'static str, Vec<u8>) {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
    let len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + len]).unwrap();
    let kind = ["<f4", "<f8", "|i1"].into_iter().find(|kind| header.contains(&format!("'descr': '{kind}'")));
    assert!(kind.is_some() && header.contains("'fortran_order': False"), "{header}");
    (kind.unwrap(), bytes.split_off(10 + len))
}
