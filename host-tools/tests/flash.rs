//! A device that trains loses its power while it saves, anywhere: it goes on from its flash, and ends with the same bits.

use crate::common::train_spec;
use rayon::prelude::*;
use shatterscope::contract::{Digest, canonical_bits};
use shatterscope::exec::Isa;
use shatterscope::wire::{Save, Saved, StepRequest, Store, Train, Why, examples_digest};
use shatterscope_host::data;
use shatterscope_host::device::board::emulated;
use shatterscope_host::device::link::{Link, LinkError, Watched, Words};
use shatterscope_host::device::place::open_link;
use shatterscope_host::device::{Counting, Settings, Target};
use shatterscope_host::train::{Lesson, Run, request};
use shatterscope_simulated::{Fate, Flash, Made, Simulated};
use std::time::Duration;

const STEPS: u32 = 5;

/// What a host says and expects, step by step.
struct Course {
    nodes: Vec<u32>,
    asked: Train,
    lessons: Vec<Lesson>,
    /// After so many steps.
    digests: Vec<Digest>,
    saves: Vec<Save>,
}

impl Course {
    fn new(words: &str) -> Self {
        let spec = train_spec(words);
        let digits = data::open(None).unwrap();
        let mut run = Run::new(spec.clone(), &digits, Isa::Portable, None).unwrap();
        let (placed, asked) = request(&spec, &run.model().layers, 0, 0).unwrap();
        let (mut lessons, mut digests, mut saves) = (Vec::new(), Vec::new(), Vec::new());
        for step in 0..=STEPS {
            let model = run.model();
            digests.push(model.digest());
            saves.push(Save { session: 0, step, batch: model.batch, rate: model.rate });
            if step < STEPS {
                lessons.push(run.lesson().unwrap());
                run.step().unwrap();
            }
        }
        Self { nodes: placed.words(), asked, lessons, digests, saves }
    }

    fn begin(&self, link: &mut Link, session: u32) {
        let nodes = Words { store: Store::Nodes, words: &self.nodes };
        let ready = link.ready(&Train { session, ..self.asked }, nodes).unwrap();
        assert_eq!((ready.step, ready.digest), (0, self.digests[0]));
    }

    fn teach(&self, link: &mut Link, session: u32, steps: std::ops::Range<u32>) {
        for step in steps {
            let lesson = &self.lessons[step as usize];
            let inputs: Vec<u32> = lesson.examples.inputs.iter().copied().map(canonical_bits).collect();
            let labels = &lesson.examples.labels;
            let examples = examples_digest(lesson.examples.inputs.iter().copied(), labels.iter().copied());
            let teach = StepRequest { session, step, rate: lesson.rate, count: labels.len() as u32, examples };
            let inputs = Words { store: Store::Inputs, words: &inputs };
            let watched = Watched { multiply_adds: 0, every: 0, progress: &mut |_, _| true };
            let labels = Words { store: Store::Labels, words: labels };
            let taught = link.teach(&teach, inputs, labels, watched).unwrap();
            assert_eq!(taught.digest, self.digests[step as usize + 1], "after step {step}");
        }
    }

    fn save(&self, link: &mut Link, session: u32, step: u32) -> Result<Saved, LinkError> {
        link.save(&Save { session, ..self.saves[step as usize] })
    }
}

fn open(flash: &Flash) -> Link {
    let made = Made { flash: flash.clone(), ..Made::default() };
    Link::open(Simulated::new(made, Box::new(|_, _| Fate::Pass)), Duration::from_secs(10)).unwrap()
}

const COURSES: [&str; 3] = [
    "--depth 1 --width 2 --batch 1",
    "--depth 2 --width 2 --batch-norm --batch 3 --optimiser adam --rate 0.003",
    "--net lenet --width 1 --batch 2 --optimiser momentum",
];

#[test]
fn training_survives_a_cut_at_every_word() {
    for words in COURSES {
        let course = Course::new(words);
        // The first save is after two steps, the second after three.
        let fresh = Flash::default();
        let mut link = open(&fresh);
        course.begin(&mut link, 1);
        course.teach(&mut link, 1, 0..2);
        assert_eq!(course.save(&mut link, 1, 2).unwrap().sequence, 0);
        let first = fresh.done();
        drop(link);
        for (flash, before, saved, all) in [(Flash::default(), 0, 2, first), (fresh.copy(u64::MAX), 2, 3, first)] {
            (0..all).into_par_iter().for_each(|left| {
                let cut = flash.copy(left);
                let mut link = open(&cut);
                course.begin(&mut link, 7);
                course.teach(&mut link, 7, 0..saved);
                let told = course.save(&mut link, 7, saved).unwrap_err();
                assert!(matches!(told, LinkError::Refused { why: Why::Flash, .. }), "{told}");
                drop(link);
                // The power is back.
                let mut link = open(&cut.copy(u64::MAX));
                course.begin(&mut link, 9);
                let step = match link.restore(9) {
                    Ok(Saved { step, batch, rate, digest, .. }) => {
                        assert_eq!(digest, course.digests[step as usize], "{words}: {left}");
                        let kept = &course.saves[step as usize];
                        assert_eq!((batch, rate), (kept.batch, kept.rate));
                        step
                    }
                    Err(LinkError::Refused { why: Why::Unsaved, .. }) => 0,
                    Err(error) => panic!("{words}: {left}: {error}"),
                };
                assert!(step == before || step == saved, "{words}: step {step} after {left} of {all}");
                // On to the end, and what the cut left is written over.
                course.teach(&mut link, 9, step..4);
                assert_eq!(course.save(&mut link, 9, 4).unwrap().step, 4);
                course.teach(&mut link, 9, 4..STEPS);
            });
        }
    }
}

