//! Recorded sessions are replayed, and what no real shell does is played by hand.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::line::Doubt;
use super::*;

mod echoes;
mod hand;
mod parts;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// One event of a session.
struct Event {
    at: u64,
    kind: char,
    text: String,
}

fn events(text: &str) -> VecDeque<Event> {
    let event = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let at = words.next().unwrap().parse().unwrap();
        let kind = words.next().unwrap().chars().next().unwrap();
        Event { at, kind, text: words.next().unwrap_or("").to_owned() }
    };
    text.lines().map(event).collect()
}

/// Undoes the escapes of a session.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match (char == '\\').then(|| chars.next().unwrap()) {
            None => out.extend(char.to_string().as_bytes()),
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            Some(other) => out.extend(other.to_string().as_bytes()),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn shown(reading: &Reading) -> String {
    let words = match reading {
        Reading::FullScreen => "full-screen".to_owned(),
        Reading::Secret { .. } => "secret".to_owned(),
        Reading::Line(Line { text, trust: Trust::Whole, .. }) => format!("whole {}", escaped(text)),
        Reading::Line(Line { text, trust: Trust::Doubtful(doubts), .. }) => {
            let doubts: Vec<String> = doubts.iter().map(|doubt| format!("{doubt:?}")).collect();
            format!("doubtful {} {}", doubts.join("+"), escaped(text))
        }
    };
    words.trim_end().to_owned()
}

/// Plays a session, with the waiting that a caller does, and compares what is read.
fn replay(text: &str) -> Vec<String> {
    let mut events = events(text);
    let Event { text: size, .. } = events.pop_front().unwrap();
    let (columns, rows) = size.split_once(' ').unwrap();
    let mut screen = Screen::new(columns.parse().unwrap(), rows.parse().unwrap()).unwrap();
    let (mut now, mut wrong, mut queue) = (at(0), Vec::new(), Vec::new());
    let mut reading: Option<Reading> = None;
    while let Some(event) = events.pop_front() {
        // Whatever is waited for happens first, if its time comes first. `^` ends the wait of the recording, not ours.
        while screen.held.is_some() && reading.is_none() {
            let ready = now + screen.wait(now).unwrap_or_default();
            if matches!(event.kind, '<' | '=') && at(event.at) < ready {
                break;
            }
            now = ready;
            if screen.wait(now).is_none() {
                reading = Some(screen.read(now));
            }
        }
        now = now.max(at(event.at));
        match event.kind {
            '<' => screen.output(&bytes(&event.text), now),
            '=' => {
                let (columns, rows) = event.text.split_once(' ').unwrap();
                screen.resize(columns.parse().unwrap(), rows.parse().unwrap());
            }
            '>' => {
                assert!(screen.held.is_none(), "the recording goes on at {} where a key is held", event.at);
                queue = type_(&mut screen, bytes(&event.text), now);
            }
            '?' => {
                let read = shown(reading.as_ref().unwrap());
                if !agree(&event.text, &read) {
                    wrong.push(format!("{}: expected `{}`, read `{read}`", event.at, event.text));
                }
            }
            '^' => {
                screen.passed(&reading.take().unwrap(), now);
                // The next of what came in the same piece follows when its prompt is there.
                let answer: Vec<Event> = if queue.is_empty() { Vec::new() } else { answer(&mut events) };
                for event in answer {
                    now = now.max(at(event.at));
                    screen.output(&bytes(&event.text), now);
                }
                if !queue.is_empty() {
                    now += screen.wait(now).unwrap_or_default();
                    queue = type_(&mut screen, std::mem::take(&mut queue), now);
                }
            }
            other => panic!("`{other}` is no event"),
        }
    }
    wrong
}

/// Nothing but what ran may be read as whole; of a doubtful line, the reasons that are expected must be among those that were found.
fn agree(expected: &str, read: &str) -> bool {
    if let Some(ran) = expected.strip_prefix("ran") {
        let text = |escaped: &str| {
            String::from_utf8_lossy(&bytes(escaped.strip_prefix(' ').unwrap_or(escaped))).into_owned()
        };
        let Some(whole) = read.strip_prefix("whole").map(text) else { return true };
        // Blanks at the end are nothing to a shell. A command that goes on is told when it ends.
        return whole.trim_end() == text(ran).trim_end() || (ran.is_empty() && syntax::is_open(&whole));
    }
    let mut wanted = expected.splitn(3, ' ');
    let mut found = read.splitn(3, ' ');
    if wanted.next() != Some("doubtful") {
        return expected == read;
    }
    let reasons = |part: Option<&str>| part.unwrap_or("").split('+').map(str::to_owned).collect::<Vec<_>>();
    let doubtful = found.next() == Some("doubtful");
    let (names, found_names) = (wanted.next(), reasons(found.next()));
    let named = names.is_none_or(|names| reasons(Some(names)).iter().all(|name| found_names.contains(name)));
    doubtful && named && wanted.next().is_none_or(|text| Some(text) == found.next())
}

/// What the target said until it was quiet.
fn answer(events: &mut VecDeque<Event>) -> Vec<Event> {
    let mut last = events.front().map_or(0, |event| event.at);
    let mut answer = Vec::new();
    while let Some(event) = events.pop_front_if(|event| event.kind == '<' && event.at < last + 100) {
        last = event.at;
        answer.push(event);
    }
    answer
}

/// Types, and returns what follows a key that is held.
fn type_(screen: &mut Screen, bytes: Vec<u8>, now: Duration) -> Vec<u8> {
    let portion = screen.input(&bytes, now);
    let held = portion.held.map_or(0, |held| held.length);
    bytes[portion.pass + held..].to_vec()
}

#[test]
fn recorded_sessions_are_read_as_they_were_typed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/corpora/terminal");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "session") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        count += text.lines().filter(|line| line.contains(" ? ")).count();
        wrong.extend(replay(&text).into_iter().map(|line| format!("{name} {line}")));
    }
    wrong.sort();
    assert!(count > 150, "only {count} lines were found");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
