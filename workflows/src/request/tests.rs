use proptest::prelude::*;

use super::*;
use crate::approval::Quorum;
use crate::id::IdentityId;

const HOUR: Span = Span::hours(1);

fn person(name: &str) -> Identity {
    Identity { id: IdentityId::new(), name: name.to_owned() }
}

fn quorum(people: u8, then: Option<&str>) -> Quorum {
    let then = then.map(|name| Who::Group(name.to_owned()));
    Quorum { rule: "r".to_owned(), from: Who::Group("dba".to_owned()), people, within: Span::minutes(15), then }
}

fn access() -> What {
    let target = "orders-prod".parse().expect("a name");
    What::Access { target, access: Access::Write, span: HOUR, extends: None, emergency: false }
}

fn operation(session: SessionId) -> What {
    What::Operation {
        target: "orders-prod".parse().expect("a name"),
        session,
        fingerprint: "aa".to_owned(),
        shown: "DELETE FROM orders".to_owned(),
        impact: Vec::new(),
    }
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(0).plus(Span::minutes(minutes))
}

fn yes(by: &Identity, now: Timestamp) -> Event {
    yes_to(by, Terms::default(), now)
}

fn yes_to(by: &Identity, terms: Terms, now: Timestamp) -> Event {
    Event::Approve(Vote { by: by.clone(), at: now, terms, note: None, serves: vec![0] })
}

fn no(by: &Identity) -> Event {
    Event::Deny { by: by.clone(), because: "not now".to_owned() }
}

#[derive(Clone, Debug)]
enum Move {
    Yes(usize, bool),
    No(usize),
    Withdraw,
    Spend(bool),
    Tick(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..5usize, any::<bool>()).prop_map(|(who, asked)| Move::Yes(who, asked)),
        1 => (0..5usize).prop_map(Move::No),
        1 => Just(Move::Withdraw),
        2 => any::<bool>().prop_map(Move::Spend),
        2 => (0..20i64).prop_map(Move::Tick),
    ];
    proptest::collection::vec(one, 0..40)
}

proptest! {
    /// Person 0 is the requester. Whatever happens in whatever order, what the promises say holds at every step.
    #[test]
    fn no_grant_without_a_quorum_of_distinct_others(
        moves in moves(),
        people in 1..4u8,
        escalates in any::<bool>(),
        held in any::<bool>(),
    ) {
        let crowd: Vec<Identity> = ["ada", "grace", "linus", "mary", "edsger"].map(person).to_vec();
        let session = SessionId::new();
        let what = if held { operation(session) } else { access() };
        let needs = Needs::one(quorum(people, escalates.then_some("all")));
        let mut request = Request::new(crowd[0].clone(), what, "because".to_owned(), needs, at(0));
        let mut minute = 0;
        let mut agreed = std::collections::BTreeSet::new();
        let mut passed = 0;
        for one in moves {
            let before = request.clone();
            let now = at(minute);
            let event = match &one {
                Move::Yes(who, asked) => {
                    let serves = if *asked { vec![0] } else { Vec::new() };
                    Event::Approve(Vote { by: crowd[*who].clone(), at: now, terms: Terms::default(), note: None, serves })
                }
                Move::No(who) => no(&crowd[*who]),
                Move::Withdraw => Event::Withdraw,
                Move::Spend(same) => Event::Spend {
                    session,
                    fingerprint: if *same { "aa".to_owned() } else { "bb".to_owned() },
                },
                Move::Tick(minutes) => {
                    minute += minutes;
                    Event::Tick
                }
            };
            let now = at(minute);
            let Ok(step) = request.clone().step(event, now) else { continue };
            prop_assert!(!before.state.is_final() || step.request == before, "a settled request never changes");
            match one {
                Move::Yes(who, asked) => {
                    prop_assert!(who != 0, "nobody agrees to their own request");
                    prop_assert!(asked, "only those who were asked count");
                    agreed.insert(who);
                }
                Move::No(who) => prop_assert!(who != 0),
                Move::Spend(same) => {
                    prop_assert!(same, "other bytes than the approved ones never pass");
                    passed += 1;
                }
                Move::Withdraw | Move::Tick(_) => {}
            }
            passed += step.effects.iter().filter(|effect| matches!(effect, Effect::Grant { .. })).count();
            if passed > 0 {
                prop_assert!(agreed.len() >= usize::from(people), "{} of {people} agreed", agreed.len());
            }
            prop_assert!(passed <= 1, "one approval passes once");
            request = step.request;
            // Time told twice is time told once.
            let again = request.clone().step(Event::Tick, now).expect("time can always be told");
            let twice = again.request.clone().step(Event::Tick, now).expect("time can always be told");
            prop_assert_eq!(&again.request, &twice.request);
            prop_assert!(twice.effects.is_empty());
            request = again.request;
        }
    }
}

