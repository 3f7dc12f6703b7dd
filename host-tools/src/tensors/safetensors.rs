//! .safetensors: a JSON header and the tensors behind it.
use super::{Bundle, DIGEST, SPEC, Tensor, digest};
use crate::{Failure, Result};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;

/// A key of the metadata that other programs write, and that says nothing of the tensors.
const FORMAT: &str = "format";

fn refused(error: impl std::fmt::Display) -> Failure {
    let error = error.to_string();
    Failure::failed(format!("not a safetensors file, or a damaged one: {}", error.replace('\n', " ")))
}

/// Reads a file; the second is the digest that it states.
///
/// A file with a spec is one of this program's, or made after its kind: it has no keys that are not known, so that a digest whose key
/// was damaged is not passed over. For the same reason no other key has a digest as its value.
pub(super) fn parse(bytes: &[u8]) -> Result<(Bundle, Option<String>)> {
    if bytes.is_empty() {
        return Err(Failure::failed("the file is empty: it is no safetensors file"));
    }
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(refused)?;
    no_key_twice(bytes)?;
    let mut bundle = Bundle::default();
    let mut stated = None;
    for (key, value) in metadata.metadata().iter().flatten() {
        let ours = value.starts_with(digest::PREFIX);
        match key.as_str() {
            SPEC => bundle.spec = Some(value.clone()),
            DIGEST if ours => stated = Some(value.clone()),
            FORMAT if !ours => {}
            DIGEST if metadata.metadata().as_ref().is_some_and(|all| all.contains_key(SPEC)) => {
                return Err(Failure::failed(format!(
                    "the file is damaged: its digest is {}, not {} and 64 hexadecimal digits",
                    crate::text::visible(value),
                    digest::PREFIX
                )));
            }
            _ if ours || metadata.metadata().as_ref().is_some_and(|all| all.contains_key(SPEC)) => {
                return Err(Failure::failed(format!(
                    "the file is damaged: its metadata have the key {}, which does not belong beside a spec or a digest",
                    crate::text::visible(key)
                )));
            }
            _ => {}
        }
    }
    for (name, view) in SafeTensors::deserialize(bytes).map_err(refused)?.tensors() {
        let data = match view.dtype() {
            Dtype::F32 => Ok(view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            Dtype::F64 => {
                let wide = view.data().as_chunks::<8>().0;
                let mut data = Vec::with_capacity(wide.len());
                super::narrow(&mut data, wide.iter().map(|b| f64::from_le_bytes(*b))).map(|()| data)
            }
            other => Err(format!("is {other:?}: give f32 or f64")),
        };
        match data {
            Ok(data) => drop(bundle.tensors.insert(name, Tensor { shape: view.shape().to_vec(), data })),
            Err(why) => drop(bundle.others.insert(name, why)),
        }
    }
    Ok((bundle, stated))
}

/// The library keeps the last of two tensors of one name.
fn no_key_twice(bytes: &[u8]) -> Result<()> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
            let mut seen = BTreeSet::new();
            while let Some(key) = map.next_key::<String>()? {
                if key == "__metadata__" {
                    map.next_value::<Unique>()?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
                if let Some(twice) = seen.replace(key) {
                    return Err(A::Error::custom(format!("the name {} is there twice", crate::text::visible(&twice))));
                }
            }
            Ok(())
        }
    }
    struct Unique;
    impl<'de> Deserialize<'de> for Unique {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
            deserializer.deserialize_map(Keys).map(|()| Self)
        }
    }
    let len = bytes.first_chunk().map_or(0, |&len| u64::from_le_bytes(len));
    let header = usize::try_from(len).ok().and_then(|len| bytes.get(8..)?.get(..len)).unwrap_or_default();
    serde_json::from_slice::<Unique>(header).map(drop).map_err(refused)
}

/// The bytes of a file: the same at every call, keys in their order.
pub(super) fn write(bundle: &Bundle) -> Result<Vec<u8>> {
    let mut metadata = serde_json::Map::new();
    metadata.insert(DIGEST.to_owned(), digest::of(bundle).into());
    if let Some(spec) = &bundle.spec {
        metadata.insert(SPEC.to_owned(), spec.as_str().into());
    }
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), metadata.into());
    let mut at = 0;
    for (name, tensor) in &bundle.tensors {
        let end = at + 4 * tensor.data.len();
        if name == "__metadata__" || tensor.shape.iter().product::<usize>() != tensor.data.len() {
            return Err(Failure::failed(format!("cannot write safetensors: {name} {:?}", tensor.shape)));
        }
        header.insert(
            name.clone(),
            serde_json::json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [at, end] }),
        );
        at = end;
    }
    let mut header = serde_json::Value::from(header).to_string();
    // The tensors begin at a multiple of 8.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.into_bytes());
    bytes.extend(bundle.tensors.values().flat_map(|tensor| tensor.data.iter().flat_map(|x| x.to_le_bytes())));
    Ok(bytes)
}
