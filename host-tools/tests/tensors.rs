//! Files of tensors: whatever is damaged in one, it is read as it was written or refused in one line.
use assert_cmd::Command;
use shatterscope_host::tensors::{Bundle, Tensor};
use std::io::{Cursor, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn bundle() -> Bundle {
    let mut bundle = Bundle { spec: Some("{\"depth\":2}".to_owned()), ..Bundle::default() };
    bundle.add("fc1.weight".into(), vec![2, 3], vec![1.0, -2.0, 0.5, 3.0, f32::MIN_POSITIVE, 0.0]);
    bundle.add("fc1.bias".into(), vec![2], vec![0.25, -0.0]);
    bundle
}

/// An array of the values 0, 1, .. under a header of version 1.0.
fn array(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
}

fn floats(count: u8) -> Vec<u8> {
    array("'<f4'", &format!("({count},)"), &(0..count).flat_map(|i| f32::from(i).to_le_bytes()).collect::<Vec<u8>>())
}

fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(entries, CompressionMethod::Stored)
}

fn why(bytes: &[u8]) -> String {
    let error = Bundle::from_npz(bytes).unwrap_err().message;
    assert!(!error.contains('\n'), "{error}");
    error
}

/// The same bits, or a refusal: how many of each.
fn every_bit(good: &[u8], read: impl Fn(&[u8]) -> Option<Bundle>, step: usize) -> [usize; 2] {
    let whole = read(good).unwrap();
    let bits = |bundle: &Bundle| {
        let tensors = bundle.tensors.iter();
        let of = |t: &Tensor| (t.shape.clone(), t.data.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        (tensors.map(|(name, t)| (name.clone(), of(t))).collect::<Vec<_>>(), bundle.spec.clone())
    };
    let mut counts = [0; 2];
    for bit in (0..8 * good.len()).step_by(step) {
        let mut bytes = good.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match read(&bytes) {
            None => counts[0] += 1,
            Some(found) => {
                assert_eq!(bits(&found), bits(&whole), "bit {bit}");
                counts[1] += 1;
            }
        }
    }
    counts
}

#[test]
fn a_flipped_bit_gives_the_same_tensors_or_a_refusal() {
    let npz = bundle().to_npz().unwrap();
    let [refused, same] = every_bit(&npz, |bytes| Bundle::from_npz(bytes).ok(), 1);
    assert!(refused > same, "{refused} refused, {same} the same, of an archive of our own");
    // As NumPy writes them: without a digest, stored and deflated.
    let arrays = [("fc1.weight.npy", floats(40)), ("fc1.bias.npy", floats(3))];
    let arrays = arrays.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let [refused, same] = every_bit(&archive(&arrays, method), |bytes| Bundle::from_npz(bytes).ok(), 1);
        assert!(refused > same, "{refused} refused, {same} the same, {method}");
    }
    let own = bundle().to_safetensors().unwrap();
    every_bit(&own, |bytes| Bundle::from_safetensors(bytes).ok(), 1);
    // Without a spec nothing but the digest says whose file it is.
    let alone = Bundle { spec: None, ..bundle() }.to_safetensors().unwrap();
    every_bit(&alone, |bytes| Bundle::from_safetensors(bytes).ok(), 1);
}

#[test]
#[ignore = "long: thousands of damaged archives"]
fn damaged_archives_give_the_same_tensors_or_a_refusal() {
    let mut seed = 7u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below.max(1)
    };
    let large: Vec<u8> = (0..1200).flat_map(|i: u32| (i as f32).sin().to_le_bytes()).collect();
    let large = array("'<f4'", "(40, 30)", &large);
    let mut counts = [0usize; 2];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let good = archive(&[("fc1.weight.npy", &large), ("fc1.bias.npy", &floats(9))], method);
        let whole = Bundle::from_npz(&good).unwrap();
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            match random(5) {
                0 => bytes.truncate(random(good.len())),
                1 => bytes.extend((0..=random(30)).map(|i| i as u8)),
                2 => drop(bytes.remove(random(good.len()))),
                3 => bytes.insert(random(good.len()), random(256) as u8),
                _ => (0..=random(3)).for_each(|_| bytes[random(good.len())] = random(256) as u8),
            }
            match Bundle::from_npz(&bytes) {
                Err(_) => counts[0] += 1,
                Ok(found) => {
                    assert_eq!(found, whole);
                    counts[1] += 1;
                }
            }
        }
    }
    println!("{counts:?} refused, the same");
}

