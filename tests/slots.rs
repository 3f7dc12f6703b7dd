//! Slots of a flash whose power is cut anywhere: training goes on from the old state or the new one, bit for bit.
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use shatterscope::contract::Digest;
use shatterscope::exec::Isa;
use shatterscope::exec::{Buffers, Executor, Mode, Options};
use shatterscope::graph::Image;
use shatterscope::graph::{Graph, Node};
use shatterscope::math::Math;
use shatterscope::plan::{Plan, Storage, Want, place};
use shatterscope::train::slots::{Content, Progress, SlotError, Slots, slot_len};
use shatterscope::train::*;
use shatterscope::workers::Serial;
use shatterscope_layers::{Layer, to_graph};

/// Flash whose bits go from 1 to 0 until they are erased, in words that may be written once; its power may fail.
#[derive(Clone)]
struct Flash<const WRITE: usize, const ERASE: usize> {
    bytes: Vec<u8>,
    written: Vec<bool>,
    /// Words written and sectors erased before the power fails.
    left: Option<u64>,
    done: u64,
    /// What becomes of the word or sector at which it fails: 0 nothing, 1 all of it, others any of its bits.
    torn: u32,
    /// The least that was read and written at once was as it must be.
    off: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dark;

impl NorFlashError for Dark {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl<const WRITE: usize, const ERASE: usize> Flash<WRITE, ERASE> {
    fn new(len: usize) -> Self {
        // Fresh from whatever was there before.
        let bytes: Vec<u8> = (0..len as u32).map(|i| mixed(i) as u8).collect();
        Self { bytes, written: vec![true; len / WRITE], left: None, done: 0, torn: 0, off: false }
    }

    fn restarted(&self) -> Self {
        Self { left: None, off: false, done: 0, ..self.clone() }
    }

