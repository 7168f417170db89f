//! `countersign audit verify`. Offline: a file, signed heads, a key; or the store and keys of the configuration. And the
//! recordings, as far as the log says what they are.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use workflows::evidence::{
    Anchors, Compared, Entry, Fault, HeadsFile, Report, SignedNote, VerifyingKey, read_lines, verify,
};

use super::Desk;
use crate::cli::VerifyArgs;
use crate::failure::Failure;

#[derive(Serialize)]
struct Verified {
    sound: bool,
    words: String,
    entries: i64,
    signed_heads: usize,
    /// Of these, how many come from outside of the store.
    witnessed: usize,
    unsigned: i64,
    /// What became of the recordings; nothing where they were not compared.
    recordings: Option<Compared>,
}

/// What a log without a witness is worth.
const NO_WITNESS: &str = "no signed head outside of the store was compared: a log that was cut off with its heads would not be noticed;\n\
    name the file with --heads, or write --without-witness";

pub(super) async fn run(args: VerifyArgs, desk: &Desk<'_>) -> Result<ExitCode, Failure> {
    // Reading the configuration enters its folder.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let args = VerifyArgs {
        file: args.file.map(absolute),
        heads: args.heads.map(absolute),
        recordings: args.recordings.into_iter().map(absolute).collect(),
        ..args
    };
    for folder in &args.recordings {
        // A slip in the path must not read as a folder in which all is well.
        fs::read_dir(folder).map_err(|error| {
            Failure::new(format!("the folder of recordings `{}` can't be read: {error}", folder.display()))
        })?;
    }
    let found = match &args.file {
        Some(file) => of_file(&args, file)?,
        None => of_store(&args).await?,
    };
    let verified = Verified::of(found, args.without_witness);
    desk.screen.show(&verified, || format!("{}\n", verified.words))?;
    Ok(if verified.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Verified {
    fn of(Found { outcome, witness, recordings }: Found, without_witness: bool) -> Self {
        match outcome {
            Ok(report) => Self {
                sound: (witness.notes > 0 || without_witness)
                    && recordings.as_ref().is_none_or(|compared| compared.faults.is_empty()),
                words: words(&report, &witness) + &of_recordings(recordings.as_ref()),
                entries: report.head.seq,
                signed_heads: report.heads,
                witnessed: witness.notes,
                unsigned: report.unsigned,
                recordings,
            },
            Err(fault) => Self {
                sound: false,
                words: fault.to_string(),
                entries: 0,
                signed_heads: 0,
                witnessed: witness.notes,
                unsigned: 0,
                recordings: None,
            },
        }
    }
}

fn words(report: &Report, witness: &Witness) -> String {
    let sound = if witness.notes > 0 { "the audit log is sound" } else { "the entries hang together" };
    let mut words = format!(
        "{sound}: {} entries, {} signed heads, newest entry {}",
        report.head.seq, report.heads, report.head.hash
    );
    if report.unsigned > 0 {
        let unsigned =
            format!("\nthe last {} entries are not signed yet, so they prove only their order", report.unsigned);
        words.push_str(&unsigned);
    }
    if witness.notes == 0 {
        words.push('\n');
        words.push_str(NO_WITNESS);
    }
    if witness.torn {
        words.push_str("\nthe last signed head in the file is torn, as after a crash; it was left out");
    }
    words
}

fn of_recordings(compared: Option<&Compared>) -> String {
    let Some(Compared { sound, open, faults }) = compared else {
        return "\nthe recordings were not compared; name their folder with --recordings".to_owned();
    };
    let mut words = if *sound == 1 {
        "\n1 recording is what the log says".to_owned()
    } else {
        format!("\n{sound} recordings are what the log says")
    };
    if *open > 0 {
        let open = format!(
            "; {open} without an end, since the session goes on or was killed: what came in the last minutes is not bound \
             to the log"
        );
        words.push_str(&open);
    }
    for fault in faults {
        words.push('\n');
        words.push_str(fault);
    }
    if !faults.is_empty() {
        words.push_str("\nif they were moved, name each folder with --recordings");
    }
    words
}

/// What the files outside of the store held.
#[derive(Debug, Default)]
struct Witness {
    notes: usize,
    torn: bool,
}

struct Found {
    outcome: Result<Report, Fault>,
    witness: Witness,
    recordings: Option<Compared>,
}

/// Compares recordings with a log that is sound: any other says nothing.
fn compare(outcome: &Result<Report, Fault>, anchors: &Anchors, folders: &[PathBuf]) -> Option<Compared> {
    (outcome.is_ok() && !folders.is_empty()).then(|| anchors.compare(folders))
}

fn of_file(args: &VerifyArgs, file: &Path) -> Result<Found, Failure> {
    let log =
        fs::File::open(file).map_err(|error| Failure::new(format!("`{}` can't be read: {error}", file.display())))?;
    let beside = || {
        let mut name = file.as_os_str().to_owned();
        name.push(".heads");
        PathBuf::from(name)
    };
    let key = if let Some(key) = &args.key {
        parse_key(key)?
    } else {
        let config =
            super::load(&args.config).map_err(|failure| failure.hint("or give the log's public key with --key"))?;
        read_key(&config.keys.path)?
    };
    let files = match &args.heads {
        None if args.without_witness && !beside().exists() => Vec::new(),
        None => vec![beside()],
        Some(file) => vec![file.clone()],
    };
    let (heads, witness) = read_heads(&files)?;
    let mut anchors = Anchors::default();
    let entries = read_lines(BufReader::new(log)).inspect(|entry| entry.iter().for_each(|entry| anchors.note(entry)));
    let outcome = verify(entries, &heads, &key);
    let recordings = compare(&outcome, &anchors, &args.recordings);
    Ok(Found { outcome, witness, recordings })
}

/// Reads the store as it is; whether a server runs beside it makes no difference.
async fn of_store(args: &VerifyArgs) -> Result<Found, Failure> {
    let config = super::load(&args.config)?;
    let folders = match args.recordings.as_slice() {
        _ if args.without_recordings => Vec::new(),
        [] => vec![config.recordings.path.clone()],
        named => named.to_vec(),
    };
    let key = match &args.key {
        Some(key) => parse_key(key)?,
        None => read_key(&config.keys.path)?,
    };
    let witnesses = match &args.heads {
        Some(file) => vec![file.clone()],
        None => heads_files(&config.keys.path)?,
    };
    // Heads first, then entries: a log that grows meanwhile is never taken for one that was cut off.
    let (mut heads, witness) = read_heads(&witnesses)?;
    let workflows = super::open(config).await?;
    let (mut entries, mut anchors, mut from) = (Vec::<Entry>::new(), Anchors::default(), 0);
    loop {
        let page = workflows.audit_page(from, 10_000).await.map_err(|error| Failure::new(error.to_string()))?;
        heads.extend(page.heads);
        let Some(last) = page.entries.last() else { break };
        from = last.seq.saturating_add(1);
        page.entries.iter().for_each(|entry| anchors.note(entry));
        entries.extend(page.entries);
    }
    let outcome = verify(entries.into_iter().map(Ok::<_, std::convert::Infallible>), &heads, &key);
    let recordings = compare(&outcome, &anchors, &folders);
    Ok(Found { outcome, witness, recordings })
}

fn parse_key(text: &str) -> Result<VerifyingKey, Failure> {
    text.trim().parse().map_err(|_| {
        Failure::wrong_use(format!("`{text}` is not the public key of a log"))
            .hint("it is the one line of `audit.pub` in the keys' folder")
    })
}

fn read_key(folder: &Path) -> Result<VerifyingKey, Failure> {
    let path = folder.join("audit.pub");
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("the log's public key `{}` can't be read: {error}", path.display()))
            .hint("give it with --key; the first start of `countersign serve` makes it")
    })?;
    parse_key(&text)
}

