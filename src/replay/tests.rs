use std::time::Duration;

use jiff::tz::TimeZone;
use workflows::evidence::recording::{Event, EventRef, Record, Recorder, RecorderConfig};

use super::wire::{Message, Wire};
use super::{Input, LONGEST_PAUSE, Pace, Play, Scene, Stage, Start, Story, Tape, holds, pause, play};
use crate::screen::{Form, Screen};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend((body.len() as u32 + 4).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn columns(columns: &[(&str, u32, u16)]) -> Vec<u8> {
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    for (name, oid, format) in columns {
        body.extend(name.as_bytes());
        body.extend([0; 7]);
        body.extend(oid.to_be_bytes());
        body.extend([0; 6]);
        body.extend(format.to_be_bytes());
    }
    message(b'T', &body)
}

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = (values.len() as u16).to_be_bytes().to_vec();
    for value in values {
        body.extend(value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        body.extend(value.unwrap_or_default());
    }
    message(b'D', &body)
}

fn done(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn report(kind: u8, fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, text) in fields {
        body.push(*field);
        body.extend(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    message(kind, &body)
}

fn customers() -> Vec<u8> {
    let mut bytes = columns(&[("id", 23, 0), ("email", 25, 0), ("card", 25, 0)]);
    bytes.extend(row(&[Some(b"7"), Some(b"j***@*****.com"), Some(b"****-****-****-1881")]));
    bytes.extend(row(&[Some(b"12"), None, Some("日本\u{1b}[2J".as_bytes())]));
    bytes.extend(done("SELECT 2"));
    bytes.extend(message(b'Z', b"I"));
    bytes
}

const START: i64 = 1_764_000_000_000_000;

fn at(seconds: i64, what: Event) -> Record {
    Record { at_us: START + seconds * 1_000_000, what }
}

fn intent(op: u32, text: &str, verdict: u8, detail: &str) -> Event {
    Event::Intent { op, text: text.as_bytes().to_vec(), params: Vec::new(), verdict, detail: detail.to_owned() }
}

fn outcome(op: u32, tag: &str, bytes: u64) -> Event {
    Event::Outcome { op, tag: tag.to_owned(), rows: 2, bytes, micros: 1_250, error: None }
}

fn shown(records: &[Record]) -> String {
    let mut scene = Scene::new(TimeZone::UTC);
    let mut text: String = records.iter().map(|record| scene.show(record)).collect();
    text.push_str(&scene.finish());
    text
}

#[test]
fn a_session_reads_like_psql() {
    let begin =
        r#"{"by": {"id": "idn_1", "name": "ada@example.com"}, "target": "orders-prod", "client": "10.0.0.7"}"#;
    let text = shown(&[
        at(0, Event::Begin { json: begin.to_owned() }),
        at(1, intent(1, "SELECT id, email, card\nFROM customers;", 0, "")),
        at(1, Event::Output { op: 1, bytes: customers() }),
        at(1, Event::Masked { op: 1, what: "customers.email".to_owned(), count: 2 }),
        at(1, outcome(1, "SELECT 2", 120)),
        at(5, intent(2, "DELETE FROM orders", 1, "rule `bulk write`")),
        at(5, Event::Hold { op: 2, request: "req_1".to_owned(), rule: "bulk write".to_owned() }),
        at(
            65,
            Event::Settled {
                op: 2,
                outcome: "approved".to_owned(),
                by: "grace@example.com".to_owned(),
                because: "after the backup".to_owned(),
            },
        ),
        at(66, Event::Output { op: 2, bytes: done("DELETE 12430") }),
        at(66, outcome(2, "DELETE 12430", 17)),
        at(70, Event::End { json: r#"{"how": "left"}"#.to_owned() }),
    ]);
    let expected = "\
2025-11-24 16:00:00 UTC  session began
          by: ada@example.com
          client: 10.0.0.7
          target: orders-prod

16:00:01  orders-prod=> SELECT id, email, card
          FROM customers;
 id |     email      |        card
----+----------------+---------------------
  7 | j***@*****.com | ****-****-****-1881
 12 |                | 日本\\u{1b}[2J
(2 rows)
          masked 2 of customers.email
          2 rows, 120 bytes, 1.2 ms

16:00:05  orders-prod=> DELETE FROM orders
          to be held: rule `bulk write`
          held by rule `bulk write` (req_1)
16:01:05  approved by grace@example.com: \"after the backup\"
DELETE 12430
          2 rows, 17 bytes, 1.2 ms
16:01:10  session ended
          how: left
";
    assert_eq!(text, expected);
}

#[test]
fn output_reads_the_same_however_it_was_split() {
    let whole = shown(&[at(0, Event::Output { op: 1, bytes: customers() })]);
    for size in [1, 2, 3, 7, 50] {
        let bytes = customers();
        let parts: Vec<Record> =
            bytes.chunks(size).map(|part| at(0, Event::Output { op: 1, bytes: part.to_vec() })).collect();
        assert_eq!(shown(&parts), whole, "parts of {size}");
    }
}

#[test]
fn errors_and_notices_look_as_in_psql() {
    let fields = [
        (b'S', "FEHLER"),
        (b'V', "ERROR"),
        (b'C', "42501"),
        (b'M', "refused by rule `no drops`"),
        (b'D', "on production"),
        (b'H', "ask group:dba\u{202e}"),
        (b'R', "unknown field"),
    ];
    let text = shown(&[
        at(0, Event::Output { op: 1, bytes: report(b'N', &[(b'S', "NOTICE"), (b'C', "00000"), (b'M', "held")]) }),
        at(0, Event::Output { op: 1, bytes: report(b'E', &fields) }),
        at(0, outcome(1, "", 9)),
    ]);
    let expected = "NOTICE:  held\nERROR:  refused by rule `no drops` (42501)\nDETAIL:  on production\n\
                    HINT:  ask group:dba\\u{202e}\n          2 rows, 9 bytes, 1.2 ms\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn binary_values_are_read_where_their_type_is_known() {
    let mut bytes = columns(&[("n", 20, 1), ("b", 16, 1), ("t", 25, 1), ("j", 3802, 1)]);
    bytes.extend(row(&[Some(&42_i64.to_be_bytes()), Some(&[1]), Some(b"text"), Some(&[1, 0xff])]));
    bytes.extend(done("SELECT 1"));
    let text = shown(&[at(0, Event::Output { op: 1, bytes })]);
    assert!(text.contains(" 42 | t | text | \\x01ff\n(1 row)\n"), "{text}");
}

#[test]
fn rows_without_a_description_get_numbered_columns() {
    let text = shown(&[at(0, Event::Output { op: 1, bytes: [row(&[Some(b"x")]), done("SELECT 1")].concat() })]);
    assert!(text.contains(" column1\n---------\n x\n(1 row)\n"), "{text}");
}

#[test]
fn a_long_result_is_counted_and_not_all_shown() {
    let mut bytes = columns(&[("n", 23, 0)]);
    for at in 0..1_200 {
        bytes.extend(row(&[Some(at.to_string().as_bytes())]));
    }
    bytes.extend(done("SELECT 1200"));
    let text = shown(&[at(0, Event::Output { op: 1, bytes })]);
    assert!(text.contains("(1200 rows, the first 1000 shown)"));
    assert!(text.lines().count() < 1_010);
}

#[test]
fn rubbish_is_said_and_never_obeyed() {
    let mut wire = Wire::default();
    assert_eq!(wire.feed(b"D\xff\xff\xff\xff"), [Message::Lost]);
    assert_eq!(wire.feed(&customers()), []);
    assert_eq!(Wire::default().feed(b"D\0\0\0\x03"), [Message::Lost]);
    // A row that promises more than it holds.
    assert_eq!(Wire::default().feed(&message(b'D', &[0, 1, 0, 0, 0, 9, b'x'])), [Message::Lost]);
    let text = shown(&[at(0, Event::Output { op: 1, bytes: b"D\xff\xff\xff\xff".to_vec() })]);
    assert!(text.contains("cannot be read"), "{text}");
}

#[test]
fn an_unrecorded_output_still_has_its_outcome_and_a_cut_one_says_so() {
    let text = shown(&[at(0, intent(1, "SELECT 1", 0, "")), at(0, outcome(1, "SELECT 1", 0))]);
    assert!(text.contains("SELECT 1\n          2 rows"), "{text}");
    let cut = customers()[..90].to_vec();
    let text = shown(&[at(0, Event::Output { op: 1, bytes: cut }), at(0, outcome(1, "SELECT 2", 999))]);
    assert!(text.contains("(the output was recorded up to here)"), "{text}");
    assert!(text.contains("(the recording has no end"), "{text}");
}

#[test]
fn parameters_are_shown_with_their_numbers() {
    let params = vec![Some(b"7".to_vec()), None, Some(vec![0xff])];
    let event =
        Event::Intent { op: 1, text: b"SELECT $1".to_vec(), params, verdict: 2, detail: "rule `x`".to_owned() };
    let text = shown(&[at(0, event)]);
    for line in ["$1 = '7'", "$2 = NULL", "$3 = \\xff", "refused: rule `x`"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn pauses_are_shortened_and_never_negative() {
    assert_eq!(pause(2_000_000, 2.0), Duration::from_secs(1));
    assert_eq!(pause(3_600_000_000, 1.0), LONGEST_PAUSE);
    assert_eq!(pause(-5, 1.0), Duration::ZERO);
}

const fn at_once(start: Start) -> Play {
    Play { pace: Pace::AtOnce, start, input: Input::Left }
}

fn shell() -> Vec<Record> {
    let output = |text: &str| Event::Output { op: 1, bytes: text.as_bytes().to_vec() };
    let hold = |op| Event::Hold { op, request: format!("req_{op}"), rule: "deletes".to_owned() };
    let settled = |op, outcome: &str| {
        let (outcome, by, because) = (outcome.to_owned(), "grace".to_owned(), String::new());
        Event::Settled { op, outcome, by, because }
    };
    vec![
        at(0, Event::Begin { json: r#"{"target": "web-1", "protocol": "ssh"}"#.to_owned() }),
        at(0, intent(1, "shell", 0, "")),
        at(0, Event::Note { text: "terminal 80x24 xterm".to_owned() }),
        at(1, output("$ \u{1b}[1mecho\u{1b}[0m on")),
        at(2, output("e\r\none\r\n$ ")),
        at(2, Event::Typed { op: 1, text: "echo one\r".to_owned() }),
        at(60, output("rm a")),
        at(61, intent(2, "rm a", 1, "rule `deletes`")),
        at(61, hold(2)),
        at(70, settled(2, "denied")),
        at(80, output("\u{8}b")),
        at(81, intent(3, "rm b", 1, "rule `deletes`")),
        at(81, hold(3)),
        at(90, settled(3, "approved")),
        at(91, output("\r\n$ ")),
        at(99, outcome(1, "exit 0", 30)),
        at(100, Event::End { json: r#"{"ending": "left"}"#.to_owned() }),
    ]
}

#[test]
fn a_shell_reads_as_its_lines_and_what_was_typed_on_request() {
    let text = shown(&shell());
    for part in ["\n$ echo one\none\n", "web-1=> rm a", "to be held", "denied by grace", "\n$ rm b\n", "exit 0"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains("typed:") && !text.contains("cannot be read"), "{text}");
    let mut scene = Scene::new(TimeZone::UTC).with(Input::Shown);
    let text: String = shell().iter().map(|record| scene.show(record)).collect();
    assert!(text.contains("typed: echo one\n"), "{text}");
}

#[test]
fn what_was_held_is_listed_with_its_place_and_its_outcome() {
    let held = holds(shell().into_iter().map(Ok)).expect("read");
    let rows: Vec<(u32, &str, u32, &str, &str)> = held
        .iter()
        .map(|one| (one.number, one.at.as_str(), one.operation, one.command.as_str(), one.outcome.as_str()))
        .collect();
    let expected = [(1, "1m1.000s", 2, "rm a", "denied by grace"), (2, "1m21.000s", 3, "rm b", "approved by grace")];
    assert_eq!(rows, expected);
}

/// What a person sees who begins at a place: the first thing that is drawn.
fn first_picture(start: Start) -> String {
    let (scene, story) = (Scene::new(TimeZone::UTC), Story::default());
    let mut stage = Stage { scene, film: None, story, room: Some((100, 30)) };
    let mut finder = super::start::Finder::new(start);
    for record in shell() {
        stage.story.begun_us.get_or_insert(record.at_us);
        let reached = finder.reached(&record, stage.story.offset(record.at_us));
        let text = stage.step(&record);
        if reached {
            return text + &stage.draw();
        }
    }
    panic!("never reached");
}

#[test]
fn a_replay_begins_where_one_wants_with_the_screen_of_that_moment() {
    let held = first_picture(Start::Held(2));
    for part in ["echo", "one", "$ rm b", "held by rule `deletes` (req_3)"] {
        assert!(held.contains(part), "{part:?} in {held:?}");
    }
    let operation = first_picture(Start::Operation(2));
    assert!(operation.contains("$ rm a") && !operation.contains("held by rule"), "{operation:?}");
    let later = first_picture(Start::At(30_000_000));
    assert!(later.contains("one") && later.contains("$ rm a"), "{later:?}");
    let end = first_picture(Start::At(10_000_000_000));
    assert!(end.contains("$ rm b") && end.contains("session ended"), "{end:?}");
}

#[tokio::test]
async fn a_place_that_is_not_there_is_said() {
    let screen = Screen::fixed(Form::People, None, workflows::clock::Timestamp::from_micros(START));
    for (start, words) in [
        (Start::Held(3), "there is no hold 3: the recording has 2"),
        (Start::Operation(9), "there is no operation 9: the recording has 3"),
    ] {
        let failure = play(&screen, shell().into_iter().map(Ok), at_once(start)).await.expect_err("missed");
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

#[test]
fn what_was_typed_is_in_a_film_on_request_only() {
    let film = |input| {
        let mut out = Vec::new();
        super::cast::write(shell().into_iter().map(Ok), input, &mut out).expect("written");
        String::from_utf8(out).expect("text")
    };
    assert!(film(Input::Shown).contains(r#""i", "echo one\r"]"#));
    assert!(!film(Input::Left).contains(r#""i","#));
}

#[tokio::test]
async fn a_damaged_recording_is_an_error_after_what_could_be_read() {
    let screen = Screen::fixed(Form::People, None, workflows::clock::Timestamp::from_micros(START));
    let records = [Err(crate::failure::Failure::new("frame 3 is damaged"))];
    let failure = play(&screen, records.into_iter(), at_once(Start::Beginning)).await.expect_err("damaged");
    assert!(failure.to_string().contains("frame 3 is damaged"));
}

#[tokio::test]
async fn a_film_that_ends_in_an_error_gives_the_terminal_back() {
    let failed = || Err(crate::failure::Failure::new("frame 9 is damaged"));
    let records = shell().into_iter().filter(|record| !matches!(record.what, Event::End { .. }));
    let (scene, story) = (Scene::new(TimeZone::UTC), Story::default());
    let stage = Stage { scene, film: None, story, room: Some((100, 30)) };
    let mut shown = String::new();
    let mut print = |text: &str| {
        shown.push_str(text);
        Ok(())
    };
    let records = records.map(Ok).chain([failed()]);
    let played = super::perform(stage, records, at_once(Start::Beginning), &mut print).await;
    assert!(played.expect_err("damaged").to_string().contains("frame 9 is damaged"));
    let (hidden, back) = (shown.rfind("\u{1b}[?25l"), shown.rfind("\u{1b}[?25h"));
    assert!(shown.contains("\u{1b}[2J") && back.is_some() && back > hidden && shown.ends_with('\n'), "{shown:?}");
}

/// A recording as the gateway writes it, closed in order.
async fn recorded(folder: &std::path::Path) -> std::path::PathBuf {
    let config = RecorderConfig {
        dir: folder.to_owned(),
        recipients: Vec::new(),
        flush_every: Duration::from_millis(10),
        queue_bytes: 1 << 20,
        now: std::sync::Arc::new(|| START),
    };
    let recorder = Recorder::start(config).expect("started");
    let mut tape = recorder.open("ses_01JD8Z0000000000000BBBBBBB", r#"{"target": "orders-prod"}"#).expect("opened");
    let path = tape.path().to_owned();
    let intent = EventRef::Intent { op: 1, text: b"SELECT 1", params: &[], verdict: 0, detail: "" };
    tape.put(intent).expect("put");
    let output = customers();
    tape.put(EventRef::Output { op: 1, bytes: &output }).expect("put");
    tape.flush().await.expect("flushed");
    tape.close(r#"{"ending": "left"}"#).await.expect("closed");
    path
}

fn read(path: &std::path::Path) -> Result<String, crate::failure::Failure> {
    let mut scene = Scene::new(TimeZone::UTC);
    let mut text = String::new();
    for record in Tape::open(path, None)? {
        text.push_str(&scene.show(&record?));
    }
    Ok(text + &scene.finish())
}

#[tokio::test]
async fn a_recording_of_the_gateway_is_read_from_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = recorded(folder.path()).await;
    let text = read(&path).expect("read");
    for part in ["orders-prod=> SELECT 1", "(2 rows)", "ending: left"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("has no end"), "{text}");
}

#[tokio::test]
async fn a_changed_recording_is_refused_and_a_shortened_one_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = recorded(folder.path()).await;
    let whole = std::fs::read(&path).expect("bytes");
    let other = folder.path().join("other.csr");
    let mut changed = whole.clone();
    let last = changed.len() - 40;
    changed[last] ^= 1;
    std::fs::write(&other, &changed).expect("written");
    let words = read(&other).expect_err("changed").to_string();
    assert!(words.contains("is not what the gateway wrote"), "{words}");
    std::fs::write(&other, &whole[..whole.len() - 60]).expect("written");
    assert!(read(&other).expect_err("cut").to_string().contains("its closing frame is missing"));
    std::fs::write(&other, &whole[..whole.len() - 120]).expect("written");
    assert!(read(&other).expect("read").contains("the recording has no end"));
    std::fs::write(&other, b"nothing").expect("written");
    assert!(read(&other).expect_err("no recording").to_string().contains("is not a recording"));
}
