//! Decimal text and binary32, one way for the command line, TOML and JSON: text to binary64, and that to binary32, as
//! `docs/numerics.md` has it. A field of numbers that are read and written has `#[serde(with = "crate::decimal")]`.
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The binary32 nearest to a number.
///
/// # Errors
/// NaN, infinity, what is too large, and what is not zero and would become so; in half a line.
pub fn narrow(x: f64) -> Result<f32, String> {
    let narrow = x as f32;
    let why = if !x.is_finite() {
        "it must be finite"
    } else if !narrow.is_finite() {
        "it is too large for f32, whose largest number is 3.4e38"
    } else if narrow == 0.0 && x != 0.0 {
        TOO_SMALL
    } else {
        return Ok(narrow);
    };
    Err(format!("{x:?}: {why}"))
}

const TOO_SMALL: &str = "it is too small for f32 and would become 0; the smallest number is 1.4e-45";

/// A number whose shortest decimal gives the binary32 back by way of binary64. Mostly that is the shortest decimal of the binary32; but
/// 7.038531e-26, for one, lies so close to the middle between two of them that the way by binary64 leads to the other.
pub fn wide(x: f32) -> f64 {
    let shortest = x.to_string().parse().unwrap_or(f64::NAN);
    if (shortest as f32).to_bits() == x.to_bits() { shortest } else { f64::from(x) }
}

/// Parses text that is to become binary32 and stays binary64 until [`narrow`] refuses or takes it. Text that is not zero stays so.
///
/// # Errors
/// Text that is no number.
pub fn parse_wide(text: &str) -> Result<f64, String> {
    let x: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Ok(if x == 0.0 && !is_zero(text) { f64::from_bits(1).copysign(x) } else { x })
}

/// Whether all digits before the exponent are zero.
fn is_zero(text: &str) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    !digits.contains(|digit: char| ('1'..='9').contains(&digit))
}

/// Refuses TOML with a number that would silently become zero; whatever else is wrong with it is left to who reads it.
///
/// # Errors
/// Line, number, reason.
pub fn check_toml(text: &str) -> Result<(), String> {
    use toml::de::{DeTable, DeValue};
    fn look(value: &toml::Spanned<DeValue<'_>>, text: &str) -> Result<(), String> {
        match value.get_ref() {
            DeValue::Float(float) => match float.as_str().parse::<f64>() {
                Ok(x) if x == 0.0 && !is_zero(float.as_str()) => {
                    let line = text[..value.span().start].lines().count().max(1);
                    Err(format!("line {line}: {}: {TOO_SMALL}", float.as_str()))
                }
                _ => Ok(()),
            },
            DeValue::Array(values) => values.iter().try_for_each(|value| look(value, text)),
            DeValue::Table(table) => table.values().try_for_each(|value| look(value, text)),
            _ => Ok(()),
        }
    }
    DeTable::parse(text).map_or(Ok(()), |table| table.get_ref().values().try_for_each(|value| look(value, text)))
}

/// Numbers that are written and read as decimals.
pub trait Decimals: Sized {
    /// The same in binary64.
    type Wide;

    /// What is written.
    fn wide(&self) -> Self::Wide;

    /// What is read.
    ///
    /// # Errors
    /// As [`narrow`].
    fn narrow(wide: Self::Wide) -> Result<Self, String>;
}

impl Decimals for f32 {
    type Wide = f64;

    fn wide(&self) -> f64 {
        wide(*self)
    }

    fn narrow(wide: f64) -> Result<Self, String> {
        narrow(wide)
    }
}

impl<D: Decimals> Decimals for Option<D> {
    type Wide = Option<D::Wide>;

    fn wide(&self) -> Self::Wide {
        self.as_ref().map(D::wide)
    }

    fn narrow(wide: Self::Wide) -> Result<Self, String> {
        wide.map(D::narrow).transpose()
    }
}

impl<D: Decimals> Decimals for Vec<D> {
    type Wide = Vec<D::Wide>;

    fn wide(&self) -> Self::Wide {
        self.iter().map(D::wide).collect()
    }

    fn narrow(wide: Self::Wide) -> Result<Self, String> {
        wide.into_iter().map(D::narrow).collect()
    }
}

impl Decimals for [f32; 2] {
    type Wide = [f64; 2];

    fn wide(&self) -> Self::Wide {
        self.map(wide)
    }

    fn narrow([a, b]: Self::Wide) -> Result<Self, String> {
        Ok([narrow(a)?, narrow(b)?])
    }
}

/// For serde.
///
/// # Errors
/// The serialiser's.
pub fn serialize<D: Decimals<Wide: Serialize>, S: Serializer>(x: &D, serializer: S) -> Result<S::Ok, S::Error> {
    x.wide().serialize(serializer)
}

