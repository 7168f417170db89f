//! `countersign audit verify`. Offline: a file, signed heads, a key; or the store and keys of the configuration.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use workflows::evidence::{Entry, Fault, HeadsFile, Report, SignedNote, VerifyingKey, read_lines, verify};

use super::Desk;
use crate::cli::VerifyArgs;
use crate::failure::Failure;

#[derive(Serialize)]
struct Verified {
    sound: bool,
    words: String,
    entries: i64,
    signed_heads: usize,
    unsigned: i64,
}

pub(super) async fn run(args: VerifyArgs, desk: &Desk<'_>) -> Result<ExitCode, Failure> {
    // Reading the configuration enters its folder.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let args = VerifyArgs { file: args.file.map(absolute), heads: args.heads.map(absolute), ..args };
    let (outcome, torn) = match &args.file {
        Some(file) => of_file(&args, file)?,
        None => of_store(&args).await?,
    };
    let verified = match &outcome {
        Ok(report) => Verified {
            sound: true,
            words: words(report, torn),
            entries: report.head.seq,
            signed_heads: report.heads,
            unsigned: report.unsigned,
        },
        Err(fault) => Verified { sound: false, words: fault.to_string(), entries: 0, signed_heads: 0, unsigned: 0 },
    };
    desk.screen.show(&verified, || format!("{}\n", verified.words))?;
    Ok(if verified.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(report: &Report, torn: bool) -> String {
    let mut words = format!(
        "the audit log is sound: {} entries, {} signed heads, newest entry {}",
        report.head.seq, report.heads, report.head.hash
    );
    if report.unsigned > 0 {
        let unsigned =
            format!("\nthe last {} entries are not signed yet, so they prove only their order", report.unsigned);
        words.push_str(&unsigned);
    }
    if torn {
        words.push_str("\nthe last signed head in the file is torn, as after a crash; it was left out");
    }
    words
}

type Outcome = (Result<Report, Fault>, bool);

fn of_file(args: &VerifyArgs, file: &Path) -> Result<Outcome, Failure> {
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
    let (heads, torn) = read_heads(&[args.heads.clone().unwrap_or_else(beside)])?;
    let log =
        fs::File::open(file).map_err(|error| Failure::new(format!("`{}` can't be read: {error}", file.display())))?;
    Ok((verify(read_lines(BufReader::new(log)), &heads, &key), torn))
}

/// Reads the store as it is; whether a server runs beside it makes no difference.
async fn of_store(args: &VerifyArgs) -> Result<Outcome, Failure> {
    let config = super::load(&args.config)?;
    let key = match &args.key {
        Some(key) => parse_key(key)?,
        None => read_key(&config.keys.path)?,
    };
    let witnesses = match &args.heads {
        Some(file) => vec![file.clone()],
        None => heads_files(&config.keys.path),
    };
    let (mut heads, torn) = read_heads(&witnesses)?;
    let workflows = super::open(config).await?;
    let (mut entries, mut from) = (Vec::<Entry>::new(), 0);
    loop {
        let page = workflows.audit_page(from, 10_000).await.map_err(|error| Failure::new(error.to_string()))?;
        heads.extend(page.heads);
        let Some(last) = page.entries.last() else { break };
        from = last.seq.saturating_add(1);
        entries.extend(page.entries);
    }
    Ok((verify(entries.into_iter().map(Ok::<_, std::convert::Infallible>), &heads, &key), torn))
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

fn heads_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "heads")).collect()
}

fn read_heads(files: &[PathBuf]) -> Result<(Vec<SignedNote>, bool), Failure> {
    let (mut notes, mut torn) = (Vec::new(), false);
    for file in files {
        let heads = HeadsFile::read_all(file)
            .map_err(|error| Failure::new(format!("{error}")).hint("name it with --heads"))?;
        torn |= heads.torn.is_some();
        notes.extend(heads.notes);
    }
    Ok((notes, torn))
}
