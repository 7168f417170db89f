//! Every card in every state, as words: what somebody reads and may press. `cards.txt` holds them; after a change that is
//! meant, run the test with `UPDATE=1` and read the difference.

use std::fmt::Write as _;

use workflows::approval::{Needs, Quorum, Repeat, Terms, Vote, Votes, Who};
use workflows::clock::{Span, Timestamp};
use workflows::engine::{History, Remark, RemarkKind};
use workflows::grant::{Ended, Grant};
use workflows::id::{GrantId, IdentityId, QuestionId, RequestId, SessionId};
use workflows::identity::{Chat, ChatUser, Identity};
use workflows::request::{Event, Exactness, Outcome, Request, Shape, State, What};
use workflows::target::Access;

use super::*;
use crate::card::{Card, Part, Piece, Ping, Text};

const NOW: Timestamp = Timestamp::from_micros(1_795_500_000_000_000);

fn person(name: &str) -> Identity {
    Identity { id: IdentityId::new(), name: name.to_owned() }
}

pub(crate) fn request_for(what: What, why: &str) -> Request {
    let quorum = Quorum {
        rule: "orders".to_owned(),
        from: Who::Group("dba".to_owned()),
        people: 2,
        within: Span::minutes(15),
        then: Some(Who::OnCall("seniors".to_owned())),
        pause: Span::minutes(15),
        repeat: Quorum::REPEAT,
    };
    Request::new(person("ada@example.com"), what, why.to_owned(), Needs::one(quorum), NOW)
}

pub(crate) fn access(level: Access) -> What {
    let target = "orders-prod".parse().unwrap();
    What::Access { target, access: level, span: Span::hours(1), extends: None, emergency: false }
}

fn operation(shown: &str) -> What {
    What::Operation {
        target: "orders-prod".parse().unwrap(),
        session: SessionId::new(),
        fingerprint: "9f3c".repeat(16),
        shown: shown.to_owned(),
        impact: vec!["plan: deletes about 12430 rows of orders".to_owned(), "2 tables cascade".to_owned()],
        shape: None,
        exact: Exactness::Whole,
    }
}

fn line(shown: &str) -> What {
    let mut what = program(shown, "");
    if let What::Operation { shape, exact, .. } = &mut what {
        (*shape, *exact) = (None, Exactness::Text);
    }
    what
}

pub(crate) fn program(shown: &str, shape: &str) -> What {
    What::Operation {
        target: "web-1".parse().unwrap(),
        session: SessionId::new(),
        fingerprint: "9f3c".repeat(16),
        shown: shown.to_owned(),
        impact: Vec::new(),
        shape: Some(Shape { fingerprint: "77aa".repeat(16), shown: shape.to_owned() }),
        exact: Exactness::Whole,
    }
}

fn vote(name: &str, terms: Terms, note: Option<&str>) -> Vote {
    Vote { by: person(name), at: NOW, terms, note: note.map(str::to_owned), serves: vec![0] }
}

fn votes(all: Vec<Vote>) -> Votes {
    let mut votes = Votes::default();
    for one in all {
        votes.add(one);
    }
    votes
}

/// The states that a request can be in, with what people see of each.
fn states(request: &Request) -> Vec<(&'static str, Request)> {
    let at = NOW.plus(Span::minutes(3));
    let one = votes(vec![vote("grace@example.com", Terms::default(), None)]);
    let less = Terms { span: Some(Span::minutes(30)), access: Some(Access::Read), repeat: Repeat::Once };
    let both = votes(vec![vote("grace@example.com", less, Some("look only")), vote("linus@example.com", less, None)]);
    let with = |state: State| Request { state, ..request.clone() };
    vec![
        ("pending", request.clone()),
        (
            "half agreed",
            with(State::Pending { until: NOW.plus(Span::minutes(15)), escalated: true, votes: one, pause: None }),
        ),
        ("asked back", request.clone().step(Event::Question, at).expect("pending").request),
        ("agreed", with(State::Spent { at, votes: both })),
        (
            "denied",
            with(State::Denied { at, by: person("linus@example.com"), because: "not on a Friday".to_owned() }),
        ),
        ("withdrawn", with(State::Withdrawn { at })),
        ("superseded", Request { replaced: Some(RequestId::new()), ..with(State::Withdrawn { at }) }),
        ("lapsed", with(State::Lapsed { at })),
    ]
}

