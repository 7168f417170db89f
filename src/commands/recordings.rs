//! `sessions replay` and `sessions export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use workflows::id::SessionId;

use super::{Desk, view};
use crate::cli::{ExportArgs, ReplayArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::replay::{self, Input, Pace, Play, Start, Tape};

pub(super) fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be used: {error}", path.display()))
}

pub(super) async fn replay(desk: &Desk<'_>, args: ReplayArgs) -> Result<(), Failure> {
    let pace = if args.text { Pace::AtOnce } else { Pace::Times(args.speed) };
    let start = match (args.at, args.op, args.held) {
        (Some(at), _, _) => Start::At(at),
        (None, Some(op), _) => Start::Operation(op),
        (None, None, Some(number)) => Start::Held(number),
        (None, None, None) => Start::Beginning,
    };
    let how = Play { pace, start, input: input(args.input) };
    let identity = args.identity.as_deref().map(std::fs::read_to_string).transpose()?;
    // A file wins over an id only if it says so with a folder or its ending.
    let given = Path::new(&args.id);
    let is_file = given.extension().is_some_and(|ending| ending == "csr") || args.id.contains('/');
    let records = if is_file {
        Tape::open(given, identity.as_deref())?
    } else {
        fetch(desk, &args.id, identity.as_deref()).await?
    };
    if args.holds {
        let held = replay::holds(records)?;
        return desk.screen.show(&held, || view::holds(desk.screen, &held));
    }
    replay::play(desk.screen, records, how).await
}

const fn input(shown: bool) -> Input {
    if shown { Input::Shown } else { Input::Left }
}

/// A session's recording, read from the server.
pub(super) async fn fetch(desk: &Desk<'_>, id: &str, identity: Option<&str>) -> Result<Tape, Failure> {
    let client = desk.client()?;
    let file = copy(&client, client.session_id(id).await?).await?;
    Tape::open(file.path(), identity)
}

/// A copy that is gone with its handle: what somebody else saw must not stay behind on this machine.
pub(super) async fn copy(client: &Client, id: SessionId) -> Result<NamedTempFile, Failure> {
    let file = NamedTempFile::with_suffix(".csr")?;
    let mut to = BufWriter::new(file.reopen()?);
    client.recording(id, &mut to).await?;
    to.flush()?;
    Ok(file)
}

/// A film of a terminal.
async fn film(desk: &Desk<'_>, args: ExportArgs) -> Result<(), Failure> {
    let identity = args.identity.as_deref().map(std::fs::read_to_string).transpose()?;
    let id = desk.client()?.session_id(&args.id).await?;
    let records = fetch(desk, &id.to_string(), identity.as_deref()).await?;
    let path = args.output.unwrap_or_else(|| PathBuf::from(format!("{id}.cast")));
    let file = File::create_new(&path).map_err(|error| cannot(&path, &error))?;
    if let Err(failure) = replay::cast::write(records, input(args.input), &mut BufWriter::new(file)) {
        let _nothing_left_to_try = std::fs::remove_file(&path);
        return Err(failure);
    }
    desk.screen.say(&format!("a film is in `{}`\n", path.display()));
    Ok(())
}

pub(super) async fn export(desk: &Desk<'_>, args: ExportArgs) -> Result<(), Failure> {
    if args.cast {
        return film(desk, args).await;
    }
    let client = desk.client()?;
    let id = client.session_id(&args.id).await?;
    let path = args.output.unwrap_or_else(|| PathBuf::from(format!("{id}.csr")));
    let file = File::create_new(&path).map_err(|error| cannot(&path, &error))?;
    let mut to = BufWriter::new(file);
    let size = match client.recording(id, &mut to).await {
        Ok(size) => size,
        Err(failure) => {
            // Half a recording would look like one that was cut off.
            let _nothing_left_to_try = std::fs::remove_file(&path);
            return Err(failure);
        }
    };
    to.flush().map_err(|error| cannot(&path, &error))?;
    desk.screen.say(&format!("{size} bytes are in `{}`\n", path.display()));
    Ok(())
}