#[test]
fn files_are_the_same_bytes_at_every_export() {
    let (npz, safetensors) = (bundle().to_npz().unwrap(), bundle().to_safetensors().unwrap());
    for _ in 0..20 {
        assert!(bundle().to_npz().unwrap() == npz && bundle().to_safetensors().unwrap() == safetensors);
    }
    assert_eq!(Bundle::from_npz(&npz).unwrap(), bundle());
    assert_eq!(Bundle::from_safetensors(&safetensors).unwrap(), bundle());
    assert_eq!(Bundle::from_own_safetensors(&safetensors).unwrap(), bundle());
    // ZIP's first day: no clock is in the file.
    assert_eq!(npz[10..14], [0, 0, 0x21, 0]);
}

#[test]
fn archives_that_lie_are_refused() {
    let (a, b) = (floats(3), floats(5));
    let good = stored(&[("a.npy", &a), ("b.npy", &b)]);
    assert_eq!(Bundle::from_npz(&good).unwrap().tensors["b"].data, [0.0, 1.0, 2.0, 3.0, 4.0]);
    let replaced = |from: &[u8], to: &[u8], only: usize| {
        let mut bytes = good.clone();
        let places: Vec<usize> = (0..good.len() - from.len()).filter(|&at| good[at..].starts_with(from)).collect();
        assert!(places.len() > only || only == usize::MAX, "{places:?}");
        for (i, at) in places.into_iter().enumerate() {
            if only == usize::MAX || only == i {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    let all = usize::MAX;
    // Fields of a central entry: method at 10, flags at 8, sizes at 20 and 24.
    let central = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        let start = (0..good.len()).find(|&i| good[i..].starts_with(b"PK\x01\x02")).unwrap();
        bytes[start + at..start + at + value.len()].copy_from_slice(value);
        bytes
    };
    let local_and_central = |local: usize, value: &[u8]| {
        let mut bytes = central(local + 2, value);
        bytes[local..local + value.len()].copy_from_slice(value);
        bytes
    };
    let zeros = array("'<f4'", "(2,)", &[0; 4000]);
    for (what, bytes, part) in [
        ("prefix", [b"PK", &good[..]].concat(), "damaged"),
        ("trailing", [&good[..], b"x"].concat(), "end record"),
        ("cut", good[..good.len() - 1].to_vec(), "end record"),
        ("half", good[..good.len() / 2].to_vec(), "end record"),
        ("duplicate", replaced(b"b.npy", b"a.npy", all), "same name"),
        ("local name", replaced(b"b.npy", b"c.npy", 0), "damaged"),
        ("central name", replaced(b"b.npy", b"c.npy", 1), "damaged"),
        ("method", local_and_central(8, &[14, 0]), "packed by"),
        ("central method", central(10, &[8, 0]), "damaged"),
        ("encrypted", local_and_central(6, &[1, 0]), "encrypted"),
        ("size", central(24, &[9, 0]), "damaged"),
        ("data", replaced(&1f32.to_le_bytes(), &2f32.to_le_bytes(), 0), "damaged"),
        ("both spellings", stored(&[("a.npy", &a), ("a", &b)]), "twice"),
        ("expands", archive(&[("a.npy", &zeros)], CompressionMethod::Deflated), "declares 8 bytes"),
        ("empty", stored(&[]), "is empty"),
        ("nothing", vec![], "file is empty"),
        ("text", b"hello".to_vec(), "ZIP"),
        ("README alone", stored(&[("README.txt", b"hello")]), "README.txt is no .npy array"),
    ] {
        let said = why(&bytes);
        assert!(said.contains(part), "{what}: {said}");
    }
    assert!(why(&stored(&[("a.npy", &a), ("spec.npy", &array("'|u1'", "(2,)", b"\xff\xfe"))])).contains("not UTF-8"));
}

#[test]
fn what_is_no_tensor_of_floats_is_refused_where_it_is_asked_for() {
    let whole = floats(4);
    let entries: [(&str, &[u8]); 5] = [
        ("a", &whole),
        ("README.txt", b"hello"),
        ("steps.npy", &array("'<i8'", "()", &[0; 8])),
        ("notes.npy", &array("'|O'", "()", b"pickled")),
        ("spec.npy", &array("'<U2'", "()", &[0; 8])),
    ];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let bundle = Bundle::from_npz(&archive(&entries, method)).unwrap();
        assert_eq!(bundle.find("a").unwrap().unwrap().data.len(), 4);
        for (name, part) in [("README.txt", "no .npy"), ("steps", "<i8"), ("notes", "Python objects")] {
            let said = bundle.find(name).unwrap_err().message;
            assert!(said.contains(part) && said.starts_with(name), "{said}");
        }
        assert!(bundle.overrides().unwrap_err().message.contains("<U2"));
    }
    let text = "{\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[4,12]},\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    let file = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &[0; 12]].concat();
    let bundle = Bundle::from_safetensors(&file(text)).unwrap();
    assert_eq!(bundle.tensors["x"].data, [0.0]);
    assert!(bundle.find("n").unwrap_err().message.contains("I64"));
    let twice = format!("{{{x},{x}}}", x = "\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}");
    assert!(Bundle::from_safetensors(&file(&twice)).unwrap_err().message.contains("twice"));
}

/// The spec says that a file is ours: another key beside it may be a digest whose name was damaged.
#[test]
fn a_digest_is_not_lost_unnoticed() {
    let good = String::from_utf8_lossy(&bundle().to_safetensors().unwrap()).into_owned();
    assert!(good.contains("\"digest\":\"shatterscope-sha256:"));
    let renamed = |from: &str, to: &str| {
        let bytes = bundle().to_safetensors().unwrap();
        let at = (0..bytes.len()).find(|&at| bytes[at..].starts_with(from.as_bytes())).unwrap();
        let bytes = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
        Bundle::from_safetensors(&bytes).unwrap_err().message
    };
    assert!(renamed("\"digest\"", "\"diges4\"").contains("diges4"));
    let said = renamed("shatterscope-sha256", "shatterscope-sha257");
    assert!(said.contains("its digest is shatterscope-sha257:") && said.contains("64 hexadecimal digits"), "{said}");
    let alone = Bundle { spec: None, ..bundle() }.to_safetensors().unwrap();
    let at = (0..alone.len()).find(|&at| alone[at..].starts_with(b"digest")).unwrap();
    let mut bytes = alone.clone();
    bytes[at] = b'D';
    assert!(Bundle::from_safetensors(&bytes).unwrap_err().message.contains("Digest"));
    // A file by somebody else has a spec and no digest, and one of a checkpoint may not.
    let text = "{\"__metadata__\":{\"spec\":\"{}\",\"format\":\"pt\"},\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    let other = [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &[0; 4]].concat();
    assert_eq!(Bundle::from_safetensors(&other).unwrap().spec.as_deref(), Some("{}"));
    assert!(Bundle::from_own_safetensors(&other).unwrap_err().message.contains("lack the digest"));
    // NaN is named, too.
    let mut nan = alone;
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let said = Bundle::from_safetensors(&nan).unwrap_err().message;
    assert!(said.contains("the file says") && said.contains("fc1.weight is NaN at element 5"), "{said}");
    // Where a digest is needed, nobody is told to leave it out.
    assert!(said.ends_with("leave the digest out"), "{said}");
    let said = Bundle::from_own_safetensors(&nan).unwrap_err().message;
    assert!(said.ends_with("restore it from a copy"), "{said}");
    let spec = array("'|u1'", "(2,)", b"{}");
    assert_eq!(why(&stored(&[("spec.npy", &spec)])), "the .npz archive holds no arrays of floats, only a spec");
}

fn probe(path: &Path, more: &str) -> (Option<i32>, String, String) {
    let output = Command::cargo_bin("shatterscope")
        .unwrap()
        .args(["probe", "--quiet", "--weights"])
        .arg(path)
        .args(more.split_whitespace())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn probe_says_what_does_not_fit() {
    const SMALL: &str = "--depth 2 --width 4 --points 20";
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, change: &dyn Fn(&mut Bundle)| {
        let mut bundle = Bundle::default();
        bundle.add("stem.weight".into(), vec![4, 1], vec![1.0, 0.5, -0.5, 2.0]);
        bundle.add("stem.bias".into(), vec![4], vec![0.0; 4]);
        bundle.add("hidden.2.weight".into(), vec![4, 4], (0..16).map(|i| (i as f32 - 7.0) / 8.0).collect());
        bundle.add("readout.weight".into(), vec![1, 4], vec![1.0, -1.0, 0.5, 0.25]);
        change(&mut bundle);
        let path = folder.path().join(name);
        let bytes = if name.ends_with("tensors") { bundle.to_safetensors() } else { bundle.to_npz() };
        std::fs::write(&path, bytes.unwrap()).unwrap();
        path
    };
    let digest = |path: &Path| {
        let (code, out, error) = probe(path, SMALL);
        assert_eq!(code, Some(0), "{error}");
        (out.lines().last().unwrap().to_owned(), error)
    };
    let (whole, silent) = digest(&write("stem.npz", &|_| ()));
    assert_eq!(silent, "");
    for name in ["up.NPZ", "Up.SafeTensors"] {
        assert_eq!(digest(&write(&name.to_lowercase(), &|_| ())).0, whole);
        std::fs::rename(folder.path().join(name.to_lowercase()), folder.path().join(name)).unwrap();
        assert_eq!(digest(&folder.path().join(name)), (whole.clone(), String::new()));
    }
    let extra = |bundle: &mut Bundle| bundle.add("hidden.3.weight".into(), vec![4, 4], vec![0.0; 16]);
    let (same, said) = digest(&write("extra.npz", &extra));
    assert_eq!(same, whole);
    assert!(said.contains("extra.npz: tensors that nothing uses: hidden.3.weight"), "{said}");
    let turned = |bundle: &mut Bundle| bundle.add("stem.weight".into(), vec![1, 4], vec![1.0; 4]);
    let wide = |bundle: &mut Bundle| bundle.add("hidden.2.weight".into(), vec![4, 5], vec![1.0; 20]);
    let nan = |bundle: &mut Bundle| bundle.tensors.get_mut("stem.bias").unwrap().data[2] = f32::NAN;
    let spec = |bundle: &mut Bundle| bundle.spec = Some("{".to_owned());
    for (path, parts) in [
        (write("turned.npz", &turned), ["stem.weight is [1, 4]", "transpose"]),
        (write("wide.safetensors", &wide), ["hidden.2.weight is [4, 5]", "[4, 4]"]),
        (write("nan.npz", &nan), ["stem.bias is NaN at element 2", "damaged"]),
        (write("spec.npz", &spec), ["spec.npz: the spec inside", "not understood"]),
        (folder.path().to_owned(), ["it is a folder", "give a file"]),
        ("/dev/zero".into(), ["/dev/zero", if cfg!(unix) { "it is a device" } else { "" }]),
    ] {
        let (code, _, error) = probe(&path, SMALL);
        assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
        assert!(parts.iter().all(|part| error.contains(part)), "{parts:?} not in: {error}");
    }
}

/// Exit code and standard error of `pack` on an archive, in an address space of so many MiB.
#[cfg(target_os = "linux")]
fn packed_within(mebibytes: u64, archive: &[u8], more: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("model.npz"), archive).unwrap();
    std::fs::write(at("net.toml"), "layers = [ { dense = 'fc1' } ]").unwrap();
    let program = assert_cmd::cargo::cargo_bin("shatterscope").display().to_string();
    let (model, net) = (at("model.npz"), at("net.toml"));
    let line = format!("ulimit -v {}; exec {program} pack {model} --net {net} -q {more} >/dev/null", mebibytes << 10);
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// An array of zeros, `[rows, 1024]`.
#[cfg(target_os = "linux")]
fn zeros(descr: &str, rows: usize, bytes: usize) -> Vec<u8> {
    array(descr, &format!("({rows}, 1024)"), &vec![0; rows * 1024 * bytes])
}

/// What an archive expands to, and what is made of it, is asked for before it is taken.
#[cfg(target_os = "linux")]
#[test]
fn an_archive_that_memory_does_not_hold_is_refused_in_one_line() {
    let mebibytes = |archive: &[u8], space| {
        let (code, error) = packed_within(space, archive, "");
        assert!(error.lines().count() <= 1, "{space} MiB: {code:?} {error}");
        (code, error)
    };
    // 200 MiB of floats in less than 1 MiB: in no address space is it unpacked half way.
    for (descr, bytes) in [("'<f4'", 4), ("'<f8'", 8)] {
        let array = zeros(descr, (200 << 20) / 1024 / bytes, bytes);
        let bomb = archive(&[("fc1.weight.npy", &array)], CompressionMethod::Deflated);
        assert!(bomb.len() < 1 << 20);
        for space in [250, 350] {
            let (code, error) = mebibytes(&bomb, space);
            let needs = "expanding the 209715";
            assert!(code == Some(1) && error.contains(needs) && error.contains("ulimit -v"), "{code:?} {error}");
        }
        // 400 MiB are asked for, and how much else a process reserves depends on the machine: either end is right.
        let (code, error) = mebibytes(&bomb, 450);
        assert!(code == Some(0) && error.is_empty() || code == Some(1) && !error.is_empty(), "{code:?} {error}");
    }
}

/// Stored arrays and the text of their module, in every address space from far too small to large enough.
#[cfg(target_os = "linux")]
#[test]
fn packing_ends_in_one_line_whatever_the_memory() {
    let wide = stored(&[("fc1.weight.npy", &zeros("'>f8'", 3 << 10, 8))]);
    let number = (-0.001_230_153_4f32).to_le_bytes();
    let long = array("'<f4'", "(2048, 1024)", &number.repeat(2 << 20));
    let long = stored(&[("fc1.weight.npy", &long)]);
    for (archive, more) in [(&wide, ""), (&long, ""), (&long, "--json")] {
        // Threads reserve 64 MiB each where they can, so that more space is not always more memory.
        let codes: Vec<_> = [60, 80, 100, 120, 140, 160, 200, 240, 800]
            .into_iter()
            .map(|space| {
                let (code, error) = packed_within(space, archive, more);
                assert!(code == Some(0) && error.is_empty() || error.lines().count() == 1, "{space}: {code:?} {error}");
                assert!(!error.contains("damaged"), "{space}: {error}");
                code
            })
            .collect();
        assert_eq!((codes[0], codes.last()), (Some(1), Some(&Some(0))), "{more}");
    }
}
