//! Networks with a mistake are further from PyTorch's results than the bound.
use crate::passes::passes;
use crate::torch::{Expected, FACTOR, Variant, network, ratios};
use shatterscope::graph::{Function, Op};
use shatterscope::plan::Want;
use shatterscope_engine::Placed;

/// The bound is narrow enough for mistakes that are easily made.
#[test]
fn a_wrong_operation_is_found() {
    let gelu = |op: &mut Op| {
        if let Op::Function { function: function @ Function::Gelu, .. } = op {
            *function = Function::GeluTanh;
        }
    };
    let eps_of_layers = |op: &mut Op| {
        if let Op::GroupNorm { eps, .. } = op {
            *eps *= 10.0;
        }
    };
    let eps_of_batches = |op: &mut Op| {
        if let Op::BatchNorm { eps, .. } = op {
            *eps *= 10.0;
        }
    };
    let silu = |op: &mut Op| {
        if let Op::Function { function: Function::Silu, a, .. } = op {
            *a = 1.0001;
        }
    };
    let leaky = |op: &mut Op| {
        if let Op::Function { function: Function::LeakyRelu, a, .. } = op {
            *a = 0.1001;
        }
    };
    let clip = |op: &mut Op| {
        if let Op::Function { function: Function::Clip, b, .. } = op {
            *b = 6.001;
        }
    };
    type Mistake<'m> = &'m dyn Fn(&mut Op);
    let mistakes: [(&str, &str, Mistake<'_>); 8] = [
        ("mlp", "tanh in GELU", &gelu),
        ("transformer", "tanh in GELU", &gelu),
        ("encoder", "tanh in GELU", &gelu),
        ("mlp", "eps of layer norm", &eps_of_layers),
        ("resnet", "eps of batch norm", &eps_of_batches),
        ("unet", "steepness of SiLU", &silu),
        ("unet", "slope of leaky ReLU", &leaky),
        ("mobilenet", "end of ReLU6", &clip),
    ];
    for (name, what, mistake) in mistakes {
        let expected = Expected::of(name);
        let mut network = network(name, Variant::Traced, Want::Gradients);
        let mut nodes = network.placed.nodes.clone();
        nodes.iter_mut().for_each(|node| mistake(&mut node.op));
        assert!(
            nodes.iter().zip(&network.placed.nodes).any(|(a, b)| a.op != b.op),
            "{name} has no such operation: {what}"
        );
        network.placed = Placed::of_nodes(nodes, Want::Gradients).unwrap();
        let ratios = ratios(&network, &passes(&network, &expected.inputs, &expected.cotangent), &expected);
        println!("{name}, {what}: {ratios:.0?}");
        assert!(ratios.iter().all(|ratio| *ratio > FACTOR), "{name}, {what}: {ratios:?}");
    }
}
