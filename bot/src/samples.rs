//! Everything that people are shown, for tests that have the platforms' own models read it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use workflows::approval::Who;
use workflows::clock::Timestamp;
use workflows::digest::{
    About, Action, AskedMost, Change, Count, Digest, Filed, Item, Line, Measure, Of, Review, Section, Verb, Waits,
};
use workflows::id::DigestId;

use crate::card::Card;
use crate::render;

const NOW: Timestamp = Timestamp::from_micros(1_795_500_000_000_000);

fn count(n: u64) -> Count {
    Count { n, of: Of::Ids((0..n).map(|at| format!("grt_{at}")).collect()) }
}

fn line(person: &str, held_seconds: u64) -> Line {
    Line {
        person: person.to_owned(),
        target: "orders-prod".parse().unwrap(),
        held_seconds,
        session_seconds: held_seconds / 3,
        sessions: count(2),
        operations: 12,
        rows: 12_430,
        decide: 1,
        words: format!("{person} held orders-prod"),
    }
}

fn section(about: About, items: u64) -> Section {
    let item = |at: u64| Item {
        words: format!("ada@example.com · orders-prod · grant {at}"),
        quote: Some("the shop is down <!channel> @everyone".to_owned()),
        id: Some(format!("grt_{at}")),
        person: "ada@example.com".to_owned(),
        target: None,
        count: count(1),
    };
    let (title, words) = (about.title().to_owned(), format!("{items} of these"));
    Section { about, title, words, count: count(items), items: (0..items).map(item).collect() }
}

/// A digest with something of everything.
fn digest() -> Digest {
    let action = |verb| Action {
        verb,
        about: "grt_1".to_owned(),
        person: "ada@example.com".to_owned(),
        target: Some("orders-prod".parse().unwrap()),
        words: "take back ada@example.com's write access to orders-prod: 62 h held, never used".to_owned(),
    };
    Digest {
        week: "2026-W47".parse().unwrap(),
        manager: "edsger@example.com".to_owned(),
        people: vec!["ada@example.com".to_owned(), "alan@example.com".to_owned()],
        since: Timestamp::from_micros(NOW.micros() - 604_800_000_000),
        until: NOW,
        zone: "Europe/Berlin".to_owned(),
        made: NOW,
        summary: "14 requests, 12 approved; 3 grants were never used".to_owned(),
        actions: [Verb::Review, Verb::Revoke, Verb::ProposeRead, Verb::ProposeRemoval].map(action).to_vec(),
        more_actions: 2,
        changes: vec![Change {
            measure: Measure::Requests,
            now: count(14),
            before: count(9),
            words: "14 requests, 9 the week before".to_owned(),
        }],
        table: (0..20).map(|at| line(&format!("person-{at}@example.com"), 223_200 / (at + 1))).collect(),
        lines: 20,
        waits: Waits {
            decided: count(14),
            p50_seconds: Some(240),
            p90_seconds: Some(1_800),
            asked: vec![AskedMost { who: Who::Group("dba".to_owned()), count: count(14) }],
            words: "half were decided within 4 min".to_owned(),
        },
        sections: vec![section(About::Emergencies, 1), section(About::Unused, 9), section(About::Held, 3)],
    }
}

/// Every card, by name: those of `render/cards.txt`, and the digest's.
pub(crate) fn cards() -> Vec<(String, Card)> {
    let mut all = render::tests::every();
    for (state, review) in [
        ("needs nothing", Review::NotNeeded),
        ("owed", Review::Owed { until: NOW }),
        ("overdue", Review::Overdue { since: NOW }),
        ("reviewed", Review::Done { at: NOW, by: "edsger@example.com".to_owned() }),
    ] {
        let digest = digest();
        let (manager, week) = (digest.manager.clone(), digest.week);
        let filed = Filed { id: DigestId::new(), manager, week, made: NOW, review, escalated_to: Vec::new() };
        all.push((format!("a digest, {state}"), render::digest(&digest, &filed, "KEY")));
    }
    all
}

/// Has one of `tests/drivers` read something; nothing where its Python is not there, and then it says so.
pub(crate) fn read_by(script: &str, module: &str, asked: &Value) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/drivers/bin/python");
    let import = Command::new(&python).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
    if !import.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no {module} in target/drivers; `.ci/setup drivers` brings it");
        return None;
    }
    let script = root.join("tests/drivers").join(script);
    let mut command = Command::new(&python);
    let command = command.arg("-B").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python");
    let mut input = child.stdin.take().expect("its input");
    // It may end before it has read all of it; its own words then say why.
    drop(input.write_all(format!("{asked}\n").as_bytes()));
    drop(input);
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "see its traceback above");
    Some(serde_json::from_slice(&output.stdout).expect("what was read"))
}
