//! Recordings: round trips, crashes at every byte, tampering, a full disk, many sessions.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use age::secrecy::ExposeSecret;
use proptest::prelude::*;
use tempfile::TempDir;

use super::session::Sink;
use super::*;
use crate::evidence::{Hash, Head};

/// 2026-11-23, 12:00 UTC.
const NOON: i64 = 1_795_435_200_000_000;

struct World {
    dir: TempDir,
    recorder: Recorder,
}

impl World {
    fn with(recipients: Vec<String>, flush_every: Duration, queue_bytes: usize) -> Self {
        let dir = TempDir::new().unwrap();
        let clock = AtomicI64::new(NOON);
        let recorder = Recorder::start(RecorderConfig {
            dir: dir.path().join("recordings"),
            recipients,
            flush_every,
            queue_bytes,
            now: Arc::new(move || clock.fetch_add(1, Ordering::Relaxed)),
        })
        .unwrap();
        Self { dir, recorder }
    }

    fn new() -> Self {
        Self::with(Vec::new(), Duration::from_millis(20), 1 << 20)
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("recordings")
    }

    fn path(&self, session: &str) -> PathBuf {
        self.root().join("2026-11-23").join(format!("{session}.csr"))
    }
}

fn run<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

fn identity() -> (String, String) {
    let identity = age::x25519::Identity::generate();
    let secret = identity.to_string().expose_secret().to_owned();
    (secret, identity.to_public().to_string())
}

fn read(path: &Path, identity: Option<&str>) -> (Vec<Event>, Ending) {
    let mut reader = Reader::open(path, identity).unwrap();
    let events = reader.by_ref().map(|r| r.unwrap().what).collect();
    (events, reader.ending().unwrap())
}

fn everything(tape: &mut Tape) {
    let params: [Option<&[u8]>; 3] = [Some(b"1"), None, Some(b"")];
    let events = [
        EventRef::Intent { op: 1, text: b"DELETE FROM \xff", params: &params, verdict: 2, detail: "rule é" },
        EventRef::Hold { op: 1, request: "req_1", rule: "deletes" },
        EventRef::Settled { op: 1, outcome: "approved", by: "grace", because: "yes" },
        EventRef::Output { op: 1, bytes: &[0, 255, 7] },
        EventRef::Masked { op: 1, what: "email", count: u64::MAX },
        EventRef::Outcome { op: u32::MAX, tag: "DELETE 3", rows: 3, bytes: 300, micros: 0, error: None },
        EventRef::Outcome { op: 2, tag: "", rows: 0, bytes: 0, micros: 9, error: Some("no") },
        EventRef::Note { text: "uninspected" },
        EventRef::Typed { op: 1, text: "ls -l é\r" },
        EventRef::File { number: 1, name: "put /a", size: u64::MAX, bytes: &[0, 255] },
    ];
    for event in events {
        tape.put(event).unwrap();
    }
}

fn everything_read() -> Vec<Event> {
    let s = str::to_owned;
    vec![
        Event::Intent {
            op: 1,
            text: b"DELETE FROM \xff".to_vec(),
            params: vec![Some(b"1".to_vec()), None, Some(Vec::new())],
            verdict: 2,
            detail: s("rule é"),
        },
        Event::Hold { op: 1, request: s("req_1"), rule: s("deletes") },
        Event::Settled { op: 1, outcome: s("approved"), by: s("grace"), because: s("yes") },
        Event::Output { op: 1, bytes: vec![0, 255, 7] },
        Event::Masked { op: 1, what: s("email"), count: u64::MAX },
        Event::Outcome { op: u32::MAX, tag: s("DELETE 3"), rows: 3, bytes: 300, micros: 0, error: None },
        Event::Outcome { op: 2, tag: s(""), rows: 0, bytes: 0, micros: 9, error: Some(s("no")) },
        Event::Note { text: s("uninspected") },
        Event::Typed { op: 1, text: s("ls -l é\r") },
        Event::File { number: 1, name: s("put /a"), size: u64::MAX, bytes: vec![0, 255] },
    ]
}

/// A closed recording of several frames; its bytes and its last head.
async fn recorded(world: &World, session: &str) -> (Vec<u8>, Vec<Head>) {
    let mut tape = world.recorder.open(session, "{\"who\":\"ada\"}").unwrap();
    let mut heads = vec![tape.head()];
    for _ in 0..3 {
        everything(&mut tape);
        heads.push(tape.flush().await.unwrap());
    }
    heads.push(tape.close("{}").await.unwrap());
    (fs::read(world.path(session)).unwrap(), heads)
}

