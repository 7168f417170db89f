use workflows::clock::Timestamp;

use super::*;
use crate::documents::{Count, Selection, Waits};

fn at(text: &str) -> Moment {
    let moment: jiff::Timestamp = text.parse().expect("a moment");
    Moment(Timestamp::from_micros(moment.as_microsecond()))
}

/// So many of one kind; beyond fifty they are not named.
fn count(n: u64, kind: &str) -> Count {
    if n > 50 {
        let (since, until) = (at("2026-11-15T23:00:00Z"), at("2026-11-22T23:00:00Z"));
        let list = Selection { path: "/v1/sessions".to_owned(), person: None, target: None, since, until };
        return Count { n, ids: Vec::new(), list: Some(list) };
    }
    Count { n, ids: (0..n).map(|at| format!("{kind}_01JD8Z0000000000000000{at:04}")).collect(), list: None }
}

fn action(verb: &str, about: &str, words: &str) -> Action {
    let (person, target) = ("ada@example.com".to_owned(), None);
    Action { verb: verb.to_owned(), about: about.to_owned(), person, target, words: words.to_owned() }
}

fn change(measure: &str, now: u64, before: u64, kind: &str, words: &str) -> Change {
    Change {
        measure: measure.to_owned(),
        now: count(now, kind),
        before: count(before, kind),
        words: words.to_owned(),
    }
}

fn line(person: &str, target: &str, times: [u64; 2], ran: [u64; 3], words: &str) -> Line {
    Line {
        person: format!("{person}@example.com"),
        target: target.to_owned(),
        held_seconds: times[0],
        session_seconds: times[1],
        sessions: count(ran[0], "ses"),
        operations: ran[1],
        rows: ran[2],
        decide: u64::from(!words.is_empty()),
        words: words.to_owned(),
    }
}

fn section(about: &str, title: &str, words: &str, items: &[(&str, Option<&str>)]) -> Section {
    let item = |(words, quote): &(&str, Option<&str>)| SectionItem {
        words: (*words).to_owned(),
        quote: quote.map(str::to_owned),
        id: Some("req_01JD8Z0000000000000000042K".to_owned()),
        person: "ada@example.com".to_owned(),
        target: None,
        count: count(1, "req"),
    };
    Section {
        about: about.to_owned(),
        title: title.to_owned(),
        words: words.to_owned(),
        count: count(items.len() as u64, "req"),
        items: items.iter().map(item).collect(),
    }
}

fn lines() -> Vec<Line> {
    let mut lines = vec![
        line("alan", "ledger-prod", [14_400, 0], [0, 0, 0], "1 grant never used"),
        line("barbara", "orders-prod", [9_000, 5_400], [3, 212, 12_430], "1 review owed"),
        line("edsger", "orders-prod", [28_800, 20_520], [9, 1_460, 903_218], "write asked, only read"),
        line("ada", "orders-prod", [21_600, 17_280], [7, 644, 48_112], ""),
        line("frances", "billing-prod", [7_200, 4_500], [2, 88, 1_904], ""),
        line("ada", "billing-prod", [3_600, 240], [1, 6, 6], ""),
    ];
    let more = ["grace", "hedy", "ida", "joan", "karen", "lynn"];
    lines.extend(more.map(|name| line(name, "reports-prod", [3_600, 1_800], [1, 12, 340], "")));
    lines
}

