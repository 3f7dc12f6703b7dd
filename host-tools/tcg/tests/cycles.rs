//! The decoder against an assembler: encodings and texts are `llvm-mc -triple=thumbv7em-none-eabihf -mcpu=cortex-m7
//! -show-encoding`'s. The plugin itself only links into QEMU, so the file is compiled here once more.
#[path = "../src/cycles.rs"]
mod cycles;

use cycles::Class::{Access, Divide, FloatAccumulate, FloatDivide, Multiple, Pair, PairMove, Simple};
use cycles::Jump::{Always, No, Perhaps};
use cycles::{Class, Jump, TAKEN, conditional_after, decode, instruction};

#[rustfmt::skip]
const ASSEMBLED: &[(&[u8], &str, Class, Jump)] = &[
    (&[0x88, 0x18], "adds r0, r1, r2", Simple, No),
    (&[0x63, 0x01], "lsls r3, r4, #5", Simple, No),
    (&[0x07, 0x28], "cmp r0, #7", Simple, No),
    (&[0x88, 0x46], "mov r8, r1", Simple, No),
    (&[0xf7, 0x46], "mov pc, lr", Simple, Always),
    (&[0x9f, 0x44], "add pc, r3", Simple, Always),
    (&[0x51, 0x43], "muls r1, r2, r1", Simple, No),
    (&[0x70, 0x47], "bx lr", Simple, Always),
    (&[0x98, 0x47], "blx r3", Simple, Always),
    (&[0x04, 0x48], "ldr r0, [pc, #16]", Access, No),
    (&[0xd1, 0x58], "ldr r1, [r2, r3]", Access, No),
    (&[0xd1, 0x5e], "ldrsh r1, [r2, r3]", Access, No),
    (&[0x51, 0x60], "str r1, [r2, #4]", Access, No),
    (&[0x11, 0x79], "ldrb r1, [r2, #4]", Access, No),
    (&[0x91, 0x80], "strh r1, [r2, #4]", Access, No),
    (&[0x02, 0x99], "ldr r1, [sp, #8]", Access, No),
    (&[0x02, 0xa0], "adr r0, #8", Simple, No),
    (&[0x04, 0xb0], "add sp, #16", Simple, No),
    (&[0x30, 0xb5], "push {r4, r5, lr}", Multiple(3), No),
    (&[0x30, 0xbc], "pop {r4, r5}", Multiple(2), No),
    (&[0x30, 0xbd], "pop {r4, r5, pc}", Multiple(3), Always),
    (&[0x0e, 0xc0], "stmia r0!, {r1, r2, r3}", Multiple(3), No),
    (&[0x06, 0xc8], "ldmia r0!, {r1, r2}", Multiple(2), No),
    (&[0x28, 0xb1], "cbz r0, #10", Simple, Perhaps),
    (&[0x51, 0xb9], "cbnz r1, #20", Simple, Perhaps),
    (&[0xfc, 0xd0], "beq #-8", Simple, Perhaps),
    (&[0x03, 0xdf], "svc #3", Simple, No),
    (&[0x01, 0xde], "udf #1", Simple, No),
    (&[0xf6, 0xe7], "b #-20", Simple, Always),
    (&[0xab, 0xbe], "bkpt #0xab", Simple, No),
    (&[0x08, 0xba], "rev r0, r1", Simple, No),
    (&[0x01, 0xeb, 0xc2, 0x00], "add.w r0, r1, r2, lsl #3", Simple, No),
    (&[0x09, 0xf0, 0xff, 0x08], "and r8, r9, #255", Simple, No),
    (&[0x41, 0xf2, 0x34, 0x20], "movw r0, #4660", Simple, No),
    (&[0x01, 0xfb, 0x02, 0x30], "mla r0, r1, r2, r3", Simple, No),
    (&[0x01, 0xfb, 0x12, 0x30], "mls r0, r1, r2, r3", Simple, No),
    (&[0x01, 0xfb, 0x02, 0xf8], "mul r8, r1, r2", Simple, No),
    (&[0xa2, 0xfb, 0x03, 0x01], "umull r0, r1, r2, r3", Simple, No),
    (&[0xc2, 0xfb, 0x03, 0x01], "smlal r0, r1, r2, r3", Simple, No),
    (&[0xe2, 0xfb, 0x03, 0x01], "umlal r0, r1, r2, r3", Simple, No),
    (&[0xe2, 0xfb, 0x63, 0x01], "umaal r0, r1, r2, r3", Simple, No),
    (&[0x91, 0xfb, 0xf2, 0xf0], "sdiv r0, r1, r2", Divide, No),
    (&[0xb8, 0xfb, 0xf2, 0xf9], "udiv r9, r8, r2", Divide, No),
    (&[0xb1, 0xfa, 0x81, 0xf0], "clz r0, r1", Simple, No),
    (&[0xc1, 0xf3, 0xc3, 0x00], "ubfx r0, r1, #3, #4", Simple, No),
    (&[0x5f, 0xfa, 0x89, 0xf8], "uxtb.w r8, r9", Simple, No),
    (&[0x81, 0xfa, 0x42, 0xf0], "uadd8 r0, r1, r2", Simple, No),
    (&[0x2d, 0xe9, 0xf0, 0x4f], "stmdb sp!, {r4-r11, lr}", Multiple(9), No),
    (&[0xbd, 0xe8, 0xf0, 0x8f], "ldmia.w sp!, {r4-r11, pc}", Multiple(9), Always),
    (&[0x90, 0xe8, 0x06, 0x01], "ldmia.w r0, {r1, r2, r8}", Multiple(3), No),
    (&[0xd2, 0xe9, 0x02, 0x01], "ldrd r0, r1, [r2, #8]", Pair, No),
    (&[0xe2, 0xe8, 0x02, 0x01], "strd r0, r1, [r2], #8", Pair, No),
    (&[0x51, 0xe8, 0x00, 0x0f], "ldrex r0, [r1]", Access, No),
    (&[0x42, 0xe8, 0x00, 0x10], "strex r0, r1, [r2]", Access, No),
    (&[0xd1, 0xe8, 0x4f, 0x0f], "ldrexb r0, [r1]", Access, No),
    (&[0xdf, 0xe8, 0x00, 0xf0], "tbb [pc, r0]", Access, Always),
    (&[0xdf, 0xe8, 0x10, 0xf0], "tbh [pc, r0, lsl #1]", Access, Always),
    (&[0x00, 0xf0, 0xd0, 0x87], "beq.w #4000", Simple, Perhaps),
    (&[0x09, 0xf0, 0x20, 0xbe], "b.w #40000", Simple, Always),
    (&[0x09, 0xf0, 0x20, 0xfe], "bl #40000", Simple, Always),
    (&[0x80, 0xf3, 0x10, 0x88], "msr primask, r0", Simple, No),
    (&[0xef, 0xf3, 0x10, 0x80], "mrs r0, primask", Simple, No),
    (&[0xbf, 0xf3, 0x4f, 0x8f], "dsb sy", Simple, No),
    (&[0xbf, 0xf3, 0x5f, 0x8f], "dmb sy", Simple, No),
    (&[0xaf, 0xf3, 0x00, 0x80], "nop.w", Simple, No),
    (&[0xc1, 0xf8, 0x90, 0x01], "str.w r0, [r1, #400]", Access, No),
    (&[0x01, 0xf8, 0x22, 0x80], "strb r8, [r1, r2, lsl #2]", Access, No),
    (&[0xd1, 0xf8, 0x90, 0x01], "ldr.w r0, [r1, #400]", Access, No),
    (&[0x51, 0xf8, 0x04, 0x0b], "ldr r0, [r1], #4", Access, No),
    (&[0x11, 0xf9, 0x04, 0x8c], "ldrsb r8, [r1, #-4]", Access, No),
    (&[0x50, 0xf8, 0x04, 0xfb], "ldr pc, [r0], #4", Access, Always),
    (&[0xd0, 0xf8, 0x08, 0xf0], "ldr.w pc, [r0, #8]", Access, Always),
    (&[0x90, 0xf8, 0x04, 0xf0], "pld [r0, #4]", Simple, No),
    (&[0x90, 0xed, 0x01, 0x0a], "vldr s0, [r0, #4]", Access, No),
    (&[0x10, 0xed, 0x01, 0x0b], "vldr d0, [r0, #-4]", Pair, No),
    (&[0xc0, 0xed, 0x00, 0x0a], "vstr s1, [r0]", Access, No),
    (&[0x80, 0xed, 0x00, 0x1b], "vstr d1, [r0]", Pair, No),
    (&[0xb0, 0xec, 0x04, 0x0a], "vldmia r0!, {s0-s3}", Multiple(4), No),
    (&[0x90, 0xec, 0x08, 0x0b], "vldmia r0, {d0-d3}", Multiple(8), No),
    (&[0x60, 0xed, 0x01, 0x0a], "vstmdb r0!, {s1}", Multiple(1), No),
    (&[0x2d, 0xed, 0x04, 0x8b], "vpush {d8, d9}", Multiple(4), No),
    (&[0xbd, 0xec, 0x04, 0x8a], "vpop {s16-s19}", Multiple(4), No),
    (&[0x00, 0xee, 0x10, 0x0a], "vmov s0, r0", Simple, No),
    (&[0x1f, 0xee, 0x90, 0x0a], "vmov r0, s31", Simple, No),
    (&[0x51, 0xec, 0x10, 0x0a], "vmov r0, r1, s0, s1", PairMove, No),
    (&[0x41, 0xec, 0x10, 0x0b], "vmov d0, r0, r1", PairMove, No),
    (&[0xb0, 0xee, 0x60, 0x0a], "vmov.f32 s0, s1", Simple, No),
    (&[0xb7, 0xee, 0x00, 0x0a], "vmov.f32 s0, #1.0", Simple, No),
    (&[0xf1, 0xee, 0x10, 0xfa], "vmrs APSR_nzcv, fpscr", Simple, No),
    (&[0xe1, 0xee, 0x10, 0x0a], "vmsr fpscr, r0", Simple, No),
    (&[0x30, 0xee, 0x81, 0x0a], "vadd.f32 s0, s1, s2", Simple, No),
    (&[0x30, 0xee, 0xc1, 0x0a], "vsub.f32 s0, s1, s2", Simple, No),
    (&[0x20, 0xee, 0x81, 0x0a], "vmul.f32 s0, s1, s2", Simple, No),
    (&[0x20, 0xee, 0xc1, 0x0a], "vnmul.f32 s0, s1, s2", Simple, No),
    (&[0x00, 0xee, 0x81, 0x0a], "vmla.f32 s0, s1, s2", FloatAccumulate, No),
    (&[0x40, 0xee, 0xc1, 0x0a], "vmls.f32 s1, s1, s2", FloatAccumulate, No),
    (&[0x10, 0xee, 0xc1, 0x0a], "vnmla.f32 s0, s1, s2", FloatAccumulate, No),
    (&[0x10, 0xee, 0x81, 0x0a], "vnmls.f32 s0, s1, s2", FloatAccumulate, No),
    (&[0xa0, 0xee, 0x81, 0x0a], "vfma.f32 s0, s1, s2", FloatAccumulate, No),
    (&[0xe0, 0xee, 0xc1, 0x0a], "vfms.f32 s1, s1, s2", FloatAccumulate, No),
    (&[0x90, 0xee, 0xc1, 0x0a], "vfnma.f32 s0, s1, s2", FloatAccumulate, No),
    (&[0x90, 0xee, 0x81, 0x0a], "vfnms.f32 s0, s1, s2", FloatAccumulate, No),
    (&[0xc0, 0xee, 0x81, 0x0a], "vdiv.f32 s1, s1, s2", FloatDivide, No),
    (&[0xf1, 0xee, 0xc1, 0x0a], "vsqrt.f32 s1, s2", FloatDivide, No),
    (&[0xb0, 0xee, 0xe0, 0x0a], "vabs.f32 s0, s1", Simple, No),
    (&[0xb1, 0xee, 0x60, 0x0a], "vneg.f32 s0, s1", Simple, No),
    (&[0xb4, 0xee, 0x60, 0x0a], "vcmp.f32 s0, s1", Simple, No),
    (&[0xb5, 0xee, 0xc0, 0x0a], "vcmpe.f32 s0, #0.0", Simple, No),
    (&[0xb8, 0xee, 0xe0, 0x0a], "vcvt.f32.s32 s0, s1", Simple, No),
    (&[0xbc, 0xee, 0x60, 0x0a], "vcvtr.u32.f32 s0, s1", Simple, No),
    (&[0x00, 0xfe, 0x81, 0x0a], "vseleq.f32 s0, s1, s2", Simple, No),
    (&[0x80, 0xfe, 0x81, 0x0a], "vmaxnm.f32 s0, s1, s2", Simple, No),
    (&[0xb8, 0xfe, 0x60, 0x0a], "vrinta.f32 s0, s1", Simple, No),
    (&[0x21, 0xee, 0x02, 0x0b], "vmul.f64 d0, d1, d2", Simple, No),
    (&[0x01, 0xee, 0x02, 0x0b], "vmla.f64 d0, d1, d2", FloatAccumulate, No),
    (&[0x81, 0xee, 0x02, 0x0b], "vdiv.f64 d0, d1, d2", FloatDivide, No),
    (&[0xb1, 0xee, 0xc1, 0x0b], "vsqrt.f64 d0, d1", FloatDivide, No),
    (&[0x31, 0xf9, 0x02, 0x80], "ldrsh.w r8, [r1, r2]", Access, No),
    (&[0x98, 0x47], "blx r3", Simple, Always),
    (&[0x08, 0xbf], "it eq", Simple, No),
    (&[0x1a, 0xbf], "itte ne", Simple, No),
    (&[0x00, 0xbf], "nop", Simple, No),
];

