//! Masking of a stream that has no fields: a terminal's output, or a command's.
//!
//! A value may come in any number of pieces, with colours between its letters. So the beginning of a line that may still grow is
//! kept back until the line ends or the stream falls silent, and control sequences (ECMA-48) are looked past and left as they are.
//! What was shown of a line already stays in sight of the detectors, so that the rest of a value is hidden when it comes.

use super::{Hits, Scanner};

/// A line beyond this is shown piece by piece, in bytes.
const LINE: usize = 16 << 10;
/// How much of a piece is kept back for the next one: longer than any value that detectors know by its shape.
const TAIL: usize = 512;

/// One stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// The current line: what was shown of it, masked, and what was not.
    line: Vec<u8>,
    /// How much of it was shown.
    shown: usize,
}

impl Stream {
    /// Takes what came and gives what may be shown now.
    pub fn push(&mut self, scanner: &Scanner, bytes: &[u8], hits: &mut Hits) -> Vec<u8> {
        self.line.extend_from_slice(bytes);
        let whole = self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole > 0 {
            let rest = self.line.split_off(whole);
            let shown = self.show(scanner, whole, hits);
            (self.line, self.shown) = (rest, 0);
            let mut all = shown;
            all.extend(self.too_long(scanner, hits));
            return all;
        }
        self.too_long(scanner, hits)
    }

    /// Gives all that is kept back: nothing more came for a while, and a person waits for it.
    pub fn flush(&mut self, scanner: &Scanner, hits: &mut Hits) -> Vec<u8> {
        let shown = self.show(scanner, self.line.len(), hits);
        if self.line.len() > LINE {
            self.forget(self.line.len());
        }
        shown
    }

    /// Whether something is kept back.
    pub fn is_behind(&self) -> bool {
        self.shown < self.line.len()
    }

    fn too_long(&mut self, scanner: &Scanner, hits: &mut Hits) -> Vec<u8> {
        if self.line.len() - self.shown <= LINE {
            return Vec::new();
        }
        let to = self.line.len() - TAIL;
        let shown = self.show(scanner, to, hits);
        self.forget(to);
        shown
    }

    /// Masks the line, with what was shown in sight, and gives it up to there.
    fn show(&mut self, scanner: &Scanner, to: usize, hits: &mut Hits) -> Vec<u8> {
        if self.shown == 0 && !self.line.iter().any(|byte| matches!(byte, 0x00 | 0x07 | 0x08 | 0x1b)) {
            // Plain text, as most is.
            *hits += scanner.mask(&mut self.line);
            self.shown = to;
            return self.line.get(..to).unwrap_or_default().to_vec();
        }
        for Text { mut letters, places } in texts(&self.line) {
            let before = letters.clone();
            let found = scanner.mask(&mut letters);
            for ((new, old), place) in letters.iter().zip(&before).zip(&places) {
                // Shown is shown.
                if new != old
                    && *place >= self.shown
                    && let Some(byte) = self.line.get_mut(*place)
                {
                    *byte = *new;
                }
            }
            *hits += found;
        }
        let shown = self.line.get(self.shown..to).unwrap_or_default().to_vec();
        self.shown = self.shown.max(to);
        shown
    }

    /// Keeps only the end of what was shown.
    fn forget(&mut self, to: usize) {
        let from = to.saturating_sub(TAIL);
        self.line.drain(..from);
        self.shown = self.shown.saturating_sub(from);
    }
}

/// Letters that a person reads in one go, and where each of them is.
#[derive(Debug, Default)]
struct Text {
    letters: Vec<u8>,
    places: Vec<usize>,
}

impl Text {
    fn push(&mut self, letter: u8, place: usize) {
        self.letters.push(letter);
        self.places.push(place);
    }
}

/// A line without its control sequences, and then each string that is meant for the terminal itself, such as a title.
fn texts(line: &[u8]) -> Vec<Text> {
    let mut all = vec![Text::default()];
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        let rest = line.get(at..).unwrap_or_default();
        if *byte == 0x1b {
            let length = sequence(rest);
            if matches!(rest.get(1), Some(b']' | b'P' | b'X' | b'^' | b'_')) {
                let mut string = Text::default();
                rest.iter().enumerate().take(length).skip(2).for_each(|(far, byte)| string.push(*byte, at + far));
                all.push(string);
            }
            at += length;
            continue;
        }
        // A backspace, a bell and a zero stand between letters without being one.
        if let (false, Some(line)) = (matches!(byte, 0x00 | 0x07 | 0x08), all.first_mut()) {
            line.push(*byte, at);
        }
        at += 1;
    }
    all
}

