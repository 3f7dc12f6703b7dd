//! Ourselves: the kernels on the dense product, the core and the desktop engine on the paper's networks.
mod networks;
mod product;

use shatterscope::contract::Digest;
use shatterscope_host::engine::Isa;
use shatterscope_peers::{read, serve};
use std::collections::HashMap;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data] = &arguments[..] else { return Err(io::Error::other("usage: ours DATA")) };
    let data = Path::new(data);
    let fastest = Isa::Auto.kernel().map_err(io::Error::other)?;
    println!("version\tshatterscope\t{}, {}", env!("CARGO_PKG_VERSION"), contract());
    println!("version\tshatterscope's kernel for networks\t{fastest:?}");
    let mut references = HashMap::new();
    let mut entries = product::entries(data, &mut references)?;
    entries.extend(networks::entries(data, fastest, &mut references)?);
    serve(entries, |words| match *words {
        ["judge", task, file] => judge(&references, task, &read(Path::new(file))?),
        _ => Err(io::Error::other(format!("not understood: {words:?}"))),
    })
}

fn contract() -> &'static str {
    shatterscope::contract::contract_id(shatterscope::math::Math::Libm)
}

/// The digest of a result, and how far it lies from ours: the greatest difference over our greatest value.
fn judge(references: &HashMap<String, Vec<f32>>, task: &str, result: &[f32]) -> io::Result<String> {
    let digest = Digest::of(result);
    let Some(ours) = references.get(task) else { return Ok(format!("{digest}\t")) };
    if ours.len() != result.len() {
        return Err(io::Error::other(format!("{task}: {} values instead of {}", result.len(), ours.len())));
    }
    let most = |values: &mut dyn Iterator<Item = f64>| {
        // NaN must show: a comparison would pass it over.
        values.fold(0.0f64, |most, x| if x.is_nan() || x > most { x } else { most })
    };
    let greatest = most(&mut ours.iter().map(|x| f64::from(x.abs())));
    let apart = most(&mut ours.iter().zip(result).map(|(x, y)| (f64::from(*x) - f64::from(*y)).abs()));
    Ok(format!("{digest}\t{:.1e}", apart / greatest))
}