fn sections() -> Vec<Section> {
    vec![
        section(
            "emergencies",
            "Break-glass and reviews",
            "1 break-glass access; 1 review is owed, 1 of them overdue",
            &[(
                "barbara@example.com broke the glass on orders-prod, Tue 17 Nov 03:12 CET: review overdue by group:dba",
                Some("INC-4711: checkout hangs, primary has no free connections, nobody on call answers"),
            )],
        ),
        section(
            "unused",
            "Granted, never used",
            "1 grant was never used, 1 still live",
            &[(
                "alan@example.com: write on ledger-prod since Thu 19 Nov 10:02 CET, live until Tue 24 Nov 10:02 CET",
                None,
            )],
        ),
        section(
            "only_read",
            "Asked for write, only read",
            "1 person and target asked for write, and only read",
            &[("edsger@example.com on orders-prod: 4 grants for write or more, and only reads ran", None)],
        ),
        section(
            "held",
            "Held commands",
            "2 commands were held: 1 approved, 1 denied",
            &[
                (
                    "ada@example.com on orders-prod, Wed 18 Nov 14:21 CET: denied by grace@example.com",
                    Some("DELETE FROM orders WHERE created < '2020-01-01'"),
                ),
                (
                    "frances@example.com on billing-prod, Fri 20 Nov 11:40 CET: approved by linus@example.com",
                    Some("UPDATE invoices SET state = 'void' WHERE id IN (SELECT id FROM duplicates)"),
                ),
            ],
        ),
        section(
            "denials",
            "Denied",
            "1 request was denied",
            &[(
                "ada@example.com asked for write on ledger-prod, Mon 16 Nov 09:30 CET; grace@example.com denied it",
                Some("not during the quarter's closing; ask again on Thursday"),
            )],
        ),
    ]
}

fn digest() -> Digest {
    let grant = "grt_01JD8Z00000000000000ALAN01";
    let request = "req_01JD8Z000000000000000GLASS";
    let actions = vec![
        action(
            "review",
            request,
            "review the break-glass access of barbara@example.com to orders-prod of Tue 17 Nov 03:12 CET: overdue, \
             group:dba is asked",
        ),
        action(
            "revoke",
            grant,
            "revoke write on ledger-prod of alan@example.com: never used since Thu 19 Nov 10:02 CET, live until Tue 24 \
             Nov 10:02 CET",
        ),
        action(
            "propose_read",
            "orders-prod",
            "propose read instead of write on orders-prod for edsger@example.com: 4 grants, and only reads ran",
        ),
    ];
    let changes = vec![
        change("requests", 14, 11, "req", "14 requests for access, 3 more than in the week before"),
        change("denied", 1, 2, "req", "1 denial, 1 fewer than in the week before"),
        change("held", 2, 2, "req", "2 held commands, as many as in the week before"),
        change("grants", 12, 9, "grt", "12 grants, 3 more than in the week before"),
        change("emergencies", 1, 0, "grt", "1 break-glass access, 1 more than in the week before"),
        change("sessions", 58, 31, "ses", "58 sessions, 27 more than in the week before"),
    ];
    let asked = |who: &str, n: u64| AskedMost { who: who.to_owned(), count: count(n, "req") };
    let waits = Waits {
        decided: count(13, "req"),
        p50_seconds: Some(240),
        p90_seconds: Some(1_260),
        asked: vec![asked("group:dba", 9), asked("oncall:orders-primary", 5), asked("linus@example.com", 2)],
        words: "13 requests were decided: half within 4 min, nine in ten within 21 min; group:dba was asked most, 9 times"
            .to_owned(),
    };
    let content = DigestContent {
        week: "2026-W47".to_owned(),
        manager: "mona@example.com".to_owned(),
        people: ["ada", "alan", "barbara", "edsger", "frances", "grace", "hedy", "ida", "joan", "karen", "lynn"]
            .map(|name| format!("{name}@example.com"))
            .to_vec(),
        since: at("2026-11-15T23:00:00Z"),
        until: at("2026-11-22T23:00:00Z"),
        zone: "Europe/Berlin".to_owned(),
        made: at("2026-11-23T08:00:00Z"),
        summary:
            "14 requests, 12 approved, half decided within 4 min; 1 break-glass review owed; 1 grant never used; \
                  2 commands held; 1 request denied"
                .to_owned(),
        actions,
        more_actions: 0,
        changes,
        table: lines(),
        lines: 12,
        waits,
        sections: sections(),
    };
    Digest { filed: Some(filed("2026-W47")), content }
}

fn filed(week: &str) -> FiledDigest {
    FiledDigest {
        id: "dig_01JD8Z0000000000000000000B".parse().expect("an id"),
        manager: "mona@example.com".to_owned(),
        week: week.to_owned(),
        made: at("2026-11-23T08:00:00Z"),
        review: "owed".to_owned(),
        due: Some(at("2026-11-30T08:00:00Z")),
        overdue: None,
        escalated_to: Vec::new(),
        reviewed: None,
        reviewed_by: None,
    }
}

