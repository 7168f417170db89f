use console::documents::{Moment, Person, Terms};
use workflows::clock::{Span, Timestamp};
use workflows::id::IdentityId;
use workflows::request::Again;

use super::*;
use crate::screen::Form;

const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

fn screen() -> Screen {
    Screen::fixed(Form::People, None, NOW)
}

fn person(name: &str) -> Person {
    Person { id: IdentityId::new(), name: name.to_owned() }
}

fn held_statement() -> Request {
    Request {
        id: "req_01JD8Z0000000000000AAAAAAA".parse().expect("an id"),
        by: person("ada@example.com"),
        at: Moment(NOW),
        what: Subject::Operation {
            target: "orders-prod".to_owned(),
            session: "ses_01JD8Z0000000000000BBBBBBB".parse().expect("an id"),
            fingerprint: "f".repeat(64),
            shown: "DELETE FROM orders\nWHERE created < '2020-01-01' \u{202e}-- x".to_owned(),
            cut: false,
            impact: vec!["deletes about 12430 rows of orders".to_owned(), "2 tables cascade".to_owned()],
            shape: None,
            repeats: vec![Again::Exact],
        },
        why: "INC-42".to_owned(),
        needs: vec![Quorum {
            rule: "bulk write".to_owned(),
            from: "group:dba".to_owned(),
            people: 1,
            within: "10m".to_owned(),
            then: Some("group:leads".to_owned()),
        }],
        asked: vec!["group:dba".to_owned()],
        votes: Vec::new(),
        state: State::Pending { until: Moment(NOW.plus(Span::minutes(10))), escalated: false, stopped: None },
        revision: String::new(),
    }
}

#[test]
fn a_request_shows_all_that_one_needs_to_decide() {
    let expected = "\
request      req_01JD8Z0000000000000AAAAAAA
by           ada@example.com
at           16:00 UTC
target       orders-prod
session      ses_01JD8Z0000000000000BBBBBBB
statement    DELETE FROM orders
             WHERE created < '2020-01-01' \\u{202e}-- x
impact       deletes about 12430 rows of orders
             2 tables cascade
fingerprint  ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
why          INC-42
needs        1 of group:dba within 10m, then group:leads (rule `bulk write`)
state        asked group:dba, until 16:10 UTC
";
    assert_eq!(request(&screen(), &held_statement()), expected);
    let mut line = held_statement();
    if let Subject::Operation { repeats, .. } = &mut line.what {
        repeats.clear();
    }
    assert!(
        request(&screen(), &line).contains("only once    the same words may do something else in another folder")
    );
}

#[test]
fn votes_say_who_agreed_to_what() {
    let mut approved = held_statement();
    approved.votes = vec![Vote {
        by: person("grace@example.com"),
        at: Moment(NOW),
        terms: Terms { span: Some("30m".to_owned()), level: None, repeat: Some("shape 10m".to_owned()) },
        note: Some("after the backup\u{1b}[2J".to_owned()),
    }];
    approved.state = State::Spent { at: Moment(NOW) };
    let text = request(&screen(), &approved);
    assert!(text.contains("grace@example.com agreed, 16:00 UTC, for 30m at most, again for this shape within 10m: \"after the backup\\u{1b}[2J\""));
    assert!(text.contains("state        approved by grace@example.com, 16:00 UTC"), "{text}");
}

#[test]
fn a_listing_has_one_line_a_request() {
    let text = requests(&screen(), &[held_statement()]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("req_0AAAAAAA") && text.contains("DELETE FROM orders\\nWHERE"), "{text}");
    assert_eq!(requests(&screen(), &[]), "nothing waits\n");
}

#[test]
fn waiting_names_the_people_and_the_time() {
    let people = ["grace@example.com".to_owned()];
    assert_eq!(waiting(&screen(), &held_statement(), &people), "asked grace@example.com, until 16:10 UTC");
    assert_eq!(waiting(&screen(), &held_statement(), &[]), "asked group:dba, until 16:10 UTC");
}