fn all_of_it() -> Vec<Event> {
    let begin = Event::Begin { json: "{\"who\":\"ada\"}".to_owned() };
    let end = Event::End { json: "{}".to_owned() };
    let middle = (0..3).flat_map(|_| everything_read());
    std::iter::once(begin).chain(middle).chain([end]).collect()
}

#[test]
fn every_event_comes_back_as_it_was_put() {
    run(async {
        let world = World::new();
        let (bytes, heads) = recorded(&world, "ses_1").await;
        let path = world.path("ses_1");
        assert_eq!(read(&path, None), (all_of_it(), Ending::Complete));
        let checked = verify(&path).unwrap();
        assert_eq!(checked.ending, Ending::Complete);
        assert_eq!(Some(&checked.head), heads.last());
        assert_eq!(checked.header.session, "ses_1");
        assert_eq!(checked.header.started, NOON);
        let times: Vec<_> = Reader::open(&path, None).unwrap().map(|r| r.unwrap().at_us).collect();
        assert!(times.is_sorted() && times[0] == NOON, "{times:?}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for folder in [world.root(), world.root().join("2026-11-23")] {
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let index = Recording::index(&world.root()).unwrap();
        assert_eq!(index.recordings.len(), 1);
        assert_eq!(index.recordings[0].bytes, bytes.len() as u64);
    });
}

#[test]
fn sealed_recording_opens_for_each_recipient_and_nobody_else() {
    run(async {
        let (ada, ada_public) = identity();
        let (grace, grace_public) = identity();
        let (mallory, _) = identity();
        let world = World::with(vec![ada_public, grace_public], Duration::from_millis(20), 1 << 20);
        let (bytes, heads) = recorded(&world, "ses_1").await;
        let path = world.path("ses_1");
        let find = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        assert!(!find(b"DELETE") && !find(b"ada") && !find(b"grace"));
        for secret in [ada.clone(), format!("# created\n{grace}\n")] {
            assert_eq!(read(&path, Some(&secret)), (all_of_it(), Ending::Complete));
        }
        assert!(matches!(Reader::open(&path, None), Err(ReadError::Sealed(_))));
        let refused = Reader::open(&path, Some(&mallory));
        assert!(matches!(refused, Err(ReadError::Unseal(SealError::NotForThis(_)))));
        let refused = Reader::open(&path, Some("hello"));
        assert!(matches!(refused, Err(ReadError::Unseal(SealError::Identity))));
        // The chain needs no key.
        assert_eq!(verify(&path).unwrap().ending, Ending::Complete);
        assert_eq!(Some(&verify(&path).unwrap().head), heads.last());
        assert!(Recording::read(&path).unwrap().header.sealed.is_some());
    });
}

#[test]
fn recording_cut_anywhere_gives_everything_before_the_cut() {
    run(async {
        let (secret, public) = identity();
        for (recipients, key) in [(vec![], None), (vec![public], Some(secret.as_str()))] {
            let world = World::with(recipients, Duration::from_secs(9), 1 << 20);
            let (bytes, _) = recorded(&world, "ses_1").await;
            let path = world.path("ses_1");
            let opening = 12 + u32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
            let whole = all_of_it();
            let mut seen = 0;
            for cut in 0..bytes.len() {
                // With a key each cut costs a key exchange; the last frames are enough.
                if key.is_some() && cut + 400 < bytes.len() {
                    continue;
                }
                fs::write(&path, &bytes[..cut]).unwrap();
                if cut < opening {
                    assert!(matches!(verify(&path), Err(ReadError::NotARecording(_))));
                    continue;
                }
                let (events, ending) = read(&path, key);
                assert!(matches!(ending, Ending::Torn { at_byte } if at_byte <= cut as u64));
                assert_eq!(events, whole[..events.len()]);
                assert!(events.len() >= seen, "a longer file tells no less");
                seen = events.len();
                assert_eq!(verify(&path).unwrap().ending, ending);
            }
            assert_eq!(seen, whole.len(), "only the frame of totals was cut");
        }
    });
}

#[test]
fn length_without_bytes_after_a_power_cut_is_torn() {
    run(async {
        let world = World::new();
        let (bytes, _) = recorded(&world, "ses_1").await;
        let path = world.path("ses_1");
        for from in bytes.len() - 200..bytes.len() - 1 {
            let mut zeroed = bytes.clone();
            zeroed[from..].fill(0);
            fs::write(&path, &zeroed).unwrap();
            assert!(matches!(read(&path, None).1, Ending::Torn { .. }), "{from}");
        }
        // Something after the end is no crash.
        fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
        assert!(matches!(read(&path, None).1, Ending::Tampered { frame: 7 }));
    });
}

#[test]
fn flipped_bytes_are_found_and_never_read_as_something_else() {
    run(async {
        let (secret, public) = identity();
        for (recipients, key) in [(vec![], None), (vec![public], Some(secret.as_str()))] {
            let world = World::with(recipients, Duration::from_secs(9), 1 << 20);
            let (bytes, heads) = recorded(&world, "ses_1").await;
            let path = world.path("ses_1");
            let whole = all_of_it();
            let step = if key.is_some() { 7 } else { 1 };
            for at in (0..bytes.len()).step_by(step) {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                fs::write(&path, &changed).unwrap();
                let Ok(mut reader) = Reader::open(&path, key) else {
                    continue;
                };
                let events: Vec<_> = reader.by_ref().map(|r| r.unwrap().what).collect();
                assert_eq!(events, whole[..events.len()], "byte {at}");
                assert_ne!(reader.ending(), Some(Ending::Complete), "byte {at}");
                let checked = verify_against(&path, &heads).unwrap();
                assert_ne!(checked.ending, Ending::Complete, "byte {at}");
            }
        }
    });
}

#[test]
fn recording_made_anew_is_found_by_its_anchors() {
    run(async {
        let world = World::new();
        let (bytes, anchors) = recorded(&world, "ses_1").await;
        let path = world.path("ses_1");
        assert_eq!(verify_against(&path, &anchors).unwrap().ending, Ending::Complete);
        let other = World::new();
        let mut tape = other.recorder.open("ses_1", "{\"who\":\"eve\"}").unwrap();
        everything(&mut tape);
        tape.close("{}").await.unwrap();
        fs::copy(other.path("ses_1"), &path).unwrap();
        assert_eq!(verify(&path).unwrap().ending, Ending::Complete);
        let found = verify_against(&path, &anchors).unwrap().ending;
        assert_eq!(found, Ending::Tampered { frame: 1 });
        // Cut to what looks like a crash, behind an anchor.
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let found = verify_against(&path, &anchors).unwrap().ending;
        assert_eq!(found, Ending::Tampered { frame: 6 });
        let genuine = verify_against(&path, &anchors[..4]).unwrap().ending;
        assert!(matches!(genuine, Ending::Torn { .. }));
        let wrong = Head { seq: 0, hash: Hash::from([7; 32]) };
        assert!(matches!(verify_against(&path, &[wrong]).unwrap().ending, Ending::Tampered { frame: 0 }));
    });
}

#[test]
fn record_reaches_the_file_without_a_flush_and_without_a_close() {
    run(async {
        let world = World::new();
        let mut tape = world.recorder.open("ses_1", "{}").unwrap();
        let path = tape.path().to_owned();
        assert_eq!(path, world.path("ses_1").canonicalize().unwrap());
        assert_eq!(read(&path, None).0.len(), 1, "the beginning is there at once");
        tape.put(EventRef::Note { text: "a" }).unwrap();
        eventually(|| read(&path, None).0.len() == 2).await;
        // The second batch of a session that was idle in between, and then is dropped.
        tape.put(EventRef::Note { text: "b" }).unwrap();
        drop(tape);
        eventually(|| read(&path, None).0.len() == 3).await;
        assert!(matches!(read(&path, None).1, Ending::Torn { .. }));
    });
}

#[test]
fn recorder_that_is_dropped_writes_what_it_has() {
    run(async {
        let World { dir, recorder } = World::with(vec![], Duration::from_mins(10), 1 << 20);
        let mut tape = recorder.open("ses_1", "{}").unwrap();
        tape.put(EventRef::Note { text: "a" }).unwrap();
        tape.flush_soon().unwrap();
        let path = dir.path().join("recordings/2026-11-23/ses_1.csr");
        eventually(|| read(&path, None).0.len() == 2).await;
        tape.put(EventRef::Note { text: "b" }).unwrap();
        recorder.settle().await.unwrap();
        assert_eq!(read(&path, None).0.len(), 3);
        tape.put(EventRef::Note { text: "c" }).unwrap();
        drop((tape, recorder));
        eventually(|| read(&path, None).0.len() == 4).await;
    });
}

async fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not within ten seconds");
}

