//! Whole steps: forward, backward, optimiser.
use super::pool;
use shatterscope::exec::Isa;
use shatterscope::graph::Image;
use shatterscope::plan::Want;
use shatterscope_engine::Placed;
use shatterscope_host::data::{Dataset, Examples};
use shatterscope_host::tensors::Bundle;
use shatterscope_host::train::{Activation, Batch, Init, Kind, Limits, Machine, Model, Net, Run, Skips, Spec, machine};
use shatterscope_peers::{Contestant, Entry};
use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

struct Step {
    pool: rayon::ThreadPool,
    machine: Box<dyn Machine>,
    spec: Spec,
    model: Model,
    batch: Batch,
    /// Parameters after the first step.
    first: Vec<f32>,
}

impl Contestant for Step {
    fn run(&mut self) {
        let Self { pool, machine, spec, model, batch, .. } = self;
        let (settings, rate) = (spec.settings(), spec.rate);
        let outcome = pool.install(|| machine.train(model, &settings, rate, Limits::default(), batch));
        outcome.expect("the steps are finite");
    }

    fn result(&self) -> Vec<f32> {
        self.first.clone()
    }
}

/// Images of noise.
fn noise(image: Image, count: u32) -> Dataset {
    let units = image.units().unwrap_or(0);
    let mixed = |i: u32| (i.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995).wrapping_mul(0x2c1b_3c6d);
    let part = |count: u32| Examples {
        pixels: (0..count * units).map(|i| (mixed(i) >> 24) as u8).collect(),
        labels: (0..count).map(|i| (mixed(i) >> 16) as u8 % 10).collect(),
    };
    Dataset { name: "noise".into(), image, classes: 10, largest: 255, train: part(2 * count), test: part(16) }
}

fn spec(net: Net, batch: u32) -> Spec {
    // The same batch again and again: hardly anything moves.
    Spec { eps: 1e-8, ..Spec::adam(net, batch, 1, 1e-6) }
}

/// Writes the record of a step of each network, and enters the networks.
pub fn entries(data: &Path, isa: Isa, references: &mut HashMap<String, Vec<f32>>) -> io::Result<Vec<Entry>> {
    let net = Net {
        kind: Kind::Dense,
        depth: 200,
        width: 91,
        activation: Activation::Relu,
        slope: 1.0,
        init: Init::He,
        batch_norm: false,
        skips: Skips::None,
        beta: 1.0,
        dropout: 0.0,
    };
    let crelu = Net { width: 64, activation: Activation::Crelu, init: Init::LooksLinear, ..net.clone() };
    let convnet = Net { kind: Kind::Convnet, depth: 30, width: 8, ..net.clone() };
    let normed = Net { batch_norm: true, skips: Skips::Resnet, ..convnet.clone() };
    let looks_linear = Net { activation: Activation::Crelu, init: Init::LooksLinear, ..convnet.clone() };
    let vector = Image { channels: 1, height: 28, width: 28 };
    let colours = Image { channels: 3, height: 32, width: 32 };
    let mut entries = Vec::new();
    for (name, what, net, image, batch) in [
        ("dense-crelu", "dense, 200 layers of 64, CReLU, looks-linear, batch 128", crelu, vector, 128),
        ("dense-relu", "dense, 200 layers of 91, ReLU, batch 128", net, vector, 128),
        ("convnet", "convnet of 30 layers, ReLU, batch 256", convnet, colours, 256),
        ("convnet-crelu", "convnet of 30 layers, CReLU, looks-linear, batch 256", looks_linear, colours, 256),
        ("convnet-norms", "convnet of 30 layers, batch norms, skips, batch 256", normed, colours, 256),
    ] {
        let (spec, data_set) = (spec(net, batch), noise(image, batch));
        let folder = data.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let mut run = Run::new(spec.clone(), &data_set, isa, None).map_err(io::Error::other)?;
        run.record(&folder).map_err(io::Error::other)?;
        run.step().map_err(io::Error::other)?;
        let first = run.model().parameters.clone();
        let recorded = Bundle::read(&folder.join("step-1.safetensors")).map_err(io::Error::other)?;
        let (inputs, labels) = (&recorded.tensors["inputs"].data, &recorded.tensors["labels"].data);
        let model = spec.model(&data_set).map_err(io::Error::other)?;
        let placed = Placed::of_layers(&model.layers, Want::Output).map_err(io::Error::other)?;
        let multiply_adds = placed.plan().map_err(io::Error::other)?.multiply_adds;
        for threads in [1, 2] {
            let task = format!("{name}-{threads}");
            println!("task\t{task}\t{}\t{what}", 6 * multiply_adds * u64::from(batch));
            let machine = machine(&model.layers, &[], batch, isa, spec.seed).map_err(io::Error::other)?;
            let (tile, units) = (machine.tile(), placed.nodes[0].shape.units().unwrap_or(0) as usize);
            let mut batch =
                Batch { inputs: vec![0.0; inputs.len()], labels: vec![0; labels.len()], count: labels.len() };
            for (point, (values, label)) in inputs.chunks_exact(units).zip(labels).enumerate() {
                batch.labels[point] = *label as u32;
                for (unit, value) in values.iter().enumerate() {
                    batch.inputs[point / tile * units * tile + unit * tile + point % tile] = *value;
                }
            }
            references.insert(task.clone(), first.clone());
            let step = Step {
                pool: pool(threads)?,
                machine,
                spec: spec.clone(),
                model: model.clone(),
                batch,
                first: first.clone(),
            };
            entries.push(Entry::new(&task, "ours", step));
        }
    }
    Ok(entries)
}
