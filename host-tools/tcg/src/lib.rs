//! A QEMU plugin (API version 1) that counts what a program does between two markers.
//!
//! `qemu-system-arm -plugin /path/libshatterscope_tcg.so,out=FILE[,memory=on,stack=LOW:HIGH]` appends one line to FILE at
//! the end of each region: instructions, loads, stores, the lowest address stored to within the stack (0 for none), and on
//! Arm the modelled cycles of `cycles.rs` (0 elsewhere), in decimal. Where marks stood in the region, a line for each kind of
//! mark comes before it: `mark`, its number, how often it was there, and the instructions, loads, stores and cycles between
//! the mark before (or the beginning) and it. What a mark itself takes is counted nowhere. Loads, stores and stack are only followed with
//! `memory=on`, which costs half the speed. The counts are exact and the same in every run; an instruction whose IT
//! condition fails counts as if it did its work.
#![allow(unsafe_code)]

mod api;
mod cycles;
mod marks;

use api::{Id, Info, Insn, Tb};
use cycles::{Jump, TAKEN};
use marks::Marks;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// The version of QEMU's interface.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static qemu_plugin_version: c_int = 1;

/// Counted since the start. One virtual processor runs at a time.
static INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);
static LOADS: AtomicU64 = AtomicU64::new(0);
static STORES: AtomicU64 = AtomicU64::new(0);
static CYCLES: AtomicU64 = AtomicU64::new(0);
/// The same when the region began.
static BEGAN: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
static LOWEST: AtomicU64 = AtomicU64::new(u64::MAX);
/// After a block that ends in a conditional branch: the address behind it. A block that begins elsewhere was jumped to.
static BEHIND: AtomicU64 = AtomicU64::new(0);
/// The marks of the region.
static MARKS: Mutex<Marks> = Mutex::new(Marks::new());
static OPTIONS: OnceLock<Options> = OnceLock::new();

struct Options {
    markers: Markers,
    memory: bool,
    cycles: bool,
    stack: (u64, u64),
    out: Mutex<File>,
}