fn onto_dev_full(world: &World) -> Tape {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    world.recorder.tape(Sink::new(full, None, None, format::first_head(b"")), PathBuf::from("/dev/full"))
}

#[test]
fn full_disk_ends_every_session_until_a_recording_can_be_begun() {
    run(async {
        let world = World::new();
        let mut other = world.recorder.open("ses_other", "{}").unwrap();
        let mut tape = onto_dev_full(&world);
        tape.put(EventRef::Note { text: "lost" }).unwrap();
        assert!(matches!(tape.flush().await, Err(RecordError::Full)));
        for _ in 0..2 {
            let refused = tape.put(EventRef::Note { text: "late" });
            assert!(matches!(refused, Err(RecordError::Full)));
            let refused = other.put(EventRef::Note { text: "late" });
            assert!(matches!(refused, Err(RecordError::Full)));
        }
        assert!(matches!(other.ready().await, Err(RecordError::Full)));
        assert!(matches!(world.recorder.settle().await, Err(RecordError::Full)));
        // The disk is well again: what lost nothing goes on, what lost something does not.
        world.recorder.open("ses_new", "{}").unwrap();
        assert!(matches!(tape.flush().await, Err(RecordError::Full)));
        other.put(EventRef::Note { text: "on" }).unwrap();
        other.close("{}").await.unwrap();
        assert_eq!(read(&world.path("ses_other"), None).1, Ending::Complete);
        assert!(matches!(tape.put(EventRef::Note { text: "late" }), Err(RecordError::Full)));
        assert!(matches!(tape.close("{}").await, Err(RecordError::Full)));
    });
}

