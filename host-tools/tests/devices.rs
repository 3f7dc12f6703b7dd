//! The commands on devices, as a user types them: what goes wrong is said in one line, and a serial line carries a run.

use assert_cmd::Command;
use shatterscope_host::device::BOARDS;
use shatterscope_simulated::hostile::{FACTS, hello};
use std::time::Duration;

fn shatterscope(words: &str) -> Command {
    let mut command = Command::cargo_bin("shatterscope").unwrap();
    command.args(words.split_whitespace()).timeout(Duration::from_secs(120));
    command
}

/// Exit status, and the one line on standard error.
fn refused(words: &str) -> (Option<i32>, String) {
    let output = shatterscope(words).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty(), "{words}: nothing on standard output");
    assert_eq!(said.lines().count(), 1, "{words}: one line: {said}");
    assert!(said.starts_with("error: "), "{words}: {said}");
    (output.status.code(), said)
}

#[test]
fn wrong_use_is_told_from_failure() {
    let uses = [
        ("device run --target qemu:nothing", "microbit"),
        ("device run --target probe:nothing", "raspberry-pi-pico"),
        ("device run --target foo", "serial:PORT"),
        ("device run --target serial:", "serial:PORT"),
        ("device run --target serial:/dev/null@fast", "not a valid baud rate"),
        ("device run --target pipe:", "pipe:COMMAND"),
        ("device flash --target qemu:microbit", "no flash"),
        ("device profile --target host", "no counter"),
        ("compare --targets ,", "no target is named"),
        ("compare --targets host --ram 3x", "128K"),
        ("compare --targets host --schedule blocks:0", "blocks:N"),
        ("plan --board microbit --firmware /nowhere", "boards/firmware"),
        ("plan --board nothing", "mps2-an386"),
    ];
    for (words, hint) in uses {
        let (status, said) = refused(words);
        assert_eq!(status, Some(2), "{words}: {said}");
        assert!(said.contains(hint), "{words}: {said}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let there_is_none = [
        ("device run --target serial:/dev/nowhere", "cannot open /dev/nowhere"),
        ("device run --target pipe:/no/such/program", "cannot start /no/such/program"),
        ("device selftest --target pipe:false", "the device is gone"),
        ("device selftest --target pipe:cat --timeout 0.5", "version 3 of the wire format"),
        ("device selftest --target probe:raspberry-pi-pico", "probe"),
    ];
    for (words, hint) in there_is_none {
        let (status, said) = refused(words);
        assert_eq!(status, Some(1), "{words}: {said}");
        assert!(said.contains(hint), "{words}: {said}");
    }
}

/// Without the feature the error says how to get it; with it, that no probe is attached.
#[test]
fn a_board_without_a_probe_fails_with_a_clear_error() {
    let (status, said) = refused("device run --target probe:stm32f407-discovery --depth 2");
    assert_eq!(status, Some(1));
    let hint = if cfg!(feature = "probe") { "no debug probe is attached" } else { "--features probe" };
    assert!(said.contains(hint), "{said}");
}

#[test]
fn the_list_has_every_board() {
    let output = shatterscope("device list --json").output().unwrap();
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let targets: Vec<_> =
        list["boards"].as_array().unwrap().iter().map(|board| board["target"].as_str().unwrap()).collect();
    let known: Vec<_> = BOARDS
        .iter()
        .map(|board| format!("{}:{}", if board.emulated() { "qemu" } else { "probe" }, board.name))
        .collect();
    assert_eq!(targets, known);
    assert_eq!(list["probes"].is_null(), !cfg!(feature = "probe"));
}

/// The firmware behind a pseudo-terminal: what a serial port is to the program.
#[cfg(unix)]
#[test]
fn a_serial_line_carries_a_run() {
    use serialport::{SerialPort, TTYPort};
    let (device, host) = TTYPort::pair().unwrap();
    let port = host.name().expect("a pseudo-terminal has a name");
    shatterscope_simulated::behind(device);
    let words =
        format!("compare --targets host,serial:{port} --depth 5 --width 9 --points 300 --runs 2 --json --timeout 5");
    let output = shatterscope(&words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["equal"], true, "{said}");
    drop(host);
}

/// A device leads a process group of its own, which Ctrl-C does not reach.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_device_as_well() {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    use std::os::unix::process::ExitStatusExt;
    // Whoever starts the tests in the background of a script has them ignore interrupts, and so does what they start.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let heard = |signal: &Signal| ignored.unwrap_or(0) >> (signal.as_raw() - 1) & 1 == 0;
    for signal in [Signal::INT, Signal::TERM].into_iter().filter(heard) {
        let folder = tempfile::tempdir().unwrap();
        let (script, said) = (folder.path().join("device.sh"), folder.path().join("pid"));
        let text = format!("trap '' HUP INT PIPE TERM\necho $$ > {}\nwhile :; do sleep 0.1; done\n", said.display());
        std::fs::write(&script, text).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shatterscope"));
        command.args(["device", "run", "-q", "--depth", "2", "--width", "2", "--points", "2", "--runs", "1"]);
        command.arg("--target").arg(format!("pipe:sh {}", script.display()));
        let mut tool = command.spawn().unwrap();
        let wait = |is: &dyn Fn() -> bool| {
            let end = std::time::Instant::now() + Duration::from_secs(30);
            while !is() {
                assert!(std::time::Instant::now() < end, "{signal:?}");
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let pid = || std::fs::read_to_string(&said).ok().and_then(|text| Pid::from_raw(text.trim().parse().ok()?));
        wait(&|| pid().is_some());
        let device = pid().unwrap();
        kill_process(Pid::from_child(&tool), signal).unwrap();
        assert_eq!(tool.wait().unwrap().signal(), Some(signal.as_raw()));
        // A killed process stays in the list until its parent reaps it.
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", device.as_raw_pid())).unwrap_or_default();
        wait(&|| test_kill_process(device).is_err() || state().contains(") Z "));
    }
}

/// A device that says who it is and then nothing is asked once, not for every spec of the suite.
#[test]
fn a_target_that_does_not_answer_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("hello"), hello(1, FACTS)).unwrap();
    std::fs::write(at("device"), format!("cat {}; exec sleep 60", at("hello").display())).unwrap();
    let mut command = Command::cargo_bin("shatterscope").unwrap();
    let targets = format!("host,pipe:sh {}", at("device").display());
    command.args(["compare", "--suite", "--json", "--timeout", "0.5", "--targets", &targets]);
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    let [warning, failure] = error.lines().collect::<Vec<_>>()[..] else { panic!("{error}") };
    assert!(warning.starts_with("warning: pipe:sh ") && warning.contains("specs are skipped for it"), "{warning}");
    assert!(failure.starts_with("error: ") && failure.contains("said nothing for 0.5 s"), "{failure}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = document["comparisons"].as_array().unwrap();
    let errors: Vec<_> = all.iter().map(|one| one["targets"][1]["error"].as_str().unwrap()).collect();
    assert!(
        errors[0].contains("said nothing") && errors[1..].iter().all(|error| error.contains("skipped")),
        "{errors:?}"
    );
}
