//! The audit chain, its signed heads, and each way of tampering with them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const ORIGIN: &str = "countersign.test/audit";

fn key() -> (TempDir, SigningKey) {
    let dir = TempDir::new().unwrap();
    let key = SigningKey::load_or_create(&dir.path().join("key"), ORIGIN).unwrap();
    (dir, key)
}

fn chain(n: i64) -> Vec<Entry> {
    let mut head = Head::genesis(ORIGIN);
    (0..n)
        .map(|i| {
            let entry = link(&head, 1_000 + i, "ada", "vote", format!("req_{i}"), "{}");
            head = entry.head();
            entry
        })
        .collect()
}

/// All hashes anew, as someone who owns the database would.
fn relink(entries: &mut [Entry]) {
    let mut head = Head::genesis(ORIGIN);
    for e in entries {
        let (actor, verb, about) = (e.actor.clone(), e.verb.clone(), e.about.clone());
        *e = link(&head, e.at, actor, verb, about, e.detail.clone());
        head = e.head();
    }
}

fn signed(entry: &Entry, key: &SigningKey) -> SignedNote {
    Checkpoint::of(&entry.head(), 5_000, key).sign(key)
}

fn check(entries: &[Entry], heads: &[SignedNote], key: &SigningKey) -> Result<Report, Fault> {
    let entries = entries.iter().cloned().map(Ok::<_, std::io::Error>);
    verify(entries, heads, key.verifying_key())
}

#[test]
fn sound_log_verifies_and_says_how_far_it_is_signed() {
    let (_dir, key) = key();
    let log = chain(9);
    let report = check(&log, &[signed(&log[2], &key), signed(&log[6], &key)], &key).unwrap();
    assert_eq!(report.head, log[8].head());
    assert_eq!((report.heads, report.unsigned), (2, 2));
    assert_eq!((report.first_at, report.last_at), (Some(1_000), Some(1_008)));
    assert_eq!(check(&[], &[], &key).unwrap().unsigned, 0);
    assert_eq!(check(&log, &[], &key).unwrap().unsigned, 9);
}

#[test]
fn hash_of_a_known_entry_never_changes() {
    // Computed apart from this code, with Python's hashlib, from the format comment.
    let entry = link(&Head::genesis("o"), 1, "a", "v", "r", "{}");
    assert_eq!(entry.prev.to_string(), GENESIS_O);
    assert_eq!(entry.hash.to_string(), ENTRY_O);
}

const GENESIS_O: &str = "29d1d38d5ca2128e621e2721f487ca460bf6b1bd8d746f8bfc9900644dc95a84";
const ENTRY_O: &str = "29ccf6319e9e7b1f81d3bcc92c3da4f929b6c0738f02904ce1fde6a761dabf6f";

#[test]
fn changed_entry_is_found() {
    let (_dir, key) = key();
    let mut log = chain(5);
    log[2].detail = "{\"approved\":true}".to_owned();
    assert!(matches!(check(&log, &[], &key), Err(Fault::Changed { seq: 3 })));
    log[2].hash = log[2].recount();
    assert!(matches!(check(&log, &[], &key), Err(Fault::Replaced { seq: 4 })));
}

#[test]
fn deletion_is_found_in_the_middle_and_at_the_start() {
    let (_dir, key) = key();
    let mut log = chain(6);
    log.drain(2..4);
    assert!(matches!(check(&log, &[], &key), Err(Fault::Missing { first: 3, last: 4 })));
    let log = &chain(6)[2..];
    assert!(matches!(check(log, &[], &key), Err(Fault::Missing { first: 1, last: 2 })));
}

#[test]
fn reordering_and_repetition_are_found() {
    let (_dir, key) = key();
    let mut log = chain(6);
    log.swap(1, 4);
    assert!(matches!(check(&log, &[], &key), Err(Fault::Reordered { seq: 2, found: 5 })));
    let mut log = chain(3);
    log.insert(1, log[0].clone());
    assert!(matches!(check(&log, &[], &key), Err(Fault::Reordered { seq: 2, found: 1 })));
    // Renumbered so that the numbers look right.
    let mut log = chain(6);
    log.swap(1, 2);
    (log[1].seq, log[2].seq) = (2, 3);
    assert!(matches!(check(&log, &[], &key), Err(Fault::Changed { seq: 2 })));
}

#[test]
fn truncation_is_found_by_a_signed_head_even_of_the_whole_log() {
    let (_dir, key) = key();
    let log = chain(6);
    let heads = [signed(&log[5], &key)];
    let found = check(&log[..4], &heads, &key);
    assert!(matches!(found, Err(Fault::Truncated { last: 4, signed: 6 })));
    let found = check(&[], &heads, &key);
    assert!(matches!(found, Err(Fault::Truncated { last: 0, signed: 6 })));
}

#[test]
fn fork_is_found_between_two_heads_and_between_a_head_and_the_log() {
    let (_dir, key) = key();
    let log = chain(6);
    let mut other = log.clone();
    other[2].actor = "mallory".to_owned();
    relink(&mut other);
    let heads = [signed(&log[4], &key), signed(&other[4], &key)];
    assert!(matches!(check(&log, &heads, &key), Err(Fault::ForkedHeads { seq: 5 })));
    assert!(matches!(check(&other, &heads[..1], &key), Err(Fault::ForkedLog { seq: 5 })));
    assert!(check(&other, &heads[1..], &key).is_ok());
}