fn card_of(request: &Request, reader: Reader, remarks: &[Remark]) -> Card {
    let linus = ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: "U0LINUS".to_owned() };
    let asked = [("grace@example.com".to_owned(), None), ("linus@example.com".to_owned(), Some(linus))];
    let history = History { here: 2, last: Some((NOW, "denied")), today: 3, denied_today: 1 };
    let until = request.state.due();
    let note = None;
    super::request(&View { request, remarks, history: Some(history), asked: &asked, key: "KEY", until, note }, reader)
}

fn said(text: &Text) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Plain(words) => words.clone(),
        Piece::Strong(words) => format!("*{words}*"),
        Piece::Code(words) => format!("`{words}`"),
        Piece::Moment(at) => format!("<{}>", crate::card::utc(*at)),
        Piece::Person(who, Ping::Loud) => format!("@{}!", who.user),
        Piece::Person(who, Ping::Quiet) => format!("@{}", who.user),
        Piece::Link { words, url } => format!("[{words}]({url})"),
    };
    text.0.iter().map(piece).collect()
}

fn pressed(buttons: &[crate::card::Button]) -> String {
    let one = |button: &crate::card::Button| {
        let asks = if button.confirm.is_some() { "?" } else { "" };
        format!("[{}{asks}]", button.label)
    };
    buttons.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn outline(card: &Card) -> String {
    let mut text = format!("({:?}) {}\n  says: {}\n", card.tone, said(&card.title), card.summary);
    for part in &card.parts {
        let line = match part {
            Part::Fact(name, value) => format!("{name}: {}", said(value)),
            Part::Say(words) => said(words),
            Part::Quote(name, quote) => format!("{name} > {}", quote.replace('\n', "\n    > ")),
            Part::Note(words) => format!("- {}", said(words)),
            Part::Table(rows) => format!("table of {}", rows.len()),
            Part::Chart(chart) => chart.words(),
            Part::Rule => "---".to_owned(),
            Part::Buttons(buttons) => pressed(buttons),
        };
        writeln!(text, "  {line}").unwrap();
    }
    if !card.buttons.is_empty() || !card.more.is_empty() {
        writeln!(text, "  {} … {}", pressed(&card.buttons), pressed(&card.more)).unwrap();
    }
    text
}

/// Ids are new in each run.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    let mut rest = text;
    while let Some(at) = ["req_", "grt_", "ses_", "qst_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let (before, id) = rest.split_at(at);
        let (id, after) = id.split_at(30);
        steady.push_str(before);
        steady.extend(id.chars().take(4));
        steady.push('…');
        rest = after;
    }
    steady + rest
}

