//! Ourselves in training: single convolutions by the core's trainer, whole steps by the desktop's machine.
mod convolutions;
mod steps;

use shatterscope_host::engine::Isa;
use shatterscope_peers::{contract, judge, read, serve};
use std::collections::HashMap;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data] = &arguments[..] else { return Err(io::Error::other("usage: training DATA")) };
    let data = Path::new(data);
    let fastest = Isa::Auto.kernel().map_err(io::Error::other)?;
    println!("version\tshatterscope\t{}, {}", env!("CARGO_PKG_VERSION"), contract());
    println!("version\tshatterscope's instructions\t{fastest:?}");
    let mut references = HashMap::new();
    let mut entries = convolutions::entries(data, fastest, &mut references)?;
    entries.extend(steps::entries(data, fastest, &mut references)?);
    serve(entries, |words| match *words {
        ["judge", task, file] => judge(&references, task, &read(Path::new(file))?),
        _ => Err(io::Error::other(format!("not understood: {words:?}"))),
    })
}

/// A pool that stands ready.
fn pool(threads: usize) -> io::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(io::Error::other)
}
