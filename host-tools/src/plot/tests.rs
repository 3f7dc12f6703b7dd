use super::*;
use std::path::Path;

fn panel(title: &str, body: Body) -> Panel {
    Panel { title: title.into(), x_label: "x".into(), y_label: "y".into(), y_range: None, body }
}

fn image(columns: usize, values: Vec<f64>, clip: f64) -> Body {
    Body::Image { x: (-2.0, 2.0), y: (-2.0, 2.0), columns, values, clip, ends: ("0".into(), "1".into()) }
}

fn curve(label: &str, y: Vec<f64>) -> Curve {
    let x = (0..y.len()).map(|k| k as f64).collect();
    Curve { label: label.into(), x, spread: Some(vec![0.1; y.len()]), y, dashed: false }
}

/// From 1 on, where powers of ten can.
fn powers(y: Vec<f64>) -> Curve {
    Curve { x: (1..=y.len()).map(|k| 10f64.powi(k as i32)).collect(), spread: None, ..curve("8", y) }
}

fn figure() -> Figure {
    let values = vec![0.1, 1.0 / 3.0, 2e-7, 5.0];
    Figure {
        name: "figure-0".into(),
        title: "Title <b> & \"more\"".into(),
        caption: "One <i>.\n\nTwo.".into(),
        choices: vec![Choice { what: "a".into(), value: "b <".into(), why: "c".into() }],
        columns: 2,
        panels: vec![
            panel("line & more", Body::Series { x: vec![-2.0, 0.1, 1.0 / 3.0], y: vec![1e-300, -0.1, 7.0] }),
            panel("image", image(2, values, 3.0)),
            panel("curves, commas", Body::Curves { curves: vec![curve("2", vec![1.0, 0.3]), curve("4", vec![])] }),
            panel("bars", Body::Bars { edges: vec![0.0, 0.5, 2.0], shares: vec![0.25, 0.75] }),
            panel("powers", Body::LogCurves { curves: vec![powers(vec![0.01, 3.0, 1e6])] }),
            panel("none", Body::Series { x: vec![], y: vec![] }),
        ],
        provenance: vec![("seed".into(), "1".into())],
        ran: Vec::new(),
        sheets: Vec::new(),
        tables: Vec::new(),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = dir.read_dir().unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn writes_all_files_and_the_same_bytes_again() {
    let dir = tempfile::tempdir().unwrap();
    let files = write_figure(&figure(), &dir.path().join("new/folder")).unwrap();
    let extensions: Vec<_> = files.iter().map(|file| file.extension().unwrap().to_str().unwrap()).collect();
    assert_eq!(extensions, ["svg", "png", "csv", "json"]);
    let first: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(first[0].starts_with(b"<svg ") && first[1].starts_with(b"\x89PNG\r\n"));
    let svg = std::str::from_utf8(&first[0]).unwrap();
    assert!(svg.contains("constant: no autocorrelation") && svg.contains("4 (constant)"), "{svg}");
    assert!(svg.contains("line &amp; more") && !svg.contains("NaN"), "{svg}");
    let json: serde_json::Value = serde_json::from_slice(&first[3]).unwrap();
    assert_eq!(json["panels"][0]["body"]["y"][0], 1e-300);
    write_figure(&figure(), &dir.path().join("new/folder")).unwrap();
    assert!(files.iter().zip(first).all(|(file, bytes)| std::fs::read(file).unwrap() == bytes));
}

#[test]
fn png_has_two_pixels_for_one() {
    let svg = draw::svg(&figure()).unwrap();
    let png = raster::png(&svg).unwrap();
    let width = u32::from_be_bytes(png[16..20].try_into().unwrap());
    let wide: u32 = svg.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    assert_eq!(width, 2 * wide);
}

#[test]
fn csv_gives_every_number_back() {
    let dir = tempfile::tempdir().unwrap();
    let files = write_figure(&figure(), dir.path()).unwrap();
    let mut reader = csv::Reader::from_path(&files[2]).unwrap();
    assert_eq!(reader.headers().unwrap(), vec!["panel", "kind", "label", "x", "y", "value", "spread"]);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    assert_eq!(rows.len(), 3 + 4 + 2 + 1 + 2 + 3 + 1);
    assert_eq!((&rows[0][0], number(0, 4), number(2, 3)), ("line & more", 1e-300, 1.0 / 3.0));
    // Row 1, column 0 of the image.
    assert_eq!((&rows[5][1], number(5, 3), number(5, 4), number(5, 5)), ("image", -2.0, 0.0, 2e-7));
    assert_eq!((&rows[8][0], &rows[8][2], number(8, 4), number(8, 6)), ("curves, commas", "2", 0.3, 0.1));
    assert_eq!((&rows[9][2], &rows[9][3], &rows[9][4]), ("4", "", ""));
}

#[test]
fn refuses_what_cannot_be_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let bodies = [
        Body::Series { x: vec![0.0], y: vec![f64::NAN] },
        Body::Series { x: vec![0.0], y: vec![1.0, 2.0] },
        image(1, vec![f64::INFINITY], 1.0),
        image(2, vec![1.0], 1.0),
        Body::Bars { edges: vec![0.0, 1.0], shares: vec![1.0, 2.0] },
        Body::Bars { edges: vec![0.0, 1.0], shares: vec![-1.0] },
        Body::Bars { edges: vec![1.0, 1.0], shares: vec![1.0] },
        image(1, vec![1.0], 0.0),
        Body::LogCurves { curves: vec![powers(vec![1.0, 0.0])] },
        Body::LogCurves { curves: vec![Curve { spread: Some(vec![0.1]), ..powers(vec![1.0]) }] },
        Body::Curves { curves: vec![Curve { spread: Some(vec![f64::NAN]), ..curve("2", vec![1.0]) }] },
    ];
    for body in bodies {
        let mut figure = figure();
        figure.panels[1].body = body;
        let message = write_figure(&figure, dir.path()).unwrap_err().to_string();
        assert!(message.starts_with("figure-0, panel \"image\": "), "{message}");
        assert!(write_index(&[figure], &[], &[], dir.path()).is_err());
    }
    assert!(write_figure(&Figure { name: "../up".into(), ..figure() }, dir.path()).is_err());
    assert!(write_figure(&Figure { columns: 0, ..figure() }, dir.path()).is_err());
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn failure_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("figure-0.json")).unwrap();
    let message = write_figure(&figure(), dir.path()).unwrap_err().to_string();
    assert!(message.contains("figure-0.json"), "{message}");
    assert_eq!(names(dir.path()), ["figure-0.json"]);
}

