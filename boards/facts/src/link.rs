//! Makes linker scripts, constants of the firmware and cargo's configuration from the facts.
use crate::{Board, Kind};
use std::fmt::Write;

impl Board {
    /// The linker's arguments; the map is `memory.x`.
    pub fn link_arguments(&self) -> &'static [&'static str] {
        match &*self.target {
            target if target.starts_with("aarch64") => &["-Timage.ld", "-Tmemory.x"],
            target if target.starts_with("riscv") => &["-Tmemory.x", "-Tlink.x"],
            // Without --nmagic the linker aligns the image to pages that the chip does not have.
            _ => &["-Tlink.x", "--nmagic"],
        }
    }

    /// `memory.x`, with a stack of at least so many bytes.
    pub fn memory_map(&self, stack: u64) -> String {
        let mut regions = Vec::new();
        if let Some(flash) = &self.flash {
            if flash.boot > 0 {
                regions.push(("BOOT2", flash.origin, flash.boot));
            }
            regions.push(("FLASH", flash.origin + flash.boot, flash.length - flash.boot - 2 * flash.slot));
        }
        let image = self.target.starts_with("aarch64");
        for ram in &self.ram {
            let mut at = ram.origin;
            if ram.text > 0 {
                regions.push(("TEXT", at, ram.text));
                at += ram.text + ram.guard;
            }
            if ram.stack > 0 {
                let bytes = ram.stack.max(stack);
                regions.push(("STACK", at, bytes));
                at += bytes;
            }
            if ram.statics {
                let name = if image { "image" } else { "RAM" };
                regions.push((name, at, (ram.origin + ram.length).saturating_sub(at)));
            }
        }
        let mut text = format!("/* Made from the board.toml of {}. */\nMEMORY\n{{\n", self.name);
        for (name, origin, length) in regions {
            let _ = writeln!(text, "  {name} : ORIGIN = {origin:#010x}, LENGTH = {length:#x}");
        }
        text += "}\n";
        if self.target.starts_with("riscv") {
            for (alias, region) in [
                ("TEXT", "TEXT"),
                ("RODATA", "TEXT"),
                ("DATA", "RAM"),
                ("BSS", "RAM"),
                ("HEAP", "RAM"),
                ("STACK", "STACK"),
            ] {
                let _ = writeln!(text, "REGION_ALIAS(\"REGION_{alias}\", {region});");
            }
        }
        text += match &*self.target {
            // image.ld puts the stack behind the statics, the arena among them.
            _ if image => "_stack_end = boot_stack_begin;\n_stack_start = boot_stack_end;\n",
            // link.x of riscv-rt says where the stack begins.
            target if target.starts_with("riscv") => "_stack_end = ORIGIN(STACK);\n",
            // An overflow leaves the memory, and faults.
            _ => "_stack_end = ORIGIN(STACK);\n_stack_start = ORIGIN(STACK) + LENGTH(STACK);\n",
        };
        text
    }

    /// The constants of the firmware, for a module where `Board` is known.
    pub fn constants(&self) -> String {
        let (rows, tile) = self.tile;
        let (at, slot) = self.slots().unwrap_or_default();
        // Of chips all flash; of emulated boards the memory that behaves as flash does.
        let flash = match self.kind {
            Kind::Chip { .. } => self.flash_bytes(),
            Kind::Qemu { flash, .. } => flash,
        };
        format!(
            "pub const BOARD: Board = Board {{ name: {:?}, core: {:?}, fpu: {}, clock: {}, flash: {}, ram: {} }};\n\
             pub const ROWS: usize = {rows};\npub const TILE: usize = {tile};\npub const ARENA_BYTES: usize = {arena};\n\
             pub const SLOTS_AT: u32 = {at};\npub const SLOT: u32 = {slot};\npub const FLASH: usize = {flash};\n",
            self.name,
            self.core,
            self.fpu(),
            self.ticks,
            self.flash_bytes(),
            self.ram_bytes(),
            arena = self.arena,
        )
    }

    /// `.cargo/config.toml` of a chip's folder: cargo reads target and runner from nowhere else.
    pub fn cargo_config(&self) -> Option<String> {
        let Kind::Chip { probe_rs, .. } = &self.kind else { return None };
        Some(format!(
            "# Written by `cargo test -p shatterscope-host --test all -- --ignored write_boards` from board.toml.\n\
             # `cargo run --release` flashes the board and shows its logs.\n\
             [build]\ntarget = \"{target}\"\n\n\
             [target.\"{target}\"]\nrunner = \"probe-rs run --chip {probe_rs}\"\n\n\
             [env]\nDEFMT_LOG = \"info\"\n",
            target = self.target,
        ))
    }
}