#[test]
fn full_disk_is_noticed_by_the_sweep_alone() {
    run(async {
        let world = World::new();
        let mut tape = onto_dev_full(&world);
        tape.put(EventRef::Note { text: "lost" }).unwrap();
        eventually(|| tape.put(EventRef::Note { text: "late" }).is_err()).await;
    });
}

#[test]
fn bulk_waits_for_the_disk_and_nothing_is_lost() {
    run(async {
        let world = World::with(vec![], Duration::from_mins(10), 128 * 1024);
        let mut tape = world.recorder.open("ses_1", "{}").unwrap();
        let chunk: Vec<u8> = (0..65_536_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for _ in 0..200 {
            tape.ready().await.unwrap();
            tape.put(EventRef::Output { op: 1, bytes: &chunk }).unwrap();
        }
        // Larger than a record may be: cut into pieces.
        tape.ready().await.unwrap();
        tape.put(EventRef::Output { op: 2, bytes: &chunk.repeat(70) }).unwrap();
        tape.close("{}").await.unwrap();
        let (events, ending) = read(&world.path("ses_1"), None);
        assert_eq!(ending, Ending::Complete);
        let size = |wanted: u32| {
            let mut size = 0;
            for event in &events {
                if let Event::Output { op, bytes } = event
                    && *op == wanted
                {
                    size += bytes.len();
                }
            }
            size
        };
        assert_eq!((size(1), size(2)), (200 * chunk.len(), 70 * chunk.len()));
    });
}

#[test]
fn busy_session_does_not_put_off_the_sweep_of_a_quiet_one() {
    run(async {
        let world = World::new();
        let mut busy = world.recorder.open("ses_busy", "{}").unwrap();
        let mut quiet = world.recorder.open("ses_quiet", "{}").unwrap();
        quiet.put(EventRef::Note { text: "a" }).unwrap();
        let path = world.path("ses_quiet");
        let empty = fs::metadata(&path).unwrap().len();
        let chunk = vec![1; 40_000];
        for round in 0.. {
            busy.ready().await.unwrap();
            let op = round;
            busy.put(EventRef::Output { op, bytes: &chunk }).unwrap();
            if fs::metadata(&path).unwrap().len() > empty {
                break;
            }
            assert!(round < 100_000, "4 GB later");
        }
    });
}

#[test]
fn as_many_recipients_as_allowed_fit_the_header() {
    let recipients = |n| (0..n).map(|_| identity().1).collect::<Vec<_>>();
    let world = World::with(recipients(64), Duration::from_millis(20), 1 << 20);
    world.recorder.open("ses_1", "{}").unwrap();
    assert!(Recording::read(&world.path("ses_1")).is_ok());
    let refused = Recorder::start(RecorderConfig {
        dir: world.root(),
        recipients: recipients(65),
        flush_every: Duration::MAX,
        queue_bytes: 1,
        now: Arc::new(|| 0),
    });
    assert!(matches!(refused, Err(StartError::Seal(SealError::TooMany(65)))));
}

#[test]
fn whoever_never_waits_is_refused_before_memory_runs_out() {
    let world = World::with(vec![], Duration::from_mins(10), 1 << 20);
    let mut tape = world.recorder.open("ses_1", "{}").unwrap();
    let chunk = vec![7; 16 << 20];
    // The thread is held up, as by a slow disk.
    let held = tape.hold_up();
    tape.put(EventRef::Output { op: 1, bytes: &chunk }).unwrap();
    tape.put(EventRef::Output { op: 1, bytes: &chunk[..1 << 20] }).unwrap();
    let refused = tape.put(EventRef::Note { text: "" });
    assert!(matches!(refused, Err(RecordError::Behind(_))));
    drop(held);
    run(tape.ready()).unwrap();
    tape.put(EventRef::Note { text: "" }).unwrap();
}

#[test]
fn too_large_records_are_refused_and_harm_nothing() {
    run(async {
        let world = World::new();
        let mut tape = world.recorder.open("ses_1", "{}").unwrap();
        let large = vec![0; 17 << 20];
        let text = "x".repeat(4 << 20);
        let params = [Some(&large[..4 << 20])];
        let events = [
            EventRef::Output { op: 1, bytes: &large },
            EventRef::Note { text: &text },
            EventRef::Intent { op: 1, text: b"", params: &params, verdict: 0, detail: "" },
        ];
        for event in events {
            assert!(matches!(tape.put(event), Err(RecordError::TooLarge(_))));
        }
        tape.close("{}").await.unwrap();
        assert_eq!(read(&world.path("ses_1"), None).1, Ending::Complete);
    });
}

#[test]
fn incompressible_records_of_the_largest_size_fit() {
    run(async {
        let (secret, public) = identity();
        let world = World::with(vec![public], Duration::from_secs(9), 1 << 20);
        let mut tape = world.recorder.open("ses_1", "{}").unwrap();
        let mut noise = vec![0; (3 << 20) - 200];
        getrandom::fill(&mut noise).unwrap();
        let text = &noise[..32 * 1024 - 200];
        for text in [text, &noise] {
            tape.put(EventRef::Intent { op: 1, text, params: &[], verdict: 0, detail: "" }).unwrap();
        }
        tape.close("{}").await.unwrap();
        let (events, ending) = read(&world.path("ses_1"), Some(&secret));
        assert_eq!((events.len(), ending), (4, Ending::Complete));
    });
}

#[test]
fn names_and_folders_cannot_lead_elsewhere() {
    let world = World::new();
    for bad in ["", "../x", "a/b", "a.b", "é", &"a".repeat(65), "a\0"] {
        assert!(matches!(world.recorder.open(bad, "{}"), Err(RecordError::Name(_))), "{bad:?}");
    }
    world.recorder.open("twice", "{}").unwrap();
    assert!(matches!(world.recorder.open("twice", "{}"), Err(RecordError::Exists(_))));
    let elsewhere = world.dir.path().join("elsewhere");
    symlink(&elsewhere, world.path("link")).unwrap();
    assert!(matches!(world.recorder.open("link", "{}"), Err(RecordError::Exists(_))));
    assert!(!elsewhere.exists());
    // The day's folder is taken away and comes back with the next session but one.
    world.recorder.open("fresh", "{}").unwrap();
    fs::remove_dir_all(world.root().join("2026-11-23")).unwrap();
    assert!(world.recorder.open("lost", "{}").is_err());
    world.recorder.open("again", "{}").unwrap();
    // A symlink in place of the day's folder.
    let world = World::new();
    fs::create_dir(world.dir.path().join("elsewhere")).unwrap();
    symlink(world.dir.path().join("elsewhere"), world.root().join("2026-11-23")).unwrap();
    assert!(matches!(world.recorder.open("ses_1", "{}"), Err(RecordError::Io(_))));
}

#[test]
fn bad_recipient_is_refused_at_the_start() {
    let dir = TempDir::new().unwrap();
    let refused = Recorder::start(RecorderConfig {
        dir: dir.path().to_owned(),
        recipients: vec!["age1nobody".to_owned()],
        flush_every: Duration::from_millis(200),
        queue_bytes: 1,
        now: Arc::new(|| 0),
    });
    assert!(matches!(refused, Err(StartError::Seal(SealError::Recipient(_)))));
}

#[test]
fn many_sessions_share_one_thread_and_idle_ones_hold_no_buffer() {
    run(async {
        let world = World::with(vec![], Duration::from_millis(50), 1 << 20);
        let mut tapes: Vec<_> = (0..400).map(|i| world.recorder.open(&format!("ses_{i}"), "{}").unwrap()).collect();
        for round in 0..50_u32 {
            for tape in &mut tapes {
                tape.put(EventRef::Intent { op: round, text: b"SELECT 1", params: &[], verdict: 0, detail: "" })
                    .unwrap();
            }
        }
        world.recorder.settle().await.unwrap();
        assert!(tapes.iter().all(|tape| tape.held_bytes() == 0));
        for tape in tapes {
            tape.close("{}").await.unwrap();
        }
        for i in 0..400 {
            let (events, ending) = read(&world.path(&format!("ses_{i}")), None);
            assert_eq!((events.len(), ending), (52, Ending::Complete));
        }
    });
}

#[test]
fn tape_moves_between_threads_while_it_waits() {
    fn is_send<T: Send>(_: T) {}
    let world = World::new();
    let mut tape = world.recorder.open("ses_1", "{}").unwrap();
    is_send(tape.ready());
    is_send(tape.flush());
    is_send(world.recorder.settle());
    is_send(tape.close("{}"));
}

#[test]
fn nothing_in_a_debug_text_is_content() {
    let shown = format!("{:?} {:?}", EventRef::Note { text: "s3cret" }, Event::Note { text: "s3cret".to_owned() });
    assert!(!shown.contains("s3cret"));
}

#[test]
fn recordings_of_this_version_and_the_one_before_are_read_and_no_others() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.csr");
    for (format, reads) in [(0, false), (1, true), (2, true), (3, false)] {
        let header = Header { format, session: "s".to_owned(), started: 0, sealed: None };
        fs::write(&path, format::opening(&header).unwrap()).unwrap();
        assert_eq!(Reader::open(&path, None).is_ok(), reads, "{format}");
    }
    let world = World::new();
    drop(world.recorder.open("ses_1", "{}").unwrap());
    let opening = fs::read(world.path("ses_1")).unwrap();
    assert!(String::from_utf8_lossy(&opening).contains(r#"{"format":2,"#), "what is written can't be misread");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn several_changes_at_once_never_give_wrong_records(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        run(async {
            let world = World::with(vec![], Duration::from_secs(9), 1 << 20);
            let (bytes, _) = recorded(&world, "ses_1").await;
            let mut changed = bytes.clone();
            for (at, to) in &changes {
                changed[at.index(bytes.len())] = *to;
            }
            changed.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
            let path = world.path("ses_1");
            fs::write(&path, &changed).unwrap();
            let whole = all_of_it();
            if let Ok(mut reader) = Reader::open(&path, None) {
                let events: Vec<_> = reader.by_ref().map(|r| r.unwrap().what).collect();
                assert_eq!(events, whole[..events.len()]);
                assert_eq!(reader.ending() == Some(Ending::Complete), changed == bytes);
            }
        });
    }

    #[test]
    fn hostile_batches_are_decoded_without_a_panic(batch in prop::collection::vec(any::<u8>(), 0..300)) {
        let size = batch.len();
        let mut decoder = codec::Decoder::new(batch);
        let mut count = 0;
        while decoder.next().is_some() {
            count += 1;
        }
        prop_assert!(count <= size);
    }

    #[test]
    fn hostile_files_are_read_without_a_panic(rest in prop::collection::vec(any::<u8>(), 0..300)) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.csr");
        let header = Header { format: 1, session: "s".to_owned(), started: 0, sealed: None };
        let mut bytes = format::opening(&header).unwrap();
        bytes.extend_from_slice(&rest);
        fs::write(&path, &bytes).unwrap();
        prop_assert_ne!(read(&path, None).1, Ending::Complete);
        fs::write(&path, &rest).unwrap();
        prop_assert!(verify(&path).is_err());
    }
}
