//! The committed maps, and the images, against what probe-rs knows of the chips. Needs the feature `probe`.
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};
use probe_rs::config::{MemoryRegion, Registry};
use shatterscope_host::device::board::{BOARDS, Kind};
use shatterscope_host::device::firmware::Firmware;
use shatterscope_host::device::map::Map;

#[test]
#[ignore = "builds firmware"]
fn probe_rs_knows_the_same_chips() {
    let registry = Registry::from_builtin_families();
    let firmware = Firmware::find(None).unwrap();
    let mut chips = 0;
    for board in &BOARDS {
        let Kind::Chip { chip } = board.kind else { continue };
        let target = registry.get_target_by_name(chip).unwrap_or_else(|error| panic!("{}: {error}", board.name));
        let map = Map::of(board).expect("a map");
        let known = |flash: bool, from: u64, len: u64| {
            let mut at = from;
            // Neighbouring regions may be one in the table.
            while at < from + len {
                let region = target.memory_map.iter().find_map(|region| match region {
                    MemoryRegion::Nvm(nvm) if flash && nvm.range.contains(&at) => Some(&nvm.range),
                    MemoryRegion::Ram(ram) if !flash && ram.range.contains(&at) => Some(&ram.range),
                    _ => None,
                });
                match region {
                    Some(range) => at = range.end,
                    None => return false,
                }
            }
            true
        };
        for (flash, regions) in [(true, &map.flash), (false, &map.ram)] {
            for &(from, len) in regions {
                assert!(known(flash, from, len), "{}: {from:#x}, {len:#x} bytes: {:?}", board.name, target.memory_map);
            }
        }
        let data = std::fs::read(firmware.program(board).unwrap()).unwrap();
        let header = elf::FileHeader32::<Endianness>::parse(&*data).unwrap();
        let endian = header.endian().unwrap();
        let mut loader = target.flash_loader();
        for segment in header.program_headers(endian, &*data).unwrap() {
            let bytes = segment.data(endian, &*data).unwrap();
            if segment.p_type(endian) == elf::PT_LOAD && !bytes.is_empty() {
                loader.add_data(u64::from(segment.p_paddr(endian)), bytes).unwrap();
            }
        }
        chips += 1;
    }
    assert!(chips >= 6);
}
