//! `sessions replay` and `sessions export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Desk;
use crate::cli::{ExportArgs, ReplayArgs};
use crate::failure::Failure;
use crate::replay::{self, Pace, Tape};

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be used: {error}", path.display()))
}

pub(super) async fn replay(desk: &Desk<'_>, args: ReplayArgs) -> Result<(), Failure> {
    let pace = if args.text { Pace::AtOnce } else { Pace::Times(args.speed) };
    let identity = args.identity.as_deref().map(std::fs::read_to_string).transpose()?;
    // A file wins over an id only if it says so with a folder or its ending.
    let given = Path::new(&args.id);
    if given.extension().is_some_and(|ending| ending == "csr") || args.id.contains('/') {
        let records = Tape::open(given, identity.as_deref())?;
        return replay::play(desk.screen, records, pace).await;
    }
    let records = fetch(desk, &args.id, identity.as_deref()).await?;
    replay::play(desk.screen, records, pace).await
}

/// A session's recording, read from the server.
async fn fetch(desk: &Desk<'_>, id: &str, identity: Option<&str>) -> Result<Tape, Failure> {
    let client = desk.client()?;
    let id = client.session_id(id).await?;
    // Unlinked at once: what somebody else saw must not stay behind on this machine.
    let file = tempfile::NamedTempFile::with_suffix(".csr")?;
    let mut to = BufWriter::new(file.reopen()?);
    client.recording(id, &mut to).await?;
    to.flush()?;
    Tape::open(file.path(), identity)
}

/// A film of a terminal.
async fn film(desk: &Desk<'_>, args: ExportArgs) -> Result<(), Failure> {
    let identity = args.identity.as_deref().map(std::fs::read_to_string).transpose()?;
    let id = desk.client()?.session_id(&args.id).await?;
    let records = fetch(desk, &id.to_string(), identity.as_deref()).await?;
    let path = args.output.unwrap_or_else(|| PathBuf::from(format!("{id}.cast")));
    let file = File::create_new(&path).map_err(|error| cannot(&path, &error))?;
    if let Err(failure) = replay::cast::write(records, &mut BufWriter::new(file)) {
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
