use super::{bits, near, sample};
use shatterscope::exec::Isa;
use shatterscope::math::Math;
use shatterscope::train::{Decay, Optimiser, Powers, Settings, UpdateRule};
use shatterscope::{Buffer, Error, InvalidConfig};

const ADAM: Optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const ALL: [Optimiser; 4] = [Optimiser::Sgd, Optimiser::Momentum { mu: 0.9 }, Optimiser::Nesterov { mu: 0.75 }, ADAM];
const DECAYS: [Decay; 3] = [Decay::None, Decay::L2(0.01), Decay::Decoupled(0.02)];

fn settings(optimiser: Optimiser, decay: Decay) -> Settings {
    Settings::new(optimiser).with_decay(decay)
}

/// A run of steps over 23 parameters, whose gradient is a noisy pull towards 1.
struct Run {
    settings: Settings,
    powers: Powers,
    weight: Vec<f32>,
    state: Vec<f32>,
    steps: u64,
}

impl Run {
    fn new(settings: Settings) -> Self {
        let state = vec![0.0; settings.optimiser.state_len(23) as usize];
        Self { settings, powers: Powers::new(), weight: sample(3, 23), state, steps: 0 }
    }

    fn gradient(&self) -> Vec<f32> {
        sample(100 + self.steps, 23).iter().zip(&self.weight).map(|(noise, w)| (w - 1.0) + 0.3 * noise).collect()
    }

    /// One step, the parameters cut in slices of `cut`.
    fn step(&mut self, rate: f32, cut: usize) {
        let gradient = self.gradient();
        let step = self.settings.step(rate, &mut self.powers).unwrap();
        let kept = self.settings.optimiser.state_len(1) as usize;
        for (i, (w, g)) in self.weight.chunks_mut(cut).zip(gradient.chunks(cut)).enumerate() {
            step.apply(w, g, &mut self.state[i * cut * kept..]).unwrap();
        }
        self.steps += 1;
    }
}

/// The textbook's rules in f64: one parameter.
#[derive(Clone, Copy, Default)]
struct Wide {
    w: f64,
    m: f64,
    v: f64,
}

impl Wide {
    fn step(&mut self, settings: &Settings, rate: f64, t: i32, g: f64) {
        let mut g = g;
        match settings.decay {
            Decay::None => {}
            Decay::L2(decay) => g += f64::from(decay) * self.w,
            Decay::Decoupled(decay) => self.w *= 1.0 - rate * f64::from(decay),
        }
        self.w -= rate
            * match settings.optimiser {
                Optimiser::Sgd => g,
                Optimiser::Momentum { mu } => {
                    self.v = f64::from(mu) * self.v + g;
                    self.v
                }
                Optimiser::Nesterov { mu } => {
                    self.v = f64::from(mu) * self.v + g;
                    g + f64::from(mu) * self.v
                }
                Optimiser::Adam { beta1, beta2, eps } => {
                    let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
                    self.m = beta1 * self.m + (1.0 - beta1) * g;
                    self.v = beta2 * self.v + (1.0 - beta2) * g * g;
                    let (m, v) = (self.m / (1.0 - beta1.powi(t)), self.v / (1.0 - beta2.powi(t)));
                    m / (v.sqrt() + f64::from(eps))
                }
            };
    }
}

#[test]
fn fifty_steps_of_every_rule_follow_f64() {
    for settings in ALL.into_iter().flat_map(|rule| DECAYS.map(|decay| settings(rule, decay))) {
        let mut run = Run::new(settings);
        let mut wide: Vec<_> = run.weight.iter().map(|&w| Wide { w: f64::from(w), ..Wide::default() }).collect();
        for t in 1..=50 {
            let gradient = run.gradient();
            run.step(0.03, 23);
            for (wide, g) in wide.iter_mut().zip(gradient) {
                wide.step(&settings, f64::from(0.03f32), t, f64::from(g));
            }
            for (w, wide) in run.weight.iter().zip(&wide) {
                // Half a unit in the last place a step, of weights up to 4.
                near(*w, wide.w, 1e-7 * f64::from(t), 1e-7 * f64::from(t));
            }
        }
    }
}

/// The first step of Adam has the size of the rate, whatever the gradient: without the corrections it would not.
#[test]
fn adam_begins_with_steps_of_one_rate() {
    let step = settings(ADAM, Decay::None).step(0.01, &mut Powers::new()).unwrap();
    let (mut w, g) = ([1.0; 4], [1e-3, -1e-3, 50.0, 1e8]);
    step.apply(&mut w, &g, &mut [0.0; 8]).unwrap();
    for (w, g) in w.into_iter().zip(g) {
        near(w, 1.0 - 0.01 * f64::from(g.signum()), 1e-6, 1e-6);
    }
}