/// The length of the control sequence at the front; all that is there, if its end has not come yet.
fn sequence(bytes: &[u8]) -> usize {
    let until = |from: usize, last: fn(u8) -> bool| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().position(|byte| last(*byte)).map_or(bytes.len(), |at| from + at + 1)
    };
    match bytes.get(1) {
        Some(b'[') => until(2, |byte| !(0x20..0x40).contains(&byte)),
        // Strings end with BEL or ESC \. What else is no letter ends them as well: a line's end is not hidden in one.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let rest = bytes.get(2..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte < 0x20 && *byte != b'\t').map_or(bytes.len(), |at| 2 + at);
            match (bytes.get(end), bytes.get(end + 1)) {
                (Some(0x1b), Some(b'\\')) => end + 2,
                (Some(0x07), _) => end + 1,
                _ => end,
            }
        }
        Some(0x20..=0x2f) => until(2, |byte| !(0x20..0x30).contains(&byte)),
        Some(0x00..=0x1f) | None => 1,
        Some(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner() -> Scanner {
        Scanner::named(&["card", "email", "secrets"].map(str::to_owned)).unwrap()
    }

    /// Everything that is shown when the text comes in these pieces, each followed by silence or not.
    fn shown<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, silent: bool) -> (String, u64) {
        let (scanner, mut stream, mut hits, mut all) = (scanner(), Stream::default(), Hits::default(), Vec::new());
        for piece in pieces {
            all.extend(stream.push(&scanner, piece, &mut hits));
            if silent {
                all.extend(stream.flush(&scanner, &mut hits));
            }
        }
        all.extend(stream.flush(&scanner, &mut hits));
        assert!(!stream.is_behind());
        (String::from_utf8(all).unwrap(), hits.total())
    }

    #[test]
    fn a_value_is_hidden_however_it_is_cut() {
        let text = "mail to mira.weber@example.com now\r\nand 4012 8888 8888 1881 €\r\n$ ";
        let (whole, _) = shown([text.as_bytes()], false);
        assert!(!whole.contains("weber") && !whole.contains("8888"), "{whole}");
        assert_eq!(whole.len(), text.len());
        for size in 1..20 {
            let (cut, hits) = shown(text.as_bytes().chunks(size), false);
            assert_eq!(cut, whole, "in pieces of {size}");
            assert_eq!(hits, 2);
        }
    }

    #[test]
    fn colours_between_the_letters_hide_nothing_and_stay() {
        let text = "card \x1b[1m4012\x1b[0m 8888 \x1b[38;5;9m8888\x1b[0m 1881\x1b]0;title\x07 end\n";
        let (out, hits) = shown([text.as_bytes()], false);
        assert_eq!(hits, 1, "{out:?}");
        assert!(!out.contains("8888") && !out.contains("4012"), "{out:?}");
        for kept in ["\x1b[1m", "\x1b[0m", "\x1b[38;5;9m", "\x1b]0;title\x07", " end\n"] {
            assert!(out.contains(kept), "{out:?}");
        }
    }

    #[test]
    fn what_comes_slowly_is_hidden_from_where_it_can_be_told() {
        let (out, _) = shown([b"4012 8888 ".as_slice(), b"8888 1881", b" end\n"], true);
        assert_eq!(out, "4012 8888 **** 1881 end\n");
    }

    #[test]
    fn a_prompt_without_a_line_end_is_shown_when_it_is_silent() {
        let (scanner, mut stream, mut hits) = (scanner(), Stream::default(), Hits::default());
        assert!(stream.push(&scanner, b"$ ", &mut hits).is_empty() && stream.is_behind());
        assert_eq!(stream.flush(&scanner, &mut hits), b"$ ");
        assert_eq!(stream.push(&scanner, b"ls\r\n", &mut hits), b"ls\r\n");
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_memory_than_its_bound_and_hides_across_pieces() {
        let (scanner, mut stream, mut hits) = (scanner(), Stream::default(), Hits::default());
        let mut out = Vec::new();
        let text = "x mira.weber@example.com ".repeat(20_000);
        for piece in text.as_bytes().chunks(1000) {
            out.extend(stream.push(&scanner, piece, &mut hits));
            assert!(stream.line.len() <= LINE + TAIL + 2000, "{}", stream.line.len());
        }
        out.extend(stream.flush(&scanner, &mut hits));
        assert_eq!(out.len(), text.len());
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("weber"), "a value on a border was shown");
    }

    #[test]
    fn an_unfinished_sequence_is_no_hiding_place() {
        for begin in ["\x1b[", "\x1b]0;", "\x1bP", "\x1b"] {
            let (out, _) =
                shown([format!("{begin}mira.weber@example.com").as_bytes(), b"\r\nmira.weber@example.com\r\n"], true);
            assert!(!out.ends_with("mira.weber@example.com\r\n"), "{out:?}");
        }
    }
}
