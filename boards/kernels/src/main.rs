//! Runs each kernel of the core on fixed data between two marks of the counting plugin, and says its digest, a line each:
//! kernel, who computes, shape, elements (multiply-adds, values), digest. On the desktop the plain loops say theirs.
//! `cargo xtask bench boards` runs it everywhere.
#![cfg_attr(target_os = "none", no_std, no_main)]

mod data;
mod kernel;
mod measure;

use kernel::{Detected, Naive, Portable};
use measure::{Marks, Memory, Say, dense, others};

#[cfg(target_os = "none")]
mod emulated {
    use super::{Detected, Marks, Memory, Naive, Portable, Say, dense, others};
    use semihosting::{println, process::exit};
    use shatterscope_qemu_support::{Region, entry, static_cell::ConstStaticCell};

    struct Plugin;

    impl Marks for Plugin {
        #[inline(always)]
        fn begin() {
            Region::begin();
        }

        #[inline(always)]
        fn end() {
            Region::end();
        }
    }

    static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new([0.0; _]);

    entry!({
        let memory = MEMORY.take();
        let say: Say = |kernel, how, shape, elements, digest| println!("{kernel},{how},{shape},{elements},{digest}");
        dense::<Detected, Plugin>(memory, say);
        dense::<Portable, Plugin>(memory, say);
        dense::<Naive, Plugin>(memory, say);
        others::<Detected, Plugin>(memory, say);
        exit(0)
    });
}

#[cfg(not(target_os = "none"))]
fn main() {
    struct NoMarks;

    impl Marks for NoMarks {
        fn begin() {}
        fn end() {}
    }

    let mut memory: Memory = [0.0; _];
    let say: Say = |kernel, how, shape, elements, digest| println!("{kernel},{how},{shape},{elements},{digest}");
    dense::<Naive, NoMarks>(&mut memory, say);
    others::<Naive, NoMarks>(&mut memory, say);
    // What this machine has beside them has to agree as well.
    dense::<Detected, NoMarks>(&mut memory, say);
    dense::<Portable, NoMarks>(&mut memory, say);
    others::<Detected, NoMarks>(&mut memory, say);
}
