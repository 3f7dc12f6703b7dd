//! The facts of boards: each `board.toml` is the only place that states them. What repeats them is made from them here, and compared.
#[path = "../embed.rs"]
mod embed;

use shatterscope_board_facts::{Board, CHIPS, FILE, Kind, MACHINES, all, read};
use shatterscope_host::device::board::{BOARDS, Board as Embedded};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn boards() -> Vec<Board> {
    all(&root().join("boards")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_tool_has_embedded_every_board() {
    let facts: Vec<_> =
        boards().iter().map(|board| (board.name.clone(), board.target.clone(), board.core.clone())).collect();
    let embedded: Vec<_> =
        BOARDS.iter().map(|board| (board.name.to_owned(), board.triple.to_owned(), board.core.to_owned())).collect();
    assert_eq!(facts, embedded);
    for (board, embedded) in boards().iter().zip(&BOARDS) {
        assert_eq!((board.fpu(), board.emulated()), (embedded.fpu(), embedded.emulated()), "{}", board.name);
        for name in [&board.name].into_iter().chain(&board.aliases) {
            assert_eq!(Embedded::find(name), Some(embedded));
        }
    }
}

/// A copy of all files of facts.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for board in boards() {
        let parent = folder.path().join(if board.emulated() { MACHINES } else { CHIPS }).join(&board.name);
        fs::create_dir_all(&parent).unwrap();
        fs::copy(board.folder.join(FILE), parent.join(FILE)).unwrap();
    }
    folder
}

/// A chip's folder beside the others: the tool's table, its linker script, its constants and its row of README.md follow.
#[test]
fn a_folder_is_all_that_makes_a_board_known() {
    let folder = copied();
    let (from, to) = (root().join("boards/chips/nrf52840-dk"), folder.path().join(CHIPS).join("mychip-board"));
    fs::create_dir(&to).unwrap();
    let text = fs::read_to_string(from.join(FILE)).unwrap();
    let text = text.replace("[\"nrf52840\"]", "[\"mychip\"]").replace("0x2000_0000", "0x2400_0000");
    fs::write(to.join(FILE), text).unwrap();
    fs::copy(from.join("Cargo.toml"), to.join("Cargo.toml")).unwrap();
    let with = all(folder.path()).unwrap();
    let added = with.iter().find(|board| board.name == "mychip-board").unwrap();
    assert_eq!(with.len(), boards().len() + 1);
    assert!(
        embed::table(&with).contains("name: \"mychip-board\", aliases: &[\"mychip\"], folder: \"chips/mychip-board\"")
    );
    assert!(table(std::slice::from_ref(added)).contains("| `mychip-board`, `mychip` | nRF52840 DK | Cortex-M4F |"));
    assert!(added.memory_map(0).contains("  STACK : ORIGIN = 0x24000000, LENGTH = 0x2000\n"));
    assert!(added.constants().contains("name: \"mychip-board\""));
}

/// What no other file may state: names (but as the subject of a test), chips, targets.
#[test]
fn nothing_else_states_the_facts_of_a_board() {
    let all = boards();
    let mut files = Vec::new();
    for folder in ["boards", "host-tools/src", "host-tools/xtask/src"] {
        sources(&root().join(folder), &mut files);
    }
    files.extend([root().join("host-tools/build.rs"), root().join("host-tools/embed.rs")]);
    assert!(files.len() > 200, "{}", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // The facts themselves, and what is written from them and compared below.
        if text.starts_with("# Written by `cargo test") || file.ends_with(FILE) {
            continue;
        }
        for board in &all {
            if file.starts_with(&board.folder) {
                continue;
            }
            let mut facts = vec![format!("\"{}\"", board.target)];
            if let Kind::Chip { probe_rs, .. } = &board.kind {
                facts.push(probe_rs.clone());
            }
            // The name of an architecture is no board's.
            if board.name != "aarch64" && !file.components().any(|part| part.as_os_str() == "xtask") {
                facts.push(format!("\"{}\"", board.name));
            }
            for fact in facts {
                assert!(!text.contains(&fact), "{}: {fact} belongs into {}", file.display(), board.folder.display());
            }
        }
    }
}

/// Sources, manifests, scripts; not what was measured on boards, and keyed by their names.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is = |ends: &[&str]| path.extension().is_some_and(|end| ends.iter().any(|one| end == *one));
        match () {
            () if path.is_dir() && name != "target" => sources(&path, files),
            () if is(&["rs", "toml", "x", "mjs"]) && !["costs.toml", "stacks.toml"].contains(&name) => files.push(path),
            () => {}
        }
    }
}

