//! Files that were transferred and are kept in a recording: `sessions show --files` lists them, `sessions file` gets one out.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use console::documents::Session;
use serde::Serialize;
use workflows::evidence::recording::{Event, Record};

use super::{Desk, recordings};
use crate::cli::FileArgs;
use crate::failure::Failure;
use crate::replay::Tape;

/// A file that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Kept {
    /// Its number.
    pub(super) number: u32,
    /// Which way it went, and its path at the target.
    pub(super) name: String,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// The files of a session's recording, which is fetched where there are any. Sealed ones need the key.
pub(super) async fn list(desk: &Desk<'_>, session: &Session, identity: Option<&Path>) -> Result<Vec<Kept>, Failure> {
    if session.totals.kept == 0 {
        return Ok(Vec::new());
    }
    let identity = identity.map(std::fs::read_to_string).transpose()?;
    let copy = recordings::copy(&desk.client()?, session.id).await?;
    kept(Tape::open(copy.path(), identity.as_deref())?)
}

fn kept(records: impl Iterator<Item = Result<Record, Failure>>) -> Result<Vec<Kept>, Failure> {
    let mut all: Vec<Kept> = Vec::new();
    for record in records {
        if let Event::File { number, name, size, .. } = record?.what
            && all.last().is_none_or(|last| last.number != number)
        {
            all.push(Kept { number, name, size });
        }
    }
    Ok(all)
}

/// Writes one of them into a new file.
pub(super) async fn get(desk: &Desk<'_>, args: FileArgs) -> Result<(), Failure> {
    let identity = args.identity.as_deref().map(std::fs::read_to_string).transpose()?;
    let records = recordings::fetch(desk, &args.id, identity.as_deref()).await?;
    let file = File::create_new(&args.output).map_err(|error| recordings::cannot(&args.output, &error))?;
    let mut to = BufWriter::new(file);
    let written = write(records, args.number, &mut to).and_then(|size| {
        to.flush()?;
        Ok(size)
    });
    match written {
        Ok(size) => {
            desk.screen.say(&format!("{size} bytes are in `{}`\n", args.output.display()));
            Ok(())
        }
        Err(failure) => {
            // A part would look like the whole.
            let _nothing_left_to_try = std::fs::remove_file(&args.output);
            Err(failure)
        }
    }
}

fn write(
    records: impl Iterator<Item = Result<Record, Failure>>,
    wanted: u32,
    to: &mut impl Write,
) -> Result<u64, Failure> {
    let (mut found, mut written, mut last) = (None, 0, 0);
    // To the end of the recording, so that one that was changed is not taken for a good one.
    for record in records {
        let Event::File { number, size, bytes, .. } = record?.what else { continue };
        last = number;
        if number == wanted {
            found = Some(size);
            to.write_all(&bytes)?;
            written += bytes.len() as u64;
        }
    }
    match found {
        None if last == 0 => Err(Failure::new("no file is kept in this recording")
            .hint("`keep_files` of the target in the policy says what is kept")),
        None => Err(Failure::new(format!("there is no file {wanted}: the recording has {last}"))),
        Some(size) if size != written => Err(Failure::new("the file is only partly in the recording")),
        Some(size) => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(number: u32, size: u64, bytes: &[u8]) -> Record {
        let what = Event::File { number, name: format!("put /{number}"), size, bytes: bytes.to_vec() };
        Record { at_us: 0, what }
    }

    fn records() -> impl Iterator<Item = Result<Record, Failure>> {
        [piece(1, 5, b"one"), piece(1, 5, b"ly"), piece(2, 0, b""), piece(3, 9, b"cut")].into_iter().map(Ok)
    }

    #[test]
    fn files_are_listed_once_and_put_together() {
        let sizes: Vec<(u32, u64)> =
            kept(records()).expect("read").into_iter().map(|kept| (kept.number, kept.size)).collect();
        assert_eq!(sizes, [(1, 5), (2, 0), (3, 9)]);
        let mut out = Vec::new();
        assert_eq!(write(records(), 1, &mut out).expect("written"), 5);
        assert_eq!(out, b"onely");
        assert_eq!(write(records(), 2, &mut Vec::new()).expect("written"), 0);
    }

    #[test]
    fn what_is_not_there_whole_is_not_given_out() {
        let words = |wanted| write(records(), wanted, &mut Vec::new()).expect_err("refused").to_string();
        assert!(words(3).contains("only partly"), "{}", words(3));
        assert!(words(4).contains("there is no file 4: the recording has 3"), "{}", words(4));
        let none = write(std::iter::empty(), 1, &mut Vec::new()).expect_err("none").to_string();
        assert!(none.contains("no file is kept in this recording"), "{none}");
    }
}
