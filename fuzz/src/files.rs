use shatterscope_host::pack::Net;
use shatterscope_host::spec::Overrides;
use shatterscope_host::tensors::Bundle;

/// As a spec file in TOML or JSON, and as a list of layers: refused by name or understood; a spec that is resolved prints as TOML
/// that resolves to the same, and its network is planned or refused.
pub fn files(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    drop(toml::from_str::<Net>(text));
    // Files of tensors hold their spec as JSON.
    let json = Bundle { spec: Some(text.to_owned()), ..Bundle::default() }.overrides().ok().flatten();
    let Some(given) = json.or_else(|| toml::from_str::<Overrides>(text).ok()) else { return };
    let spec = match given.resolve() {
        Ok(spec) => spec,
        Err(error) => return assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}"),
    };
    let printed = spec.to_toml().expect("a spec has a TOML form");
    let again: Overrides = toml::from_str(&printed).expect("what is printed is read");
    let again = again.resolve().expect("what is resolved resolves");
    assert_eq!(again.to_toml().expect("a spec has a TOML form"), printed);
    assert_eq!(format!("{again:?}"), format!("{spec:?}"));
}
