// The table of boards that the tool has built in, as source text. Used by the build script, and by a test with another set of boards.
use shatterscope_board_facts::{Board, Kind};
use std::fmt::Write;

/// A constant `BOARDS` for `src/device/board.rs`.
pub fn table(boards: &[Board]) -> String {
    let mut text = format!(
        "/// Emulated boards first, those with less memory before others.\npub const BOARDS: [Board; {}] = [\n",
        boards.len()
    );
    for board in boards {
        let regions = |all: Vec<(u64, u64)>| format!("&{all:?}");
        let flash = regions(board.flash.iter().map(|flash| (flash.origin, flash.length)).collect());
        let ram = regions(board.ram.iter().map(|ram| (ram.origin, ram.length)).collect());
        let (folder, kind, keeps) = match &board.kind {
            Kind::Chip { probe_rs, .. } => (
                format!("chips/{}", board.name),
                format!("Kind::Chip {{ chip: {probe_rs:?} }}"),
                board.slots().is_some(),
            ),
            Kind::Qemu { emulator, flash } => {
                let kind =
                    format!("Kind::Qemu {{ program: {:?}, words: &{:?} }}", emulator.program, emulator.arguments);
                ("qemu".to_owned(), kind, *flash > 0)
            }
        };
        let _ = writeln!(
            text,
            "    Board {{ name: {:?}, aliases: &{:?}, folder: {folder:?}, triple: {:?}, core: {:?}, tile: {:?}, \
             flash: {flash}, ram: {ram}, keeps_state: {keeps}, kind: {kind} }},",
            board.name, board.aliases, board.target, board.core, board.tile,
        );
    }
    text + "];\n"
}
