//! Specs and digests as the golden files write them.
use super::Case;
use serde_json::Value;
use shatterscope::math::Math;
use shatterscope::plan::{Derivative, Statistics};
use shatterscope::probe::{Endpoint, Grid};
use shatterscope::random::Normal;
use shatterscope::spec::{Family, Init, Norm, Readout, Spec};

/// One entry of a golden file.
pub struct Golden {
    pub name: String,
    pub case: Case,
    pub digest: String,
}

pub fn goldens(text: &str) -> Vec<Golden> {
    let entries: Vec<Value> = serde_json::from_str(text).expect("golden file");
    let golden = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().expect(name).to_owned();
        Golden { name: text("name"), case: case_of(&entry["spec"]), digest: text("digest") }
    };
    entries.iter().map(golden).collect()
}

const FIELDS: [&str; 26] = [
    "family",
    "depth",
    "width",
    "norm",
    "init",
    "gain",
    "bias_std",
    "first_weight_std",
    "first_bias_std",
    "readout_std",
    "readout",
    "alpha",
    "beta",
    "carry",
    "transform",
    "eps",
    "points",
    "from",
    "to",
    "endpoint",
    "statistics",
    "runs",
    "seed",
    "normal",
    "derivative",
    "math",
];

/// A spec; a field that is left out has the default.
pub fn case_of(spec: &Value) -> Case {
    for name in spec.as_object().expect("a spec is an object").keys() {
        assert!(FIELDS.contains(&name.as_str()), "unknown field {name}");
    }
    let text = |name: &str, default| spec.get(name).map_or(default, |value| value.as_str().expect(name));
    let float = |name: &str, default: f64| spec.get(name).map_or(default, |value| value.as_f64().expect(name)) as f32;
    let count = |name: &str, default| spec.get(name).map_or(default, |value| value.as_u64().expect(name));
    let required = |name: &str| spec[name].as_f64().expect(name) as f32;
    let family = match text("family", "feedforward") {
        "feedforward" => Family::Feedforward,
        "resnet" => Family::Resnet { alpha: float("alpha", 1.0), beta: float("beta", 1.0) },
        "highway" => Family::Highway { carry: required("carry"), transform: required("transform") },
        "crelu" => Family::Crelu,
        other => panic!("family {other}"),
    };
    let norm = match text("norm", "none") {
        "none" => Norm::None,
        "centre" => Norm::Centre,
        "batch" => Norm::Batch,
        other => panic!("norm {other}"),
    };
    let init = match text("init", "he") {
        "he" => Init::He,
        "glorot" => Init::Glorot,
        "orthogonal" => Init::Orthogonal,
        "looks-linear" => Init::LooksLinear,
        other => panic!("init {other}"),
    };
    let plain = Spec::feedforward(count("depth", 1) as u32, count("width", 1) as u32).with_family(family);
    let plain = plain.with_norm(norm);
    Case {
        spec: Spec {
            init,
            gain: float("gain", 1.0),
            bias_std: float("bias_std", 0.0),
            first_weight_std: float("first_weight_std", 1.0),
            first_bias_std: float("first_bias_std", 1.0),
            readout_std: float("readout_std", 0.0),
            eps: float("eps", 1e-5),
            readout: match text("readout", "") {
                "" => plain.readout,
                "relu" => Readout::Relu,
                "linear" => Readout::Linear,
                "norm-relu" => Readout::NormRelu,
                other => panic!("readout {other}"),
            },
            ..plain
        },
        grid: Grid {
            points: count("points", 256) as u32,
            from: float("from", -2.0),
            to: float("to", 2.0),
            endpoint: if text("endpoint", "") == "inclusive" { Endpoint::Inclusive } else { Endpoint::Exclusive },
        },
        statistics: if text("statistics", "") == "full" { Statistics::Full } else { Statistics::Detached },
        derivative: if text("derivative", "") == "forward" { Derivative::Forward } else { Derivative::Reverse },
        normal: if text("normal", "") == "as241" { Normal::As241 } else { Normal::IrwinHall },
        math: if text("math", "") == "micromath" { Math::Micromath } else { Math::Libm },
        seed: count("seed", 0),
        runs: count("runs", 1) as u32,
    }
}
