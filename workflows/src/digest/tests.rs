use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::approval::{Needs, Quorum, Terms, Vote, Votes};
use crate::clock::Span;
use crate::grant::{Ended, Grant};
use crate::id::{GrantId, IdentityId, RequestId, SessionId};
use crate::identity::Identity;
use crate::request::{Exactness, Request, State, What};
use crate::session::{Ending, Session, Totals};
use crate::target::Access;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn frame() -> Frame {
    Frame::of("2026-W47".parse().unwrap(), &zone())
}

/// A local time in Berlin.
fn at(text: &str) -> Timestamp {
    let local: jiff::civil::DateTime = text.parse().unwrap();
    Timestamp::from_micros(local.to_zoned(zone()).unwrap().timestamp().as_microsecond())
}

fn monday() -> Timestamp {
    at("2026-11-23 09:00")
}

fn who(name: &str) -> Identity {
    Identity { id: IdentityId::new(), name: name.to_owned() }
}

fn target() -> TargetName {
    "orders-prod".parse().unwrap()
}

fn access(level: Access) -> What {
    What::Access { target: target(), access: level, span: Span::hours(1), extends: None, emergency: false }
}

fn command() -> What {
    What::Operation {
        target: target(),
        session: SessionId::new(),
        fingerprint: String::new(),
        shown: "DELETE FROM orders\nWHERE id < 7".to_owned(),
        impact: Vec::new(),
        shape: None,
        exact: Exactness::Whole,
    }
}

fn request(by: &str, made: &str, what: What, state: State) -> Request {
    let needs = Needs::one(Quorum {
        rule: "orders".to_owned(),
        from: Who::Group("dba".to_owned()),
        people: 1,
        within: Span::minutes(15),
        then: None,
        pause: Span::ZERO,
        repeat: Quorum::REPEAT,
    });
    let mut request = Request::new(who(by), what, "INC-42".to_owned(), needs, at(made));
    request.state = state;
    request
}

fn approved(by: &str, made: &str, after: Span) -> State {
    let voted = at(made).plus(after);
    let mut votes = Votes::default();
    votes.add(Vote { by: who(by), at: voted, terms: Terms::default(), note: None, serves: vec![0] });
    // It was used later than it was agreed.
    State::Spent { at: voted.plus(Span::seconds(30)), votes }
}

fn denied(by: &str, made: &str, after: Span) -> State {
    State::Denied { at: at(made).plus(after), by: who(by), because: "not during the backup".to_owned() }
}

fn grant(to: &str, level: Access, from: &str, until: &str) -> Grant {
    let (from, until) = (at(from), at(until));
    Grant {
        id: GrantId::new(),
        request: RequestId::new(),
        to: who(to),
        target: target(),
        access: level,
        from,
        until,
        emergency: false,
        reminded: false,
        ended: (until <= monday()).then_some(Ended::Expired { at: until }),
    }
}

fn session(under: &Grant, from: &str, until: &str, ending: Ending, [operations, writes, rows]: [u64; 3]) -> Session {
    Session {
        id: SessionId::new(),
        by: under.to.clone(),
        target: under.target.clone(),
        access: under.access,
        grant: under.id,
        client: String::new(),
        application: String::new(),
        from: at(from),
        ended: Some((at(until), ending)),
        totals: Totals { operations, writes, rows, ..Totals::default() },
        recording: String::new(),
        uninspected: None,
    }
}

fn team() -> Team {
    let entry = Entry { name: "orders".to_owned(), targets: [target()].into() };
    let idle = Entry { name: "stock".to_owned(), targets: ["stock-prod".parse().unwrap()].into() };
    let members = [("ada".to_owned(), vec![entry, idle]), ("alan".to_owned(), Vec::new())];
    Team { manager: "mona".to_owned(), members: members.into() }
}

