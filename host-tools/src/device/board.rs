//! The boards that are known.

/// Where a board's program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// QEMU: the emulator's program and its words for this machine.
    Qemu {
        /// `qemu-system-arm` and its like.
        program: &'static str,
        /// Machine and processor.
        words: &'static [&'static str],
    },
    /// A chip, as probe-rs calls it.
    Silicon {
        /// `--chip` of probe-rs.
        chip: &'static str,
    },
}

/// A board and what its program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name, also of its program.
    pub name: &'static str,
    /// Folder in `boards/` that it is built from.
    pub folder: &'static str,
    /// Rust target.
    pub triple: &'static str,
    /// Core, for people.
    pub core: &'static str,
    /// Rows and points of the register tile that its program is built with.
    pub tile: (u32, u32),
    /// Emulated or real.
    pub kind: Kind,
}

const fn arm(
    name: &'static str,
    triple: &'static str,
    core: &'static str,
    tile: (u32, u32),
    words: &'static [&'static str],
) -> Board {
    Board { name, folder: "qemu", triple, core, tile, kind: Kind::Qemu { program: "qemu-system-arm", words } }
}

const fn riscv(
    name: &'static str,
    triple: &'static str,
    core: &'static str,
    tile: (u32, u32),
    program: &'static str,
) -> Board {
    Board {
        name,
        folder: "qemu",
        triple,
        core,
        tile,
        kind: Kind::Qemu { program, words: &["-M", "virt", "-bios", "none"] },
    }
}

const fn chip(
    name: &'static str,
    triple: &'static str,
    core: &'static str,
    tile: (u32, u32),
    chip: &'static str,
) -> Board {
    Board { name, folder: name, triple, core, tile, kind: Kind::Silicon { chip } }
}

const V7EM: &str = "thumbv7em-none-eabihf";
const V8M: &str = "thumbv8m.main-none-eabihf";

/// Without FPU a wider tile has no registers to live in.
const ONE: (u32, u32) = (1, 1);
const FOUR: (u32, u32) = (4, 4);

/// Emulated boards first.
pub const BOARDS: [Board; 16] = [
    arm("microbit", "thumbv6m-none-eabi", "Cortex-M0", ONE, &["-M", "microbit"]),
    arm("mps2-an385", "thumbv7m-none-eabi", "Cortex-M3", ONE, &["-M", "mps2-an385"]),
    arm("mps2-an386", V7EM, "Cortex-M4F", FOUR, &["-M", "mps2-an386"]),
    arm("mps2-an500", V7EM, "Cortex-M7", FOUR, &["-M", "mps2-an500"]),
    arm("mps2-an505", V8M, "Cortex-M33", FOUR, &["-M", "mps2-an505"]),
    arm("mps3-an547", V8M, "Cortex-M55", FOUR, &["-M", "mps3-an547"]),
    riscv("riscv32imac", "riscv32imac-unknown-none-elf", "RV32IMAC", ONE, "qemu-system-riscv32"),
    riscv("riscv32imafc", "riscv32imafc-unknown-none-elf", "RV32IMAFC", FOUR, "qemu-system-riscv32"),
    riscv("riscv64gc", "riscv64gc-unknown-none-elf", "RV64GC", FOUR, "qemu-system-riscv64"),
    Board {
        name: "aarch64",
        folder: "qemu",
        triple: "aarch64-unknown-none",
        core: "Cortex-A53",
        tile: (4, 16),
        kind: Kind::Qemu {
            program: "qemu-system-aarch64",
            // Without a network card it does not look for the card's ROM, which Debian packages apart.
            words: &["-M", "virt", "-cpu", "cortex-a53", "-nic", "none"],
        },
    },
    chip("stm32f407-discovery", V7EM, "Cortex-M4F", FOUR, "STM32F407VGTx"),
    chip("nucleo-h743zi", V7EM, "Cortex-M7", FOUR, "STM32H743ZITx"),
    chip("nrf52840-dk", V7EM, "Cortex-M4F", FOUR, "nRF52840_xxAA"),
    chip("microbit-v2", V7EM, "Cortex-M4F", FOUR, "nRF52833_xxAA"),
    chip("raspberry-pi-pico", "thumbv6m-none-eabi", "Cortex-M0+", ONE, "RP2040"),
    chip("raspberry-pi-pico-2", V8M, "Cortex-M33", FOUR, "RP235x"),
];

impl Board {
    /// The board of this name.
    pub fn find(name: &str) -> Option<&'static Board> {
        BOARDS.iter().find(|board| board.name == name)
    }

    /// Whether it computes floats in hardware.
    pub fn fpu(&self) -> bool {
        self.tile != ONE
    }

    /// Whether an emulator runs it.
    pub fn emulated(&self) -> bool {
        matches!(self.kind, Kind::Qemu { .. })
    }
}

/// The emulated boards, smallest core first.
pub fn emulated() -> impl Iterator<Item = &'static Board> {
    BOARDS.iter().filter(|board| board.emulated())
}
