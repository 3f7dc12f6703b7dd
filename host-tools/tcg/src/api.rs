//! The part of QEMU's plugin interface that is used here, as `qemu-plugin.h` of QEMU 7.2 declares it.
use std::ffi::{c_char, c_int, c_uint, c_void};

pub type Id = u64;

#[repr(C)]
pub struct Info {
    pub target_name: *const c_char,
    version_min: c_int,
    version_current: c_int,
    system_emulation: bool,
    processors: c_int,
    processors_max: c_int,
}

/// A block of translated code.
#[repr(C)]
pub struct Tb {
    _opaque: [u8; 0],
}

/// An instruction of a block.
#[repr(C)]
pub struct Insn {
    _opaque: [u8; 0],
}

/// The inline operation "add an immediate to a u64".
pub const ADD_U64: c_int = 0;
/// Memory callbacks for reads and writes.
pub const READ_WRITE: c_int = 3;

unsafe extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut Tb));
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut Insn,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_insn_exec_inline(insn: *mut Insn, op: c_int, counter: *mut c_void, immediate: u64);
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut Insn,
        callback: extern "C" fn(c_uint, u32, u64, *mut c_void),
        flags: c_int,
        accesses: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Tb,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_tb_vaddr(block: *const Tb) -> u64;
    pub fn qemu_plugin_tb_n_insns(block: *const Tb) -> usize;
    pub fn qemu_plugin_tb_get_insn(block: *const Tb, i: usize) -> *mut Insn;
    pub fn qemu_plugin_insn_data(insn: *const Insn) -> *const u8;
    pub fn qemu_plugin_insn_size(insn: *const Insn) -> usize;
    pub fn qemu_plugin_mem_is_store(info: u32) -> bool;
}