/// A small week: ada works, alan breaks the glass, and mona, their manager, does something herself.
fn week() -> Rows {
    let used = |grant: &Grant| HeldGrant { grant: grant.clone(), used: true };
    let unused = |grant: &Grant| HeldGrant { grant: grant.clone(), used: false };
    let read = grant("ada", Access::Write, "2026-11-16 10:04", "2026-11-16 11:04");
    let never = grant("ada", Access::Read, "2026-11-17 09:00", "2026-11-17 10:00");
    let live = grant("alan", Access::Write, "2026-11-22 23:00", "2026-11-25 12:00");
    let fire = Grant { emergency: true, ..grant("alan", Access::Write, "2026-11-19 03:00", "2026-11-19 03:30") };
    let monas = grant("mona", Access::Admin, "2026-11-18 08:00", "2026-11-25 08:00");
    let review = What::Review { target: target(), grant: fire.id };
    let owed = State::Pending { until: monday(), escalated: true, votes: Votes::default(), pause: None };
    let more = What::Access {
        target: target(),
        access: Access::Write,
        span: Span::minutes(30),
        extends: Some(read.id),
        emergency: false,
    };
    let requests = vec![
        request(
            "ada",
            "2026-11-16 10:00",
            access(Access::Write),
            approved("grace", "2026-11-16 10:00", Span::minutes(4)),
        ),
        request(
            "ada",
            "2026-11-17 09:00",
            access(Access::Read),
            approved("grace", "2026-11-17 09:00", Span::seconds(2)),
        ),
        request(
            "ada",
            "2026-11-18 11:00",
            access(Access::Write),
            denied("linus", "2026-11-18 11:00", Span::minutes(30)),
        ),
        request("ada", "2026-11-18 12:00", command(), approved("grace", "2026-11-18 12:00", Span::seconds(60))),
        request("ada", "2026-11-18 12:10", command(), denied("grace", "2026-11-18 12:10", Span::seconds(10))),
        request("ada", "2026-11-18 12:20", command(), State::Withdrawn { at: at("2026-11-18 12:21") }),
        request("ada", "2026-11-18 12:30", command(), State::Lapsed { at: at("2026-11-18 12:45") }),
        request("ada", "2026-11-16 10:50", more, approved("grace", "2026-11-16 10:50", Span::minutes(2))),
        request(
            "mona",
            "2026-11-18 07:00",
            access(Access::Admin),
            approved("ada", "2026-11-18 07:00", Span::seconds(1)),
        ),
    ];
    let sessions = vec![
        session(&read, "2026-11-16 10:10", "2026-11-16 10:40", Ending::Left, [5, 0, 100]),
        session(&read, "2026-11-16 10:30", "2026-11-16 10:50", Ending::Left, [2, 0, 20]),
        session(&fire, "2026-11-19 03:05", "2026-11-19 03:10", Ending::Abandoned, [0, 0, 0]),
        session(&monas, "2026-11-18 08:05", "2026-11-18 09:05", Ending::NotRecorded, [9, 9, 9]),
    ];
    Rows {
        requests,
        reviews: vec![request("alan", "2026-11-19 03:00", review, owed)],
        grants: vec![used(&read), unused(&never), unused(&live), used(&fire), unused(&monas)],
        sessions,
        before: [
            ("ada".to_owned(), Before { requests: 3, held: 1, grants: 2, sessions: 9, ..Before::default() }),
            ("mona".to_owned(), Before { requests: 100, ..Before::default() }),
        ]
        .into(),
        used: [("ada".to_owned(), target())].into(),
        known: [("ada", "2026-01-01 00:00"), ("alan", "2026-11-01 00:00")]
            .map(|(name, since)| (name.to_owned(), at(since)))
            .into(),
    }
}

fn digest(rows: &Rows) -> Digest {
    compute(&ByPerson::of(rows), &team(), &frame(), monday())
}

fn words(digest: &Digest, about: About) -> Vec<String> {
    let section = digest.section(about).unwrap_or_else(|| panic!("{about:?} is there"));
    std::iter::once(&section.words).chain(section.items.iter().map(|item| &item.words)).cloned().collect()
}

