//! Text from devices, files and other programs, made safe to show: nothing in it moves a cursor, ends a line or hides.
use std::fmt::Write as _;

/// Most characters of one such text that are shown.
pub const LONGEST: usize = 200;

/// Most characters of a whole message.
const MESSAGE: usize = 4000;

/// The text with every character that a terminal, a report or a source file would act on written as an escape: `\n`, `\t`, `\u{1b}`.
/// These are control characters, line separators, and the invisible marks that change the order of what is read. What is longer than
/// [`LONGEST`] characters ends in `...` and the number of characters left out.
pub fn visible(text: &str) -> String {
    escaped(text, LONGEST, |_| false)
}

/// [`visible`] for a whole message, which becomes one line.
pub fn line(text: &str) -> String {
    escaped(text, MESSAGE, |_| false)
}

/// [`visible`] for a document of many lines: line feeds stay, and nothing is left out.
pub fn lines(text: &str) -> String {
    escaped(text, usize::MAX, |c| c == '\n')
}

/// The last lines of what another program printed, as one line: `bytes` may be cut anywhere and hold anything.
pub fn last_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().rfind(|line| !line.trim().is_empty()).map(|line| visible(line.trim()))
}

/// A JSON document in which strings hold the same characters, those that [`visible`] escapes as `\uXXXX`. Outside of strings, JSON has
/// no such character but line feeds.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for c in document.chars() {
        if c == '\n' || !acts(c) {
            safe.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(safe, "\\u{unit:04x}"));
        }
    }
    safe
}

fn escaped(text: &str, most: usize, keep: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len().min(MESSAGE));
    let mut characters = text.chars();
    for c in characters.by_ref().take(most) {
        match c {
            c if !acts(c) || keep(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c => _ = write!(safe, "\\u{{{:x}}}", c as u32),
        }
    }
    match characters.count() {
        0 => safe,
        more => safe + &format!("... ({more} more characters)"),
    }
}

/// Whether something happens where the character is shown, besides the character.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Zero-width characters, directions of writing, separators of lines and paragraphs, invisible operators.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags.
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        assert_eq!(visible("micro:bit, Größe 5 µm"), "micro:bit, Größe 5 µm");
        assert_eq!(visible("\x1b[2J\x1b]0;title\x07x"), "\\u{1b}[2J\\u{1b}]0;title\\u{7}x");
        assert_eq!(visible("x\nPASS\r\tend"), "x\\nPASS\\r\\tend");
        assert_eq!(
            visible("a\u{202e}b\u{2066}c\u{85}\u{9b}d\u{2028}e\u{feff}"),
            "a\\u{202e}b\\u{2066}c\\u{85}\\u{9b}d\\u{2028}e\\u{feff}"
        );
        for c in (0..=0x10_ffffu32).filter_map(char::from_u32).filter(|&c| acts(c)) {
            for shown in [visible(&c.to_string()), line(&c.to_string()), json(&c.to_string())] {
                assert!(shown == "\n" || shown.chars().all(|c| c == '\\' || c.is_ascii_graphic()), "{c:?}: {shown}");
            }
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let shown = visible(&"é".repeat(LONGEST + 7));
        assert_eq!(shown, "é".repeat(LONGEST) + "... (7 more characters)");
        assert_eq!(visible(&"é".repeat(LONGEST)), "é".repeat(LONGEST));
        assert!(line(&"\x1b".repeat(1 << 20)).len() < 30_000);
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(lines("a\n\x1bb\n"), "a\n\\u{1b}b\n");
        assert_eq!(last_line(b"first\nlast \x1b[31m\xff\n\n"), Some("last \\u{1b}[31m\u{fffd}".to_owned()));
        assert_eq!(last_line(b" \n"), None);
    }

    /// The escapes are JSON's own: what is read back is what was written.
    #[test]
    fn json_keeps_its_meaning() {
        let text = "\x1b\n\u{202e}\u{7f}\u{e0001}\"\\é";
        let document = json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(document.chars().all(|c| c == '\n' || !acts(c)), "{document}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&document).unwrap(), [text]);
    }
}