/// Every card in every state, by name.
pub(crate) fn every() -> Vec<(String, Card)> {
    let mut all = Vec::new();
    let mut show = |title: &str, card: Card| all.push((title.to_owned(), card));
    let review = What::Review { target: "orders-prod".parse().unwrap(), grant: GrantId::new() };
    for (kind, request) in [
        ("access", request_for(access(Access::Write), "INC-42: stuck job")),
        ("admin", request_for(access(Access::Admin), "INC-42")),
        ("a held command", request_for(operation("DELETE FROM orders WHERE created < '2020-01-01'"), "bulk write")),
        ("a long held command", request_for(operation(&"DELETE FROM orders;\n".repeat(200)), "bulk write")),
        ("a held command with a shape", request_for(program("rm -r /var/cache/app", "rm -r …"), "removals")),
        ("a held line that may run once only", request_for(line("cd build && make install"), "all lines")),
        ("a review", request_for(review, "break-glass: the shop is down")),
    ] {
        for (state, request) in states(&request) {
            show(&format!("{kind}, {state}, for those who decide"), card_of(&request, Reader::Asked, &[]));
            show(&format!("{kind}, {state}, for whoever asked"), card_of(&request, Reader::Own, &[]));
        }
    }
    let mut request = request_for(operation("DELETE FROM orders"), "bulk write");
    let question = Remark {
        id: QuestionId::new(),
        request: request.id,
        by: person("grace@example.com"),
        kind: RemarkKind::Question,
        words: "which rows?".to_owned(),
        at: NOW,
        answer: Some(("those of May".to_owned(), NOW)),
    };
    let look = Remark { kind: RemarkKind::Claim, words: String::new(), answer: None, ..question.clone() };
    show("asked back, answered and looked at", card_of(&request, Reader::Asked, &[question, look]));
    let session = Terms { repeat: Repeat::Exact { within: None }, ..Terms::default() };
    request.state = State::Spent { at: NOW, votes: votes(vec![vote("grace@example.com", session, None)]) };
    request.outcome = Some(Outcome { rows: 12_430, micros: 81_000, error: None });
    show("let through, with its outcome", card_of(&request, Reader::Asked, &[]));
    request.outcome = Some(Outcome { rows: 0, micros: 2_000, error: Some("ERROR: deadlock detected".to_owned()) });
    show("let through, and it failed", card_of(&request, Reader::Asked, &[]));
    let nasty = "<!channel> `*_[x](https://evil.example)\u{202e}gnp\u{200b}\u{1b}[2J";
    show(
        "words that would be something else",
        card_of(&request_for(access(Access::Read), nasty), Reader::Asked, &[]),
    );
    let mut held = Grant {
        id: GrantId::new(),
        request: request.id,
        to: person("ada@example.com"),
        target: "orders-prod".parse().unwrap(),
        access: Access::Write,
        from: NOW,
        until: NOW.plus(Span::hours(1)),
        emergency: false,
        reminded: false,
        ended: None,
    };
    show("a grant", grant(&held, "KEY"));
    show("a grant that ends soon", reminder(&held, "KEY"));
    let by = person("linus@example.com");
    held.ended = Some(Ended::Revoked { at: NOW, by, because: "done".to_owned() });
    show("a grant that was taken back", grant(&held, "KEY"));
    held.ended = Some(Ended::Expired { at: NOW });
    show("a grant that is over", grant(&held, "KEY"));
    let loud = Grant { emergency: true, ended: None, ..held };
    show("break-glass", alarm(&loud, Some(&request_for(access(Access::Write), "the shop is down")), "KEY"));
    all
}

#[test]
fn every_card_in_every_state_reads_as_it_did() {
    let mut all = String::new();
    for (title, card) in every() {
        write!(all, "## {title}\n{}\n", steady(&outline(&card))).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/render/cards.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &all).unwrap();
    }
    let before = std::fs::read_to_string(path).unwrap_or_default();
    for (was, is) in before.split("## ").zip(all.split("## ")) {
        assert_eq!(was, is);
    }
    assert_eq!(before, all);
}

#[test]
fn pages_hold_all_of_the_text_and_none_is_too_long() {
    for text in [String::new(), "a".repeat(100_000), "SELECT 1\n".repeat(5_000), format!("x\n{}", "é".repeat(20_000))]
    {
        let pages = pages(&text);
        assert_eq!(pages.concat(), text);
        assert!(pages.iter().all(|page| page.chars().count() <= PAGE_TEXT));
    }
}

#[test]
fn a_brief_text_is_one_line_that_says_where_it_is_cut() {
    assert_eq!(brief("a\n b", 10), "a b");
    assert_eq!(brief("abcdef", 4), "abc…");
    assert_eq!(brief("a\u{202e}b", 20), "a\\u{202e}b");
}
