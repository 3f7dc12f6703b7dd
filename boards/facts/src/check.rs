//! Checks that no linker makes, or only with a message that does not name the file.
use crate::{Board, Error, FILE, Kind, has_fpu};

/// Cortex-M and RV32 have no more addresses, and no board puts memory elsewhere.
const ADDRESSES: u64 = 1 << 32;

/// Stacks and regions begin at multiples of this many bytes.
const ALIGNMENT: u64 = 8;

pub fn board(board: &Board) -> Result<(), String> {
    words(board)?;
    regions(board)?;
    flash(board)?;
    ram(board)
}

fn words(board: &Board) -> Result<(), String> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    for name in [&board.name].into_iter().chain(&board.aliases) {
        if !is_name(name) {
            return Err(format!("{name:?} is not a name: use a-z, 0-9 and -"));
        }
    }
    let mut texts = vec![("title", &board.title), ("core", &board.core)];
    match &board.kind {
        Kind::Chip { probe_rs, emulator, .. } => {
            texts.push(("probe-rs", probe_rs));
            texts.extend(emulator.iter().map(|emulator| ("program", &emulator.program)));
        }
        Kind::Qemu { emulator, .. } => texts.push(("program", &emulator.program)),
    }
    for (key, text) in texts {
        if text.trim().is_empty() || text.chars().any(|c| c.is_control() || c == '"' || c == '|') {
            return Err(format!("{key} = {text:?}: write a name without quotes, bars or line breaks"));
        }
    }
    let known = ["thumbv", "riscv", "aarch64-"].iter().any(|arch| board.target.starts_with(arch));
    if !known || !board.target.contains("-none") {
        return Err(format!("target = {:?}: no linker script is known for it", board.target));
    }
    let (rows, tile) = board.tile;
    if rows == 0 || tile == 0 || (!has_fpu(&board.target) && board.tile != (1, 1)) {
        return Err(format!("tile = [{rows}, {tile}]: [1, 1] without an FPU, at least that with one"));
    }
    if !board.emulated() && (board.clock == 0 || board.ticks == 0) {
        return Err("a chip needs its clock in hertz".to_owned());
    }
    Ok(())
}

fn regions(board: &Board) -> Result<(), String> {
    let flash = board.flash.iter().map(|flash| ("flash".to_owned(), flash.origin, flash.length));
    let ram = board.ram.iter().enumerate().map(|(i, ram)| (format!("ram {}", i + 1), ram.origin, ram.length));
    let all: Vec<_> = flash.chain(ram).collect();
    for (name, origin, length) in &all {
        if *length == 0 {
            return Err(format!("{name}: the length is 0"));
        }
        if origin.checked_add(*length).is_none_or(|end| end > ADDRESSES) {
            return Err(format!("{name}: {origin:#x} and {length:#x} bytes end above 32 bits of address"));
        }
        if !origin.is_multiple_of(ALIGNMENT) || !length.is_multiple_of(ALIGNMENT) {
            return Err(format!("{name}: {origin:#x} and {length:#x} bytes are not multiples of {ALIGNMENT}"));
        }
    }
    for (i, (name, origin, length)) in all.iter().enumerate() {
        for (other, from, bytes) in &all[..i] {
            if *origin < from + bytes && *from < origin + length {
                return Err(format!("{other} and {name} overlap"));
            }
        }
    }
    Ok(())
}

fn flash(board: &Board) -> Result<(), String> {
    let Some(flash) = &board.flash else { return Ok(()) };
    let taken = flash.slot.checked_mul(2).and_then(|slots| slots.checked_add(flash.boot));
    if taken.is_none_or(|taken| taken >= flash.length) {
        return Err("flash: two slots and the boot code leave nothing for the program".to_owned());
    }
    if !flash.slot.is_multiple_of(ALIGNMENT) || !flash.boot.is_multiple_of(ALIGNMENT) {
        return Err(format!("flash: slot and boot must be multiples of {ALIGNMENT} bytes"));
    }
    Ok(())
}

fn ram(board: &Board) -> Result<(), String> {
    let mut statics = 0;
    for (i, ram) in board.ram.iter().enumerate() {
        let taken = ram.text.checked_add(ram.guard).and_then(|taken| taken.checked_add(ram.stack));
        if taken.is_none_or(|taken| taken >= ram.length) {
            return Err(format!("ram {}: text, guard and stack leave nothing of the region", i + 1));
        }
        if [ram.text, ram.guard, ram.stack].iter().any(|part| !part.is_multiple_of(ALIGNMENT)) {
            return Err(format!("ram {}: text, guard and stack must be multiples of {ALIGNMENT} bytes", i + 1));
        }
        statics += u64::from(ram.statics) * (ram.length - ram.text - ram.guard - ram.stack);
    }
    let count = |has: fn(&&crate::Ram) -> bool| board.ram.iter().filter(has).count();
    if count(|ram| ram.statics) != 1 {
        return Err("exactly one region of ram holds the statics: give it a stack, or statics = true".to_owned());
    }
    let (stacks, texts) = (count(|ram| ram.stack > 0), count(|ram| ram.text > 0));
    let wanted = usize::from(!board.target.starts_with("aarch64"));
    if stacks != wanted {
        return Err(format!("{stacks} regions of ram have a stack, {} has {wanted}", board.target));
    }
    // Arm programs are linked for flash, the others are loaded.
    let in_flash = board.target.starts_with("thumb");
    if in_flash != board.flash.is_some() || (texts == 1) != board.target.starts_with("riscv") || texts > 1 {
        return Err(format!("programs for {} need {}", board.target, need(&board.target)));
    }
    if board.ram.iter().any(|ram| ram.guard > 0 && (ram.stack == 0 || !ram.guard.is_power_of_two())) {
        return Err("a guard needs a stack in its region, and a length that is a power of two".to_owned());
    }
    if !board.arena.is_multiple_of(4) || board.arena == 0 || board.arena >= statics {
        return Err(format!(
            "arena: {} bytes must be a multiple of 4 below the {statics} bytes for statics",
            board.arena
        ));
    }
    Ok(())
}

fn need(target: &str) -> &'static str {
    match target {
        _ if target.starts_with("thumb") => "a table [flash], and no text in ram",
        _ if target.starts_with("riscv") => "text in one region of ram, and no table [flash]",
        _ => "no table [flash], and no text in ram",
    }
}

/// No name means two boards.
pub fn names(boards: &[Board]) -> Result<(), Error> {
    for (i, board) in boards.iter().enumerate() {
        for name in [&board.name].into_iter().chain(&board.aliases) {
            if let Some(other) = boards[..i].iter().find(|other| other.name == *name || other.aliases.contains(name)) {
                let reason = format!("{name} is also a name of {}", other.folder.display());
                return Err(Error::new(&board.folder.join(FILE), reason));
            }
        }
    }
    Ok(())
}