#[test]
fn wrong_facts_are_refused_in_one_line() {
    let good = fs::read_to_string(root().join("boards/chips/stm32f407-discovery").join(FILE)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let read_back = |text: &str| {
        let at = folder.path().join("wrong-board");
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join(FILE), text).unwrap();
        read(&at).map_err(|error| error.to_string())
    };
    assert!(read_back(&good).is_ok());
    for (from, to, reason) in [
        ("core =", "colour = 1\ncore =", "line 4: unknown field `colour`"),
        ("core =", "kern =", "unknown field `kern`"),
        ("core = \"Cortex-M4F\"\n", "", "missing field `core`"),
        ("length = \"1M\"", "length = 0", "flash: the length is 0"),
        ("length = \"1M\"", "length = \"1G\"", "\"1G\" is not a number of bytes"),
        ("length = \"1M\"", "length = \"-1M\"", "is not a number of bytes"),
        ("length = \"1M\"", "length = true", "expected a number of bytes"),
        ("length = \"1M\"", "length = \"99999999999999999M\"", "is not a number of bytes"),
        ("0x0800_0000", "0x0800_000g", "line"),
        ("0x0800_0000", "-1", "line"),
        ("0x0800_0000", "0xffff_0000", "above 32 bits"),
        ("0x1000_0000", "0x2001_0000", "ram 1 and ram 2 overlap"),
        ("0x0800_0000", "0x1ff8_0000", "flash and ram 1 overlap"),
        ("slot = \"128K\"", "slot = \"512K\"", "leave nothing for the program"),
        ("stack = \"8K\"", "stack = \"128K\"", "leave nothing of the region"),
        ("stack = \"8K\"", "stack = 4_001", "multiples of 8"),
        ("stack = \"8K\"\n", "", "exactly one region of ram holds the statics"),
        ("stack = \"8K\"\n", "statics = true\n", "0 regions of ram have a stack"),
        ("arena = \"112K\"", "arena = \"128K\"", "arena: 131072 bytes"),
        ("tile = [4, 4]", "tile = [4, 0]", "tile = [4, 0]"),
        ("tile = [4, 4]", "tile = [4]", "line"),
        ("thumbv7em-none-eabihf", "thumbv7m-none-eabi", "[1, 1] without an FPU"),
        ("thumbv7em-none-eabihf", "x86_64-unknown-linux-gnu", "no linker script is known"),
        ("clock = 168_000_000\n", "", "needs its clock"),
        ("STM32F407VGTx", "a\\\"b", "without quotes"),
        ("aliases = [\"discovery\"]", "aliases = [\"Dis covery\"]", "is not a name"),
        ("[chip]\n", "[qemu]\n", "line"),
        ("title =", "title", "line"),
    ] {
        assert!(good.contains(from), "{from}");
        let error = read_back(&good.replacen(from, to, 1)).expect_err(to);
        assert!(error.contains(reason) && error.contains("wrong-board/board.toml"), "{from} -> {to}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    // Of two boards with one name, one is refused; and a chip among the emulated boards.
    let copy = copied();
    let at = |name: &str| copy.path().join(CHIPS).join(name);
    fs::create_dir(at("other")).unwrap();
    fs::copy(at("nrf52840-dk").join(FILE), at("other").join(FILE)).unwrap();
    assert!(all(copy.path()).unwrap_err().to_string().contains("nrf52840 is also a name of"));
    fs::rename(at("other"), copy.path().join(MACHINES).join("other")).unwrap();
    assert!(all(copy.path()).unwrap_err().to_string().contains("with a table [chip] belongs in boards/chips"));
}

/// Bytes in the largest unit that divides them.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

/// All boards, for boards/README.md.
fn table(boards: &[Board]) -> String {
    let mut text = "| name | board | core | clock | flash | memory | built for | runs in, or is flashed as |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for board in boards {
        let clock = if board.clock == 0 { String::new() } else { format!("{} MHz", board.clock / 1_000_000) };
        let flash = if board.flash_bytes() == 0 { String::new() } else { size(board.flash_bytes()) };
        let memory: Vec<_> = board.ram.iter().map(|ram| size(ram.length)).collect();
        let by = match &board.kind {
            Kind::Qemu { emulator, .. } => format!("`{} {}`", emulator.program, emulator.arguments.join(" ")),
            Kind::Chip { probe_rs, .. } => format!("{probe_rs} of probe-rs"),
        };
        let names: Vec<_> = [&board.name].into_iter().chain(&board.aliases).map(|name| format!("`{name}`")).collect();
        let (names, memory) = (names.join(", "), memory.join(" + "));
        let (title, core, target) = (&board.title, &board.core, &board.target);
        let _ = writeln!(text, "| {names} | {title} | {core} | {clock} | {flash} | {memory} | `{target}` | {by} |");
    }
    text
}

/// The slots for the state of a training, for boards/README.md.
fn slots(boards: &[Board]) -> String {
    let mut text =
        "| board | a slot | largest network that it holds, SGD with batch size 1 |\n|---|---|---|\n".to_owned();
    for board in boards.iter().filter(|board| !board.emulated()) {
        let Some((_, bytes)) = board.slots() else { continue };
        let (parameters, unit) = (bytes / 4, if bytes / 4 >= 100_000 { 10_000 } else { 1000 });
        let more = if bytes > board.arena { ", more than its memory" } else { "" };
        let thousands = parameters / unit * unit / 1000;
        let _ = writeln!(text, "| `{}` | {} | {thousands},000 parameters{more} |", board.name, size(bytes));
    }
    text
}

/// What has run where, for README.md.
fn tried(boards: &[Board]) -> String {
    let mut text =
        "| name | board | core | memory | frames over | emulated | tried on a chip |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for board in boards {
        let memory = size(board.ram_bytes());
        let (over, emulated, tried) = match &board.kind {
            Kind::Qemu { .. } => ("semihosting", "QEMU", ""),
            Kind::Chip { tried, .. } => {
                let uart = board.features().unwrap().iter().any(|feature| feature == "uart");
                (if uart { "RTT, UART" } else { "RTT" }, if tried.is_empty() { "no" } else { &**tried }, "none yet")
            }
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {memory} | {over} | {emulated} | {tried} |",
            board.name, board.title, board.core
        );
    }
    text + "| `wasm` | node | WebAssembly, with SIMD128 and without | | pipes | node | |\n"
}

