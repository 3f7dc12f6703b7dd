//! The page that shows all figures: one file, no network, no script.
use super::{Figure, PlotError, draw};
use crate::files::write_all;
use std::path::{Path, PathBuf};

const STYLE: &str = "
:root{color-scheme:light dark;--text:#1b1b1b;--back:#fff;--line:#d4d4d4;--dim:#555;--head:#f4f4f5;--link:#0b57b0}
@media(prefers-color-scheme:dark){:root{--text:#e6e6e6;--back:#161618;--line:#3c3c40;--dim:#aaa;--head:#222226;--link:#8ab8ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1148px;padding:1.5rem clamp(1rem,2vw,1.5rem) 3rem;color:var(--text);background:var(--back);
font:16px/1.55 system-ui,-apple-system,'Segoe UI','Noto Sans',sans-serif;overflow-wrap:break-word}
a{color:var(--link)}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .5rem}h2{margin:3rem 0 1rem;font-size:1.35rem;line-height:1.3}
h3{margin:1.6rem 0 .5rem;font-size:1.05rem}
p,nav{max-width:75ch}
.wide{overflow-x:auto}
.figure{background:#fff;border-radius:4px;scrollbar-color:#888 #eee}
.figure svg{display:block;margin:0 auto;height:auto}
.narrow{display:none;color:var(--dim);font-size:.875rem;margin:.4rem 0}
table{border-collapse:collapse;font-size:.875rem;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.35rem .75rem .35rem .5rem;text-align:left;vertical-align:top}
th{background:var(--head)}
details{margin-top:1rem}summary{cursor:pointer;padding:.25rem 0}
.choices td{min-width:9rem}.choices td:first-child{font-weight:600}
.pairs td:first-child{width:16rem;color:var(--dim)}.pairs td+td{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
@media(max-width:1131px){.narrow{display:block}}
@media(max-width:600px){.choices thead{display:none}.choices tr,.choices td{display:block}.choices td{border:0;padding:.15rem 0}
.choices tr{border-bottom:1px solid var(--line);padding:.5rem 0}.pairs td:first-child{width:40%}}
@media print{:root{--text:#000;--back:#fff;--line:#bbb;--dim:#333;--head:#eee;--link:#000}body{max-width:none;padding:0;font-size:10pt}
.wide{overflow:visible}.figure{break-inside:avoid}.figure svg{max-width:100%;max-height:215mm}
section{break-before:page}section:first-of-type{break-before:auto}h2{break-inside:avoid;margin-top:0}.narrow{display:none}h2,h3{break-after:avoid}tr{break-inside:avoid}}
";

/// Text that HTML and SVG show as it is, also within quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Text between backquotes as code.
fn with_code(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    text.split('`').enumerate().map(part).collect()
}

fn table(class: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cell = |cell: &String| format!("<td>{}</td>", with_code(cell));
    let rows: String = rows.map(|row| format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>())).collect();
    let head: String = head.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escape(cell))).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"{class}\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn pairs(pairs: &[(String, String)]) -> String {
    table("pairs", &["What", "Value"], pairs.iter().map(|(what, value)| vec![what.clone(), value.clone()]))
}

fn section(figure: &Figure) -> Result<String, PlotError> {
    let (name, title) = (escape(&figure.name), escape(&figure.title));
    // What comes before the element (an XML declaration) has no place in HTML.
    let svg = draw::svg(figure)?;
    let svg = &svg[svg.find("<svg").unwrap_or(0)..];
    let paragraph = |text: &str| format!("<p>{}</p>\n", escape(text.trim()));
    let caption: String = figure.caption.split("\n\n").filter(|text| !text.trim().is_empty()).map(paragraph).collect();
    let link = |extension: &str| format!("<a href=\"{name}.{extension}\">{}</a>", extension.to_uppercase());
    let links = ["svg", "png", "csv", "json"].map(link).join(" \u{b7} ");
    let mut text = format!(
        "<section id=\"{name}\">\n<h2>{title}</h2>\n<figure style=\"margin:0\">\n<div class=\"wide figure\" tabindex=\"0\">{svg}</div>\n\
         <p class=\"narrow\">Scroll the figure sideways, or open the SVG.</p>\n<figcaption>\n{caption}</figcaption>\n</figure>\n\
         <p>Pictures and data: {links}</p>\n"
    );
    for sheet in &figure.sheets {
        let file = escape(&sheet.file(&figure.name));
        text += &format!("<p><a href=\"{file}\">{file}</a>: {}</p>\n", with_code(&sheet.about));
    }
    for listed in &figure.tables {
        let head: Vec<&str> = listed.head.iter().map(String::as_str).collect();
        text += &format!("<h3>{}</h3>\n", escape(&listed.title));
        text += &table("listed", &head, listed.rows.iter().cloned());
    }
    if !figure.choices.is_empty() {
        let rows = figure.choices.iter().map(|c| vec![c.what.clone(), c.value.clone(), c.why.clone()]);
        text += "<h3>Choices the paper does not print</h3>\n";
        text += &table("choices", &["What", "Taken here", "Why"], rows);
    }
    if !figure.provenance.is_empty() {
        text += &format!("<details><summary>Provenance of {title}</summary>\n{}", pairs(&figure.provenance));
        if !figure.ran.is_empty() {
            let rows = figure.ran.iter();
            let rows =
                rows.map(|r| vec![r.what.clone(), r.network.clone(), r.runs.to_string(), format!("`{}`", r.digest)]);
            text += &format!(
                "<p>Resolved specs, with every field, stand under <code>ran</code> in <a href=\"{name}.json\">{name}.json</a>; the same \
                 options give the same digests on every machine.</p>\n"
            );
            text += &table("listed", &["For", "Network", "Runs", "Digest"], rows);
        }
        text += "</details>\n";
    }
    Ok(text + "</section>\n")
}

/// Writes index.html: all figures with captions, choices and data, on one page that needs no network; and which were left out, and why.
///
/// # Errors
/// A figure that [`Figure::check`] refuses; what the file system says.
pub fn write_index(
    figures: &[Figure],
    left_out: &[(String, String)],
    provenance: &[(String, String)],
    dir: &Path,
) -> Result<PathBuf, PlotError> {
    figures.iter().try_for_each(Figure::check)?;
    let entry =
        |figure: &Figure| format!("<li><a href=\"#{}\">{}</a></li>\n", escape(&figure.name), escape(&figure.title));
    let contents: String = figures.iter().map(entry).collect();
    let sections = figures.iter().map(section).collect::<Result<String, _>>()?;
    let (mut made, mut made_entry) = (String::new(), String::new());
    if !provenance.is_empty() {
        made = format!("<section id=\"provenance\">\n<h2>Provenance</h2>\n{}</section>\n", pairs(provenance));
        made_entry = "<li><a href=\"#provenance\">Provenance</a></li>\n".to_owned();
    }
    if !left_out.is_empty() {
        let rows =
            table("pairs", &["Figure", "Why"], left_out.iter().map(|(what, why)| vec![what.clone(), why.clone()]));
        made = format!("<section id=\"left-out\">\n<h2>Left out</h2>\n{rows}</section>\n{made}");
        made_entry = format!("<li><a href=\"#left-out\">Left out</a></li>\n{made_entry}");
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Shattered gradients, redrawn</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>The shattered gradients problem, redrawn</h1>\n\
         <p>After D. Balduzzi, M. Frean, L. Leary, J. P. Lewis, K. W.-D. Ma and B. McWilliams, <cite>The Shattered \
         Gradients Problem: If resnets are the answer, then what is the question?</cite>, ICML 2017, run by a kernel whose \
         bits are the same on every machine.</p>\n\
         <nav aria-label=\"Contents\"><ul>\n{contents}{made_entry}</ul></nav>\n\
         {sections}{made}</main>\n</body>\n</html>\n"
    );
    let path = write_all(dir, &[("index.html".into(), page.into_bytes())])?;
    Ok(path.into_iter().next().unwrap_or_else(|| dir.join("index.html")))
}
