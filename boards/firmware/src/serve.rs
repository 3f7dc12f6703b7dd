use crate::answer::Answer;
use crate::compute::{Kept, compute};
use crate::device::{Clock, Device, Gone, Keep, Machine, Stack, Transport};
use crate::model::Model;
use crate::train::{Refused, Session, TraceWriter};
use crate::watch::Line;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use shatterscope::InvalidSpec;
use shatterscope::contract::CONTRACT;
use shatterscope::self_test::self_test;
use shatterscope::wire::{
    Broken, Decoder, Facts, Frame, Get, Hello, Load, MAX_FRAME, Message, Predict, Restore, Run, Save, Saved,
    StepRequest, Trace, VERSION, Why,
};

/// Why the firmware ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum End {
    /// The host closed the transport.
    Closed,
    /// The transport failed.
    Transport,
}

/// Tests the machine, says hello, then serves requests until the transport ends. `arena` is all the memory that runs may
/// use.
pub fn serve<const R: usize, const T: usize, B, C, S, L, P, D, F>(
    device: &mut Device<B, C, S, L, P, D, F>,
    arena: &mut [f32],
) -> End
where
    B: Transport,
    C: Clock,
    S: Stack,
    L: OutputPin,
    P: OutputPin,
    D: DelayNs,
    F: Keep,
{
    let failed = self_test().iter().fold(0, |bits, check| bits | 1 << *check as u32);
    let mut server = Server::<_, R, T> {
        machine: device,
        arena,
        buffer: [0; MAX_FRAME],
        failed,
        asked: None,
        kept: None,
        task: Task::None,
    };
    match server.listen() {
        Ok(()) => End::Closed,
        Err(Gone) => End::Transport,
    }
}

/// What stays in memory between requests. Methods that need much stack for a moment are kept out of line, so that none of
/// it is there while a run computes.
struct Server<'a, M, const R: usize, const T: usize> {
    machine: &'a mut M,
    arena: &'a mut [f32],
    buffer: [u8; MAX_FRAME],
    failed: u32,
    /// The request at hand.
    asked: Option<Run>,
    /// The run whose outputs and gradient are still in the arena.
    kept: Option<Kept>,
    /// What has the arena for itself from one request to the next.
    task: Task,
}

/// What goes on between requests: one at a time, in the same memory.
enum Task {
    None,
    /// A training.
    Training(Session),
    /// A graph that is loaded.
    Inference(Model),
}

/// What a frame asks for, free of the decoder's bytes.
enum Request {
    Hello {
        same_contract: bool,
    },
    /// What is asked for lies in the server.
    Run,
    /// The training that lies in the server.
    Train,
    StepRequest(StepRequest),
    Trace(Trace),
    Get(Get),
    Save(Save),
    Restore(Restore),
    /// The graph that lies in the server.
    Load,
    Predict(Predict),
    Unread(Broken),
}