    /// Whether the word or sector at hand is still done whole; the bits of a mask of the torn one, byte by byte.
    fn power(&mut self) -> Result<Option<u32>, Dark> {
        if self.off {
            return Err(Dark);
        }
        self.done += 1;
        if self.left == Some(self.done - 1) {
            self.off = true;
            return Ok(Some(self.torn));
        }
        Ok(None)
    }
}

fn mixed(at: u32) -> u32 {
    let mixed = at.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
    mixed ^ mixed >> 12
}

/// Which bits of byte i have changed when the power failed.
fn changed(torn: u32, i: usize) -> u8 {
    match torn {
        0 => 0,
        1 => 0xff,
        torn => mixed(i as u32 ^ torn << 20) as u8,
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Flash<WRITE, ERASE> {
    type Error = Dark;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Flash<WRITE, ERASE> {
    const READ_SIZE: usize = if WRITE == 8 { 8 } else { 1 };

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Dark> {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(Self::READ_SIZE) && bytes.len().is_multiple_of(Self::READ_SIZE));
        if self.off {
            return Err(Dark);
        }
        bytes.copy_from_slice(&self.bytes[offset..offset + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Flash<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Dark> {
        let (from, to) = (from as usize, to as usize);
        assert!(from.is_multiple_of(ERASE) && to.is_multiple_of(ERASE) && from < to);
        for sector in (from..to).step_by(ERASE) {
            let torn = self.power()?;
            for i in sector..sector + ERASE {
                self.bytes[i] |= torn.map_or(0xff, |torn| changed(torn, i));
            }
            self.written[sector / WRITE..(sector + ERASE) / WRITE].fill(torn.is_some_and(|torn| torn != 1));
            if torn.is_some() {
                return Err(Dark);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Dark> {
        let offset = offset as usize;
        assert!(offset.is_multiple_of(WRITE) && bytes.len().is_multiple_of(WRITE) && !bytes.is_empty());
        for (at, word) in (offset..).step_by(WRITE).zip(bytes.chunks_exact(WRITE)) {
            let torn = self.power()?;
            assert!(!std::mem::replace(&mut self.written[at / WRITE], true), "a word is written twice");
            for (i, byte) in (at..).zip(word) {
                self.bytes[i] &= byte | !torn.map_or(0xff, |torn| changed(torn, i));
            }
            if torn.is_some() {
                return Err(Dark);
            }
        }
        Ok(())
    }
}

const T: usize = 4;
const BATCH: u32 = 6;

/// A network on digits that learns.
#[derive(Clone, Debug, PartialEq)]
struct Learner {
    nodes: Vec<Node>,
    settings: Settings,
    rate: Rate,
    parameters: Vec<f32>,
    running: Vec<f32>,
    state: Vec<f32>,
    progress: Progress,
}

impl Learner {
    fn new(optimiser: Optimiser) -> Self {
        let layers = vec![
            Layer::Dense { inputs: 64, outputs: 3, bias: true },
            Layer::BatchNorm { image: Image::vector(3), eps: 1e-5, momentum: 0.1 },
            Layer::Relu { units: 3 },
            Layer::Dense { inputs: 3, outputs: 10, bias: true },
        ];
        let mut nodes = vec![Node::EMPTY; layers.len() + 1];
        let graph = to_graph(&layers, &mut nodes).unwrap();
        let facts = |i: usize| graph.facts(i as u32).unwrap();
        let len = (0..graph.len()).map(|i| facts(i).parameters_len()).sum();
        let mut parameters = vec![0.0; len as usize];
        InitialWeights { start: Initializer::He, seed: 5, run: 0 }.fill(&graph, &mut parameters, &mut []).unwrap();
        let rate = Rate { base: 0.05, warm_up: 2, decrease: Decrease::steps(&[2], 0.5).unwrap() };
        Self {
            nodes,
            settings: Settings::new(optimiser).with_decay(Decay::L2(1e-3)),
            running: vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
            state: vec![0.0; optimiser.state_len(len) as usize],
            parameters,
            progress: Progress { step: 0, batch: 0, powers: Powers::new(), rate: rate.start() },
            rate,
        }
    }

    fn step(&mut self) {
        const WANT: Want = Want::ParameterGradient;
        let graph = Graph::new(&self.nodes).unwrap();
        let len = graph.len() * WANT.slots();
        let (mut slots, mut storages) = (vec![0; len], vec![Storage::EMPTY; len]);
        place(&graph, WANT, &mut storages, &mut slots).unwrap();
        let plan = Plan::new(&graph, WANT, &slots).unwrap();
        let zeros = |len: u64| vec![0.0; len as usize];
        let mut tape = vec![0; plan.tape_len(BATCH, T as u32).unwrap() as usize];
        let [mut values, mut statistics, mut scratch, mut gathered] = [
            plan.values_len(BATCH, T as u32).unwrap(),
            plan.statistics_len(),
            plan.scratch_best,
            plan.gathered_len(T as u32),
        ]
        .map(zeros);
        let buffers = Buffers {
            values: &mut values,
            tape: &mut tape,
            statistics: &mut statistics,
            scratch: &mut scratch,
            gathered: &mut gathered,
        };
        let options = Options::new(BATCH).with_isa(Isa::detect());
        let mut executor = Executor::<_, 2, T>::new(&plan, &Serial, options, buffers).unwrap();
        let Progress { step, batch, powers, rate } = &mut self.progress;
        let digit = |p: u32| shatterscope_digits::digit((*step * BATCH + p.min(BATCH - 1)) as usize).unwrap();
        let mut begun = executor.begin(BATCH).unwrap();
        let (x, tile_len) = begun.input(0).unwrap();
        for (i, x) in x.chunks_exact_mut(tile_len).enumerate() {
            for lane in 0..T {
                let pixels = digit((i * T + lane) as u32).pixels;
                (0..64).for_each(|unit| x[unit * T + lane] = f32::from(pixels[unit]) / 16.0);
            }
        }
        let labels: Vec<u32> = (0..BATCH).map(|p| u32::from(digit(p).label)).collect();
        let mode = Mode::Training { seed: 1, step: *step, running: &mut self.running };
        let mut outputs = begun.forward(&self.parameters, mode).unwrap().run().unwrap();
        let (z, g, tile_len) = outputs.output_and_gradient(graph.len() as u32 - 1).unwrap();
        for ((z, g), labels) in z.chunks(tile_len).zip(g.chunks_mut(tile_len)).zip(labels.chunks(T)) {
            g.copy_from_slice(z);
            cross_entropy(g, (10, T), labels, BATCH, &mut [0.0; T][..labels.len()], Math::Libm).unwrap();
        }
        let rule = self.settings.step(self.rate.current(rate), powers).unwrap();
        let each = self.settings.optimiser.state_len(1) as usize;
        let state = &mut self.state;
        let mut update = |at: usize, weights: &mut [f32], gradient: &[f32]| {
            let state = &mut state[at * each..(at + weights.len()) * each];
            rule.apply(weights, gradient, state).unwrap();
        };
        assert!(outputs.backward_with(&mut self.parameters, &mut update).unwrap().run().is_ok());
        (*step, *batch) = (*step + 1, (*batch + 1) % 2);
        if *batch == 0 {
            self.rate.advance(rate, 1.0);
        }
    }

    fn save<F: NorFlash>(&self, slots: &mut Slots<F>) -> Result<u32, SlotError<F::Error>> {
        slots.save(&self.parameters, &self.running, &self.state, &self.progress)
    }

    /// A learner as it stands in the slots; as it begins where nothing stands there.
    fn taken_up<F: NorFlash>(begins: &Self, slots: &mut Slots<F>) -> Self
    where
        F::Error: PartialEq,
    {
        let mut learner = begins.clone();
        let Self { parameters, running, state, .. } = &mut learner;
        parameters.iter_mut().chain(running.iter_mut()).chain(state.iter_mut()).for_each(|x| *x = f32::NAN);
        match slots.load(parameters, running, state).unwrap() {
            Some(progress) => Self { progress, ..learner },
            None => begins.clone(),
        }
    }

    fn digest(&self) -> u64 {
        let all: Vec<f32> = self.parameters.iter().chain(&self.running).chain(&self.state).copied().collect();
        let mut digest = Digest::of(&all);
        digest.push_bytes(&self.progress.to_le_bytes());
        digest.hash
    }

    fn lengths(&self) -> (u64, u64, u64) {
        (self.parameters.len() as u64, self.running.len() as u64, self.state.len() as u64)
    }
}

const TAG: u64 = 0x1234_5678_9abc_def0;

/// Saves after each step but the first; cuts the power at every place, and goes on.
fn survives<const WRITE: usize, const ERASE: usize>(optimiser: Optimiser, torn: &[u32], stride: usize) {
    let begins = Learner::new(optimiser);
    // What an uncut run has after each step.
    let mut uncut = vec![begins.clone()];
    for _ in 0..6 {
        let mut next = uncut.last().unwrap().clone();
        next.step();
        uncut.push(next);
    }
    let digests: Vec<u64> = uncut.iter().map(Learner::digest).collect();
    let units = (if WRITE == 8 { 8 } else { 1 }, WRITE, ERASE);
    let len = slot_len(begins.lengths(), units).unwrap();
    let at = ERASE as u32;
    let open = |flash| Slots::open(flash, at, len, TAG).unwrap();
    let mut slots = open(Flash::<WRITE, ERASE>::new((at + 2 * len) as usize));
    assert_eq!(slots.newest(), None);
    // The first save has nothing to fall back on, the second goes to the other slot, the third over the first.
    for saved in 1..5 {
        let before = slots.free();
        let mut whole = before.restarted();
        {
            let mut slots = open(whole.clone());
            uncut[saved].save(&mut slots).unwrap();
            whole = slots.free();
        }
        let operations = whole.done;
        for left in (0..operations).filter(|k| *k < 40 || k + 40 > operations || (*k as usize).is_multiple_of(stride)) {
            for &torn in torn {
                let flash = Flash { left: Some(left), torn, ..before.restarted() };
                let mut cut = open(flash);
                assert_eq!(uncut[saved].save(&mut cut), Err(SlotError::Flash(Dark)));
                let mut again = open(cut.free().restarted());
                let mut learner = Learner::taken_up(&begins, &mut again);
                let step = learner.progress.step as usize;
                // Before the first save the old state is the beginning. The new one counts once its last word is there.
                let old = if saved == 1 { 0 } else { saved - 1 };
                assert!(step == old || step == saved, "{step} after {left} of {operations}");
                if step == saved {
                    assert_eq!(left + 1, operations);
                }
                assert_eq!(learner.digest(), digests[step], "cut after {left} of {operations}, torn {torn}");
                // Training goes on, and saves again over what the cut left.
                while (learner.progress.step as usize) < saved + 1 {
                    learner.step();
                }
                assert_eq!(learner.digest(), digests[saved + 1]);
                learner.save(&mut again).unwrap();
                let mut again = open(again.free());
                assert_eq!(Learner::taken_up(&begins, &mut again), uncut[saved + 1]);
            }
        }
        slots = open(whole.restarted());
        assert_eq!(slots.newest().unwrap().sequence, saved as u32 - 1);
    }
}

const ADAM: Optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

#[test]
fn every_cut_is_survived_in_bytes() {
    survives::<1, 4096>(Optimiser::Sgd, &[0, 1, 2], 5);
}

#[test]
fn every_cut_is_survived_in_words_of_4() {
    survives::<4, 4096>(Optimiser::Momentum { mu: 0.9 }, &[0, 1, 2, 3, 4], 1);
}

#[test]
fn every_cut_is_survived_in_words_of_8() {
    survives::<8, 4096>(ADAM, &[0, 1, 2, 3, 4], 1);
}

#[test]
fn every_cut_is_survived_in_large_sectors() {
    survives::<32, 131_072>(Optimiser::Sgd, &[0, 1, 2, 3, 4, 5, 6], 1);
    survives::<256, 4096>(ADAM, &[0, 1, 2, 3, 4, 5, 6], 1);
}

#[test]
fn garbage_is_never_a_state() {
    let begins = Learner::new(Optimiser::Sgd);
    let mut slots = Slots::open(Flash::<4, 4096>::new(8192), 0, 4096, TAG).unwrap();
    begins.save(&mut slots).unwrap();
    let good = slots.free();
    let whole = |bytes: Vec<u8>| {
        let flash = Flash { bytes, ..good.clone() };
        Slots::open(flash, 0, 4096, TAG).unwrap().newest().is_some()
    };
    assert!(whole(good.bytes.clone()));
    for round in 0..20_000u32 {
        let any = |i: usize| mixed(round << 14 ^ i as u32) as u8;
        // Wholly random; behind a good magic, format and contract; behind good fields.
        let mut bytes = good.bytes.clone();
        let kept = [0, 24, 48][round as usize % 3];
        bytes[kept..1200].iter_mut().enumerate().for_each(|(i, byte)| *byte = any(i));
        assert!(!whole(bytes), "round {round}");
    }
    // Every bit that counts counts: fields, sum and state.
    let used = 52 + 36 + 4 * (begins.parameters.len() + begins.running.len());
    for bit in 0..8 * used {
        let mut bytes = good.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!whole(bytes), "bit {bit}");
    }
    for fill in [0, 0xff] {
        assert!(!whole(vec![fill; 8192]));
    }
}

#[test]
fn whats_in_the_way_has_a_name() {
    type Small = Flash<4, 4096>;
    let learner = Learner::new(Optimiser::Sgd);
    let open = |flash: Small, at, len, tag| Slots::open(flash, at, len, tag).map(|slots| slots.contents());
    let new = || Small::new(16_384);
    assert_eq!(open(new(), 1, 4096, TAG), Err(SlotError::Place));
    assert_eq!(open(new(), 0, 4000, TAG), Err(SlotError::Place));
    assert_eq!(open(new(), 0, 0, TAG), Err(SlotError::Place));
    assert_eq!(open(new(), 8192, 8192, TAG), Err(SlotError::Place));
    assert_eq!(open(new(), 0, u32::MAX / 4096 * 4096, TAG), Err(SlotError::Place));
    let odd = Slots::open(Flash::<12, 4096>::new(16_384), 0, 4096, TAG);
    assert_eq!(odd.map(|slots| slots.contents()), Err(SlotError::Units));

    let mut slots = Slots::open(Small { bytes: vec![0xff; 16_384], ..new() }, 0, 4096, TAG).unwrap();
    assert_eq!(slots.contents(), [Content::Empty; 2]);
    let long = vec![0.5; 2000];
    let need = u64::from(slot_len((2000, 0, 0), (1, 4, 4096)).unwrap());
    let short = slots.save(&long, &[], &[], &learner.progress);
    assert_eq!(short, Err(SlotError::TooSmall { need, have: 4096 }));
    learner.save(&mut slots).unwrap();
    let held = slots.newest().unwrap();
    let mut other = vec![0.0; 7];
    assert_eq!(slots.load(&mut other, &mut [], &mut []), Err(SlotError::Lengths(held)));
    let flash = slots.free();
    assert_eq!(open(flash.clone(), 0, 4096, TAG), Ok([Content::Whole(held), Content::Empty]));
    assert_eq!(open(flash.clone(), 0, 4096, 7), Ok([Content::Tag(TAG), Content::Empty]));
    let mut of = flash.clone();
    of.bytes[8] = 2;
    assert_eq!(open(of, 0, 4096, TAG), Ok([Content::Format(2), Content::Empty]));

    // A cell that lost its bit does not go unnoticed, and the other slot still counts.
    #[derive(Clone)]
    struct Worn(Small);
    impl ErrorType for Worn {
        type Error = Dark;
    }
    impl ReadNorFlash for Worn {
        const READ_SIZE: usize = 1;
        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Dark> {
            self.0.read(offset, bytes)
        }
        fn capacity(&self) -> usize {
            self.0.capacity()
        }
    }
    impl NorFlash for Worn {
        const WRITE_SIZE: usize = 4;
        const ERASE_SIZE: usize = 4096;
        fn erase(&mut self, from: u32, to: u32) -> Result<(), Dark> {
            self.0.erase(from, to)
        }
        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Dark> {
            self.0.write(offset, bytes)?;
            self.0.bytes[4096 + 200] = 0x5a;
            Ok(())
        }
    }
    let mut slots = Slots::open(Worn(flash), 0, 4096, TAG).unwrap();
    assert_eq!(learner.save(&mut slots), Err(SlotError::Unsound));
    assert_eq!(slots.contents(), [Content::Whole(held), Content::Damaged]);
    assert_eq!(slots.newest(), Some(held));
    assert_eq!(Learner::taken_up(&learner, &mut slots), learner);
}
