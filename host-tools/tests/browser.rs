//! The report in a real browser, headless Chromium: at desktop and phone width nothing is missing, fails or scrolls sideways.
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const WIDTHS: [u32; 3] = [1280, 768, 390];

/// What the page says of itself once it is laid out, sent to the page around it.
const WATCH: &str = "<script>
const errors = [];
addEventListener('error', event => {
  const at = event.target;
  errors.push(event.message || 'missing: ' + String(at.src || at.href?.baseVal || at.href || at.tagName).slice(0, 120));
}, true);
addEventListener('load', () => setTimeout(() => {
  const root = document.documentElement;
  const broken = [...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src);
  const links = [...document.querySelectorAll('nav a')];
  parent.postMessage(JSON.stringify({
    errors, broken,
    sideways: root.scrollWidth - root.clientWidth,
    width: innerWidth,
    figures: document.querySelectorAll('figure svg').length,
    contents: links.length,
    dangling: links.filter(link => !document.querySelector(link.hash)).map(link => link.hash),
  }), '*');
}, 300));
</script>";

fn frame(width: u32) -> String {
    format!(
        "<!doctype html><body><iframe src=\"watched.html\" style=\"border:0;width:{width}px;height:900px\"></iframe>\
         <pre id=\"said\"></pre><script>addEventListener('message', event => \
         document.getElementById('said').textContent = 'SAID' + event.data + 'DIAS')</script>"
    )
}

/// The page as a browser sees it, in a frame of that width.
fn look(folder: &Path, page: &str, width: u32) -> Value {
    let watched = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
    assert_ne!(watched, page, "the page has a head");
    std::fs::write(folder.join("watched.html"), watched).unwrap();
    std::fs::write(folder.join("frame.html"), frame(width)).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--window-size=1400,1000", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("file://{}", folder.join("frame.html").display()))
        .stderr(Stdio::null())
        .output()
        .expect("chromium: sudo apt-get install chromium");
    let dom = String::from_utf8(output.stdout).unwrap();
    let said = dom.split("SAID").nth(1).and_then(|rest| rest.split("DIAS").next());
    let said = said.unwrap_or_else(|| panic!("the page said nothing: {:.300}", dom));
    let said = said.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&said).unwrap()
}

fn faults(seen: &Value) -> Vec<String> {
    let list =
        |key: &str| seen[key].as_array().unwrap().iter().map(|item| format!("{key}: {item}")).collect::<Vec<_>>();
    let mut all: Vec<String> = ["errors", "broken", "dangling"].into_iter().flat_map(list).collect();
    if seen["sideways"].as_i64().unwrap() > 0 {
        all.push(format!("scrolls sideways by {} at width {}", seen["sideways"], seen["width"]));
    }
    all
}

#[test]
#[ignore = "needs Chromium and half a minute: cargo xtask test runs it"]
fn the_report_is_whole_at_every_width() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let drawn = Command::new(env!("CARGO_BIN_EXE_shatterscope"))
        .args(["figures", "1", "2", "4", "textbook", "statistics-mode", "--runs", "4", "--quiet", "--out"])
        .arg(&out)
        .status()
        .unwrap();
    assert!(drawn.success());
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    // Every link but those within the page leads to a file beside it.
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let beside = !link.starts_with('#') && !link.starts_with("data:");
        assert!(!beside || out.join(link).is_file(), "{link} is missing");
    }
    for width in WIDTHS {
        let seen = look(&out, &page, width);
        println!("{width}: {seen}");
        assert_eq!(seen["width"], width);
        assert_eq!((&seen["figures"], &seen["contents"]), (&5.into(), &6.into()));
        assert_eq!(faults(&seen), Vec::<String>::new(), "at width {width}");
    }
    // What the test is for is seen.
    for (fault, broken) in [
        ("missing", page.replacen("<main>", "<main><img src=\"no-such.png\">", 1)),
        ("missing", page.replacen("href=\"data:image/png;base64,iVBOR", "href=\"data:image/png;base64,AAAA", 1)),
        ("Uncaught", page.replacen("</main>", "</main><script>nothing.there()</script>", 1)),
        ("sideways", page.replacen("<main>", "<main><div style=\"width:1400px\">wide</div>", 1)),
        ("dangling", page.replacen("<nav aria-label=\"Contents\">", "<nav><a href=\"#nowhere\">lost</a>", 1)),
    ] {
        assert_ne!(broken, page, "{fault}");
        let found = faults(&look(&out, &broken, 390));
        assert!(found.iter().any(|found| found.contains(fault)), "{fault}: {found:?}");
    }
}
