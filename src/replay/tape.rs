//! A recording that is read from a file. Its end is part of it: a changed frame is an error, not a shorter session.

use std::path::Path;

use workflows::evidence::recording::{Ending, Event, ReadError, Reader, Record};

use crate::failure::Failure;

/// The records of a file, in order; an error, at the end, if something in it was changed.
#[derive(Debug)]
pub struct Tape {
    reader: Reader,
    /// Whether the last record was the session's end.
    ended: bool,
    judged: bool,
}

impl Tape {
    /// Opens a recording; `identity` is the text of an age identity file, for sealed ones.
    pub fn open(path: &Path, identity: Option<&str>) -> Result<Self, Failure> {
        let reader = Reader::open(path, identity).map_err(|error| told(&error))?;
        Ok(Self { reader, ended: false, judged: false })
    }
}

fn told(error: &ReadError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error {
        ReadError::Sealed(_) | ReadError::Unseal(_) => failure.hint("give the file with its key: --identity FILE"),
        ReadError::NotARecording(_) => failure.hint("`countersign sessions export ID` saves one"),
        ReadError::File { .. } => failure,
    }
}

impl Iterator for Tape {
    type Item = Result<Record, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.reader.next() {
            self.ended = record.as_ref().is_ok_and(|record| matches!(record.what, Event::End { .. }));
            return Some(record.map_err(|error| told(&error)));
        }
        if std::mem::replace(&mut self.judged, true) {
            return None;
        }
        match self.reader.ending() {
            Some(Ending::Torn { .. }) if self.ended => Some(Err(Failure::new(
                "the recording is cut off behind its last record: its closing frame is missing",
            )
            .hint("`countersign sessions export ID` fetches it again"))),
            // A session without an end is said by the scene: a live one looks the same.
            Some(Ending::Complete | Ending::Torn { .. }) | None => None,
            Some(Ending::Tampered { frame }) => Some(Err(Failure::new(format!(
                "frame {frame} of the recording is not what the gateway wrote: the rest cannot be trusted"
            ))
            .hint("keep the file as it is, and tell your security team"))),
        }
    }
}
