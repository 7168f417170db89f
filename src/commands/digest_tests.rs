use console::documents::{Action, Change, Count, Moment, SectionItem, Waits};
use workflows::clock::Timestamp;

use super::*;
use crate::screen::Form;

fn at(text: &str) -> Moment {
    let moment: jiff::Timestamp = text.parse().expect("a moment");
    Moment(Timestamp::from_micros(moment.as_microsecond()))
}

fn count(n: u64) -> Count {
    Count { n, ids: Vec::new(), list: None }
}

fn digest() -> Digest {
    let action = |verb: &str, about: &str, words: &str| Action {
        verb: verb.to_owned(),
        about: about.to_owned(),
        person: "ada".to_owned(),
        target: None,
        words: words.to_owned(),
    };
    let line = Line {
        person: "ada".to_owned(),
        target: "orders-prod".to_owned(),
        held_seconds: 9_000,
        session_seconds: 100,
        sessions: count(2),
        operations: 7,
        rows: 12_430,
        decide: 1,
        words: "1 grant never used".to_owned(),
    };
    let denied = SectionItem {
        words: "ada asked for write on orders-prod on Tue 17 Nov 10:00 CET, grace denied".to_owned(),
        quote: Some("during the\u{1b}[2J backup".to_owned()),
        id: Some("req_01JD8Z0000000000000000000A".to_owned()),
        person: "ada".to_owned(),
        target: None,
        count: count(1),
    };
    let section = Section {
        about: "denials".to_owned(),
        title: "Denied".to_owned(),
        words: "1 request was denied".to_owned(),
        count: count(1),
        items: vec![denied],
    };
    let change = Change {
        measure: "requests".to_owned(),
        now: count(2),
        before: count(1),
        words: "2 requests for access, 1 more than in the week before".to_owned(),
    };
    let words = "1 request was decided: half within 4 min, nine in ten within 4 min".to_owned();
    let content = DigestContent {
        week: "2026-W47".to_owned(),
        manager: "mona".to_owned(),
        people: vec!["ada".to_owned()],
        since: at("2026-11-15T23:00:00Z"),
        until: at("2026-11-22T23:00:00Z"),
        zone: "Europe/Berlin".to_owned(),
        made: at("2026-11-23T08:00:00Z"),
        summary: "2 requests, 1 approved, half decided within 4 min; 1 grant never used".to_owned(),
        actions: vec![
            action("revoke", "grt_01JD8Z0000000000000000000A", "revoke write on orders-prod of ada: never used"),
            action("propose_read", "orders-prod", "propose read instead of write on orders-prod for ada"),
        ],
        more_actions: 0,
        changes: vec![change],
        table: vec![line],
        lines: 12,
        waits: Waits { decided: count(1), p50_seconds: Some(240), p90_seconds: Some(240), asked: Vec::new(), words },
        sections: vec![section],
    };
    let filed = FiledDigest {
        id: "dig_01JD8Z0000000000000000000B".parse().expect("an id"),
        manager: "mona".to_owned(),
        week: "2026-W47".to_owned(),
        made: content.made,
        review: "owed".to_owned(),
        due: Some(at("2026-11-30T08:00:00Z")),
        overdue: None,
        escalated_to: Vec::new(),
        reviewed: None,
        reviewed_by: None,
    };
    Digest { filed: Some(filed), content }
}

#[test]
fn a_digest_begins_with_what_needs_a_decision() {
    let screen = Screen::fixed(Form::People, None, at("2026-11-23T08:00:00Z").0);
    let expected = "\
week 2026-W47 of mona, 2026-11-15 23:00 UTC to 2026-11-22 23:00 UTC (Europe/Berlin)
2 requests, 1 approved, half decided within 4 min; 1 grant never used

To decide
  revoke write on orders-prod of ada: never used
      countersign revoke grt_0000000A --because 'not used'
  propose read instead of write on orders-prod for ada

WHO  WHERE        HELD   CONNECTED  SESSIONS  OPS  ROWS   TO LOOK AT
ada  orders-prod  2.5 h  2 min      2         7    12430  1 grant never used
11 more: --csv

Waits
  1 request was decided: half within 4 min, nine in ten within 4 min

Against the week before
  2 requests for access, 1 more than in the week before

Denied: 1 request was denied
  ada asked for write on orders-prod on Tue 17 Nov 10:00 CET, grace denied: \"during the\\u{1b}[2J backup\" (req_0000000A)

When you have read it, before 2026-11-30 08:00 UTC: countersign digest --week 2026-W47 --reviewed
";
    assert_eq!(page(&screen, &digest()), expected);
}

#[test]
fn the_last_line_says_whether_it_was_reviewed() {
    let screen = Screen::fixed(Form::People, None, at("2026-11-23T08:00:00Z").0);
    let filed = digest().filed.expect("filed");
    let done = FiledDigest {
        reviewed: Some(at("2026-11-23T07:30:00Z")),
        reviewed_by: Some("mona".to_owned()),
        due: None,
        ..filed.clone()
    };
    assert_eq!(last_line(&screen, Some(&done)), "\ndig_0000000B was reviewed by mona, 07:30 UTC\n");
    let overdue = FiledDigest { due: None, overdue: Some(at("2026-11-23T07:30:00Z")), ..filed };
    let overdue = FiledDigest { escalated_to: vec!["mia".to_owned()], ..overdue };
    assert_eq!(last_line(&screen, Some(&overdue)), "\ndig_0000000B is overdue: it went to mia, 07:30 UTC\n");
    assert!(last_line(&screen, None).contains("Computed now"));
}
