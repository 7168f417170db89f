//! `audit` and `audit export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use console::documents::AuditEntry;
use tokio::time::Instant;
use workflows::evidence::{Entry, HeadsFile, ParseHashError, SignedNote, to_line};

use super::Desk;
use crate::failure::Failure;
use crate::progress;

pub(super) async fn list(desk: &Desk<'_>, from: i64, limit: u32) -> Result<(), Failure> {
    let page = desk.client()?.audit(from, limit).await?;
    desk.screen.show(&page, || {
        let row = |entry: &AuditEntry| {
            vec![
                entry.seq.to_string(),
                desk.screen.when(entry.at.0),
                entry.actor.clone(),
                entry.verb.clone(),
                entry.about.clone(),
                entry.detail.clone(),
            ]
        };
        let rows = page.entries.iter().map(row).collect();
        desk.screen.table(&["NO", "AT", "WHO", "DID", "TO", "DETAIL"], rows)
    })?;
    if let (Some(next), true) = (page.next, desk.screen.is_terminal()) {
        desk.screen.say(&format!("more: countersign audit --from {next}\n"));
    }
    Ok(())
}

/// The entry in the form that its hash was made of, and that `audit verify FILE` reads.
fn entry(entry: &AuditEntry) -> Result<Entry, Failure> {
    let hash = |text: &str| text.parse().map_err(|error: ParseHashError| Failure::new(error.to_string()));
    Ok(Entry {
        seq: entry.seq,
        at: entry.at.0.micros(),
        actor: entry.actor.clone(),
        verb: entry.verb.clone(),
        about: entry.about.clone(),
        detail: entry.detail.clone(),
        prev: hash(&entry.prev)?,
        hash: hash(&entry.hash)?,
    })
}

fn write_line(to: &mut impl Write, shown: &AuditEntry) -> Result<(), Failure> {
    let line = to_line(&entry(shown)?).map_err(|error| Failure::new(error.to_string()))?;
    Ok(to.write_all(line.as_bytes())?)
}

/// The log in a file, and its signed heads beside it: what `audit verify` needs.
struct Files {
    log: BufWriter<File>,
    heads: HeadsFile,
}

impl Files {
    fn create(path: &Path) -> Result<Self, Failure> {
        let cannot = |error: &dyn std::error::Error| {
            Failure::new(format!("`{}` cannot be made: {error}", path.display())).hint("choose another --output")
        };
        let log = BufWriter::new(File::create_new(path).map_err(|error| cannot(&error))?);
        let beside = heads_beside(path);
        // Heads of an older export would be mixed with these.
        File::create_new(&beside).map_err(|error| cannot(&error))?;
        Ok(Self { log, heads: HeadsFile::open(&beside).map_err(|error| cannot(&error))? })
    }
}

fn heads_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".heads");
    PathBuf::from(name)
}

pub(super) async fn export(desk: &Desk<'_>, output: Option<PathBuf>) -> Result<(), Failure> {
    let client = desk.client()?;
    let mut files = output.as_deref().map(Files::create).transpose()?;
    let (since, mut from, mut count) = (Instant::now(), 1, 0_usize);
    loop {
        let words = format!("{count} entries");
        let page = progress::during(desk.screen, since, &words, client.audit(from, 1000)).await?;
        match &mut files {
            Some(files) => {
                page.entries.iter().try_for_each(|entry| write_line(&mut files.log, entry))?;
                for head in &page.heads {
                    let appended = files.heads.append(&SignedNote::new(head.clone()));
                    appended.map_err(|error| Failure::new(error.to_string()))?;
                }
            }
            None => page.entries.iter().try_for_each(|entry| write_line(&mut io::stdout().lock(), entry))?,
        }
        count += page.entries.len();
        match page.next {
            Some(next) if next > from => from = next,
            Some(_) | None => break,
        }
    }
    if let (Some(mut files), Some(path)) = (files, output) {
        files.log.flush()?;
        let heads = heads_beside(&path);
        desk.screen.say(&format!(
            "{count} entries are in `{}`, their signed heads in `{}`\n",
            path.display(),
            heads.display()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use console::documents::Moment;
    use workflows::clock::Timestamp;
    use workflows::evidence::{Head, link};

    use super::*;

    #[test]
    fn an_exported_entry_still_has_the_hash_that_it_was_given() {
        let made = link(&Head::genesis("test"), 1_764_000_000_123_456, "ada", "request", "req_1", "{\"why\":\"x\"}");
        let shown = AuditEntry {
            seq: made.seq,
            at: Moment(Timestamp::from_micros(made.at)),
            actor: made.actor.clone(),
            verb: made.verb.clone(),
            about: made.about.clone(),
            detail: made.detail.clone(),
            prev: made.prev.to_string(),
            hash: made.hash.to_string(),
        };
        // By way of JSON, as the API sends it.
        let sent = serde_json::to_string(&shown).expect("JSON");
        let read = entry(&serde_json::from_str(&sent).expect("read")).expect("an entry");
        assert_eq!(read, made);
        assert_eq!(read.recount(), read.hash);
    }
}
