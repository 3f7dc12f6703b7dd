//! The images of real boards against the memory of their chips. Builds firmware: `cargo xtask test` runs it.
use object::{Object, ObjectSection};
use shatterscope_host::device::board::{BOARDS, Board};
use shatterscope_host::device::firmware::Firmware;
use shatterscope_host::device::map::Map;
use shatterscope_host::plan::Image;
use std::path::PathBuf;

fn images() -> Vec<(&'static Board, Map, PathBuf)> {
    let firmware = Firmware::find(None).unwrap();
    let real = BOARDS.iter().filter(|board| !board.emulated());
    real.map(|board| (board, Map::of(board).expect("a map"), firmware.program(board).unwrap())).collect()
}

#[test]
#[ignore = "builds firmware"]
fn every_image_fits_its_chip_and_no_smaller_one() {
    let images = images();
    assert!(images.len() >= 6);
    for (board, map, image) in &images {
        map.check(image).unwrap_or_else(|error| panic!("{}: {error}", board.name));
        let made = Image::read(image).unwrap();
        let (flash, ram) = (map.flash.iter().map(|&(_, len)| len).sum(), map.ram.iter().map(|&(_, len)| len).sum());
        assert!(made.flash < flash && made.statics < ram && made.arena > 100 << 10, "{}: {made:?}", board.name);
        println!(
            "{}: {} B of flash, {} B of statics, {} B of them arena",
            board.name, made.flash, made.statics, made.arena
        );
        // A chip with less than the image takes is refused, flash or memory.
        let less = |regions: &[(u64, u64)], bytes: u64| vec![(regions[0].0, bytes)];
        let small_flash = Map { flash: less(&map.flash, made.flash / 2), ..map.clone() };
        let small_ram = Map { ram: less(&map.ram, 4096), ..map.clone() };
        assert!(small_flash.check(image).is_err() && small_ram.check(image).is_err(), "{}", board.name);
    }
    let image = |name: &str| images.iter().find(|(board, ..)| board.name == name).unwrap();
    // The image of one chip on another: flash elsewhere, or half of the memory.
    for (one, other) in [
        ("stm32f407-discovery", "nrf52840-dk"),
        ("nrf52840-dk", "microbit-v2"),
        ("raspberry-pi-pico-2", "raspberry-pi-pico"),
    ] {
        assert!(image(other).1.check(&image(one).2).is_err(), "{one} on {other}");
    }
}

/// What the boot ROMs of Raspberry Pi's chips look for.
#[test]
#[ignore = "builds firmware"]
fn boot_roms_find_what_they_look_for() {
    for (board, _, image) in images() {
        let data = std::fs::read(image).unwrap();
        let file = object::File::parse(&*data).unwrap();
        let section =
            |name: &str| file.section_by_name(name).map(|section| (section.address(), section.data().unwrap()));
        match board.name {
            "raspberry-pi-pico" => {
                let (address, code) = section(".boot2").expect("a second stage");
                assert_eq!((address, code.len()), (board.flash[0].0, 256));
                let (code, sum) = code.split_last_chunk::<4>().unwrap();
                // CRC-32/MPEG-2 without final complement, as the data sheet of the RP2040 says.
                let crc = code.iter().fold(!0u32, |crc, &byte| {
                    (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| {
                        crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
                    })
                });
                assert_eq!(crc, u32::from_le_bytes(*sum));
            }
            "raspberry-pi-pico-2" => {
                let (address, block) = section(".start_block").expect("an image definition");
                assert!(address + block.len() as u64 <= board.flash[0].0 + 0x1000, "within the first 4 KiB");
                assert_eq!(block[..4], 0xffff_ded3u32.to_le_bytes(), "the marker that opens a block");
            }
            _ => assert!(section(".boot2").is_none() && section(".start_block").is_none()),
        }
    }
}