/// The bytes of hint instructions, and what each does: begin and end a region; begin a mark, tell the bits of its number from
/// the lowest on, and end it.
type Markers = [(&'static [u8], Callback); 6];

fn markers(target: &str) -> Option<Markers> {
    let bytes: [&[u8]; 6] = match target {
        "arm" => [&[0xd0, 0xbf], &[0xe0, 0xbf], &[0xa0, 0xbf], &[0x80, 0xbf], &[0x90, 0xbf], &[0xb0, 0xbf]],
        "riscv32" | "riscv64" => [
            &[0x13, 0x20, 0x00, 0x0d],
            &[0x13, 0x20, 0x00, 0x0e],
            &[0x13, 0x20, 0x00, 0x0a],
            &[0x13, 0x20, 0x00, 0x08],
            &[0x13, 0x20, 0x00, 0x09],
            &[0x13, 0x20, 0x00, 0x0b],
        ],
        "aarch64" => [
            &[0xbf, 0x2d, 0x03, 0xd5],
            &[0xdf, 0x2d, 0x03, 0xd5],
            &[0x5f, 0x2d, 0x03, 0xd5],
            &[0x1f, 0x2d, 0x03, 0xd5],
            &[0x3f, 0x2d, 0x03, 0xd5],
            &[0x7f, 0x2d, 0x03, 0xd5],
        ],
        _ => return None,
    };
    let callbacks: [Callback; 6] = [begin, end, mark_begins, mark_zero, mark_one, mark_ends];
    let mut all = callbacks.map(|callback| (&[][..], callback));
    all.iter_mut().zip(bytes).for_each(|(marker, bytes)| marker.0 = bytes);
    Some(all)
}

type Callback = extern "C" fn(c_uint, *mut c_void);

fn counts() -> [u64; 4] {
    [&INSTRUCTIONS, &LOADS, &STORES, &CYCLES].map(|counter| counter.load(Relaxed))
}

extern "C" fn begin(_: c_uint, _: *mut c_void) {
    for (began, now) in BEGAN.iter().zip(counts()) {
        began.store(now, Relaxed);
    }
    LOWEST.store(u64::MAX, Relaxed);
    marks(|marks| *marks = Marks::at(counts()));
}

/// Does something with the marks; one virtual processor runs at a time, so that nobody else has them.
fn marks(with: impl FnOnce(&mut Marks)) {
    if let Ok(mut marks) = MARKS.lock() {
        with(&mut marks);
    }
}

extern "C" fn mark_begins(_: c_uint, _: *mut c_void) {
    marks(|marks| marks.begin(counts()));
}

extern "C" fn mark_zero(_: c_uint, _: *mut c_void) {
    marks(|marks| marks.bit(0));
}

extern "C" fn mark_one(_: c_uint, _: *mut c_void) {
    marks(|marks| marks.bit(1));
}

extern "C" fn mark_ends(_: c_uint, _: *mut c_void) {
    // The instruction at hand is counted after this call: an instruction and a cycle that belong to the mark.
    let mut now = counts();
    now[0] += 1;
    now[3] += u64::from(OPTIONS.get().is_some_and(|options| options.cycles));
    marks(|marks| {
        let skipped = marks.end(now);
        for (began, skipped) in BEGAN.iter().zip(skipped) {
            began.fetch_add(skipped, Relaxed);
        }
    });
}

extern "C" fn end(_: c_uint, _: *mut c_void) {
    let mut counted = counts();
    for (now, began) in counted.iter_mut().zip(&BEGAN) {
        *now -= began.load(Relaxed);
    }
    let lowest = match LOWEST.load(Relaxed) {
        u64::MAX => 0,
        lowest => lowest,
    };
    let [instructions, loads, stores, cycles] = counted;
    let mut text = String::new();
    marks(|marks| text = marks.lines());
    text += &format!("{instructions} {loads} {stores} {lowest} {cycles}\n");
    // A file that cannot be written leaves the count out; the reader sees that.
    let _ = OPTIONS.get().and_then(|options| options.out.lock().ok().map(|mut out| out.write_all(text.as_bytes())));
}

extern "C" fn access(_: c_uint, info: u32, address: u64, _: *mut c_void) {
    // SAFETY: QEMU hands out `info` for exactly this question.
    if !unsafe { api::qemu_plugin_mem_is_store(info) } {
        LOADS.fetch_add(1, Relaxed);
        return;
    }
    STORES.fetch_add(1, Relaxed);
    let (low, high) = OPTIONS.get().map_or((0, 0), |options| options.stack);
    if (low..high).contains(&address) {
        LOWEST.fetch_min(address, Relaxed);
    }
}

/// A block begins; the data are its own address and, in the upper half, the address behind it if it ends in a conditional
/// branch, otherwise 0.
extern "C" fn block(_: c_uint, data: *mut c_void) {
    let data = data as u64;
    let behind = BEHIND.swap(data >> 32, Relaxed);
    if behind != 0 && behind != data & 0xffff_ffff {
        CYCLES.fetch_add(TAKEN, Relaxed);
    }
}

extern "C" fn translated(_: Id, block: *mut Tb) {
    let Some(options) = OPTIONS.get() else { return };
    // SAFETY: the block is valid during this call, and so are the instructions that QEMU says it has.
    unsafe {
        let (mut conditional, mut last) = (0u32, Jump::No);
        let mut end_of_block = api::qemu_plugin_tb_vaddr(block);
        for i in 0..api::qemu_plugin_tb_n_insns(block) {
            let insn: *mut Insn = api::qemu_plugin_tb_get_insn(block, i);
            let bytes = std::slice::from_raw_parts(api::qemu_plugin_insn_data(insn), api::qemu_plugin_insn_size(insn));
            // The last instruction of a page may come with two bytes of the next, at which QEMU has looked.
            if let Some((_, callback)) = options.markers.iter().find(|(marker, _)| bytes.starts_with(marker)) {
                api::qemu_plugin_register_vcpu_insn_exec_cb(insn, *callback, 0, null_mut());
            }
            add(insn, &INSTRUCTIONS, 1);
            if options.cycles {
                let bytes = cycles::instruction(bytes);
                let (class, mut jump) = cycles::decode(bytes);
                if conditional > 0 && jump == Jump::Always {
                    jump = Jump::Perhaps;
                }
                add(insn, &CYCLES, class.cycles() + if jump == Jump::Always { TAKEN } else { 0 });
                conditional = cycles::conditional_after(bytes).max(conditional.saturating_sub(1));
                end_of_block += bytes.len() as u64;
                last = jump;
            }
            if options.memory {
                api::qemu_plugin_register_vcpu_mem_cb(insn, access, 0, api::READ_WRITE, null_mut());
            }
        }
        if options.cycles {
            let behind = if last == Jump::Perhaps { end_of_block } else { 0 };
            let data = api::qemu_plugin_tb_vaddr(block) | behind << 32;
            api::qemu_plugin_register_vcpu_tb_exec_cb(block, self::block, 0, data as *mut c_void);
        }
    }
}

/// Adds to a counter whenever the instruction runs.
///
/// # Safety
/// The instruction is one of the block being translated.
unsafe fn add(insn: *mut Insn, counter: &'static AtomicU64, count: u64) {
    // SAFETY: the caller's promise; the counter lives as long as the process.
    unsafe { api::qemu_plugin_register_vcpu_insn_exec_inline(insn, api::ADD_U64, counter.as_ptr().cast(), count) };
}

/// Called by QEMU once, with the words after the plugin's name.
///
/// # Safety
/// `info` and `arguments` are as QEMU's interface defines them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    info: *const Info,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    // SAFETY: the caller's promise: a valid struct and `count` strings that end in a zero.
    let (target, words) = unsafe {
        let target = CStr::from_ptr((*info).target_name).to_string_lossy();
        let words = (0..count as usize).map(|i| CStr::from_ptr(*arguments.add(i)).to_string_lossy());
        (target, words.collect::<Vec<_>>())
    };
    match options(&target, words.iter().map(|word| word.as_ref())) {
        Ok(options) => {
            let _ = OPTIONS.set(options);
            // SAFETY: `id` is this plugin's, the callback lives as long as the process.
            unsafe { api::qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
            0
        }
        Err(reason) => {
            eprintln!("shatterscope_tcg: {reason}");
            1
        }
    }
}

fn options<'a>(target: &str, words: impl Iterator<Item = &'a str>) -> Result<Options, String> {
    let markers = markers(target).ok_or(format!("no markers are known for {target}"))?;
    let (mut memory, mut stack, mut out) = (false, (0, 0), None);
    for word in words {
        match word.split_once('=') {
            Some(("memory", "on")) => memory = true,
            Some(("memory", "off")) => memory = false,
            Some(("out", path)) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                out = Some(file.map_err(|error| format!("cannot write {path}: {error}"))?);
            }
            Some(("stack", range)) => {
                let ends = range.split_once(':').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
                stack = ends.ok_or(format!("stack={range}: two decimal addresses with a colon between"))?;
            }
            _ => return Err(format!("unknown option {word}: out=FILE, memory=on, stack=LOW:HIGH")),
        }
    }
    let out = out.ok_or("out=FILE is missing")?;
    Ok(Options { markers, memory, cycles: target == "arm", stack, out: Mutex::new(out) })
}