/// Every file that repeats facts: its path, and its text as it has to be.
fn written() -> Vec<(PathBuf, String)> {
    let boards = boards();
    let between = |file: &str, parts: &[(&str, String)]| {
        let path = root().join(file);
        let mut text = fs::read_to_string(&path).unwrap();
        for (name, part) in parts {
            let first = format!(
                "<!-- {name}: written by `cargo test -p shatterscope-host --test all -- --ignored write_boards` -->\n"
            );
            let start = text.find(&first).unwrap_or_else(|| panic!("{file} has no {first}")) + first.len();
            let end = start + text[start..].find(&format!("<!-- end of {name} -->")).unwrap();
            text.replace_range(start..end, part);
        }
        (path, text)
    };
    let mut all = vec![
        between("boards/README.md", &[("boards", table(&boards)), ("slots", slots(&boards))]),
        between("README.md", &[("boards", tried(&boards))]),
    ];
    for board in &boards {
        all.extend(board.cargo_config().map(|text| (board.folder.join(".cargo/config.toml"), text)));
    }
    for example in fs::read_dir(root().join("boards/examples")).unwrap() {
        all.push((example.unwrap().path().join(".cargo/config.toml"), runners(&boards)));
    }
    all
}

/// `cargo run` in the folder of an example: on a Cortex-M4F, or on the first emulated board with another target.
fn runners(boards: &[Board]) -> String {
    let emulated = || boards.iter().filter(|board| board.emulated());
    let first = emulated().find(|board| board.fpu()).unwrap();
    let mut text = format!(
        "# Written by `cargo test -p shatterscope-host --test all -- --ignored write_boards` from the facts of the boards.\n\
         # `cargo run --release` runs it on an emulated {}, with `--target` on another core.\n[build]\ntarget = \"{}\"\n",
        first.core, first.target
    );
    let mut targets = Vec::new();
    for board in emulated() {
        let Kind::Qemu { emulator, .. } = &board.kind else { continue };
        if !targets.contains(&&board.target) {
            targets.push(&board.target);
            let arguments = emulator.arguments.join(" ");
            let (target, program) = (&board.target, &emulator.program);
            let quiet = "-display none -monitor none -serial none -semihosting-config enable=on,target=native";
            let _ = write!(text, "\n[target.\"{target}\"]\nrunner = \"{program} {arguments} {quiet} -kernel\"\n");
        }
    }
    text
}

#[test]
fn what_repeats_facts_is_made_from_them() {
    for (path, text) in written() {
        let path = path.display();
        let is = fs::read_to_string(path.to_string()).unwrap_or_default();
        assert!(is == text, "{path}: `cargo test -p shatterscope-host --test all -- --ignored write_boards`");
    }
}

#[test]
#[ignore = "writes the tables of boards anew"]
fn write_boards() {
    for (path, text) in written() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