/// On a quadratic of curvature c, momentum is a linear recurrence of two numbers: here with eigenvalues r e^(+-i
/// angle).
#[test]
fn momentum_on_a_quadratic_has_its_closed_form() {
    let (mu, rate, c) = (0.81f64, 0.1f64, 1.9f64);
    let trace = 1.0 + mu - rate * c;
    let (r, angle) = (mu.sqrt(), (trace / (2.0 * mu.sqrt())).acos());
    // w_0 = 1 and, as v_0 = 0, w_1 = 1 - rate c.
    let sine = (1.0 - rate * c - r * angle.cos()) / (r * angle.sin());
    let step = settings(Optimiser::Momentum { mu: mu as f32 }, Decay::None);
    let (mut w, mut v) = ([1.0f32], [0.0]);
    for t in 1..=40 {
        let gradient = [c as f32 * w[0]];
        step.step(rate as f32, &mut Powers::new()).unwrap().apply(&mut w, &gradient, &mut v).unwrap();
        let turn = f64::from(t) * angle;
        near(w[0], r.powi(t) * (turn.cos() + sine * turn.sin()), 1e-5, 1e-6);
    }
}

#[test]
fn cuts_of_the_parameters_change_no_bit() {
    for settings in ALL.into_iter().flat_map(|rule| DECAYS.map(|decay| settings(rule, decay))) {
        let mut whole = Run::new(settings);
        (0..5).for_each(|_| whole.step(0.1, 23));
        for cut in [1, 2, 7, 16] {
            let mut cut_run = Run::new(settings);
            (0..5).for_each(|_| cut_run.step(0.1, cut));
            assert_eq!(bits(&cut_run.weight), bits(&whole.weight));
            assert_eq!(bits(&cut_run.state), bits(&whole.state));
        }
    }
}

#[test]
fn element_functions_are_what_slices_do() {
    for settings in ALL.into_iter().flat_map(|rule| DECAYS.map(|decay| settings(rule, decay))) {
        let (weight, gradient, state) = (sample(3, 23), sample(4, 23), sample(5, 46));
        let state: Vec<f32> = state.iter().map(|s| s * s).collect();
        let step = settings.step(0.1, &mut Powers { beta1: 0.5, beta2: 0.25 }).unwrap();
        let (mut slices, mut kept) = (weight.clone(), state.clone());
        step.apply(&mut slices, &gradient, &mut kept).unwrap();
        let (mut ones, mut single) = (weight, state);
        for (i, w) in ones.iter_mut().enumerate() {
            *w = match &step {
                UpdateRule::Sgd(rule) => rule.update(*w, gradient[i]),
                UpdateRule::Momentum(rule) => rule.update(*w, gradient[i], &mut single[i]),
                UpdateRule::Adam(rule) => rule.update(*w, gradient[i], &mut single.as_chunks_mut().0[i]),
            };
        }
        assert_eq!(bits(&ones), bits(&slices));
        assert_eq!(bits(&single), bits(&kept));
    }
}

