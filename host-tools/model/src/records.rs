//! Numbers of operations on int8 in files that this project wrote, which anybody may have changed: kernels have the same bits for those that an
//! importer writes, and only for those.
use shatterscope::graph::{Facts, Op};

/// Whether a multiplier and a shift are of a fixed-point number.
fn fixed(multiplier: i32, shift: i32) -> bool {
    multiplier >= 0 && (-31..=30).contains(&shift)
}

fn byte(number: i32) -> bool {
    i8::try_from(number).is_ok()
}

/// Checks the parameters of a node, weights first.
///
/// # Errors
/// The number that no importer writes.
pub fn check(op: &Op, facts: &Facts, words: &[f32]) -> Result<(), String> {
    let number = |word: &f32| word.to_bits().cast_signed();
    let all: Vec<i32> = words.iter().map(number).collect();
    let fits = match *op {
        Op::Int8Conv { .. } | Op::Int8DepthwiseConv { .. } | Op::Int8Dense { .. } => {
            let records = all[facts.parameters[0] as usize..].as_chunks::<3>().0;
            let real = matches!(op, Op::Int8Dense { real: true, .. });
            let bad = records.iter().position(|&[_, a, b]| match real {
                true => {
                    let m = f64::from_bits(u64::from(a.cast_unsigned()) | u64::from(b.cast_unsigned()) << 32);
                    !(m == 0.0 && m.is_sign_positive() || m.is_normal() && m > 0.0 && m <= f64::from(1u32 << 31))
                }
                false => !fixed(a, b),
            });
            if let Some(channel) = bad {
                return Err(format!("the multiplier of channel {channel} is out of range"));
            }
            true
        }
        Op::Int8Add { .. } => {
            matches!(all[..], [x, qx, sx, y, qy, sy, q, s] if byte(x) && byte(y) && fixed(qx, sx) && fixed(qy, sy) && fixed(q, s))
        }
        Op::Int8Multiply { .. } => matches!(all[..], [x, y, q, s] if byte(x) && byte(y) && fixed(q, s)),
        _ => true,
    };
    if fits { Ok(()) } else { Err("a zero point or a multiplier is out of range".to_owned()) }
}
