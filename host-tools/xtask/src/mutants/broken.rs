//! Which mutant is awake, in a copy of the core: `BROKEN` in the environment says its number.
#![allow(internal_features)]
extern crate std;
use core::sync::atomic::{AtomicU32, Ordering};

const UNKNOWN: u32 = u32::MAX;
static CHOSEN: AtomicU32 = AtomicU32::new(UNKNOWN);

/// None is, where the compiler computes a constant.
#[inline(always)]
pub(crate) const fn is(mutant: u32) -> bool {
    const fn never(_: u32) -> bool {
        false
    }
    #[inline(always)]
    fn now(mutant: u32) -> bool {
        let chosen = CHOSEN.load(Ordering::Relaxed);
        mutant == if chosen == UNKNOWN { ask() } else { chosen }
    }
    core::intrinsics::const_eval_select((mutant,), never, now)
}

#[cold]
fn ask() -> u32 {
    let chosen = std::env::var("BROKEN").unwrap_or_default().parse().unwrap_or(0);
    CHOSEN.store(chosen, Ordering::Relaxed);
    chosen
}
