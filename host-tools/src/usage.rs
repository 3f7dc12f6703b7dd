//! How neurons are used: for which points of the grid each is active.
use crate::Result;
use crate::engine::{Engine, Run};
use crate::spec::Spec;
use shatterscope::Pass;
use shatterscope::exec::{Observer, Seen};
use shatterscope::graph::{Graph, Op};
use shatterscope_engine::theory::pairs;

/// The units of one ReLU, and the points they are active for (their preactivation is above zero).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Grid points.
    pub points: usize,
    /// `[unit][point]`
    pub active: Vec<bool>,
}

impl Raster {
    /// The points that each unit is active for.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.active.chunks_exact(self.points.max(1))
    }

    /// Share of the points that each unit is active for.
    pub fn activation(&self) -> Vec<f64> {
        self.counts().map(|active| active as f64 / self.points as f64).collect()
    }

    /// Share of the pairs of distinct points that each unit is active for.
    pub fn coactivation(&self) -> Vec<f64> {
        self.counts().map(|active| pairs(active, self.points)).collect()
    }

    /// Lengths, in points, of the stretches of the grid over which a unit keeps its state; over all units.
    pub fn run_lengths(&self) -> Vec<usize> {
        self.rows().flat_map(|unit| unit.chunk_by(|a, b| a == b).map(<[bool]>::len)).collect()
    }

    fn counts(&self) -> impl Iterator<Item = usize> {
        self.rows().map(|unit| unit.iter().filter(|&&active| active).count())
    }
}

/// The rasters of a run, one a ReLU, in the order of the layers; or where NaN or infinity arose.
///
/// # Errors
/// Wrong use as the core refuses it.
pub fn rasters(
    engine: &Engine,
    spec: &Spec,
    run: u32,
) -> Result<std::result::Result<(Run, Vec<Raster>), shatterscope::NonFinite>> {
    let network = spec.network();
    let graph = Graph::family(&network)?;
    let mut watch = Watch { relus: Vec::new() };
    for (i, node) in (0..).map_while(|i| Some((i, graph.node(i)?))) {
        if let Op::Relu | Op::Crelu = node.op {
            let active = vec![false; spec.width as usize * spec.points as usize];
            let raster = Raster { points: spec.points as usize, active };
            watch.relus.push((i, node.op == Op::Crelu, raster));
        }
    }
    let run = engine.observed(spec, run, &mut watch)?;
    Ok(run.map(|run| (run, watch.relus.into_iter().map(|(_, _, raster)| raster).collect())))
}

struct Watch {
    /// Node, whether it doubles, what was seen.
    relus: Vec<(u32, bool, Raster)>,
}

impl Observer for Watch {
    fn see(&mut self, seen: &Seen<'_>) {
        if seen.pass != Pass::Forward {
            return;
        }
        let Ok(at) = self.relus.binary_search_by_key(&seen.node, |relu| relu.0) else { return };
        let (_, doubled, raster) = &mut self.relus[at];
        // A doubling ReLU hands on relu(z), relu(-z) of each unit: the first says whether the unit is active.
        let step = if *doubled { 2 } else { 1 };
        for point in 0..seen.count {
            let place = (seen.first + point) as usize;
            for (unit, h) in seen.point(point).step_by(step).enumerate() {
                raster.active[unit * raster.points + place] = h > 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Isa;
    use crate::spec::{Family, Overrides};

    #[test]
    fn shares_and_stretches_are_counted() {
        let active = [true, true, false, true, false, false, false, false].to_vec();
        let raster = Raster { points: 4, active };
        assert_eq!(raster.activation(), [0.75, 0.0]);
        assert_eq!(raster.coactivation(), [0.5, 0.0]);
        assert_eq!(raster.run_lengths(), [2, 1, 1, 4]);
    }

    /// The first layer of one run, by hand: z = v x + b changes its sign once.
    #[test]
    fn units_of_a_stem_switch_once() {
        for family in [Family::Feedforward, Family::Crelu] {
            let overrides = Overrides { family: Some(family), depth: Some(3), width: Some(20), ..Overrides::default() };
            let spec = Overrides { points: Some(50), ..overrides }.resolve().unwrap();
            let engine = Engine::new(None, Isa::Auto, true).unwrap();
            let (_, rasters) = rasters(&engine, &spec, 0).unwrap().unwrap();
            assert_eq!(rasters.len(), 3);
            assert_eq!(rasters[0].active.len(), 20 * 50);
            assert!(rasters[0].rows().all(|unit| unit.chunk_by(|a, b| a == b).count() <= 2));
            assert!(rasters[0].active.contains(&true) && rasters[0].active.contains(&false));
        }
    }
}
