//! Writes the inputs that a search starts from into `corpus/`: after a change of the wire format or of the spec.
use shatterscope_fuzz::{TARGETS, seeds};
use std::path::Path;

fn main() -> std::io::Result<()> {
    for (name, _) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        std::fs::create_dir_all(&folder)?;
        for (i, input) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i:02}")), input)?;
        }
    }
    Ok(())
}
