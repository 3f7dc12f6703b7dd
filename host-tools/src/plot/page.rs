use super::figure::Figure;
use crate::Result;
use crate::tensors::write_whole;
use std::path::{Path, PathBuf};

const STYLE: &str = "
:root{color-scheme:light dark;--text:#1b1b1b;--back:#fff;--line:#ccc;--dim:#555}
@media(prefers-color-scheme:dark){:root{--text:#e6e6e6;--back:#161616;--line:#444;--dim:#aaa}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1560px;padding:1rem clamp(.8rem,3vw,2.5rem);color:var(--text);background:var(--back);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25}h2{margin-top:2.5rem;font-size:1.3rem}
p,nav,table{max-width:75ch}
.wide{overflow-x:auto}
.figure img{display:block;width:100%;min-width:640px;height:auto;background:#fff}
table{border-collapse:collapse;font-size:.9rem}
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
.links{color:var(--dim)}
@media print{body{max-width:none;padding:0}.figure{break-inside:avoid}.figure img{min-width:0}}
";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |tag: &str, row: Vec<String>| {
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = cells("th", head.iter().map(|cell| (*cell).to_owned()).collect());
    let body: String = rows.map(|row| cells("td", row)).collect();
    format!("<div class=\"wide\"><table>\n{head}{body}</table></div>\n")
}

fn section(figure: &Figure) -> String {
    let name = escape(&figure.name);
    let title = escape(&figure.title);
    let caption: String =
        figure.caption.split("\n\n").map(|paragraph| format!("<p>{}</p>\n", escape(paragraph))).collect();
    let links: Vec<String> = ["svg", "png", "csv", "json"]
        .iter()
        .map(|extension| format!("<a href=\"{name}.{extension}\">{}</a>", extension.to_uppercase()))
        .collect();
    let choices = table(
        &["What the paper leaves open", "Here", "Why"],
        figure.choices.iter().map(|c| vec![c.what.clone(), c.value.clone(), c.why.clone()]),
    );
    let provenance =
        table(&["Made from", ""], figure.provenance.iter().map(|(what, value)| vec![what.clone(), value.clone()]));
    format!(
        "<section id=\"{name}\">\n<h2>{title}</h2>\n<div class=\"wide figure\"><img src=\"{name}.svg\" alt=\"{title}\"></div>\n\
         {caption}<p class=\"links\">Data and pictures: {}</p>\n{choices}\n<details><summary>Provenance</summary>\n{provenance}</details>\n</section>\n",
        links.join(" · ")
    )
}

/// Writes index.html: all figures with captions, choices and data, on one page that needs no network.
///
/// # Errors
/// What the file system says.
pub fn write_index(figures: &[Figure], provenance: &[(String, String)], folder: &Path) -> Result<PathBuf> {
    let contents: String = figures
        .iter()
        .map(|figure| format!("<li><a href=\"#{}\">{}</a></li>\n", escape(&figure.name), escape(&figure.title)))
        .collect();
    let sections: String = figures.iter().map(section).collect();
    let made = table(&["This page", ""], provenance.iter().map(|(what, value)| vec![what.clone(), value.clone()]));
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Shattered gradients, redrawn</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>The shattered gradients problem, redrawn</h1>\n\
         <p>The dense experiments of Balduzzi, Frean, Leary, Lewis, Ma and McWilliams, <cite>The Shattered Gradients \
         Problem: If resnets are the answer, then what is the question?</cite>, ICML 2017, run at full scale by a kernel \
         whose bits are the same on every machine.</p>\n<nav><ul>\n{contents}</ul></nav>\n{sections}\n<h2>Provenance</h2>\n{made}</body>\n</html>\n"
    );
    let path = folder.join("index.html");
    write_whole(&path, page.as_bytes())?;
    Ok(path)
}
