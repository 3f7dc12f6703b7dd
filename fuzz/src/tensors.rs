use crate::refused::refused;
use shatterscope_host::tensors::Bundle;

/// As a file of tensors, .npz or .safetensors: refused in one line, or a bundle that is written and read as the same.
pub fn tensors(data: &[u8]) {
    let Some((&kind, file)) = data.split_first() else { return };
    let read = if kind % 2 == 0 { Bundle::from_npz(file) } else { Bundle::from_safetensors(file) };
    let bundle = match read {
        Err(error) => return refused(&error),
        Ok(bundle) => bundle,
    };
    for (name, tensor) in &bundle.tensors {
        assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len(), "{name}");
        assert!(!bundle.others.contains_key(name));
    }
    if let Err(error) = bundle.overrides() {
        refused(&error);
    }
    let kept = Bundle { others: Default::default(), ..bundle };
    // "spec" and "digest" are not names of tensors that our own .npz has.
    let own = ["spec", "digest"].iter().any(|&name| kept.tensors.contains_key(name));
    if let (Ok(npz), false, false) = (kept.to_npz(), own, kept.tensors.is_empty()) {
        same(&Bundle::from_npz(&npz), &kept);
    }
    if let Ok(safetensors) = kept.to_safetensors() {
        same(&Bundle::from_own_safetensors(&safetensors), &kept);
    }
}

/// Equal, where a NaN equals itself; names that a ZIP archive does not hold may be refused.
fn same(read: &shatterscope_host::Result<Bundle>, kept: &Bundle) {
    let Ok(read) = read else { return };
    let bits = |bundle: &Bundle| -> Vec<(String, Vec<usize>, Vec<u32>)> {
        let of = |x: &f32| x.to_bits();
        let tensors = bundle.tensors.iter();
        tensors.map(|(name, t)| (name.clone(), t.shape.clone(), t.data.iter().map(of).collect())).collect()
    };
    assert_eq!((bits(read), &read.spec), (bits(kept), &kept.spec));
}
