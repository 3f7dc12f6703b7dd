//! Runs over sets of points: graphs as words and in closed form, weights stored and drawn.
use crate::{buffer, slice};
use core::hint::black_box;
use shatterscope::exec::{Buffers, Input, Observer, Run, Seen, Source};
use shatterscope::graph::{Graph, NodeWords};
use shatterscope::internals::plan::Cursor;
use shatterscope::plan::{Plan, RunOptions, Want};
use shatterscope::spec::Spec;
use shatterscope::weights::Seeded;
use shatterscope::workers::Serial;
use shatterscope::{Error, Pass};

pub fn everything() {
    let spec: Spec = black_box(Spec::feedforward(black_box(3), black_box(4)));
    let seeded: Seeded = black_box(Seeded::new(&spec, black_box(7), black_box(0)));
    let stored = [0.0; 8];
    let _ = black_box(family(&spec, Source::Seeded(&seeded)));
    let _ = black_box(family(&spec, Source::Stored(slice(&stored))));
    let words: [NodeWords; 3] = black_box([[0; 12]; 3]);
    let _ = black_box(listed(slice(&words), Source::Stored(slice(&stored))));
}

fn family(spec: &Spec, source: Source) -> Result<(), Error> {
    let graph = black_box(Graph::family(spec)?);
    black_box((graph.node(black_box(2)), graph.facts(black_box(3)), graph.len()));
    black_box((graph.inputs().count(), graph.outputs().count(), graph.distinct().count()));
    let want: Want = black_box(Want::DetachedGradient);
    points(&Plan::family(spec, want)?, source)
}

fn listed(words: &[NodeWords], source: Source) -> Result<(), Error> {
    let slots = [0; 9];
    let graph = Graph::from_words(words)?;
    points(&Plan::new(&graph, black_box(Want::Tangent), slice(&slots))?, source)
}

fn points(plan: &Plan, source: Source) -> Result<(), Error> {
    black_box(plan.slots_of(black_box(1)));
    let _ = black_box(source.panel_len(plan));
    let options: RunOptions = black_box(RunOptions::new(20));
    black_box((options.want(), plan.run(&options, black_box(4))?));
    let mut cursor: Cursor = black_box(Cursor::start(plan, &options));
    black_box((cursor.end(&options), cursor.pass(), cursor.is_summed(plan)));
    black_box(cursor.advance(plan));
    cursor.next_sweep(plan, &options);
    cursor.restart(plan, black_box(4));
    black_box(cursor);
    let _ = black_box(run::<1, 1>(plan, source));
    let _ = black_box(run::<4, 4>(plan, source));
    let _ = black_box(run::<2, 16>(plan, source));
    Ok(())
}

/// Reads all that is shown to it.
struct Sum(f32);

impl Observer for Sum {
    fn see(&mut self, seen: &Seen<'_>) {
        for point in 0..black_box(seen.count) {
            seen.point(point).for_each(|x| self.0 += x);
        }
        black_box(self.0);
    }

    fn looks(&self, _: Pass, operation: u32) -> bool {
        black_box(operation) != 1
    }
}

fn run<const R: usize, const T: usize>(plan: &Plan, source: Source) -> Result<(), Error> {
    let [mut values, mut statistics, mut scratch, mut outputs] = [[0.0; 8]; 4];
    let (mut tape, mut gradient) = ([0; 8], [0.0; 8]);
    let buffers = Buffers {
        values: buffer(&mut values),
        tape: buffer(&mut tape),
        statistics: buffer(&mut statistics),
        scratch: buffer(&mut scratch),
        gathered: &mut [],
    };
    let mut run = Run::<Serial, R, T>::new(
        plan,
        source,
        &Serial,
        black_box(Input::Points(slice(&[1.0; 4]))),
        black_box(RunOptions::new(20)),
        buffers,
        buffer(&mut outputs),
        buffer(&mut gradient),
    )?
    .with_cotangent(slice(&[1.0; 4]))?;
    black_box((run.lengths(), run.multiply_adds()));
    black_box(run.step(black_box(1))?.is_done());
    black_box(run.step_observed(black_box(1), &mut Sum(0.0))?.is_done());
    run.run()
}