fn heads_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("the folder of signed heads `{}` can't be read: {error}", folder.display()))
            .hint("name the file of signed heads with --heads")
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "heads") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read_heads(files: &[PathBuf]) -> Result<(Vec<SignedNote>, Witness), Failure> {
    let (mut notes, mut torn) = (Vec::new(), false);
    for file in files {
        let heads = HeadsFile::read_all(file)
            .map_err(|error| Failure::new(format!("{error}")).hint("name it with --heads"))?;
        torn |= heads.torn.is_some();
        notes.extend(heads.notes);
    }
    let witness = Witness { notes: notes.len(), torn };
    Ok((notes, witness))
}

#[cfg(test)]
mod tests {
    use workflows::evidence::Head;

    use super::*;

    #[test]
    fn a_log_without_a_witness_is_not_called_sound() {
        let report = Report {
            origin: "countersign".to_owned(),
            head: Head::genesis("countersign"),
            first_at: None,
            last_at: None,
            heads: 3,
            unsigned: 0,
        };
        let found = |witness| Found { outcome: Ok(report.clone()), witness, recordings: None };
        let none = Verified::of(found(Witness::default()), false);
        assert!(!none.sound && !none.words.contains("sound"), "{}", none.words);
        assert!(none.words.contains("no signed head outside of the store was compared"), "{}", none.words);
        let wanted = Verified::of(found(Witness::default()), true);
        assert!(wanted.sound && wanted.words.contains("no signed head outside of the store was compared"));
        let witnessed = Verified::of(found(Witness { notes: 3, torn: false }), false);
        assert!(witnessed.sound && witnessed.words.starts_with("the audit log is sound"));
    }

    #[test]
    fn a_folder_of_heads_that_cannot_be_read_is_an_error() {
        assert!(heads_files(Path::new("/nowhere/keys")).is_err());
    }
}
