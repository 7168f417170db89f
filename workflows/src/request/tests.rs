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
    Quorum {
        rule: "r".to_owned(),
        from: Who::Group("dba".to_owned()),
        people,
        within: Span::minutes(15),
        then,
        pause: Span::ZERO,
        repeat: Quorum::REPEAT,
    }
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
        shape: None,
        exact: Exactness::Whole,
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

/// A request whose questions stop the clock, for fifteen minutes at most.
fn pausing(then: Option<&str>) -> Request {
    let needs = Needs::one(Quorum { pause: Span::minutes(15), ..quorum(2, then) });
    Request::new(person("ada"), access(), "x".to_owned(), needs, at(0))
}

fn does(request: Request, event: Event, minute: i64) -> Request {
    request.step(event, at(minute)).expect("a step").request
}

#[test]
fn a_question_stops_the_clock_until_it_is_answered() {
    let asked = does(pausing(None), Event::Question, 10);
    assert_eq!((asked.state.stopped(), asked.state.due()), (Some(at(30)), Some(at(25))));
    // A vote counts meanwhile, and lets the question stand.
    let voted = does(asked, yes(&person("grace"), at(14)), 14);
    assert_eq!(voted.state.stopped(), Some(at(30)));
    assert_eq!(
        does(voted.clone(), Event::Tick, 16).state,
        voted.state,
        "its first deadline is over, and means nothing"
    );
    let answered = does(voted, Event::Answered, 17);
    assert_eq!((answered.state.stopped(), answered.state.due()), (None, Some(at(22))));
    // Eight of the fifteen minutes are left.
    let again = does(answered, Event::Question, 20);
    assert_eq!(again.state.due(), Some(at(28)));
    let on = does(again, Event::Tick, 28);
    assert_eq!((on.state.stopped(), on.state.due()), (None, Some(at(30))));
    let third = does(on, Event::Question, 29);
    assert_eq!((third.state.stopped(), third.state.due()), (None, Some(at(30))), "nothing is left to wait with");
    assert_eq!(does(third, Event::Tick, 30).state.as_str(), "lapsed");
}

#[test]
fn a_late_vote_on_a_stopped_request_meets_the_hard_end_even_before_the_sweep() {
    let asked = does(pausing(None), Event::Question, 10);
    let vote = |minute| asked.clone().step(yes(&person("grace"), at(minute)), at(minute));
    assert!(vote(29).is_ok());
    assert_eq!(vote(30).expect_err("too late"), Refused::Settled("lapsed"));
    assert_eq!(does(asked, Event::Tick, 40).state.as_str(), "lapsed");
}

#[test]
fn a_question_that_is_open_stays_open_when_others_are_asked_as_well() {
    let asked = does(pausing(Some("all")), Event::Question, 5);
    let more = does(asked, Event::Escalate, 9);
    // Four minutes are used up; the new people have their fifteen, and the eleven that are left.
    assert_eq!((more.state.stopped(), more.state.due()), (Some(at(35)), Some(at(20))));
    assert_eq!(does(more, Event::Answered, 12).state.due(), Some(at(27)));
}

#[test]
fn nothing_stops_the_clock_unless_the_policy_says_so() {
    let request = Request::new(person("ada"), access(), "x".to_owned(), Needs::one(quorum(1, None)), at(0));
    let asked = does(request, Event::Question, 5);
    assert_eq!((asked.state.stopped(), asked.state.due()), (None, Some(at(15))));
    // Two rules: both have to let it.
    let lenient = Quorum { rule: "s".to_owned(), pause: Span::minutes(15), ..quorum(1, None) };
    assert_eq!(Needs::one(quorum(1, None)).join(Needs::one(lenient)).pause(), Span::ZERO);
    // A review is owed without an end.
    let what = What::Review { target: "orders-prod".parse().expect("a name"), grant: GrantId::new() };
    let needs = Needs::one(Quorum { pause: Span::minutes(15), ..quorum(1, None) });
    let review = Request::new(person("ada"), what, "x".to_owned(), needs, at(0));
    assert_eq!(does(review, Event::Question, 5).state.stopped(), None);
}

#[test]
fn a_row_without_a_pause_is_read_as_one_that_never_stops() {
    let row = r#"{"is":"pending","until":900000000,"escalated":false,"votes":[]}"#;
    let state: State = serde_json::from_str(row).expect("as rows were written before");
    assert_eq!((state.stopped(), state.due()), (None, Some(at(15))));
    assert_eq!(serde_json::to_string(&state).expect("written"), row, "and written as before");
}

#[derive(Clone, Copy, Debug)]
enum Talk {
    Ask,
    Answer,
    Escalate,
    Wait(i64),
}

proptest! {
    /// Counted minute by minute beside it: the deadline moves by exactly what was waited, and never past its maximum.
    #[test]
    fn the_deadline_moves_by_the_time_waited_and_never_past_its_maximum(
        talks in proptest::collection::vec(
            prop_oneof![Just(Talk::Ask), Just(Talk::Answer), Just(Talk::Escalate), (1..9i64).prop_map(Talk::Wait)],
            0..40,
        ),
        escalates in any::<bool>(),
        swept in any::<bool>(),
    ) {
        let mut request = pausing(escalates.then_some("all"));
        let (mut minute, mut left, mut still, mut runs, mut escalated) = (0, 15, 15, false, false);
        // `left`: minutes until the deadline; `still`: minutes that may yet be waited; `runs`: a question is open.
        for talk in talks.into_iter().chain([Talk::Wait(8); 8]) {
            match talk {
                Talk::Ask if left > 0 => {
                    request = does(request, Event::Question, minute);
                    runs = still > 0;
                }
                Talk::Answer => {
                    request = does(request, Event::Answered, minute);
                    runs = false;
                }
                Talk::Escalate if left > 0 && escalates && !escalated => {
                    request = does(request, Event::Escalate, minute);
                    (left, escalated) = (15, true);
                }
                Talk::Ask | Talk::Escalate => {}
                Talk::Wait(minutes) => for _minute in 0..minutes {
                    minute += 1;
                    if runs { still -= 1 } else { left -= 1 }
                    runs = runs && still > 0;
                    if left == 0 && escalates && !escalated {
                        (left, escalated) = (15, true);
                        // Whoever did not sweep at this minute would give the next people their time later.
                        request = does(request, Event::Tick, minute);
                    } else if swept {
                        request = does(request, Event::Tick, minute);
                    }
                },
            }
            let open = left > 0;
            prop_assert_eq!(request.clone().step(Event::Tick, at(minute)).expect("time").request.state.is_final(), !open);
            if open {
                let due = request.state.due().expect("pending");
                prop_assert!(due <= at(15 * if escalates { 3 } else { 2 }), "{due} is past the maximum");
                prop_assert_eq!(request.clone().step(Event::Tick, at(minute)).expect("time").request.state.stopped().is_some(), runs);
            } else {
                break;
            }
        }
        prop_assert!(left <= 0, "every request ends");
    }
}
