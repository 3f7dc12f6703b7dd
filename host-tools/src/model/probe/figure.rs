//! The probe as a figure: cosines, the path, the layers.
use super::{Layer, Path, Points};
use crate::plot::{Body, Curve, Figure, Panel, Table};

/// The name of the files.
const NAME: &str = "probe";

/// What is drawn of a model: its own weights, and beside them the average over drawn ones.
pub struct Drawing<'a> {
    /// The file.
    pub model: String,
    /// At the examples.
    pub points: Option<&'a Points>,
    /// Along a path, with the model's own weights, and drawn ones.
    pub path: Option<&'a Path>,
    /// Mean autocorrelation with drawn weights.
    pub drawn: Option<&'a [f64]>,
    /// By layer.
    pub layers: &'a [Layer],
    /// How it was made.
    pub provenance: Vec<(String, String)>,
}

impl Drawing<'_> {
    /// The figure; None where there is nothing to draw.
    pub fn figure(&self) -> Option<Figure> {
        let mut panels = Vec::new();
        if let Some(points) = self.points.filter(|points| points.cosines.len() > 1) {
            panels.push(cosines(points));
        }
        if let Some(path) = self.path {
            let x: Vec<f64> = (0..path.points).map(|i| i as f64 / (path.points - 1) as f64).collect();
            let body = Body::Series { x, y: path.derivative.clone() };
            panels.push(panel("Derivative along the path", "from one example to the other", "df/ds", body));
            let curve = |label: &str, y: &[f64], dashed: bool| Curve {
                label: label.to_owned(),
                x: (0..y.len()).map(|lag| lag as f64).collect(),
                y: y.to_vec(),
                spread: None,
                dashed,
            };
            let mut curves = vec![curve("this model", path.autocorrelation.as_deref().unwrap_or_default(), false)];
            curves.extend(self.drawn.map(|drawn| curve("drawn weights", drawn, true)));
            panels.push(panel("Autocorrelation of the gradient", "lag", "autocorrelation", Body::Curves { curves }));
        }
        let with = |value: fn(&Layer) -> Option<f64>| {
            let points: Vec<(f64, f64)> =
                (0..).zip(self.layers).filter_map(|(i, layer)| Some((f64::from(i), value(layer)?))).collect();
            let (x, y): (Vec<f64>, Vec<f64>) =
                points.into_iter().filter(|(_, y)| *y > 0.0).map(|(x, y)| (x, y.log10())).unzip();
            (x, y)
        };
        let curve = |label: &str, (x, y): (Vec<f64>, Vec<f64>)| Curve {
            label: label.to_owned(),
            x,
            y,
            spread: None,
            dashed: false,
        };
        let curves = vec![
            curve("activation (rms)", with(|layer| Some(layer.activation_rms))),
            curve("gradient (mean norm)", with(|layer| layer.gradient_norm)),
            curve("partial Jacobian (rms)", with(|layer| layer.jacobian_rms)),
        ];
        if curves.iter().any(|curve| curve.y.len() > 1) {
            panels.push(panel("Norms by layer", "node", "log10 of the norm", Body::Curves { curves }));
        }
        (!panels.is_empty()).then(|| Figure {
            name: NAME.to_owned(),
            title: format!("How shattered the gradients of {} are", crate::text::visible(&self.model)),
            caption: "Cosines between the gradients of the inputs at the examples, ordered by class where there are classes. Along the straight \
                      line between two examples: the derivative, and its autocorrelation, which falls to zero at lag 1 for white noise. By \
                      node: size of activations and gradients."
                .to_owned(),
            choices: Vec::new(),
            columns: 2,
            panels,
            provenance: self.provenance.clone(),
            ran: Vec::new(),
            tables: vec![self.table()],
            sheets: Vec::new(),
        })
    }

    fn table(&self) -> Table {
        let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.4e}"));
        let row = |layer: &Layer| {
            vec![
                format!("`{}`", layer.node.replace('`', "'")),
                layer.operation.to_owned(),
                number(Some(layer.activation_rms)),
                number(layer.gradient_norm),
                number(layer.jacobian_rms),
                layer.dead.map_or("-".to_owned(), |dead| format!("{:.1}%", 100.0 * dead)),
            ]
        };
        let head =
            ["node", "operation", "activation (rms)", "gradient (mean norm)", "partial Jacobian (rms)", "dead units"];
        Table {
            title: "Layers".to_owned(),
            head: head.map(str::to_owned).to_vec(),
            rows: self.layers.iter().map(row).collect(),
        }
    }
}

/// Black for -1, white for 1; row 0 at the bottom.
fn cosines(points: &Points) -> Panel {
    let n = points.cosines.len();
    // Pictures are interpolated: each cosine of a small matrix is a square of several.
    let times = (256 / n).max(1);
    let row = |row: &Vec<Option<f64>>| -> Vec<f64> {
        row.iter().flat_map(|cosine| std::iter::repeat_n(cosine.unwrap_or(0.0) + 1.0, times)).collect()
    };
    let values = points.cosines.iter().flat_map(|own| std::iter::repeat_n(row(own), times)).flatten().collect();
    let range = (-0.5, n as f64 - 0.5);
    let ends = ("opposite".to_owned(), "same direction".to_owned());
    let body = Body::Image { x: range, y: range, columns: n * times, values, clip: 2.0, ends };
    panel("Cosines between gradients", "example", "example", body)
}

fn panel(title: &str, x_label: &str, y_label: &str, body: Body) -> Panel {
    Panel { title: title.to_owned(), x_label: x_label.to_owned(), y_label: y_label.to_owned(), body, y_range: None }
}