#[test]
fn log_of_another_origin_does_not_verify() {
    let (_dir, key) = key();
    let first = link(&Head::genesis("countersign.test/other"), 1, "a", "v", "r", "{}");
    assert!(matches!(check(&[first], &[], &key), Err(Fault::Replaced { seq: 1 })));
}

#[test]
fn head_that_is_not_ours_or_was_changed_is_not_believed() {
    let (_dir, key) = key();
    let (_other_dir, stranger) = self::key();
    let log = chain(3);
    let text = signed(&log[2], &key).to_string();
    let vkey = key.verifying_key();
    assert_eq!(Checkpoint::parse_and_verify(&text, vkey).unwrap(), Checkpoint::of(&log[2].head(), 5_000, &key));
    let refused = |text: &str| Checkpoint::parse_and_verify(text, vkey).unwrap_err();
    let foreign = signed(&log[2], &stranger).to_string();
    assert!(matches!(refused(&foreign), CheckpointError::NotSigned(_)));
    let changed = text.replace("\n5000\n", "\n5001\n");
    assert!(matches!(refused(&changed), CheckpointError::BadSignature(_)));
    assert!(matches!(refused(""), CheckpointError::NotANote));
    assert!(matches!(refused(&text.repeat(90)), CheckpointError::NotANote));
    let mut elsewhere = Checkpoint::of(&log[2].head(), 5_000, &key);
    elsewhere.origin = "countersign.test/other".to_owned();
    let elsewhere = elsewhere.sign(&key).to_string();
    assert!(matches!(refused(&elsewhere), CheckpointError::OtherLog(_)));
    // A witness's signature beside ours does no harm.
    let cosigned = format!("{text}{}", foreign.lines().last().unwrap().to_owned() + "\n");
    assert!(Checkpoint::parse_and_verify(&cosigned, vkey).is_ok());
    let found = check(&log, &[SignedNote::new(changed)], &key);
    assert!(matches!(found, Err(Fault::BadHead { nth: 1, .. })));
}

#[test]
fn known_vkey_of_the_signed_note_specification_is_read() {
    // From https://pkg.go.dev/golang.org/x/mod/sumdb/note
    let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let vkey: VerifyingKey = text.parse().unwrap();
    assert_eq!((vkey.name(), vkey.to_string().as_str()), ("PeterNeumann", text));
    assert!(text.replace("c74f", "c74e").parse::<VerifyingKey>().is_err());
    let note = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let line =
        "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    assert_eq!(vkey.accepts(note, line), Some(true));
    assert_eq!(vkey.accepts(&note.replace("think", "know"), line), Some(false));
}

#[test]
fn signing_key_is_made_once_kept_private_and_bound_to_its_log() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("audit.key");
    let first = SigningKey::load_or_create(&path, ORIGIN).unwrap();
    let again = SigningKey::load_or_create(&path, ORIGIN).unwrap();
    assert_eq!(first.verifying_key(), again.verifying_key());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the draft is gone");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let secret = text.trim_end().splitn(5, '+').last().unwrap();
    assert!(!format!("{first:?}").contains(secret));
    let refused = |name| SigningKey::load_or_create(&path, name).unwrap_err();
    assert!(matches!(refused("countersign.test/other"), KeyError::OtherLog { .. }));
    assert!(matches!(refused("two words"), KeyError::Name(_)));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(refused(ORIGIN), KeyError::Open { mode: 0o640, .. }));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "PRIVATE+KEY+x").unwrap();
    let malformed = refused(ORIGIN);
    assert!(matches!(malformed, KeyError::Malformed(_)));
}

#[test]
fn racing_processes_end_up_with_one_key() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("key");
    let load = || SigningKey::load_or_create(&path, ORIGIN).unwrap();
    let keys: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
        let keys = threads.into_iter().map(|t| t.join().unwrap());
        keys.map(|key| key.verifying_key().to_string()).collect()
    });
    assert_eq!(keys.len(), 1);
}