fn around(reader: &str) -> Around<'_> {
    Around { reader, before: "2026-W46".to_owned(), after: Some("2026-W48".to_owned()), others: &[] }
}

fn shown(digest: &Digest, reader: &str) -> String {
    of(digest, &around(reader)).into_string()
}

#[test]
fn each_action_comes_with_how_to_do_it() {
    let page = shown(&digest(), "mona@example.com");
    for command in [
        "countersign requests show req_000GLASS",
        "countersign revoke grt_00ALAN01 <span>--because &#39;not used&#39;</span>",
    ] {
        assert!(page.contains(&format!("<code>{command}</code>")), "{page}");
    }
    assert_eq!(page.matches("Give this to whoever keeps <code>countersign.toml</code>").count(), 1);
    let none = DigestContent { actions: Vec::new(), ..digest().content };
    assert!(shown(&Digest { filed: None, content: none }, "mona@example.com").contains("Nothing to decide"));
}

#[test]
fn what_is_too_long_unfolds_and_what_is_left_out_is_counted() {
    let page = shown(&digest(), "mona@example.com");
    assert_eq!(page.matches("<tr role=\"row\">\n<th role=\"rowheader\"").count(), 12);
    assert!(page.contains("<summary>2 more</summary>"), "{page}");
    assert!(page.contains("joan") && page.contains(" and 6 more</p>"), "{page}");
    let content = DigestContent { lines: 700, more_actions: 4, ..digest().content };
    let page = shown(&Digest { filed: None, content }, "mona@example.com");
    assert!(page.contains("and 688 more") && page.contains("and 4 more"), "{page}");
}

#[test]
fn only_who_is_asked_is_shown_the_button_and_the_page_says_how_the_review_stands() {
    let button = "<form method=\"post\" action=\"/digest/dig_01JD8Z0000000000000000000B/review\">";
    let overdue = FiledDigest {
        due: None,
        overdue: Some(at("2026-11-30T08:00:00Z")),
        escalated_to: vec!["mia@example.com".to_owned()],
        ..filed("2026-W47")
    };
    let done = FiledDigest {
        due: None,
        reviewed: Some(at("2026-11-23T07:30:00Z")),
        reviewed_by: Some("mona@example.com".to_owned()),
        ..filed("2026-W47")
    };
    let not_needed = FiledDigest { due: None, ..filed("2026-W47") };
    for (filed, reader, pressed, words) in [
        (Some(filed("2026-W47")), "mona@example.com", true, "Mon 30 Nov 09:00 CET"),
        (Some(filed("2026-W47")), "audrey@example.com", false, "Mon 30 Nov 09:00 CET"),
        (Some(overdue.clone()), "mia@example.com", true, "Overdue: it went to <bdi>mia@example.com</bdi>"),
        (Some(overdue), "ada@example.com", false, "Review overdue since"),
        (Some(done), "mona@example.com", false, "Reviewed by <bdi>mona@example.com</bdi>"),
        (Some(not_needed), "mona@example.com", false, "Nothing in it needs a review."),
        (None, "mona@example.com", false, "no digest was made of this week"),
    ] {
        let page = shown(&Digest { filed, ..digest() }, reader);
        assert_eq!(page.contains(button), pressed, "{reader}: {words}");
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[test]
fn no_week_follows_one_that_is_not_over() {
    let now = Around { after: None, ..around("mona@example.com") };
    let page = of(&digest(), &now).into_string();
    assert!(page.contains("rel=\"prev\"") && !page.contains("rel=\"next\""), "{page}");
    // Somebody else's weeks stay theirs.
    let page = shown(&digest(), "audrey@example.com");
    assert!(page.contains("href=\"/digest?week=2026-W48&amp;manager=mona%40example.com\""), "{page}");
    assert!(page.contains("countersign digest --week 2026-W47 --manager mona@example.com<"), "{page}");
}
