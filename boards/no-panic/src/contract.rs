//! Contract, errors, maths, random numbers.
use crate::{buffer, slice};
use core::fmt::{self, Write};
use core::hint::black_box;
use shatterscope::contract::{Digest, canonical_bits, contract_id};
use shatterscope::math::Math;
use shatterscope::random::{Normal, Purpose, Stream, philox4x32_10};
use shatterscope::self_test::{float_mode_is_default, self_test};
use shatterscope::{Error, InvalidConfig, InvalidSpec};

/// Takes text and keeps nothing.
struct Sink;

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

pub fn everything() {
    black_box((self_test(), float_mode_is_default()));
    let mut digest = black_box(Digest::of(slice(&[1.0, 2.0])));
    digest.push(black_box(3.0));
    digest.push_bytes(slice(&[1, 2, 3]));
    black_box(digest.text());
    black_box(Digest::of_runs(slice(&[digest, Digest::new()]).iter().copied()));
    black_box(canonical_bits(black_box(1.0)));
    let math: Math = black_box(Math::Micromath);
    black_box((contract_id(math), math.sqrt(black_box(2.0)), math.ln(black_box(2.0)), math.exp(black_box(-2.0))));
    let error: Error = black_box(Error::InvalidSpec(InvalidSpec::Lag));
    let _ = write!(Sink, "{error} {digest}");
    let error: Error = black_box(Error::InvalidConfig(InvalidConfig::Limit));
    let _ = write!(Sink, "{error}");

    black_box(philox4x32_10(black_box([1, 2, 3, 4]), black_box([5, 6])));
    let normal: Normal = black_box(Normal::As241);
    black_box(normal.value(black_box([1, 2, 3, 4]), math));
    let purpose: Purpose = black_box(Purpose::Noise);
    let stream = Stream::new(black_box(7), black_box(0), purpose, black_box(1), normal).with_math(math);
    black_box((stream.words(black_box(1), black_box(2)), stream.value(black_box(1), black_box(2))));
    shatterscope::probe::white_noise(black_box(7), black_box(0), normal, buffer(&mut [0.0; 4]));
    shatterscope::probe::brown_noise(black_box(7), black_box(0), normal, buffer(&mut [0.0; 4]));
}