#[test]
fn heads_file_survives_a_crash_at_every_byte_of_the_last_note() {
    let (dir, key) = key();
    let path = dir.path().join("heads");
    let log = chain(3);
    let notes: Vec<_> = log.iter().map(|entry| signed(entry, &key)).collect();
    let mut file = HeadsFile::open(&path).unwrap();
    assert_eq!(HeadsFile::read_all(&path).unwrap(), Heads::default());
    for note in &notes {
        file.append(note).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    let third = whole.len() - notes[2].as_str().len() - 1;
    for cut in third..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let heads = HeadsFile::read_all(&path).unwrap();
        let kept = if cut == whole.len() { 3 } else { 2 };
        assert_eq!(heads.notes, notes[..kept], "cut at {cut}");
        let torn = cut != third && cut != whole.len();
        assert_eq!(heads.torn, torn.then_some(third as u64), "cut at {cut}");
    }
    fs::write(&path, &whole[..third + 9]).unwrap();
    HeadsFile::open(&path).unwrap().append(&notes[2]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn heads_file_takes_only_notes() {
    let dir = TempDir::new().unwrap();
    let mut file = HeadsFile::open(&dir.path().join("heads")).unwrap();
    for text in ["", "a\n", "a\n\nb", "a\n\nb\n\nc\n", "a\n\n\nb\n"] {
        let refused = file.append(&SignedNote::new(text));
        assert!(matches!(refused, Err(HeadsError::NotANote)), "{text:?}");
    }
}

#[test]
fn exported_log_verifies_offline_and_a_cut_line_is_an_error() {
    let (_dir, key) = key();
    let log = chain(4);
    let text: String = log.iter().map(|entry| to_line(entry).unwrap()).collect();
    let read = |text: &str| {
        let lines = read_lines(Cursor::new(text.to_owned()));
        verify(lines, &[signed(&log[3], &key)], key.verifying_key())
    };
    assert_eq!(read(&text).unwrap().head, log[3].head());
    let cut = read(text.get(..text.len() - 9).unwrap());
    assert!(matches!(cut, Err(Fault::Unreadable { after: 3, .. })));
    assert_eq!(read_lines(Cursor::new("x\n{}\n")).count(), 1, "ends at the first error");
}

#[test]
fn hash_reads_only_what_it_writes() {
    let hash = chain(1)[0].hash;
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for bad in ["", "00", &"0".repeat(65), &"A".repeat(64), &"é".repeat(32)] {
        assert!(bad.parse::<Hash>().is_err(), "{bad}");
    }
}

#[test]
fn missing_folder_is_an_error_and_not_a_panic() {
    let nowhere = Path::new("/nonexistent/heads");
    assert!(HeadsFile::open(nowhere).is_err());
    assert!(SigningKey::load_or_create(nowhere, ORIGIN).is_err());
}

/// One change to a log, with or without computing every hash anew.
fn tamper(log: &mut Vec<Entry>, how: usize, at: usize, with: usize, bit: usize, cover: bool) {
    let n = log.len();
    let (at, with) = (at % n, with % n);
    let flip = |hash: Hash| {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8 % 32] ^= 1 << (bit % 8);
        Hash::from(bytes)
    };
    match how {
        0 => log[at].seq ^= 1 << (bit % 63),
        1 => log[at].at ^= 1 << (bit % 63),
        2 => log[at].actor.push('x'),
        3 => log[at].verb.clear(),
        4 => log[at].about.insert(0, '0'),
        5 => log[at].detail = "[]".to_owned(),
        6 => log[at].prev = flip(log[at].prev),
        7 => log[at].hash = flip(log[at].hash),
        8 => drop(log.remove(at)),
        9 => log.swap(at, (at + 1 + with % (n - 1)) % n),
        10 => log.insert(with, log[at].clone()),
        11 => log.truncate(at),
        12 => {
            // The same bytes, cut into fields at another place.
            let moved = log[at].actor.pop().unwrap();
            log[at].verb.insert(0, moved);
        }
        _ => panic!("no such change"),
    }
    if cover {
        relink(log);
    }
}

proptest! {
    #[test]
    fn any_single_change_to_a_log_is_found(
        n in 2_i64..12, how in 0_usize..13, at: usize, with: usize, bit: usize, cover: bool,
    ) {
        let (_dir, key) = key();
        let log = chain(n);
        let heads = [signed(&log[n as usize - 1], &key)];
        let mut other = log.clone();
        tamper(&mut other, how, at, with, bit, cover);
        // Hashes and numbers that were changed and then computed anew are the old ones again.
        prop_assume!(other != log);
        // A further entry behind the last head is how a log grows; the report says that it is not signed.
        let grown = other.starts_with(&log) && other.len() == log.len() + 1;
        match check(&other, &heads, &key) {
            Ok(report) => prop_assert!(grown && cover && report.unsigned == 1),
            Err(_) => prop_assert!(!grown || !cover),
        }
        prop_assert!(check(&log, &heads, &key).is_ok());
    }

    #[test]
    fn hostile_texts_are_refused_without_a_panic(text in "\\PC*[\n]{0,3}— \\PC*\n?") {
        let (_dir, key) = key();
        prop_assert!(Checkpoint::parse_and_verify(&text, key.verifying_key()).is_err());
        prop_assert!(text.parse::<VerifyingKey>().is_err());
        let lines = read_lines(Cursor::new(text));
        prop_assert!(lines.map(|line| line.map_err(|_| ())).collect::<Result<Vec<_>, ()>>().is_err());
    }
}

#[test]
fn reading_stops_where_the_entries_cannot_be_read() {
    let (_dir, key) = key();
    let broken = std::iter::once(Err(std::io::Error::other("gone")));
    let found = verify(broken, &[], key.verifying_key());
    assert!(matches!(found, Err(Fault::Unreadable { after: 0, .. })));
    let fine = chain(1).into_iter().map(Ok::<_, Infallible>);
    assert!(verify(fine.map(|e| e.map_err(|_| "")), &[], key.verifying_key()).is_ok());
}
