//! Every instruction set that a core has, against the plain loops, on the core: the same bits at every shape, odd ones, with
//! values of every kind. It ends with status 0, or says what differs and ends with another.
#![no_std]
#![no_main]

mod bytes;
mod convolutions;
mod draws;
mod finite;
mod gradients;
mod products;
mod relu;
mod series;
mod values;

use semihosting::{println, process::exit};
use shatterscope::exec::Isa;
use shatterscope::random::Normal;
use shatterscope_qemu_support::entry;
use shatterscope_qemu_support::static_cell::ConstStaticCell;
use values::Room;

/// What the largest shape takes; a micro:bit has 12 kB besides its stack.
static ROOM: ConstStaticCell<[f32; 1600]> = ConstStaticCell::new([0.0; 1600]);

entry!({
    let room = ROOM.take();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let compared = [
            products::check::<4, 4>(isa, Room(room)),
            products::check::<4, 1>(isa, Room(room)),
            products::check::<1, 4>(isa, Room(room)),
            products::check::<1, 1>(isa, Room(room)),
            products::check::<2, 16>(isa, Room(room)),
            products::check::<3, 2>(isa, Room(room)),
            gradients::check(isa, Room(room)),
            convolutions::check::<4>(isa, Room(room)),
            convolutions::check::<1>(isa, Room(room)),
            relu::check(isa, Room(room)),
            finite::check(isa, Room(room)),
            draws::check(isa, Room(room)),
            bytes::check(isa, 150, Room(room)),
            series(isa, Normal::IrwinHall),
            series(isa, Normal::As241),
        ];
        println!("{isa:?}{}: {compared:?} values are right", if isa == Isa::detect() { ", chosen" } else { "" });
    }
    exit(0)
});

fn series(isa: Isa, normal: Normal) -> usize {
    match series::check(isa, normal) {
        Ok(compared) => compared,
        Err(series::Different { place, drawn, defined }) => {
            panic!("{isa:?} draws, {normal:?} at {place:?}: {drawn:#010x}, not {defined:#010x}")
        }
    }
}
