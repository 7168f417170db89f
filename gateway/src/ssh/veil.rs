//! What is hidden in a command's or a terminal's output, on its way to the recording and to the client.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::mask::stream::Stream;
use crate::mask::{Hits, Scanner};

/// How long the end of a line may be kept back once nothing more comes.
const SILENCE: Duration = Duration::from_millis(15);
/// An echo: so little, so soon after a key, is shown at once.
const ECHO: usize = 16;
const SOON: Duration = Duration::from_millis(50);

/// One channel's masks, for each of its two streams.
pub(super) struct Veil {
    scanner: Scanner,
    out: Stream,
    err: Stream,
    hits: Hits,
    /// Whether it is a terminal, on which everything is text.
    terminal: bool,
    /// What comes is no text: a value that is hidden in an archive would damage it unseen.
    binary: bool,
    /// When what is kept back is shown.
    due: Option<Instant>,
    typed: Option<Instant>,
}

impl Veil {
    pub(super) fn new(scanner: Scanner, terminal: bool) -> Self {
        let (out, err) = (Stream::default(), Stream::default());
        Self { scanner, out, err, hits: Hits::default(), terminal, binary: false, due: None, typed: None }
    }

    /// The client sent something.
    pub(super) fn typed(&mut self, now: Instant) {
        self.typed = Some(now);
    }

    /// What may be shown of a stream now that this came.
    pub(super) fn push(&mut self, errors: bool, bytes: Bytes, now: Instant) -> Bytes {
        if !self.terminal && !errors && !self.binary && is_binary(&bytes) {
            self.binary = true;
            let kept = self.out.flush(&self.scanner, &mut self.hits);
            return if kept.is_empty() { bytes } else { [kept, bytes.to_vec()].concat().into() };
        }
        if self.binary && !errors {
            return bytes;
        }
        let Self { scanner, out, err, hits, .. } = self;
        let stream = if errors { err } else { out };
        let mut shown = stream.push(scanner, &bytes, hits);
        if bytes.len() <= ECHO && self.typed.is_some_and(|typed| now < typed + SOON) {
            shown.extend(stream.flush(scanner, hits));
        }
        self.due = (self.out.is_behind() || self.err.is_behind()).then(|| now + SILENCE);
        shown.into()
    }

    /// Everything that is kept back: standard output, and standard error.
    pub(super) fn flush(&mut self) -> [Bytes; 2] {
        let Self { scanner, out, err, hits, due, .. } = self;
        *due = None;
        [out.flush(scanner, hits).into(), err.flush(scanner, hits).into()]
    }

    /// When [`Self::flush`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Hides what is to be hidden in a text of ours.
    pub(super) fn mask(&self, text: String) -> String {
        let mut bytes = text.into_bytes();
        self.scanner.mask(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether what comes is passed on as it is.
    pub(super) fn is_lifted(&self) -> bool {
        self.binary
    }

    /// How many values were hidden since the last time.
    pub(super) fn take_hits(&mut self) -> u64 {
        std::mem::take(&mut self.hits).total()
    }
}

/// Whether these bytes are no text. A character that is cut at their end is one.
fn is_binary(bytes: &[u8]) -> bool {
    let begins = bytes.iter().take(3).take_while(|byte| matches!(byte, 0x80..=0xbf)).count();
    let rest = bytes.get(begins..).unwrap_or_default();
    bytes.contains(&0) || std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil(terminal: bool) -> Veil {
        Veil::new(Scanner::named(&["email".to_owned()]).unwrap(), terminal)
    }

    fn shown(veil: &mut Veil, bytes: &'static [u8]) -> Bytes {
        veil.push(false, Bytes::from_static(bytes), Instant::now())
    }

    #[tokio::test]
    async fn an_archive_stays_as_it_is_and_a_terminal_is_all_text() {
        let (mut archive, mut terminal) = (veil(false), veil(true));
        assert_eq!(shown(&mut archive, b"name ada@example.com\n"), b"name a**@*******.com\n".as_slice());
        assert_eq!(shown(&mut archive, b"half a line"), b"".as_slice());
        assert_eq!(
            shown(&mut archive, b"\x1f\x8b\0ada@example.com\n"),
            b"half a line\x1f\x8b\0ada@example.com\n".as_slice()
        );
        assert_eq!(shown(&mut archive, b"ada@example.com\n"), b"ada@example.com\n".as_slice());
        assert!(archive.is_lifted());
        assert_eq!(shown(&mut terminal, b"\0ada@example.com\n"), b"\0a**@*******.com\n".as_slice());
        assert!(!terminal.is_lifted());
    }

    #[test]
    fn a_cut_character_is_text() {
        let euro = "€".as_bytes();
        assert!(!is_binary(&[b"x", &euro[..1]].concat()) && !is_binary(&[&euro[1..], b"x"].concat()));
        assert!(is_binary(b"\xff") && is_binary(b"a\0"));
    }
}