#[test]
fn one_person_who_votes_twice_counts_once() {
    let grace = person("grace");
    let request = Request::new(person("ada"), access(), "x".to_owned(), Needs::one(quorum(2, None)), at(0));
    let once = request.step(yes(&grace, at(1)), at(1)).expect("a vote").request;
    let twice = once.step(yes(&grace, at(2)), at(2)).expect("a vote").request;
    assert_eq!(twice.state.as_str(), "pending");
    let both = twice.step(yes(&person("linus"), at(3)), at(3)).expect("a vote");
    assert_eq!(both.request.state.as_str(), "spent");
}

#[test]
fn a_denial_wins_over_an_approval_that_was_not_used() {
    let session = SessionId::new();
    let request = Request::new(person("ada"), operation(session), "x".to_owned(), Needs::one(quorum(1, None)), at(0));
    let approved = request.step(yes(&person("grace"), at(1)), at(1)).expect("a vote").request;
    assert_eq!(approved.state.as_str(), "approved");
    let denied = approved.step(no(&person("linus")), at(1)).expect("a vote").request;
    assert_eq!(denied.state.as_str(), "denied");
    let spend = Event::Spend { session, fingerprint: "aa".to_owned() };
    assert!(denied.step(spend, at(1)).is_err());
}

#[test]
fn the_least_that_anyone_agreed_to_is_granted() {
    let request = Request::new(person("ada"), access(), "x".to_owned(), Needs::one(quorum(2, None)), at(0));
    let shorter = Terms { span: Some(Span::minutes(10)), access: None, ..Terms::default() };
    let lower = Terms { span: None, access: Some(Access::Read), ..Terms::default() };
    let one = request.step(yes_to(&person("grace"), shorter, at(1)), at(1)).expect("a vote").request;
    let both = one.step(yes_to(&person("linus"), lower, at(1)), at(1)).expect("a vote");
    assert_eq!(both.effects, vec![Effect::Grant { access: Access::Read, span: Span::minutes(10) }]);
}

#[test]
fn an_approval_that_is_not_used_lapses() {
    let session = SessionId::new();
    let request = Request::new(person("ada"), operation(session), "x".to_owned(), Needs::one(quorum(1, None)), at(0));
    let approved = request.step(yes(&person("grace"), at(1)), at(1)).expect("a vote").request;
    let spend = Event::Spend { session, fingerprint: "aa".to_owned() };
    assert_eq!(approved.clone().step(spend, at(10)).expect_err("too late"), Refused::Settled("lapsed"));
    assert_eq!(approved.step(Event::Tick, at(10)).expect("time").request.state.as_str(), "lapsed");
}

#[test]
fn a_request_escalates_once_and_then_lapses() {
    let request = Request::new(person("ada"), access(), "x".to_owned(), Needs::one(quorum(1, Some("all"))), at(0));
    assert_eq!(request.asked().len(), 1);
    let escalated = request.step(Event::Tick, at(15)).expect("time");
    assert!(matches!(escalated.effects.as_slice(), [Effect::Ask(who)] if who.len() == 2));
    assert_eq!(escalated.request.asked().len(), 2);
    let lapsed = escalated.request.step(Event::Tick, at(30)).expect("time").request;
    assert_eq!(lapsed.state.as_str(), "lapsed");
    assert!(lapsed.step(yes(&person("grace"), at(31)), at(31)).is_err());
}

#[test]
fn a_late_vote_meets_a_lapsed_request_even_before_the_sweep() {
    let request = Request::new(person("ada"), access(), "x".to_owned(), Needs::one(quorum(1, None)), at(0));
    let late = request.step(yes(&person("grace"), at(15)), at(15));
    assert_eq!(late.expect_err("too late"), Refused::Settled("lapsed"));
}

#[test]
fn a_review_stays_owed_and_cannot_be_taken_back() {
    let grant = GrantId::new();
    let what = What::Review { target: "orders-prod".parse().expect("a name"), grant };
    let request = Request::new(person("ada"), what, "x".to_owned(), Needs::one(quorum(1, None)), at(0));
    let overdue = request.step(Event::Tick, at(60 * 24 * 7)).expect("time").request;
    assert_eq!(overdue.state.as_str(), "pending");
    assert!(overdue.clone().step(Event::Withdraw, at(60 * 24 * 7)).is_err());
    let done = overdue.step(yes(&person("grace"), at(60 * 24 * 7)), at(60 * 24 * 7)).expect("a vote");
    assert_eq!(done.effects, vec![Effect::Reviewed(grant)]);
}