impl<M: Machine, const R: usize, const T: usize> Server<'_, M, R, T> {
    fn listen(&mut self) -> Result<(), Gone> {
        self.hello(0)?;
        let mut decoder = Decoder::new();
        while let Some(byte) = self.machine.read()? {
            match self.read(byte, &mut decoder) {
                None => {}
                Some((number, Request::Hello { same_contract: true })) => self.hello(number)?,
                Some((number, Request::Hello { .. })) => self.refuse(number, Why::Contract, 0)?,
                Some((number, Request::Unread(broken))) => self.refuse(number, Why::Frame, broken as u64)?,
                Some((number, _)) if self.failed != 0 => self.refuse(number, Why::SelfTest, 0)?,
                Some((number, _)) if self.machine.overflowed() => self.refuse(number, Why::Stack, 0)?,
                Some((number, Request::Run)) if cfg!(feature = "probe") => self.run(number, &mut decoder)?,
                Some((number, Request::Train)) if cfg!(feature = "train") => self.train(number)?,
                Some((number, Request::StepRequest(teach))) if cfg!(feature = "train") => {
                    self.teach(number, &teach, &mut decoder)?
                }
                Some((number, Request::Trace(trace))) if cfg!(feature = "train") => {
                    self.trace(number, &trace, &mut decoder)?
                }
                Some((number, Request::Get(get))) => self.get(number, &get)?,
                Some((number, Request::Save(save))) if cfg!(feature = "train") => self.save(number, &save)?,
                Some((number, Request::Restore(restore))) if cfg!(feature = "train") => {
                    self.restore(number, &restore)?
                }
                Some((number, Request::Load)) => self.load(number)?,
                Some((number, Request::Predict(predict))) => self.predict(number, &predict, &mut decoder)?,
                // What is not compiled in.
                Some((number, _)) => self.refuse(number, Why::Network(InvalidSpec::Feature), 0)?,
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn read(&mut self, byte: u8, decoder: &mut Decoder) -> Option<(u32, Request)> {
        match decoder.push(byte)? {
            Err(broken) => Some((0, Request::Unread(broken))),
            Ok(Frame { request, message, .. }) => match message {
                Message::Hello(hello) => Some((request, Request::Hello { same_contract: hello.contract == CONTRACT })),
                Message::Run(run) => {
                    self.asked = Some(run);
                    Some((request, Request::Run))
                }
                Message::Train(train) => {
                    let is_at_hand = matches!(&self.task, Task::Training(session) if session.is(&train));
                    if cfg!(feature = "train") && !is_at_hand {
                        self.kept = None;
                        self.task = Task::Training(Session::new(&train));
                    }
                    Some((request, Request::Train))
                }
                Message::Put(put) => {
                    match &mut self.task {
                        Task::Training(session) if cfg!(feature = "train") => session.put::<T>(&put, self.arena),
                        Task::Inference(model) if model.number() == put.session => model.put::<T>(&put, self.arena),
                        _ => {}
                    }
                    None
                }
                Message::Load(load) => {
                    self.begin_model(&load);
                    Some((request, Request::Load))
                }
                Message::Predict(predict) => Some((request, Request::Predict(predict))),
                Message::StepRequest(teach) => Some((request, Request::StepRequest(teach))),
                Message::Trace(trace) => Some((request, Request::Trace(trace))),
                Message::Get(get) => Some((request, Request::Get(get))),
                Message::Save(save) => Some((request, Request::Save(save))),
                Message::Restore(restore) => Some((request, Request::Restore(restore))),
                // A cancel that comes too late; a device's messages, in an echo.
                _ => None,
            },
        }
    }

    // Out of line: what a run keeps on the stack is not there while a training goes on.
    #[inline(never)]
    fn run(&mut self, number: u32, decoder: &mut Decoder) -> Result<(), Gone> {
        let Some(run) = &self.asked else { return Ok(()) };
        log!(info, "request {}: {}", number, run);
        let mut answer = Answer::new(self.machine, &mut self.buffer, number);
        match &self.kept {
            Some(kept) if kept.holds(run) => return kept.say(run, self.arena, &mut answer),
            _ => {}
        }
        self.kept = None;
        self.task = Task::None;
        compute::<R, T, M>(run, self.arena, decoder, &mut answer, &mut self.kept)
    }

    /// Begins the training that lies in the server, or says where it stands.
    #[inline(never)]
    fn train(&mut self, number: u32) -> Result<(), Gone> {
        let mut answer = Answer::new(self.machine, &mut self.buffer, number);
        let Task::Training(session) = &mut self.task else { return Ok(()) };
        match session.begin::<T>(self.arena) {
            Ok(ready) => answer.say(Message::Ready(ready)),
            Err(refused) => {
                // Nodes that have not come yet are awaited.
                if !refused.is_for_nodes() {
                    self.task = Task::None;
                }
                refused.say(&mut answer)
            }
        }
    }

    #[inline(never)]
    fn teach(&mut self, number: u32, teach: &StepRequest, decoder: &mut Decoder) -> Result<(), Gone> {
        let answer = Answer::new(self.machine, &mut self.buffer, number);
        let mut line = Line { answer, decoder, trace: None };
        match &mut self.task {
            Task::Training(session) if session.number() == teach.session => {
                let taught = session.teach::<R, T, M>(teach, self.arena, &mut line);
                if taught.as_ref().is_err_and(Refused::is_final) {
                    self.task = Task::None;
                }
                computed(&taught, |taught| Message::StepResult(*taught), &mut line.answer)
            }
            _ => line.answer.refuse(Why::Session, teach.session as u64, 0),
        }
    }

    #[inline(never)]
    fn trace(&mut self, number: u32, trace: &Trace, decoder: &mut Decoder) -> Result<(), Gone> {
        let mut writer = TraceWriter::new(trace.what);
        let answer = Answer::new(self.machine, &mut self.buffer, number);
        let mut line = Line { answer, decoder, trace: Some(&mut writer) };
        match &mut self.task {
            Task::Training(session) if session.number() == trace.step.session => {
                session.trace::<R, T, M>(&trace.step, self.arena, &mut line)
            }
            _ => line.answer.refuse(Why::Session, trace.step.session as u64, 0),
        }
    }

    fn begin_model(&mut self, load: &Load) {
        if !matches!(&self.task, Task::Inference(model) if model.is(load)) {
            self.kept = None;
            self.task = Task::Inference(Model::new(load));
        }
    }

    /// Lays out the graph that lies in the server, or says how it is laid out.
    #[inline(never)]
    fn load(&mut self, number: u32) -> Result<(), Gone> {
        let mut answer = Answer::new(self.machine, &mut self.buffer, number);
        let Task::Inference(model) = &mut self.task else { return Ok(()) };
        match model.load::<T>(self.arena) {
            Ok(loaded) => answer.say(Message::Loaded(loaded)),
            Err(refused) => {
                // Nodes that have not come yet are awaited.
                if !refused.is_for_nodes() {
                    self.task = Task::None;
                }
                refused.say(&mut answer)
            }
        }
    }

    #[inline(never)]
    fn predict(&mut self, number: u32, predict: &Predict, decoder: &mut Decoder) -> Result<(), Gone> {
        let answer = Answer::new(self.machine, &mut self.buffer, number);
        let mut line = Line { answer, decoder, trace: None };
        match &mut self.task {
            Task::Inference(model) if model.number() == predict.session => {
                let predicted = model.predict::<R, T, M>(predict, self.arena, &mut line);
                computed(&predicted, |predicted| Message::Predicted(*predicted), &mut line.answer)
            }
            _ => line.answer.refuse(Why::Session, predict.session as u64, 0),
        }
    }

    #[inline(never)]
    fn get(&mut self, number: u32, get: &Get) -> Result<(), Gone> {
        let mut answer = Answer::new(self.machine, &mut self.buffer, number);
        match &self.task {
            Task::Training(session) if cfg!(feature = "train") && session.number() == get.session => {
                session.say(get, self.arena, &mut answer)
            }
            Task::Inference(model) if model.number() == get.session => model.say::<T, M>(get, self.arena, &mut answer),
            _ => answer.refuse(Why::Session, get.session as u64, 0),
        }
    }

    #[inline(never)]
    fn save(&mut self, number: u32, save: &Save) -> Result<(), Gone> {
        let mut answer = Answer::new(self.machine, &mut self.buffer, number);
        match &mut self.task {
            Task::Training(session) if session.number() == save.session => {
                saved(session.save(save, self.arena, answer.machine()), &mut answer)
            }
            _ => answer.refuse(Why::Session, save.session as u64, 0),
        }
    }

    #[inline(never)]
    fn restore(&mut self, number: u32, restore: &Restore) -> Result<(), Gone> {
        let mut answer = Answer::new(self.machine, &mut self.buffer, number);
        match &mut self.task {
            Task::Training(session) if session.number() == restore.session => {
                let restored = session.restore(self.arena, answer.machine());
                // Parameters may be half of what they were.
                if let Err(Refused::Why(Why::Flash, ..)) = restored {
                    self.task = Task::None;
                }
                saved(restored, &mut answer)
            }
            _ => answer.refuse(Why::Session, restore.session as u64, 0),
        }
    }

    #[inline(never)]
    fn refuse(&mut self, number: u32, why: Why, need: u64) -> Result<(), Gone> {
        let have = if why == Why::SelfTest { self.failed as u64 } else { 0 };
        Answer::new(self.machine, &mut self.buffer, number).refuse(why, need, have)
    }

    #[inline(never)]
    fn hello(&mut self, number: u32) -> Result<(), Gone> {
        let board = *self.machine.board();
        log!(
            info,
            "{}: {} at commit {}, failed checks {}",
            board.name,
            CONTRACT,
            env!("SHATTERSCOPE_COMMIT"),
            self.failed
        );
        let facts = Facts {
            board: board.name,
            core: board.core,
            fpu: board.fpu,
            clock: board.clock,
            flash: board.flash,
            ram: board.ram,
            arena: (self.arena.len() * 4) as u32,
            rows: R as u32,
            tile: T as u32,
            failed_checks: self.failed,
        };
        let hello = Hello {
            wire: VERSION as u32,
            contract: CONTRACT,
            commit: env!("SHATTERSCOPE_COMMIT"),
            compiler: env!("SHATTERSCOPE_COMPILER"),
            facts: Some(facts),
        };
        Answer::new(self.machine, &mut self.buffer, number).say(Message::Hello(hello))
    }
}

fn saved<M: Machine>(saved: Result<Saved, Refused>, answer: &mut Answer<M>) -> Result<(), Gone> {
    match saved {
        Ok(saved) => answer.say(Message::Saved(saved)),
        Err(refused) => refused.say(answer),
    }
}

/// Says what was computed, unless the stack ran out meanwhile.
#[inline(never)]
fn computed<A, M: Machine>(
    computed: &Result<A, Refused>,
    message: impl FnOnce(&A) -> Message<'static>,
    answer: &mut Answer<M>,
) -> Result<(), Gone> {
    match computed {
        Ok(_) if answer.machine().overflowed() => answer.refuse(Why::Stack, 0, 0),
        Ok(computed) => answer.say(message(computed)),
        Err(refused) => refused.say(answer),
    }
}
