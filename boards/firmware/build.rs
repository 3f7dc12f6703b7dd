//! Every `Hello` names the commit and the compiler that the firmware was built from.
use std::env;
use std::process::Command;

fn main() {
    let head = output("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or("unknown".to_owned());
    let compiler = output(&env::var("RUSTC").unwrap_or("rustc".to_owned()), &["--version"]);
    println!("cargo:rustc-env=SHATTERSCOPE_COMMIT={head}");
    // A frame has room for 48 characters of it.
    let compiler: String = compiler.unwrap_or("unknown".to_owned()).chars().take(48).collect();
    println!("cargo:rustc-env=SHATTERSCOPE_COMPILER={compiler}");
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(path) = output("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={path}");
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
