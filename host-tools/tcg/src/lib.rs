//! A QEMU plugin (API version 1) that counts what a program does between two markers.
//!
//! `qemu-system-arm -plugin /path/libshatterscope_tcg.so,out=FILE[,memory=on,stack=LOW:HIGH]` appends one line to FILE at
//! the end of each region: instructions, loads, stores, and the lowest address stored to within the stack (0 for none),
//! in decimal. Loads, stores and stack are only followed with `memory=on`, which costs half the speed. The counts are
//! exact and the same in every run.
#![allow(unsafe_code)]

mod api;

use api::{Id, Info, Insn, Tb};
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
/// The same when the region began.
static BEGAN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
static LOWEST: AtomicU64 = AtomicU64::new(u64::MAX);
static OPTIONS: OnceLock<Options> = OnceLock::new();

struct Options {
    markers: Markers,
    memory: bool,
    stack: (u64, u64),
    out: Mutex<File>,
}

/// The bytes of the hint instructions that begin and end a region.
struct Markers {
    begin: &'static [u8],
    end: &'static [u8],
}

fn markers(target: &str) -> Option<Markers> {
    match target {
        "arm" => Some(Markers { begin: &[0xd0, 0xbf], end: &[0xe0, 0xbf] }),
        "riscv32" | "riscv64" => Some(Markers { begin: &[0x13, 0x20, 0x00, 0x0d], end: &[0x13, 0x20, 0x00, 0x0e] }),
        "aarch64" => Some(Markers { begin: &[0xbf, 0x2d, 0x03, 0xd5], end: &[0xdf, 0x2d, 0x03, 0xd5] }),
        _ => None,
    }
}

fn counts() -> [u64; 3] {
    [INSTRUCTIONS.load(Relaxed), LOADS.load(Relaxed), STORES.load(Relaxed)]
}

extern "C" fn begin(_: c_uint, _: *mut c_void) {
    for (began, now) in BEGAN.iter().zip(counts()) {
        began.store(now, Relaxed);
    }
    LOWEST.store(u64::MAX, Relaxed);
}

extern "C" fn end(_: c_uint, _: *mut c_void) {
    let began = BEGAN.each_ref().map(|began| began.load(Relaxed));
    let now = counts();
    let lowest = match LOWEST.load(Relaxed) {
        u64::MAX => 0,
        lowest => lowest,
    };
    let line = format!("{} {} {} {lowest}\n", now[0] - began[0], now[1] - began[1], now[2] - began[2]);
    // A file that cannot be written leaves the count out; the reader sees that.
    let _ = OPTIONS.get().and_then(|options| options.out.lock().ok().map(|mut out| out.write_all(line.as_bytes())));
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

extern "C" fn translated(_: Id, block: *mut Tb) {
    let Some(options) = OPTIONS.get() else { return };
    // SAFETY: the block is valid during this call, and so are the instructions that QEMU says it has.
    unsafe {
        for i in 0..api::qemu_plugin_tb_n_insns(block) {
            let insn: *mut Insn = api::qemu_plugin_tb_get_insn(block, i);
            let bytes = std::slice::from_raw_parts(api::qemu_plugin_insn_data(insn), api::qemu_plugin_insn_size(insn));
            if bytes == options.markers.begin {
                api::qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, 0, null_mut());
            } else if bytes == options.markers.end {
                api::qemu_plugin_register_vcpu_insn_exec_cb(insn, end, 0, null_mut());
            }
            let counter = INSTRUCTIONS.as_ptr().cast();
            api::qemu_plugin_register_vcpu_insn_exec_inline(insn, api::ADD_U64, counter, 1);
            if options.memory {
                api::qemu_plugin_register_vcpu_mem_cb(insn, access, 0, api::READ_WRITE, null_mut());
            }
        }
    }
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
    Ok(Options { markers, memory, stack, out: Mutex::new(out) })
}
