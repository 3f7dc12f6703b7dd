//! The checks of `boards/kernel-check`, with the tiles of each instruction set besides, for targets that have a standard library.
#[path = "../../../boards/kernel-check/src/bytes.rs"]
mod bytes;
#[path = "../../../boards/kernel-check/src/convolutions.rs"]
mod convolutions;
#[path = "../../../boards/kernel-check/src/draws.rs"]
mod draws;
#[path = "../../../boards/kernel-check/src/finite.rs"]
mod finite;
#[path = "../../../boards/kernel-check/src/gradients.rs"]
mod gradients;
#[path = "../../../boards/kernel-check/src/products.rs"]
mod products;
#[path = "../../../boards/kernel-check/src/relu.rs"]
mod relu;
#[path = "../../../boards/kernel-check/src/series.rs"]
mod series;
#[path = "../../../boards/kernel-check/src/values.rs"]
mod values;

use shatterscope::exec::Isa;
use shatterscope::internals::kernel::Tiled;
use shatterscope::random::Normal;
use values::Room;

struct Convolutions(Isa, Vec<f32>);

impl Tiled for Convolutions {
    type Output = usize;

    fn with<const R: usize, const T: usize>(mut self) -> usize {
        convolutions::check::<T>(self.0, Room(&mut self.1))
    }
}

struct Products(Isa, Vec<f32>);

impl Tiled for Products {
    type Output = usize;

    fn with<const R: usize, const T: usize>(mut self) -> usize {
        products::check::<R, T>(self.0, Room(&mut self.1))
    }
}

#[test]
fn kernels_are_the_plain_loops() {
    let mut room = vec![0.0; 1 << 14];
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let room = &mut room[..];
        let compared = [
            isa.tiled(1, Products(isa, room.to_vec())),
            isa.tiled(u32::MAX, Products(isa, room.to_vec())),
            products::check::<4, 4>(isa, Room(room)),
            products::check::<1, 1>(isa, Room(room)),
            products::check::<3, 2>(isa, Room(room)),
            products::check::<4, 8>(isa, Room(room)),
            products::check::<6, 12>(isa, Room(room)),
            products::check::<3, 20>(isa, Room(room)),
            gradients::check(isa, Room(room)),
            relu::check(isa, Room(room)),
            finite::check(isa, Room(room)),
            draws::check(isa, Room(room)),
        ];
        println!("{}: {compared:?} values are right", isa.name());
        for normal in [Normal::IrwinHall, Normal::As241] {
            series::check(isa, normal).unwrap_or_else(|series::Different { place, drawn, defined }| {
                panic!("{} draws, {normal:?} at {place:?}: {drawn:#x}, not {defined:#x}", isa.name())
            });
        }
    }
}

#[test]
fn convolutions_are_the_plain_loops() {
    let mut room = vec![0.0; 1 << 17];
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        convolutions::check::<1>(isa, Room(&mut room));
        convolutions::check::<4>(isa, Room(&mut room));
        isa.tiled(u32::MAX, Convolutions(isa, room.to_vec()));
    }
}

#[test]
fn layers_on_bytes_are_the_plain_loops() {
    let mut room = vec![0.0; 1 << 11];
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let compared = bytes::check(isa, 3000, Room(&mut room));
        println!("{}: {compared} outputs are right", isa.name());
    }
}

/// So that a build with an instruction set does not test the one without: the program that runs this says what it expects.
#[test]
fn the_build_has_the_instructions_that_were_asked_for() {
    if let Ok(expected) = std::env::var("SHATTERSCOPE_ISA") {
        assert_eq!(Isa::detect().name(), expected);
    }
}
