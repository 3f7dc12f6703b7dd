//! Arrays of f32 as `numpy.savez_compressed` writes them: test data of this project's own making.
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The elements of an array of f32 in C order.
pub fn floats(path: &Path, name: &str) -> Vec<f32> {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
    let len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + len]).unwrap();
    assert!(header.contains("'descr': '<f4'") && header.contains("'fortran_order': False"), "{header}");
    bytes[10 + len..].as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