/// What an earlier version wrote to its flash, and after how many steps.
const WRITTEN: [(&str, &str); 2] = [("norm.flash", COURSES[1]), ("lenet.flash", COURSES[2])];

fn written(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migration/flash").join(name)
}

#[test]
fn a_state_of_an_earlier_version_is_taken_up() {
    for (name, words) in WRITTEN {
        let (course, flash) = (Course::new(words), Flash::of(&std::fs::read(written(name)).unwrap()));
        let mut link = open(&flash);
        course.begin(&mut link, 5);
        let saved = link.restore(5).unwrap();
        assert_eq!((saved.sequence, saved.step, saved.digest), (1, 3, course.digests[3]), "{name}");
        assert_eq!((saved.batch, saved.rate), (course.saves[3].batch, course.saves[3].rate), "{name}");
        course.teach(&mut link, 5, 3..STEPS);
    }
}

#[test]
#[ignore = "writes the files that a later version reads"]
fn write_states() {
    for (name, words) in WRITTEN {
        let (course, flash) = (Course::new(words), Flash::default());
        let mut link = open(&flash);
        course.begin(&mut link, 1);
        for (from, to) in [(0, 2), (2, 3)] {
            course.teach(&mut link, 1, from..to);
            course.save(&mut link, 1, to).unwrap();
        }
        std::fs::create_dir_all(written("")).unwrap();
        std::fs::write(written(name), flash.bytes()).unwrap();
    }
}

/// Answers are functions of their requests: a line that loses one has it said again.
#[test]
fn what_is_asked_twice_is_done_once() {
    let course = Course::new(COURSES[1]);
    let flash = Flash::default();
    let mut link = open(&flash);
    course.begin(&mut link, 3);
    assert!(matches!(link.restore(3), Err(LinkError::Refused { why: Why::Unsaved, .. })));
    assert!(matches!(link.restore(4), Err(LinkError::Refused { why: Why::Session, .. })));
    course.teach(&mut link, 3, 0..1);
    assert!(matches!(link.restore(3), Err(LinkError::Refused { why: Why::Step, .. })));
    assert!(matches!(course.save(&mut link, 3, 2), Err(LinkError::Refused { why: Why::Step, .. })));
    let saved = course.save(&mut link, 3, 1).unwrap();
    let done = flash.done();
    assert_eq!(course.save(&mut link, 3, 1), Ok(saved));
    assert_eq!(link.restore(3), Ok(saved));
    assert_eq!(flash.done(), done);
    course.teach(&mut link, 3, 1..2);
    assert_eq!(course.save(&mut link, 3, 2).unwrap().sequence, 1);
    // Another training finds nothing of its own there.
    let other = Course::new("--depth 2 --width 2 --batch-norm --batch 3 --optimiser adam --rate 0.003 --seed 2");
    other.begin(&mut link, 5);
    assert!(matches!(link.restore(5), Err(LinkError::Refused { why: Why::Unsaved, .. })));
    other.teach(&mut link, 5, 0..1);
    course.begin(&mut link, 6);
    assert_eq!(link.restore(6).unwrap().step, 2);
    course.teach(&mut link, 6, 2..STEPS);
    // Too large for a slot.
    let large = Course::new("--depth 1 --width 60 --batch 1");
    large.begin(&mut link, 8);
    match large.save(&mut link, 8, 0) {
        Err(LinkError::Refused { why: Why::Flash, need, have }) => assert!(need > have && have == 16 << 10),
        other => panic!("{other:?}"),
    }
    large.teach(&mut link, 8, 0..1);
}

/// Cores save to memory that behaves as flash does, and another training of the same device goes on from there.
#[test]
#[ignore = "needs QEMU"]
fn every_core_takes_up_what_it_saved() {
    let course = Course::new(COURSES[1]);
    let settings = Settings {
        firmware: None,
        timeout: Duration::from_secs(60),
        schedule: None,
        ram: 0,
        count: Counting::Off,
        models: false,
    };
    emulated().for_each(|board| {
        let mut link = open_link(&Target::Qemu(board), &settings).unwrap().0;
        course.begin(&mut link, 1);
        course.teach(&mut link, 1, 0..2);
        let saved = course.save(&mut link, 1, 2);
        if !board.keeps_state {
            assert!(matches!(saved, Err(LinkError::Refused { why: Why::NoFlash, .. })));
            return course.teach(&mut link, 1, 2..STEPS);
        }
        course.teach(&mut link, 1, 2..3);
        course.begin(&mut link, 2);
        assert_eq!(link.restore(2), saved, "{}", board.name);
        course.teach(&mut link, 2, 2..STEPS);
        assert_eq!(course.save(&mut link, 2, STEPS).unwrap().sequence, 1);
    });
}