#[test]
fn instructions_have_their_class() {
    for (bytes, text, class, jump) in ASSEMBLED {
        assert_eq!(decode(bytes), (*class, *jump), "{text}: {bytes:02x?}");
    }
}

#[test]
fn an_instruction_ends_where_it_ends() {
    for (bytes, text, ..) in ASSEMBLED {
        let followed = [bytes, &[0x44, 0x4b][..]].concat();
        assert_eq!(instruction(&followed[..bytes.len().max(4)]), *bytes, "{text}");
    }
}

#[test]
fn an_it_instruction_says_how_many_follow() {
    let following = |text| {
        let it = ASSEMBLED.iter().find(|(_, assembled, ..)| *assembled == text).unwrap();
        conditional_after(it.0)
    };
    assert_eq!([following("it eq"), following("itte ne"), following("nop"), following("bkpt #0xab")], [1, 3, 0, 0]);
}

#[test]
fn cycles_are_the_table_s() {
    let cycles = |text: &str| {
        let (bytes, ..) = ASSEMBLED.iter().find(|(_, assembled, ..)| *assembled == text).unwrap();
        let (class, jump) = decode(bytes);
        class.cycles() + if jump == Always { TAKEN } else { 0 }
    };
    for (text, expected) in [
        ("adds r0, r1, r2", 1),
        ("muls r1, r2, r1", 1),
        ("mla r0, r1, r2, r3", 1),
        ("umull r0, r1, r2, r3", 1),
        ("vmul.f32 s0, s1, s2", 1),
        ("vadd.f32 s0, s1, s2", 1),
        ("vcmp.f32 s0, s1", 1),
        ("vcvt.f32.s32 s0, s1", 1),
        ("vmla.f32 s0, s1, s2", 3),
        ("vfma.f32 s0, s1, s2", 3),
        ("ldr r1, [r2, r3]", 2),
        ("vstr s1, [r0]", 2),
        ("strd r0, r1, [r2], #8", 3),
        ("push {r4, r5, lr}", 4),
        ("pop {r4, r5, pc}", 6),
        ("vldmia r0!, {s0-s3}", 5),
        ("b #-20", 3),
        ("beq #-8", 1),
        ("bl #40000", 3),
        ("it eq", 1),
        ("sdiv r0, r1, r2", 7),
        ("vdiv.f32 s1, s1, s2", 14),
        ("vsqrt.f32 s1, s2", 14),
    ] {
        assert_eq!(cycles(text), expected, "{text}");
    }
}
