//! Inference in the slots of a plan against the plain loops, bit for bit.
use super::dags::Draw;
use super::machine::{How, Mode, Planned, Room, Task, bits, by_point, forward, load};
use super::walk::{Case, Walk, turned};
use super::workers::Order;
use super::{naive, networks};
use shatterscope::Error;
use shatterscope::exec::Isa;
use shatterscope::exec::{self, Buffers, Executor, Options};
use shatterscope::plan::Want;
use shatterscope::workers::Serial;

/// The outputs by points, cut in batches of which the largest is planned.
fn run<const R: usize, const T: usize>(task: &Task, order: &Order, how: How) -> Result<Vec<u32>, Error> {
    let planned = Planned::new(&task.layers, Want::Output)?;
    let plan = planned.plan();
    let batch = *how.cuts.iter().max().unwrap();
    let mut room = Room::new::<T>(&plan, batch, how.scratch, 0);
    let Room { values, scratch, .. } = &mut room;
    let options = Options::new(batch as u32).with_isa(how.isa);
    let mut executor = Executor::<_, R, T>::new(&plan, order, options, Buffers::of_outputs(values, scratch))?;
    let (width, of) = (planned.ends().1, planned.output());
    let (mut out, mut first) = (Vec::new(), 0);
    for &count in how.cuts {
        let outputs = forward(&mut executor, task, (first, count), &task.parameters, &mut task.running.clone())?;
        out.extend(by_point::<T>(outputs.output(of).unwrap(), width, count));
        first += count;
    }
    room.check();
    Ok(bits(&out))
}

#[test]
fn inference_has_the_bits_of_the_plain_loops() {
    for (name, layers) in networks::all() {
        let points = 21;
        let task = Task::new(&layers, points, Mode::Inference);
        let expected = naive::run(&task, How::plain(&[points])).outputs;
        for (turn, isa) in Isa::ALL.into_iter().enumerate() {
            for cuts in [&[21][..], &[16, 5], &[1, 3, 17]] {
                for scratch in [0, 40 * turn, 5000] {
                    let how = How { isa, scratch, ..How::plain(cuts) };
                    let check = |tile: &str, ours: Result<Vec<u32>, Error>| {
                        assert_eq!(ours.as_ref(), Ok(&expected), "{name}, {tile}, {how:?}");
                    };
                    check("1x1", run::<1, 1>(&task, &Order::InTurn, how));
                    check("4x4", run::<4, 4>(&task, &Order::Reverse, how));
                    check("5x16", run::<5, 16>(&task, &Order::Threads, how));
                }
            }
        }
    }
}

