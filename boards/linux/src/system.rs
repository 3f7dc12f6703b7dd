//! Three calls of the system, and where it starts a program.
#![allow(unsafe_code)]

use core::arch::asm;
#[cfg(not(target_arch = "powerpc64"))]
use core::arch::global_asm;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};

// The stack is aligned as functions expect it; on s390x and POWER a caller leaves room for what its callee keeps.
#[cfg(target_arch = "x86")]
global_asm!(".global _start", "_start:", "and esp, -16", "call program");
#[cfg(target_arch = "arm")]
global_asm!(".arm", ".global _start", "_start:", "bic sp, sp, #15", "bl program");
#[cfg(target_arch = "aarch64")]
global_asm!(".global _start", "_start:", "bl program");
#[cfg(target_arch = "riscv64")]
global_asm!(".global _start", "_start:", "call program");
#[cfg(target_arch = "s390x")]
global_asm!(".global _start", "_start:", "aghi %r15, -160", "brasl %r14, program");

/// The kernel calls it as any other function, its address in r12.
#[cfg(target_arch = "powerpc64")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    super::program()
}

/// The compiler's own library asks the C library what the processor has, to choose atomics that nothing here uses: nothing more.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
extern "C" fn getauxval(_: usize) -> usize {
    0
}

/// read, write, exit.
const NUMBERS: [usize; 3] =
    if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) { [63, 64, 93] } else { [3, 4, 1] };

/// A call of the system with three words; negative is an error.
unsafe fn call(number: usize, a: usize, b: usize, c: usize) -> isize {
    let result: isize;
    // SAFETY: the caller's; the registers are those of the system's convention.
    unsafe {
        #[cfg(target_arch = "x86")]
        asm!("int 0x80", inlateout("eax") number as isize => result, in("ebx") a, in("ecx") b, in("edx") c);
        #[cfg(target_arch = "arm")]
        asm!("push {{r7}}", "mov r7, {n}", "svc 0", "pop {{r7}}", n = in(reg) number, inlateout("r0") a as isize => result, in("r1") b, in("r2") c);
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result, in("x1") b, in("x2") c);
        #[cfg(target_arch = "riscv64")]
        asm!("ecall", in("a7") number, inlateout("a0") a as isize => result, in("a1") b, in("a2") c);
        #[cfg(target_arch = "s390x")]
        asm!("svc 0", in("r1") number, inlateout("r2") a as isize => result, in("r3") b, in("r4") c);
        #[cfg(target_arch = "powerpc64")]
        asm!(
            "sc",
            "bns+ 1f",
            "neg 3, 3",
            "1:",
            inlateout("r0") number => _,
            inlateout("r3") a as isize => result,
            inlateout("r4") b => _,
            inlateout("r5") c => _,
            out("r6") _, out("r7") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
            out("cr0") _, out("ctr") _, out("xer") _,
        );
    }
    result
}

/// Ends the program.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: it does not come back.
        unsafe { call(NUMBERS[2], status as usize, 0, 0) };
    }
}

/// Standard input and output.
pub struct Standard;

impl ErrorType for Standard {
    type Error = ErrorKind;
}

fn done(result: isize) -> Result<usize, ErrorKind> {
    usize::try_from(result).map_err(|_| ErrorKind::Other)
}

impl Read for Standard {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        // SAFETY: the system writes so many bytes at most.
        done(unsafe { call(NUMBERS[0], 0, buffer.as_mut_ptr() as usize, buffer.len()) })
    }
}

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        // SAFETY: the system reads so many bytes at most.
        done(unsafe { call(NUMBERS[1], 1, bytes.as_ptr() as usize, bytes.len()) })
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl ReadReady for Standard {
    /// As under semihosting: whoever wants the end of a run ends the program.
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(false)
    }
}
