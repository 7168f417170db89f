//! Bytes of a terminal as text, over any split.

/// Holds back the beginning of a character whose end comes with the next piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    kept: Vec<u8>,
}

impl Text {
    /// Bytes as text. A character that is cut waits for its rest; what is none is shown as such.
    pub(super) fn read(&mut self, bytes: &[u8]) -> String {
        self.kept.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.kept);
        let back = all.iter().rev().take(3).position(|byte| *byte >= 0xc0);
        let tail = back.and_then(|back| all.get(all.len() - 1 - back..)).unwrap_or_default();
        let open = std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
        let (now, later) = all.split_at(all.len() - if open { tail.len() } else { 0 });
        self.kept = later.to_vec();
        String::from_utf8_lossy(now).into_owned()
    }
}
