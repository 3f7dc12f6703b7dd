use crate::refused::refused;
use shatterscope_host::Result;
use shatterscope_host::spec::{Overrides, Spec};
use shatterscope_host::tensors::Bundle;

/// As a spec file in TOML, and as the spec in JSON inside a file of tensors: refused by name or understood; a spec that is resolved prints
/// as TOML that resolves to the same.
pub fn files(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let json = Bundle { spec: Some(text.to_owned()), ..Bundle::default() }.overrides();
    for given in [Spec::overrides_from_text(text), json.map(Option::unwrap_or_default)] {
        if let Err(error) = given.and_then(resolved) {
            refused(&error);
        }
    }
}

fn resolved(given: Overrides) -> Result<()> {
    let spec = given.resolve()?;
    let printed = spec.to_toml().expect("a spec has a TOML form");
    let again = Spec::overrides_from_text(&printed).expect("what is printed is read");
    let again = again.resolve().expect("what is resolved resolves");
    assert_eq!(again.to_toml().expect("a spec has a TOML form"), printed);
    assert_eq!(format!("{again:?}"), format!("{spec:?}"));
    Ok(())
}
