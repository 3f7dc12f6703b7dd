//! A step that both do again: every value, gradient and parameter of every node comes over the line, and is the same.
use crate::common::train_spec;
use shatterscope::exec::Isa;
use shatterscope_host::data;
use shatterscope_host::device::link::Link;
use shatterscope_host::train::{Pupil, Run};
use shatterscope_simulated::{Fate, Made, Simulated};
use std::time::Duration;

const COURSES: [&str; 4] = [
    "--depth 1 --width 2 --batch 1",
    "--depth 2 --width 2 --batch-norm --batch 3 --optimiser adam --rate 0.003",
    "--net lenet --width 1 --batch 2 --optimiser momentum",
    "--net stack --depth 4 --width 2 --skips resnet --activation prelu --batch 5",
];

#[test]
fn a_step_done_again_has_the_same_nodes_here_and_there() {
    for words in COURSES {
        let spec = train_spec(words);
        let digits = data::open(None).unwrap();
        let mut run = Run::new(spec.clone(), &digits, Isa::detect(), None).unwrap();
        let link = Link::open(Simulated::new(Made::default(), Box::new(|_, _| Fate::Pass)), Duration::from_secs(10));
        let mut pupil = Pupil::new((link.unwrap(), None), "simulated".to_owned(), &spec, run.model(), 0).unwrap();
        for step in 0..3 {
            let (lesson, before) = (run.lesson().unwrap(), run.model().clone());
            let outcome = run.step().unwrap();
            if step < 2 {
                pupil.teach(&lesson, &outcome, &before, run.model()).unwrap();
                continue;
            }
            // What this machine says of the step is wrong: both do it again, and no node differs.
            let mut wrong = run.model().clone();
            *wrong.parameters.last_mut().unwrap() += 1.0;
            let told = pupil.teach(&lesson, &outcome, &before, &wrong).unwrap_err().to_string();
            assert!(told.contains("simulated: step 3: parameters "), "{words}: {told}");
            assert!(
                told.ends_with("done again, no node differs: the device does not repeat itself"),
                "{words}: {told}"
            );
        }
    }
}