#[test]
fn a_fault_names_the_layer_and_ends_the_pass() {
    let layers = networks::plain().into_iter().find(|(name, _)| *name == "dense").unwrap().1;
    let planned = Planned::new(&layers, Want::Output).unwrap();
    let plan = planned.plan();
    let mut task = Task::new(&layers, 1, Mode::Inference);
    // A weight of the second dense layer, which is layer 3.
    task.parameters[7 * 13 + 13 + 2] = f32::INFINITY;
    let mode = || exec::Mode::Inference { running: &task.running };
    let mut values = vec![0.0; plan.values_len(1, 1).unwrap() as usize];
    let mut scratch = vec![0.0; plan.scratch_len as usize];
    let buffers = Buffers::of_outputs(&mut values, &mut scratch);
    let options = Options::new(1).with_isa(Isa::Portable);
    let mut executor = Executor::<_, 1, 1>::new(&plan, &Serial, options, buffers).unwrap();
    let mut batch = executor.begin(1).unwrap();
    batch.input(0).unwrap().0.fill(1.0);
    assert_eq!(batch.input(1), None);
    let mut forward = batch.forward(&task.parameters, mode()).unwrap();
    let error = loop {
        match forward.step(u64::MAX) {
            Ok(more) => assert!(more, "the fault was not found"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        error.to_string().split(',').nth(1),
        Some(" first at layer 3: the numbers leave the range of f32; lower the depth")
    );
    assert_eq!(forward.step(u64::MAX), Err(error));
    // Nor is there a value of the node before, or of one to come.
    for node in forward.node() - 1..plan.graph().len() as u32 {
        assert_eq!(forward.run_to(node).err(), Some(error));
    }
    assert_eq!(forward.run().err(), Some(error));
    // The input is looked at as well.
    let mut batch = executor.begin(1).unwrap();
    batch.input(0).unwrap().0.fill(f32::NAN);
    assert!(matches!(batch.forward(&task.parameters, mode()).err(), Some(Error::InvalidValue { index: 0, .. })));
    // And lengths.
    let batch = executor.begin(1).unwrap();
    assert!(matches!(batch.forward(&task.parameters[1..], mode()).err(), Some(Error::TooShort { .. })));
    assert!(executor.begin(2).is_err());
    assert!(executor.begin(0).is_err());
}

#[test]
fn a_pass_that_was_begun_in_steps_is_run_to_its_end() {
    for (name, layers) in networks::plain() {
        let points = 5;
        let task = Task::new(&layers, points, Mode::Inference);
        let expected = naive::run(&task, How::plain(&[points])).outputs;
        let planned = Planned::new(&layers, Want::Output).unwrap();
        let plan = planned.plan();
        let mut room = Room::new::<4>(&plan, points, 0, 0);
        let options = Options::new(points as u32).with_isa(Isa::Portable);
        let mut executor = Executor::<_, 4, 4>::new(&plan, &Order::InTurn, options, room.buffers()).unwrap();
        // Rows of weights, a step each: after so many of them, all that is left at once.
        for steps in 0.. {
            let mut batch = executor.begin(points as u32).unwrap();
            load(&mut batch, 0, (0, points), &task.inputs);
            let mut running = task.running.clone();
            let mut forward = batch.forward(&task.parameters, task.mode(&mut running)).unwrap();
            let more = (0..steps).all(|_| forward.step(1).unwrap());
            let outputs = forward.run().unwrap();
            let found = by_point::<4>(outputs.output(planned.output()).unwrap(), planned.ends().1, points);
            assert_eq!(bits(&found), expected, "{name}, {steps} steps");
            if !more {
                break;
            }
        }
    }
}

/// Passes over a graph that stop at one node, or at one after the other.
fn stopped<const R: usize, const T: usize>(case: &Case, walk: &Walk, isa: Isa) {
    let planned = Planned::of(case.nodes.clone(), Want::Output).unwrap();
    let plan = planned.plan();
    let mut room = Room::new::<T>(&plan, case.points, 0, 1);
    let options = Options::new(case.points as u32).with_isa(isa);
    let mut executor = Executor::<_, R, T>::new(&plan, &Order::InTurn, options, room.buffers()).unwrap();
    let (nodes, first) = (case.nodes.len() as u32, case.inputs.len() as u32);
    let same = |node: u32, found: (&[f32], usize)| {
        let units = planned.units(node);
        let expected = bits(&turned(&walk.values[node as usize], units));
        assert_eq!(bits(&by_point::<T>(found, units, case.points)), expected, "node {node}: {:?}", case.nodes);
    };
    let mut running = case.running.clone();
    // The distance of the nodes at which a pass stops; each pass after the first begins one later.
    for (start, every) in (first - 1..nodes).map(|start| (start, nodes)).chain([(first - 1, 1), (first, 2), (first, 3)])
    {
        let mut batch = executor.begin(case.points as u32).unwrap();
        (0..).zip(&case.inputs).for_each(|(i, inputs)| load(&mut batch, i, (0, case.points), inputs));
        let mut forward = batch.forward(&case.parameters, case.mode(&mut running)).unwrap();
        for node in (start..nodes).step_by(every as usize) {
            same(node, forward.run_to(node).unwrap());
            // The value stays until the next node is computed.
            same(node, forward.run_to(node).unwrap());
            assert_eq!(forward.node(), node + 1);
            for passed in 0..node {
                assert_eq!(forward.run_to(passed), Err(Error::NoNode { node: passed, next: node + 1, nodes }));
            }
            for past in [nodes, u32::MAX] {
                assert_eq!(forward.run_to(past), Err(Error::NoNode { node: past, next: node + 1, nodes }));
            }
            // A node of which some rows are done is ended.
            if node + 1 < nodes && every > 1 {
                forward.step(1).unwrap();
            }
        }
        let outputs = forward.run().unwrap();
        planned.graph().outputs().for_each(|i| same(i, outputs.output(i).unwrap()));
    }
    room.check();
}

#[test]
fn a_pass_that_stops_at_a_node_has_its_value_by_the_plain_loops() {
    for number in 0..80 {
        let drawn = Case::new(&mut Draw(0, 9_000_000 + number), number % 2 > 0);
        let case = Case { mode: Mode::Inference, ..drawn };
        let (walk, _) = Walk::values(&case, true);
        let isa = Isa::ALL[number as usize % Isa::ALL.len()];
        stopped::<1, 1>(&case, &walk, isa);
        stopped::<4, 4>(&case, &walk, isa);
        stopped::<5, 16>(&case, &walk, isa);
    }
}

#[test]
fn a_node_that_cannot_be_computed_is_named() {
    let passed = Error::NoNode { node: 3, next: 5, nodes: 9 };
    assert_eq!(passed.to_string(), "node 3 has been computed already: node 5 comes next");
    let past = Error::NoNode { node: 9, next: 5, nodes: 9 };
    assert_eq!(past.to_string(), "node 9 does not exist: the graph has 9 nodes, counted from 0");
}
