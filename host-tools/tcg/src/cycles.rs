//! Cycles of a Cortex-M4 for each Thumb instruction, as its manual tabulates them: modelled, not measured. No wait states,
//! no stalls of the pipeline, no loads that overlap. Other Arm cores are counted by the same table.

/// Cycles that a taken branch takes on top of its instruction.
pub const TAKEN: u64 = 2;

/// What an instruction does, as far as it takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Integer and float arithmetic, moves, conversions, branches without what a jump adds, IT, hints.
    Simple,
    /// One word loaded or stored.
    Access,
    /// Two words loaded or stored.
    Pair,
    /// So many words, as LDM, PUSH or VSTM.
    Multiple(u32),
    /// UDIV, SDIV: 2 to 12 cycles; their mean.
    Divide,
    /// A float product and a sum in one instruction, fused or not.
    FloatAccumulate,
    /// VDIV, VSQRT.
    FloatDivide,
    /// A move of two words between core and FPU.
    PairMove,
}

impl Class {
    /// Cycles, without what a jump adds.
    pub const fn cycles(self) -> u64 {
        match self {
            Class::Simple => 1,
            Class::Access | Class::PairMove => 2,
            Class::Pair | Class::FloatAccumulate => 3,
            Class::Multiple(words) => 1 + words as u64,
            Class::Divide => 7,
            Class::FloatDivide => 14,
        }
    }
}

/// Whether an instruction goes elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// To the next instruction.
    No,
    /// Always elsewhere.
    Always,
    /// It depends.
    Perhaps,
}

/// The first instruction of some bytes.
pub fn instruction(bytes: &[u8]) -> &[u8] {
    match bytes {
        // The first five bits of the first halfword tell the long ones.
        [_, high, ..] if *high < 0xe8 => &bytes[..2],
        _ => bytes,
    }
}

/// The class of an instruction, from its bytes as they stand in memory. What is not known is simple.
pub fn decode(bytes: &[u8]) -> (Class, Jump) {
    match *bytes {
        [a, b] => narrow(u16::from_le_bytes([a, b])),
        [a, b, c, d] => wide(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
        _ => (Class::Simple, Jump::No),
    }
}

/// Instructions that an IT instruction makes conditional; 0 for any other.
pub fn conditional_after(bytes: &[u8]) -> u32 {
    match *bytes {
        [mask, 0xbf] if mask & 15 != 0 => 4 - mask.trailing_zeros(),
        _ => 0,
    }
}

/// A load of several registers; with the program counter among them it jumps.
fn multiple(registers: u16, loads: bool) -> (Class, Jump) {
    let jump = if loads && registers & 0x8000 != 0 { Jump::Always } else { Jump::No };
    (Class::Multiple(registers.count_ones()), jump)
}

fn narrow(op: u16) -> (Class, Jump) {
    match op >> 12 {
        // BX, BLX; MOV and ADD to the program counter.
        0x4 if op & 0xff00 == 0x4700 || matches!(op & 0xff87, 0x4687 | 0x4487) => (Class::Simple, Jump::Always),
        // LDR of a literal, loads and stores.
        0x4 if op & 0x0800 != 0 => (Class::Access, Jump::No),
        0x5..=0x9 => (Class::Access, Jump::No),
        0xb if op & 0xf500 == 0xb100 => (Class::Simple, Jump::Perhaps),
        0xb if op & 0xfe00 == 0xb400 => multiple(op & 0x1ff, false),
        0xb if op & 0xfe00 == 0xbc00 => multiple(op & 0xff | (op & 0x100) << 7, true),
        0xc => multiple(op & 0xff, false),
        0xd if op >> 8 & 15 < 14 => (Class::Simple, Jump::Perhaps),
        0xe => (Class::Simple, Jump::Always),
        _ => (Class::Simple, Jump::No),
    }
}

fn wide(op: u16, more: u16) -> (Class, Jump) {
    match op {
        _ if op & 0xfe40 == 0xe800 => multiple(more, op & 0x10 != 0),
        _ if op & 0xfe40 == 0xe840 => pairs(op, more),
        _ if op & 0xec00 == 0xec00 => (float(op, more), Jump::No),
        _ if op & 0xf800 == 0xf000 && more & 0x8000 != 0 => (Class::Simple, branch(op, more)),
        _ if op & 0xff10 == 0xf800 => (Class::Access, Jump::No),
        _ if op & 0xfe10 == 0xf810 => load(op, more),
        // SDIV and UDIV stand between the long products.
        _ if op & 0xffd0 == 0xfb90 && more & 0xf0 == 0xf0 => (Class::Divide, Jump::No),
        _ => (Class::Simple, Jump::No),
    }
}

/// Pairs of words, exclusive accesses, tables of branches.
fn pairs(op: u16, more: u16) -> (Class, Jump) {
    match op {
        // The gate into the secure state of an Armv8-M.
        0xe97f => (Class::Simple, Jump::No),
        _ if op & 0xfff0 == 0xe8d0 && more & 0xe0 == 0 => (Class::Access, Jump::Always),
        // Neither indexed nor written back: exclusive, acquire, release.
        _ if op & 0x0120 == 0 => (Class::Access, Jump::No),
        _ => (Class::Pair, Jump::No),
    }
}

/// Branches and what stands among them: status registers, hints, barriers.
fn branch(op: u16, more: u16) -> Jump {
    match (more & 0x5000, op & 0x0380) {
        (0, 0x0380) => Jump::No,
        (0, _) => Jump::Perhaps,
        _ => Jump::Always,
    }
}

fn load(op: u16, more: u16) -> (Class, Jump) {
    match (more >> 12, op & 0x0160) {
        (15, 0x0040) => (Class::Access, Jump::Always),
        // A hint to load ahead.
        (15, _) => (Class::Simple, Jump::No),
        _ => (Class::Access, Jump::No),
    }
}

fn float(op: u16, more: u16) -> Class {
    let single = match more >> 8 & 15 {
        10 => true,
        11 => false,
        // No FPU: other coprocessors, vectors.
        _ => return Class::Simple,
    };
    if op & 0x1000 != 0 {
        return Class::Simple;
    }
    match op & 0x0f00 {
        0x0c00 | 0x0d00 => match op & 0x01a0 {
            0 => Class::PairMove,
            0x0100 | 0x0180 if single => Class::Access,
            0x0100 | 0x0180 => Class::Pair,
            _ => Class::Multiple(u32::from(more & 0xff)),
        },
        0x0e00 if more & 0x10 == 0 => match op >> 4 & 0xb {
            0 | 1 | 9 | 10 => Class::FloatAccumulate,
            8 => Class::FloatDivide,
            11 if op & 15 == 1 && more & 0xc0 == 0xc0 => Class::FloatDivide,
            _ => Class::Simple,
        },
        _ => Class::Simple,
    }
}
