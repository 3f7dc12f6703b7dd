use super::*;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn write(path: &Path, text: &str) -> crate::Result<()> {
    Destination::open(path)?.write(text.as_bytes())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn links_are_followed_and_modes_are_kept() {
    let (_folder, at) = folder();
    fs::create_dir(at.join("real")).unwrap();
    fs::write(at.join("real/file"), "old").unwrap();
    fs::set_permissions(at.join("real/file"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/file", at.join("link")).unwrap();
    symlink("link", at.join("link-to-link")).unwrap();
    write(&at.join("link-to-link"), "new").unwrap();
    assert_eq!(fs::read(at.join("real/file")).unwrap(), b"new");
    assert_eq!(mode(&at.join("real/file")), 0o640);
    for link in ["link", "link-to-link"] {
        assert!(fs::symlink_metadata(at.join(link)).unwrap().is_symlink());
    }
    // Another name of the file keeps the old content, and its mode.
    fs::hard_link(at.join("real/file"), at.join("other")).unwrap();
    write(&at.join("real/file"), "newer").unwrap();
    assert_eq!(fs::read(at.join("other")).unwrap(), b"new");
    assert_eq!((mode(&at.join("real/file")), mode(&at.join("other"))), (0o640, 0o640));
    // The same through a folder of results.
    symlink("../real/file", at.join("real/result")).unwrap();
    write_all(&at.join("real"), &[("result".to_owned(), b"last".to_vec())]).unwrap();
    assert_eq!(fs::read(at.join("real/file")).unwrap(), b"last");
    assert_eq!((names(&at.join("real")), names(&at).len()), (vec!["file".to_owned(), "result".to_owned()], 4));
}

#[test]
fn pipes_and_devices_are_written_to_and_stay() {
    let (_folder, at) = folder();
    let pipe = at.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            fs::File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
            text
        }
    });
    write(&pipe, "through").unwrap();
    assert_eq!(reader.join().unwrap(), "through");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let error = write(&pipe, "to nobody").unwrap_err().message;
    assert!(
        error.ends_with("a pipe that nothing has read for 10 s: start its reader first, or give a file"),
        "{error}"
    );
    // Whoever may not make devices tries them through links.
    symlink("/dev/null", at.join("null")).unwrap();
    symlink("/dev/full", at.join("full")).unwrap();
    write(&at.join("null"), "gone").unwrap();
    if fs::exists("/dev/full").unwrap() {
        assert!(write(&at.join("full"), "too much").unwrap_err().message.contains("full"));
        assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    }
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    // A descriptor is written behind what is there.
    let open = fs::OpenOptions::new().create(true).append(true).open(at.join("open")).unwrap();
    fs::write(at.join("open"), "before, ").unwrap();
    let name = PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open)));
    symlink(&name, at.join("descriptor")).unwrap();
    write(&at.join("descriptor"), "after").unwrap();
    assert_eq!(fs::read(at.join("open")).unwrap(), b"before, after");
    assert_eq!(open.metadata().unwrap().ino(), fs::metadata(at.join("open")).unwrap().ino());
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is() {
    let (_folder, at) = folder();
    fs::create_dir(at.join("folder")).unwrap();
    fs::write(at.join("file"), "old").unwrap();
    symlink("nothing", at.join("dangling")).unwrap();
    symlink("round", at.join("round")).unwrap();
    let before = names(&at);
    for name in ["folder", "folder/", "new/", "dangling", "round", "file/below", "no/parent", ".."] {
        let error = Destination::open(&at.join(name)).map(drop).unwrap_err();
        assert!(error.code == 1 && error.message.starts_with("cannot write"), "{name}: {error}");
        assert!(!error.message.contains('\n'));
    }
    for name in ["file", "dangling", "file/below", "round"] {
        let error = claim(&at.join(name), &["a"]).map(drop).unwrap_err();
        assert!(error.code == 1 && error.message.starts_with("cannot write"), "{name}: {error}");
    }
    // A result that is in the way is found before the work.
    let error = claim(&at, &["file", "folder"]).map(drop).unwrap_err();
    assert!(error.message.contains("folder"), "{error}");
    if cfg!(target_os = "linux") {
        let error = claim(Path::new("/proc/self"), &["a"]).map(drop).unwrap_err();
        assert!(error.message.contains("/proc/self"), "{error}");
    }
    if !rustix::process::geteuid().is_root() {
        fs::set_permissions(at.join("file"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions(at.join("folder"), fs::Permissions::from_mode(0o500)).unwrap();
        for name in ["file", "folder/new"] {
            assert!(Destination::open(&at.join(name)).unwrap_err().message.contains("denied"));
        }
        assert!(claim(&at.join("folder"), &["a"]).unwrap_err().message.contains("denied"));
        // Permission is not absence.
        fs::set_permissions(at.join("folder"), fs::Permissions::from_mode(0o000)).unwrap();
        assert!(is_there(&at.join("folder/a")).unwrap_err().message.contains("denied"));
        fs::set_permissions(at.join("folder"), fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(names(&at), before);
    assert_eq!(fs::read(at.join("file")).unwrap(), b"old");
}

#[test]
fn an_output_is_no_input() {
    let (_folder, at) = folder();
    fs::write(at.join("in"), "old").unwrap();
    fs::hard_link(at.join("in"), at.join("hard")).unwrap();
    symlink("in", at.join("soft")).unwrap();
    for out in ["in", "hard", "soft"] {
        let error = refuse_input(&at.join(out), &[Path::new("/dev/null"), &at.join("in")]).unwrap_err();
        assert!(error.code == 2 && error.message.contains("is the input"), "{error}");
    }
    refuse_input(&at.join("new"), &[&at.join("in")]).unwrap();
    refuse_input(Path::new("/dev/null"), &[Path::new("/dev/null")]).unwrap();
}

#[test]
fn a_folder_has_one_writer() {
    let (_folder, at) = folder();
    let new = at.join("a/b");
    let ours = claim(&new, &["x"]).unwrap();
    // A part that is being written, and one that a killed process left.
    let live = disk::create(&new).unwrap();
    fs::write(new.join(".shatterscope-aB3dEf.part"), "half").unwrap();
    let error = claim(&new, &["x"]).map(drop).unwrap_err();
    let me = format!("process {}", std::process::id());
    assert!(error.code == 1 && error.message.contains(&me) && error.message.contains("UTC"), "{error}");
    assert_eq!(names(&new).len(), 3);
    write_all(&new, &[("x".to_owned(), b"1".to_vec())]).unwrap();
    drop(ours);
    let again = claim(&new, &["x"]).unwrap();
    assert_eq!(names(&new).len(), 3, "the lock, x, and the part that is being written");
    assert!(live.path().exists());
    drop((again, live));
    assert_eq!(names(&new), ["x"]);
    // One output clears its folder, too.
    fs::write(at.join(".shatterscope-aB3dEf.part"), "half").unwrap();
    write(&at.join("file"), "whole").unwrap();
    assert_eq!(names(&at), ["a", "file"]);
    // Folders that nothing was written into are not left behind.
    drop(claim(&at.join("c/d"), &["x"]).unwrap());
    assert_eq!(names(&at), ["a", "file"]);
}

#[test]
fn what_another_process_wrote_into_a_lock_is_shown_escaped() {
    let (_folder, at) = folder();
    let lock = at.join(".shatterscope.lock");
    for (text, expected) in [
        ("{\"pid\":1,\"host\":\"h\",\"command\":\"\\u001b[31m\\n\",\"since\":\"s\"}", "(`\\u{1b}[31m\\n`)"),
        ("", "another process"),
        ("\u{1b}[31m", "another process"),
    ] {
        let file = fs::File::create(&lock).unwrap();
        fs::write(&lock, text).unwrap();
        file.lock().unwrap();
        let error = claim(&at, &["x"]).map(drop).unwrap_err();
        assert!(error.message.contains(expected) && !error.message.contains(['\u{1b}', '\n']), "{error}");
        // It is free again when its process ends.
        drop(file);
        drop(claim(&at, &["x"]).unwrap());
    }
    fs::create_dir(&lock).unwrap();
    assert!(claim(&at, &["x"]).map(drop).unwrap_err().message.contains("no ordinary file"));
}
