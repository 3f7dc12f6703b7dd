//! Named specs: the paper's networks and the textbook's.
use crate::spec::{Acf, Family, Init, Norm, Overrides};

/// A spec with a name, and the statistic that goes with it.
pub struct Preset {
    /// As `--preset` takes it.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// What differs from the defaults.
    pub overrides: Overrides,
    /// Autocorrelation.
    pub acf: Acf,
    /// Largest lag.
    pub lags: u32,
}

/// All presets.
pub fn presets() -> Vec<Preset> {
    let paper = |name, about, overrides| Preset { name, about, overrides, acf: Acf::MeanRemoved, lags: 15 };
    let one = |overrides| Overrides { runs: Some(1), ..overrides };
    let resnet = |beta| Overrides {
        family: Some(Family::Resnet),
        norm: Some(Norm::Batch),
        depth: Some(50),
        beta: Some(beta),
        ..Overrides::default()
    };
    let centred = |depth| Overrides { norm: Some(Norm::Centre), depth: Some(depth), ..Overrides::default() };
    let deviation = Some(0.005f64.sqrt());
    vec![
        paper("fig1a", "Figure 1 (a): one layer, 200 units", one(Overrides { depth: Some(1), ..Overrides::default() })),
        paper("fig1b", "Figure 1 (b): 24 layers, mean-centred", one(centred(24))),
        paper("fig1c", "Figure 1 (c): resnet of 50 layers, batch norm, beta 0.1", one(resnet(0.1))),
        paper("fig2-feedforward", "Figure 2: 50 layers, mean-centred, 20 runs", centred(50)),
        paper("fig2-resnet", "Figure 2: resnet of 50 layers, batch norm, beta 1, 20 runs", resnet(1.0)),
        paper("fig2-resnet-0.1", "Figure 2: resnet of 50 layers, batch norm, beta 0.1, 20 runs", resnet(0.1)),
        paper(
            "looks-linear",
            "50 layers of CReLU, looks-linear: a constant gradient",
            Overrides {
                family: Some(Family::Crelu),
                init: Some(Init::LooksLinear),
                depth: Some(50),
                ..Overrides::default()
            },
        ),
        Preset {
            name: "udl",
            about: "the notebook of Understanding Deep Learning: every weight and bias N(0, 1/200), raw autocorrelation",
            overrides: Overrides {
                init: Some(Init::Glorot),
                bias_std: deviation,
                first_weight_std: deviation,
                first_bias_std: deviation,
                ..Overrides::default()
            },
            acf: Acf::Raw,
            lags: 127,
        },
    ]
}

/// The preset of that name.
pub fn find(name: &str) -> Option<Preset> {
    presets().into_iter().find(|preset| preset.name == name)
}
