use proptest::prelude::*;

use super::*;
use crate::approval::{Needs, Quorum, Terms, Vote, Who};
use crate::clock::Span;
use crate::id::IdentityId;
use crate::identity::Identity;
use crate::request::Event;

fn person(name: &str) -> Identity {
    Identity { id: IdentityId::new(), name: name.to_owned() }
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(0).plus(Span::minutes(minutes))
}

/// Held at minute 0, with a shape or without, where `people` must agree and the policy lets it pass for `most` again.
fn held(session: SessionId, shaped: bool, people: u8, most: Span) -> Request {
    let what = What::Operation {
        target: "web-1".parse().expect("a name"),
        session,
        fingerprint: "aa".to_owned(),
        shown: "rm /srv/app/a".to_owned(),
        impact: Vec::new(),
        shape: shaped.then(|| Shape { fingerprint: "cc".to_owned(), shown: "rm …".to_owned() }),
        exact: Exactness::Whole,
    };
    let quorum = Quorum {
        rule: "r".to_owned(),
        from: Who::Group("ops".to_owned()),
        people,
        within: Span::minutes(15),
        then: None,
        pause: Span::ZERO,
        repeat: most,
    };
    Request::new(person("ada"), what, "r".to_owned(), Needs::one(quorum), at(0))
}

fn agreed(request: Request, repeats: &[Repeat]) -> Request {
    repeats.iter().enumerate().fold(request, |request, (nth, repeat)| {
        let terms = Terms { repeat: *repeat, ..Terms::default() };
        let by = person(&format!("p{nth}"));
        let vote = Vote { by, at: at(1), terms, note: None, serves: vec![0] };
        request.step(Event::Approve(vote), at(1)).expect("a vote").request
    })
}

fn passed(request: Request, session: SessionId) -> Request {
    let spend = Event::Spend { session, fingerprint: "aa".to_owned() };
    request.step(spend, at(2)).expect("spent").request
}

fn repeats() -> impl Strategy<Value = Repeat> {
    let within = || proptest::option::of((1..90i64).prop_map(Span::minutes));
    prop_oneof![
        Just(Repeat::Once),
        within().prop_map(|within| Repeat::Exact { within }),
        within().prop_map(|within| Repeat::Shape { within }),
    ]
}

proptest! {
    /// Whatever was chosen, by however many, what passes again was allowed by each of them, for this session and this moment.
    #[test]
    fn nothing_passes_again_that_one_of_those_who_agreed_did_not_allow(
        chosen in proptest::collection::vec(repeats(), 1..4),
        most in 1..90i64,
        shaped in any::<bool>(),
        here in any::<bool>(),
        hash in prop::sample::select(vec!["aa", "bb"]),
        shape in prop::sample::select(vec![None, Some("cc"), Some("dd")]),
        minute in 2..120i64,
    ) {
        let (session, other) = (SessionId::new(), SessionId::new());
        let people = u8::try_from(chosen.len()).expect("few");
        let waiting = agreed(held(session, shaped, people, Span::minutes(most)), &chosen);
        prop_assert_eq!(waiting.repeats(session, "aa", Some("cc"), at(2)), None, "it has not passed once");
        let request = passed(waiting, session);
        let by = if here { session } else { other };
        let again = request.repeats(by, hash, shape, at(minute));
        let in_time = |span: Option<Span>| span.is_none_or(|span| at(minute) < at(2).plus(span));
        let allows = |one: &Repeat| match one {
            Repeat::Once => false,
            Repeat::Exact { within } => hash == "aa" && in_time(*within),
            Repeat::Shape { within } => (hash == "aa" || (shaped && shape == Some("cc"))) && in_time(*within),
        };
        let may = here && minute < most + 2 && chosen.iter().all(allows);
        prop_assert_eq!(again.is_some(), may);
        match again {
            Some(Again::Exact) => prop_assert_eq!(hash, "aa"),
            Some(Again::Shape) => {
                let all = chosen.iter().all(|one| matches!(one, Repeat::Shape { .. }));
                prop_assert!(hash != "aa" && all);
            }
            None => {}
        }
    }
}