/// For serde.
///
/// # Errors
/// The deserialiser's, and those of [`narrow`].
pub fn deserialize<'de, T: Decimals<Wide: Deserialize<'de>>, D: Deserializer<'de>>(de: D) -> Result<T, D::Error> {
    T::narrow(T::Wide::deserialize(de)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<f32, String> {
        parse_wide(text).and_then(narrow)
    }

    /// Text for which the two ways differ: (text, bits by way of binary64, bits of the direct way).
    const APART: [(&str, u32, u32); 5] = [
        // A little below and above the middle between two binary32, nearer than binary64 can tell.
        ("0.050000002607703208923339843749", 0x3d4c_ccce, 0x3d4c_cccd),
        ("1.000000059604644775390626", 0x3f80_0000, 0x3f80_0001),
        ("-1.000000178813934326171874", 0xbf80_0002, 0xbf80_0001),
        // The shortest decimal of 0x15ae43fd.
        ("7.038531e-26", 0x15ae_43fe, 0x15ae_43fd),
        // Half of the smallest binary32, and next to nothing.
        ("2.1019476964872256063855943749348741969203929128147736e-45", 0x0000_0002, 0x0000_0001),
    ];

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        #[serde(with = "crate::decimal")]
        one: f32,
        #[serde(with = "crate::decimal")]
        two: [f32; 2],
        #[serde(with = "crate::decimal", default)]
        some: Option<f32>,
    }

    #[test]
    fn text_becomes_binary32_by_way_of_binary64() {
        for (text, by_64, direct) in APART {
            assert_eq!(text.parse::<f32>().unwrap().to_bits(), direct, "{text} tells the ways apart");
            let expected = f32::from_bits(by_64);
            assert_eq!(parse(text).unwrap().to_bits(), by_64, "{text}");
            let all = All { one: expected, two: [expected; 2], some: Some(expected) };
            let json = format!("{{\"one\": {text}, \"two\": [{text}, {text}], \"some\": {text}}}");
            assert_eq!(serde_json::from_str::<All>(&json).unwrap(), all, "{text}");
            let toml = format!("one = {text}\ntwo = [{text}, {text}]\nsome = {text}");
            assert_eq!(toml::from_str::<All>(&toml).unwrap(), all, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let known = [0x15ae_43fd, 0x0000_0001, 0x7f7f_ffff, 0x8000_0000, 0x3dcc_cccd];
        let spread =
            (0..20_000u32).map(|i| i.wrapping_mul(2_654_435_769)).filter(|&bits| f32::from_bits(bits).is_finite());
        for bits in known.into_iter().chain(spread) {
            let one = f32::from_bits(bits);
            let all = All { one, two: [one, 0.5], some: None };
            let json = serde_json::to_string(&all).unwrap();
            let back: All = serde_json::from_str(&json).unwrap();
            assert_eq!(back.one.to_bits(), bits, "{json}");
            let back: All = toml::from_str(&toml::to_string(&all).unwrap()).unwrap();
            assert_eq!(back.one.to_bits(), bits);
        }
        assert_eq!(serde_json::to_string(&wide(0.1)).unwrap(), "0.1");
    }

    #[test]
    fn what_is_no_binary32_is_refused() {
        for (text, why) in [
            ("1e39", "too large"),
            ("-3.5e38", "too large"),
            ("1e400", "finite"),
            ("1e-46", "too small"),
            ("-1e-400", "too small"),
            ("nan", "finite"),
            ("-inf", "finite"),
            ("1,5", "not a number"),
            ("", "not a number"),
        ] {
            assert!(parse(text).is_err_and(|said| said.contains(why)), "{text}: {:?}", parse(text));
        }
        for (text, bits) in [("-0", 0x8000_0000), ("0e-999", 0), ("3.4028234e38", 0x7f7f_ffff), ("1.4e-45", 1)] {
            assert_eq!(parse(text).unwrap().to_bits(), bits, "{text}");
        }
        for text in ["one = 1e39\ntwo = [1, 2]", "one = nan\ntwo = [1, 2]", "one = 1\ntwo = [1, 1e-60]"] {
            assert!(toml::from_str::<All>(text).is_err(), "{text}");
        }
        assert!(check_toml("a = 1e-5\n[[b]]\nc = [0.0, -0e-9, 1e-300]").is_ok());
        let said = check_toml("a = 1.5\n[[b]]\nc = [1, { d = 2_0.5e-400 }]").unwrap_err();
        assert!(said.starts_with("line 3: 20.5e-400: it is too small"), "{said}");
        assert!(serde_json::from_str::<All>("{\"one\": 1e39, \"two\": [1, 2]}").is_err());
    }
}
