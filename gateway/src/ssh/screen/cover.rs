//! Words of ours over a full screen, and the screen again as it was.
//!
//! It follows what the client was shown, after everything was hidden that is to be, so that what is drawn anew shows nothing else.

use std::time::Duration;

use tokio::time::Instant;

use super::view::View;

/// A terminal that words can be laid over.
pub(in crate::ssh) struct Cover {
    view: View,
    since: Instant,
    /// Words lie over the last row.
    lies: bool,
}

impl Cover {
    /// A terminal of the size that the client said; `None` where there is none that could be followed.
    pub(in crate::ssh) fn new(columns: u32, rows: u32) -> Option<Self> {
        let view = View::new(columns, rows).ok()?;
        Some(Self { view, since: Instant::now(), lies: false })
    }

    /// The client was shown this.
    pub(in crate::ssh) fn shown(&mut self, bytes: &[u8]) {
        let now: Duration = self.since.elapsed();
        self.view.feed(bytes, now);
    }

    /// The client's window has another size.
    pub(in crate::ssh) fn resize(&mut self, columns: u32, rows: u32) {
        self.view.resize(columns, rows);
    }

    /// Words for the last row, where a program has the whole screen. `None` where it has not, or where the screen is not known for
    /// certain: then a line below what is shown does no more harm.
    pub(in crate::ssh) fn lay(&mut self, words: &str) -> Option<String> {
        let (columns, rows) = self.view.whole()?;
        self.lies = true;
        let words: String = words.chars().filter(|char| !char.is_control()).take(columns.saturating_sub(1)).collect();
        Some(format!("\u{1b}7\u{1b}[?6l\u{1b}[{rows};1H\u{1b}[0;7m\u{1b}[2K{words}\u{1b}[0m\u{1b}8"))
    }

    /// The last row as it is, if words lie over it.
    pub(in crate::ssh) fn lift(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.lies) {
            return None;
        }
        // Whoever has left the full screen has taken the words along.
        let (columns, rows) = self.view.whole()?;
        let row = self.view.last_row(columns);
        Some(format!("\u{1b}7\u{1b}[?6l\u{1b}[{rows};1H\u{1b}[0m\u{1b}[2K{row}\u{1b}[0m\u{1b}8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal shows after all of it, row by row.
    fn seen(parts: &[&str]) -> Vec<String> {
        let mut view = View::new(20, 4).unwrap();
        for part in parts {
            view.feed(part.as_bytes(), Duration::ZERO);
        }
        view.rows()
    }

    const EDITOR: &str =
        "\u{1b}[?1049h\u{1b}[H\u{1b}[2Jone\r\ntwo\u{1b}[4;1H\u{1b}[31m-- \u{1b}[1mINSERT\u{1b}[0m --\u{1b}[2;2H";

    #[test]
    fn the_screen_is_as_before_once_the_words_are_lifted() {
        let mut cover = Cover::new(20, 4).unwrap();
        cover.shown(EDITOR.as_bytes());
        let words = cover.lay("held by a rule: asked group:dba\u{7}\u{1b}").unwrap();
        assert_eq!(seen(&[EDITOR, &words])[3], "held by a rule: ask");
        // What is printed meanwhile stays, and the cursor is where it was.
        cover.shown(b"X");
        let lifted = cover.lift().unwrap();
        assert_eq!(seen(&[EDITOR, &words, "X", &lifted]), seen(&[EDITOR, "X"]));
        assert_eq!(seen(&[EDITOR, &words, "X", &lifted, "Y"]), seen(&[EDITOR, "XY"]));
        assert!(cover.lift().is_none());
    }

    #[test]
    fn words_are_laid_over_a_full_screen_only_and_never_into_a_sequence() {
        let mut cover = Cover::new(20, 4).unwrap();
        cover.shown(b"$ rm x\r\n");
        assert!(cover.lay("held").is_none());
        cover.shown(EDITOR.as_bytes());
        for begun in [&b"\x1b[3"[..], b"\xc3"] {
            cover.shown(begun);
            assert!(cover.lay("held").is_none(), "{begun:?}");
            cover.shown(b"1m\xa9");
        }
        assert!(cover.lay("held").is_some());
        cover.shown(b"\x1b[?1049l");
        assert!(cover.lift().is_none());
    }
}