#[test]
fn of_two_the_one_who_says_once_decides() {
    let session = SessionId::new();
    let both = [Repeat::Shape { within: Some(Span::minutes(10)) }, Repeat::Once];
    let request = passed(agreed(held(session, true, 2, Span::hours(1)), &both), session);
    assert_eq!(request.repeats_until(), None);
}

#[test]
fn time_runs_from_the_first_pass_and_ends_at_the_shortest_bound() {
    let session = SessionId::new();
    let until = |most: Span, chosen: &[Repeat]| {
        let people = u8::try_from(chosen.len()).expect("few");
        passed(agreed(held(session, true, people, most), chosen), session).repeats_until()
    };
    let shape = |minutes| Repeat::Shape { within: Some(Span::minutes(minutes)) };
    assert_eq!(until(Span::hours(1), &[shape(10)]), Some((Again::Shape, at(12))));
    assert_eq!(until(Span::minutes(5), &[shape(10)]), Some((Again::Shape, at(7))), "the policy's own bound");
    assert_eq!(until(Span::minutes(5), &[Repeat::Shape { within: None }]), Some((Again::Shape, at(7))));
    let exact = Repeat::Exact { within: None };
    assert_eq!(
        until(Span::hours(1), &[shape(10), exact]),
        Some((Again::Exact, at(12))),
        "the narrower, for the shorter time"
    );
}

#[test]
fn what_may_pass_again_is_said_by_what_its_hash_tells_and_by_a_shape_that_can_be_shown() {
    let of = |shown: Option<&str>, told| {
        let mut request = held(SessionId::new(), false, 1, Span::hours(1));
        if let What::Operation { shape, exact, .. } = &mut request.what {
            *shape = shown.map(|shown| Shape { fingerprint: "cc".to_owned(), shown: shown.to_owned() });
            *exact = told;
        }
        request
    };
    let long = "x".repeat(Shape::LONGEST + 1);
    for (shown, told, expected) in [
        (None, Exactness::Whole, &[Again::Exact][..]),
        (None, Exactness::Text, &[]),
        (Some("rm …"), Exactness::Text, &[Again::Exact, Again::Shape]),
        (Some("rm …"), Exactness::Whole, &[Again::Exact, Again::Shape]),
        (Some(long.as_str()), Exactness::Text, &[Again::Exact]),
    ] {
        assert_eq!(of(shown, told).repeats_as(), expected, "{shown:?} {told:?}");
    }
    let text = of(None, Exactness::Text);
    let What::Operation { session, .. } = text.what else { panic!("an operation") };
    let again = |request: Request| {
        passed(agreed(request, &[Repeat::Exact { within: None }]), session).repeats(session, "aa", None, at(3))
    };
    assert_eq!(again(text.clone()), None, "even where somebody had agreed to it");
    let mut whole = text;
    if let What::Operation { exact, .. } = &mut whole.what {
        *exact = Exactness::Whole;
    }
    assert_eq!(again(whole), Some(Again::Exact));
}

#[test]
fn rows_without_a_shape_are_read_as_before_and_written_as_before() {
    let row = r#"{"operation":{"target":"web-1","session":"SESSION","fingerprint":"aa","shown":"rm a","impact":[]}}"#;
    let row = row.replace("SESSION", &SessionId::new().to_string());
    let what: What = serde_json::from_str(&row).expect("as rows were written before");
    assert!(matches!(&what, What::Operation { shape: None, .. }));
    assert_eq!(serde_json::to_string(&what).expect("written"), row);
    let text = row.replace("[]}}", r#"[],"exact":"text"}}"#);
    let what: What = serde_json::from_str(&text).expect("as rows are written now");
    assert_eq!(serde_json::to_string(&what).expect("written"), text);
    let odd = row.replace("[]}}", r#"[],"shape":{"fingerprint":"cc","shown":"rm …","more":1}}}"#);
    assert!(serde_json::from_str::<What>(&odd).is_err(), "what is not known of a shape is an error");
    let needs = r#"[{"rule":"r","from":"group:ops","people":1,"within":"15m","then":null}]"#;
    let needs_: Needs = serde_json::from_str(needs).expect("as rows were written before");
    assert_eq!(
        (needs_.repeat(), serde_json::to_string(&needs_).expect("written")),
        (Quorum::REPEAT, needs.to_owned())
    );
}