#[test]
fn the_numbers_of_a_small_week() {
    let digest = digest(&week());
    assert_eq!(digest.people, ["ada", "alan"]);
    let table: Vec<_> = digest
        .table
        .iter()
        .map(|line| {
            let Line { person, held_seconds, session_seconds, sessions, operations, rows, decide, .. } = line;
            (person.as_str(), *held_seconds, *session_seconds, sessions.n, *operations, *rows, *decide, &*line.words)
        })
        .collect();
    let hour = 3_600;
    assert_eq!(
        table,
        [
            // One hour of Sunday and half an hour of break-glass: what came after midnight is next week's.
            ("alan", hour + 1_800, 300, 1, 0, 0, 3, "1 review owed; 1 gap in the evidence; 1 grant never used"),
            // Two sessions overlap by ten minutes.
            ("ada", 2 * hour, 2_400, 2, 7, 120, 2, "1 grant never used; write asked, only read"),
        ]
    );
    assert_eq!(
        (digest.waits.decided.n, digest.waits.p50_seconds, digest.waits.p90_seconds),
        (6, Some(60), Some(1_800))
    );
    assert_eq!(
        digest.waits.words,
        "6 requests were decided: half within 1 min, nine in ten within 30 min; group:dba was asked most, 8 times"
    );
    assert_eq!(
        digest.summary,
        "4 requests, 3 approved, half decided within 1 min; 1 break-glass review owed; 2 grants never used; \
         4 commands held; 1 request denied; 1 gap in the evidence"
    );
    let changes: Vec<_> =
        digest.changes.iter().map(|change| (change.measure, change.now.n, change.before.n)).collect();
    assert_eq!(
        changes,
        [
            (Measure::Requests, 4, 3),
            (Measure::Denied, 2, 0),
            (Measure::Held, 4, 1),
            (Measure::Grants, 4, 2),
            (Measure::Emergencies, 1, 0),
            (Measure::Sessions, 3, 9),
        ]
    );
    assert_eq!(digest.changes[5].words, "3 sessions, 6 fewer than in the week before");
}

#[test]
fn what_a_small_week_says_in_words() {
    let digest = digest(&week());
    let abouts: Vec<About> = digest.sections.iter().map(|section| section.about).collect();
    use About::{Denials, Emergencies, Ends, Extended, Gaps, Hasty, Held, OnlyRead, Standing, Unused};
    assert_eq!(
        abouts,
        [Emergencies, Gaps, Unused, OnlyRead, Hasty, Held, Denials, Extended, Ends, Standing],
        "in their order, and without what is empty"
    );
    for (about, expected) in [
        (
            Emergencies,
            &[
                "1 break-glass access; 1 review is owed, 1 of them overdue",
                "alan broke the glass on orders-prod, Thu 19 Nov 03:00 CET: review overdue by group:dba",
            ][..],
        ),
        (
            Gaps,
            &[
                "1 session has a gap in the evidence",
                "alan on orders-prod, Thu 19 Nov 03:05 CET: the process that carried it died, so its end is not recorded",
            ],
        ),
        (
            Unused,
            &[
                "2 grants were never used, 1 still live",
                "alan: write on orders-prod since Sun 22 Nov 23:00 CET, live until Wed 25 Nov 12:00 CET",
                "ada: read on orders-prod since Tue 17 Nov 09:00 CET, ended Tue 17 Nov 10:00 CET",
            ],
        ),
        (
            OnlyRead,
            &[
                "1 person and target asked for write, and only read",
                "ada on orders-prod: 1 grant for write or more, and only reads ran",
            ],
        ),
        (
            Hasty,
            &[
                "1 decision in under 5 s: nobody reads a request in that time",
                "grace approved what ada asked on orders-prod after 2 s, Tue 17 Nov 09:00 CET",
            ],
        ),
        (
            Held,
            &[
                "4 commands were held: 1 approved, 1 denied, 1 withdrawn, 1 lapsed",
                "ada on orders-prod, Wed 18 Nov 12:10 CET: denied by grace",
                "ada on orders-prod, Wed 18 Nov 12:30 CET: lapsed: nobody decided, or it was not used in time",
                "ada on orders-prod, Wed 18 Nov 12:20 CET: withdrawn",
                "ada on orders-prod, Wed 18 Nov 12:00 CET: approved by grace",
            ],
        ),
        (
            Denials,
            &["1 request was denied", "ada asked for write on orders-prod on Wed 18 Nov 11:00 CET, linus denied"],
        ),
        (
            Extended,
            &[
                "1 grant got more time, asked by whoever held it",
                "ada asked for 30 min more on orders-prod, Mon 16 Nov 10:50 CET; grace agreed",
            ],
        ),
        (Ends, &["1 grant ends in the coming 7 days", "alan: write on orders-prod until Wed 25 Nov 12:00 CET"]),
        (
            Standing,
            &["1 right to ask was not used for 30 days", "ada may ask by the entry `stock`, 1 target, and did not"],
        ),
    ] {
        assert_eq!(words(&digest, about), expected, "{about:?}");
    }
    assert_eq!(digest.section(Held).unwrap().items[0].quote.as_deref(), Some("DELETE FROM orders WHERE id < 7"));
    assert_eq!(digest.section(Denials).unwrap().items[0].quote.as_deref(), Some("not during the backup"));
    let actions: Vec<(Verb, &str)> = digest.actions.iter().map(|action| (action.verb, &*action.words)).collect();
    assert_eq!(
        actions,
        [
            (
                Verb::Review,
                "review the break-glass access of alan to orders-prod of Thu 19 Nov 03:00 CET: overdue, group:dba is asked"
            ),
            (
                Verb::Revoke,
                "revoke write on orders-prod of alan: never used since Sun 22 Nov 23:00 CET, live until Wed 25 Nov \
                 12:00 CET"
            ),
            (Verb::ProposeRead, "propose read instead of write on orders-prod for ada: 1 grant, and only reads ran"),
            (Verb::ProposeRemoval, "propose to take ada out of the entry `stock`: not used for 30 days"),
        ]
    );
}