#[test]
fn a_run_taken_up_again_goes_on_bit_for_bit() {
    for settings in ALL.into_iter().flat_map(|rule| DECAYS.map(|decay| settings(rule, decay))) {
        let mut through = Run::new(settings);
        (0..9).for_each(|_| through.step(0.1, 23));
        let mut half = Run::new(settings);
        (0..4).for_each(|_| half.step(0.1, 23));
        half.powers = Powers::from_le_bytes(half.powers.to_le_bytes());
        (0..5).for_each(|_| half.step(0.1, 23));
        assert_eq!(bits(&half.weight), bits(&through.weight));
    }
    let powers = Powers { beta1: f32::from_bits(0x0403_0201), beta2: f32::from_bits(0x0807_0605) };
    assert_eq!(powers.to_le_bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(Powers { beta1: f32::from_bits(0xffff_ffff), ..powers }.to_le_bytes()[..4], [0, 0, 0xc0, 0x7f]);
}

#[test]
fn an_update_makes_no_negative_zero() {
    for settings in ALL.into_iter().flat_map(|rule| DECAYS.map(|decay| settings(rule, decay))) {
        let step = settings.step(0.5, &mut Powers::new()).unwrap();
        for (w, g) in [(0.0, 0.0), (0.0, -0.0), (1.0, 2.0), (-1.0, -2.0), (f32::from_bits(0x8000_0001), -0.0)] {
            let mut weight = [w];
            step.apply(&mut weight, &[g], &mut [0.0; 2]).unwrap();
            assert_ne!(weight[0].to_bits(), 0x8000_0000, "{settings:?} of {w} by {g}");
        }
    }
}

#[test]
fn state_is_counted() {
    assert_eq!(ALL.map(|rule| rule.state_len(1000)), [0, 1000, 1000, 2000]);
    assert_eq!(ADAM.state_len(u64::MAX), u64::MAX);
}

#[test]
fn what_does_not_fit_is_named() {
    let short = |buffer, need, have| Err(Error::TooShort { buffer, need, have });
    for (rule, need) in ALL.into_iter().zip([0, 3, 3, 6]) {
        let step = settings(rule, Decay::None).step(0.1, &mut Powers::new()).unwrap();
        let mut weight = [1.0; 3];
        assert_eq!(step.apply(&mut weight, &[1.0; 2], &mut [0.0; 6]), short(Buffer::Gradient, 3, 2));
        if need > 0 {
            let mut state = vec![0.0; need as usize - 1];
            assert_eq!(step.apply(&mut weight, &[1.0; 3], &mut state), short(Buffer::State, need, need - 1));
        }
        assert_eq!(weight, [1.0; 3]);
        assert_eq!(step.apply(&mut weight, &[1.0; 3], &mut vec![0.0; need as usize]), Ok(()));
    }
    let refused = |rule, decay, rate| settings(rule, decay).step(rate, &mut Powers::new()).err();
    let adam = |beta1, beta2, eps| Optimiser::Adam { beta1, beta2, eps };
    for mu in [-0.1, 1.0, f32::NAN] {
        for rule in [Optimiser::Momentum { mu }, Optimiser::Nesterov { mu }, adam(mu, 0.9, 1e-8), adam(0.9, mu, 1e-8)] {
            assert_eq!(
                refused(rule, Decay::None, 0.1),
                Some(Error::InvalidConfig(InvalidConfig::Optimiser)),
                "{rule:?}"
            );
        }
    }
    for eps in [0.0, -1.0, f32::INFINITY, f32::NAN] {
        assert_eq!(
            refused(adam(0.9, 0.9, eps), Decay::None, 0.1),
            Some(Error::InvalidConfig(InvalidConfig::Optimiser))
        );
    }
    for odd in [-1e-9, f32::INFINITY, f32::NAN] {
        assert_eq!(refused(ADAM, Decay::L2(odd), 0.1), Some(Error::InvalidConfig(InvalidConfig::Decay)));
        assert_eq!(refused(ADAM, Decay::Decoupled(odd), 0.1), Some(Error::InvalidConfig(InvalidConfig::Decay)));
        let mut powers = Powers::new();
        assert_eq!(settings(ADAM, Decay::None).step(odd, &mut powers), Err(Error::InvalidConfig(InvalidConfig::Rate)));
        assert_eq!(powers, Powers::new());
    }
    assert_eq!(refused(adam(0.0, 0.0, 1e-8), Decay::L2(0.0), 0.0), None);
}

#[test]
fn no_bit_depends_on_the_instructions() {
    let cases = ALL.into_iter().flat_map(|rule| DECAYS.map(|decay| settings(rule, decay)));
    for settings in cases.chain([settings(ADAM, Decay::None).with_math(Math::Micromath)]) {
        let (weight, state) = (sample(3, 53), sample(5, 106));
        let mut gradient = sample(4, 53);
        // Far from one: squares that leave the normal numbers, and zeros.
        for (i, g) in gradient.iter_mut().enumerate() {
            *g *= [1.0, 1e-21, 0.0, 1e18, -0.0][i % 5];
        }
        let state: Vec<f32> = state.iter().map(|s| s * s).collect();
        let step = settings.step(0.1, &mut Powers { beta1: 0.5, beta2: 0.25 }).unwrap();
        let (mut expected, mut kept) = (weight.clone(), state.clone());
        step.apply(&mut expected, &gradient, &mut kept).unwrap();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let (mut weight, mut state) = (weight.clone(), state.clone());
            step.apply_with(isa, &mut weight, &gradient, &mut state).unwrap();
            assert_eq!(bits(&weight), bits(&expected), "{isa:?} {settings:?}");
            assert_eq!(bits(&state), bits(&kept), "{isa:?} {settings:?}");
        }
    }
}
