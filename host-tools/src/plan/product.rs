//! One dense product: its panels, and the weights drawn into them.
use super::kinds::Work;
use super::work::Walk;
use shatterscope::internals::weights::{Dense, Role};
use shatterscope::random::Normal;
use shatterscope::spec::{Family, Init};

/// Values that registers draw at once.
const STEP: u64 = 32;

impl Walk<'_> {
    /// One product with its panels.
    pub(super) fn product(&self, dense: &Dense, transposed: bool, tiles: u64) -> Work {
        let (rows, columns) = if transposed { (dense.fan_in, dense.fan_out) } else { (dense.fan_out, dense.fan_in) };
        let (rows, columns) = (rows as u64, columns as u64);
        let mut work = Work { outputs: (rows * tiles * self.tile) as f64, ..Work::default() };
        let orthogonal =
            dense.role == Role::Hidden && matches!(self.run.spec.init, Init::Orthogonal | Init::LooksLinear);
        if orthogonal {
            self.orthogonal(dense, transposed, (rows, columns), tiles, &mut work);
            return work;
        }
        let fit = self.panel / columns;
        if fit > 0 {
            let each = if fit > self.rows { fit - fit % self.rows } else { fit };
            let (whole, rest) = (rows / each, rows % each);
            self.panels(each.min(rows), columns, whole, tiles, &mut work);
            self.panels(rest, columns, u64::from(rest > 0), tiles, &mut work);
        } else {
            let (whole, rest) = (columns / self.panel, columns % self.panel);
            self.panels(1, self.panel, whole * rows, tiles, &mut work);
            self.panels(1, rest, u64::from(rest > 0) * rows, tiles, &mut work);
        }
        let drawn = (rows * columns) as f64;
        match self.run.normal {
            Normal::IrwinHall => work.weights += drawn,
            Normal::As241 => work.weights_as241 += drawn,
        }
        work
    }

    /// So many panels of this shape.
    fn panels(&self, rows: u64, columns: u64, times: u64, tiles: u64, work: &mut Work) {
        let times = times as f64;
        let (groups, singles) = (rows / self.rows, rows % self.rows);
        work.groups += times * (groups * columns * tiles) as f64;
        work.singles += times * (singles * columns * tiles) as f64;
        work.chains += times * ((groups + singles) * tiles) as f64;
        work.tile_panels += times * tiles as f64;
        work.inputs += times * (columns * tiles) as f64;
        work.panels += times;
        let orthogonal = matches!(self.run.spec.init, Init::Orthogonal | Init::LooksLinear);
        // Orthogonal panels are not drawn by rows; what little the other layers draw there goes with the weights.
        if !orthogonal && self.run.normal == Normal::IrwinHall {
            work.drawn_rows += times * rows as f64;
            work.drawn_steps += times * (rows * columns.div_ceil(STEP)) as f64;
        }
    }

    /// Panels of whole columns of Q, each with all reflectors up to it.
    fn orthogonal(&self, dense: &Dense, transposed: bool, shape: (u64, u64), tiles: u64, work: &mut Work) {
        let mirrored = self.run.spec.init == Init::LooksLinear && self.run.spec.family == Family::Crelu;
        let copies = if mirrored { 2 } else { 1 };
        let fan_in = dense.fan_in as u64 / copies;
        let order = fan_in.max(dense.fan_out as u64);
        let wide = !mirrored && dense.fan_in > dense.fan_out;
        let fit = (self.panel / order).saturating_sub(1) / copies * copies;
        let along_rows = transposed == wide;
        let all = if along_rows { shape.1 } else { shape.0 };
        let mut from = 0;
        while from < all && fit > 0 {
            let len = fit.min(all - from);
            let (rows, columns) = if along_rows { (shape.0, len) } else { (len, shape.1) };
            self.panels(rows, columns, 1, tiles, work);
            let (first, count) = (from / copies, len / copies);
            work.orthogonal_elements += (order * count) as f64;
            for k in 0..(first + count).min(order.saturating_sub(1)) {
                let columns = count - k.saturating_sub(first).min(count);
                work.reflections += ((order - k) * columns) as f64;
                match self.run.normal {
                    Normal::IrwinHall => work.weights += (order - k) as f64,
                    Normal::As241 => work.weights_as241 += (order - k) as f64,
                }
            }
            from += len;
        }
    }
}