#[test]
fn page_escapes_text_and_asks_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = write_index(
        &[figure()],
        &[("6".into(), "no <data>".into())],
        &[("commit".into(), "<script>".into())],
        dir.path(),
    )
    .unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    assert!(
        page.contains("Title &lt;b&gt; &amp; &quot;more&quot;") && page.contains("<p>One &lt;i&gt;.</p>\n<p>Two.</p>")
    );
    assert!(page.contains("b &lt;") && page.contains("&lt;script&gt;") && !page.contains("<script>"));
    assert!(page.contains("<section id=\"figure-0\">") && page.contains("href=\"figure-0.csv\""));
    let asks = ["src=", "url(", "@import", "<link"].iter().any(|ask| page.contains(ask));
    assert!(!asks && page.matches("http").count() == page.matches("http://www.w3.org/2000/svg").count());
    assert_eq!(names(dir.path()), ["index.html"]);
}

#[test]
fn ticks_are_round() {
    let labels = |low, high, count| {
        let scale = scale::Scale::new((low, high), count);
        scale.ticks.iter().map(|tick| scale.label(*tick)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(labels(-0.2, 1.05, 6.0), "\u{2212}0.2 0.0 0.2 0.4 0.6 0.8 1.0");
    assert_eq!(labels(-2.0, 2.0, 4.0), "\u{2212}2 \u{2212}1 0 1 2");
    assert_eq!(labels(0.0, 3e-6, 3.0), "0 1e\u{2212}6 2e\u{2212}6 3e\u{2212}6");
    assert_eq!(labels(0.0, 2e6, 4.0), "0 5e5 1.0e6 1.5e6 2.0e6");
}

#[test]
fn powers_of_ten_are_ticks() {
    let labels = |low, high, count| {
        let scale = scale::Scale::powers((low, high), count);
        scale.ticks.iter().map(|tick| scale.label(*tick)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(labels(-2.1, 2.5, 8.0), "0.01 0.1 1 10 100");
    assert_eq!(labels(-6.0, 6.0, 4.0), "1e\u{2212}6 0.001 1 1000 1e6");
}