#[test]
fn a_managers_own_access_is_in_their_managers_digest_and_never_in_their_own() {
    let rows = week();
    let own = serde_json::to_string(&digest(&rows)).unwrap();
    assert_eq!(own.matches("mona").count(), 1, "only as whom it is for: {own}");
    // Even a team that names the manager, as a group may, leaves them out.
    let mut all = team();
    all.members.insert("mona".to_owned(), Vec::new());
    let named = compute(&ByPerson::of(&rows), &all, &frame(), monday());
    assert_eq!(serde_json::to_string(&named).unwrap(), own);
    let above = Team { manager: "mia".to_owned(), members: [("mona".to_owned(), Vec::new())].into() };
    let above = compute(&ByPerson::of(&rows), &above, &frame(), monday());
    assert_eq!(above.table.len(), 1);
    assert_eq!((above.table[0].person.as_str(), above.table[0].decide), ("mona", 2));
    assert_eq!(above.section(About::Hasty).unwrap().count.n, 1, "ada decided in a second");
    assert_eq!(above.actions[0].verb, Verb::Revoke);
}

#[test]
fn one_approver_for_one_person_is_told_from_five_requests_on() {
    let mut rows = Rows::default();
    let ask = |day: u8, by: &str| {
        let made = format!("2026-11-{day} 10:00");
        request("ada", &made, access(Access::Read), approved(by, &made, Span::minutes(3)))
    };
    rows.requests = (16..20).map(|day| ask(day, "grace")).collect();
    assert!(digest(&rows).section(About::OneApprover).is_none(), "four are chance");
    rows.requests.push(ask(20, "linus"));
    assert_eq!(words(&digest(&rows), About::OneApprover)[1], "grace approved 4 of the 5 that ada asked");
    rows.requests.push(ask(21, "linus"));
    assert!(digest(&rows).section(About::OneApprover).is_none(), "four of six are less than 80 %");
}

#[test]
fn a_week_in_which_nothing_happened_says_so() {
    let digest = digest(&Rows::default());
    assert!(digest.is_empty());
    assert_eq!(digest.summary, "nobody asked for access");
    assert_eq!((digest.waits.p50_seconds, digest.waits.words.as_str()), (None, "nothing was decided"));
}

#[test]
fn hours_are_hours_in_the_week_of_the_clock_change() {
    let frame = Frame::of("2026-W43".parse().unwrap(), &zone());
    let now = at("2026-10-26 09:00");
    let all = grant("ada", Access::Read, "2026-10-01 00:00", "2026-10-31 00:00");
    let mut rows = Rows { grants: vec![HeldGrant { grant: all, used: true }], ..Rows::default() };
    let held = |rows: &Rows| compute(&ByPerson::of(rows), &team(), &frame, now).table[0].held_seconds;
    assert_eq!(held(&rows), 169 * 3_600);
    // What is held at the same time counts once.
    rows.grants
        .push(HeldGrant { grant: grant("ada", Access::Read, "2026-10-20 00:00", "2026-10-21 00:00"), used: true });
    assert_eq!(held(&rows), 169 * 3_600);
}

#[test]
fn a_digest_reads_back_as_it_was_filed() {
    let digest = digest(&week());
    let text = serde_json::to_string(&digest).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
}

#[test]
fn the_csv_has_a_line_for_each_thing_and_no_formula() {
    let mut rows = week();
    rows.requests[0].why = "=cmd|' /C calc'!A0".to_owned();
    rows.requests[2].state = State::Denied {
        at: at("2026-11-18 11:30"),
        by: who("linus"),
        because: "=HYPERLINK(\"http://x\", \"y\")".to_owned(),
    };
    let digest = digest(&rows);
    let csv = csv(&digest);
    let items: usize = digest.sections.iter().map(|section| section.items.len()).sum();
    let lines = 3 + digest.actions.len() + digest.changes.len() + digest.table.len() + items;
    assert_eq!(csv.matches("\r\n").count(), lines);
    assert!(csv.contains("table,ada,orders-prod,,2,7200,2400,7,120,"), "{csv}");
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://x\"\", \"\"y\"\")\""), "{csv}");
}

fn some_request() -> impl Strategy<Value = Request> {
    (0..3_usize, 0..7_i64, 0..86_400_i64, 0..6_u8, 0..90_i64).prop_map(|(who, day, second, kind, wait)| {
        let name = ["ada", "alan", "mona"][who];
        let made = format!("2026-11-{} 00:00", 16 + day);
        let state = match kind {
            0 | 1 => approved(["grace", "mona"][usize::from(kind)], &made, Span::seconds(second + wait)),
            2 => denied("ada", &made, Span::seconds(second + wait)),
            3 => State::Withdrawn { at: at(&made) },
            4 => State::Lapsed { at: at(&made) },
            _ => State::Pending { until: monday(), escalated: false, votes: Votes::default(), pause: None },
        };
        let what = if day % 2 == 0 { command() } else { access(Access::Write) };
        let mut request = request(name, &made, what, state);
        request.at = at(&made).plus(Span::seconds(second));
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_asked_the_numbers_add_up_and_the_manager_is_left_out(
        requests in proptest::collection::vec(some_request(), 0..40)
    ) {
        let rows = Rows { requests, ..Rows::default() };
        let digest = digest(&rows);
        prop_assert!(digest.actions.len() <= MOST_ACTIONS);
        prop_assert!(digest.waits.p50_seconds <= digest.waits.p90_seconds);
        for section in &digest.sections {
            prop_assert!(section.items.iter().all(|item| item.person != "mona"));
            prop_assert!(section.count.n > 0 && section.items.len() <= MOST_ITEMS);
        }
        let theirs = rows.requests.iter().filter(|request| request.by.name != "mona");
        let held = theirs.clone().filter(|request| matches!(request.what, What::Operation { .. })).count();
        let asked = theirs.count() - held;
        prop_assert_eq!(digest.section(About::Held).map_or(0, |section| section.count.n), held as u64);
        prop_assert_eq!(digest.changes[0].now.n, asked as u64);
        // The same rows in another order give the same digest.
        let mut other = rows.clone();
        other.requests.reverse();
        let by_measure = |digest: &Digest| -> BTreeMap<&'static str, u64> {
            digest.changes.iter().map(|change| (change.measure.as_str(), change.now.n)).collect()
        };
        let again = compute(&ByPerson::of(&other), &team(), &frame(), monday());
        prop_assert_eq!(by_measure(&again), by_measure(&digest));
        prop_assert_eq!(again.summary, digest.summary);
    }
}
