use workflows::approval::{Needs, Quorum as EngineQuorum, Votes, Who};
use workflows::clock::Span;
use workflows::id::{IdentityId, SessionId};
use workflows::identity::Identity;
use workflows::request::{Again, Request as EngineRequest, State as EngineState, What};

use super::*;

fn held(shown: &str) -> EngineRequest {
    let needs = Needs::one(EngineQuorum {
        rule: "bulk write".to_owned(),
        from: Who::Group("dba".to_owned()),
        people: 1,
        within: Span::minutes(10),
        then: None,
        pause: Span::ZERO,
        repeat: EngineQuorum::REPEAT,
    });
    let what = What::Operation {
        target: "orders-prod".parse().expect("a name"),
        session: SessionId::new(),
        fingerprint: "0".repeat(64),
        shown: shown.to_owned(),
        impact: vec!["deletes about 12430 rows of orders".to_owned()],
        shape: None,
        exact: workflows::request::Exactness::Whole,
    };
    let ada = Identity { id: IdentityId::new(), name: "ada@example.com".to_owned() };
    EngineRequest::new(ada, what, "held".to_owned(), needs, Timestamp::from_micros(1_764_000_000_123_456))
}

#[test]
fn a_moment_keeps_every_microsecond() {
    let at = Moment(Timestamp::from_micros(1_764_000_000_123_456));
    let text = serde_json::to_string(&at).expect("text");
    assert_eq!(text, "\"2025-11-24T16:00:00.123456Z\"");
    assert_eq!(serde_json::from_str::<Moment>(&text).expect("read"), at);
    assert!(serde_json::from_str::<Moment>("1764000000").is_err());
}

#[test]
fn a_list_cuts_long_statements_and_says_so_and_the_request_itself_has_all() {
    let long = held(&"é".repeat(5_000));
    let list = RequestList::of(std::slice::from_ref(&long));
    let Subject::Operation { shown, cut, .. } = &list.requests[0].what else { panic!("an operation") };
    assert!(*cut && shown.chars().count() == 200);
    let Subject::Operation { shown, cut, .. } = Request::from(&long).what else { panic!("an operation") };
    assert!(!cut && shown.chars().count() == 5_000);
}

#[test]
fn a_revision_differs_after_each_change() {
    let mut request = held("DELETE FROM orders");
    let before = Request::from(&request);
    assert_eq!(before.revision, Request::from(&request).revision);
    let EngineState::Pending { until, .. } = request.state else { panic!("pending") };
    request.state = EngineState::Pending { until, escalated: true, votes: Votes::default(), pause: None };
    assert_ne!(before.revision, Request::from(&request).revision);
}

#[test]
fn a_request_reads_back_from_its_json() {
    let request = Request::from(&held("DELETE FROM orders"));
    let text = serde_json::to_string(&request).expect("text");
    assert!(text.contains("\"is\":\"pending\"") && text.contains("\"asked\":[\"group:dba\"]"), "{text}");
    assert_eq!(serde_json::from_str::<Request>(&text).expect("read"), request);
}

#[test]
fn bodies_refuse_what_they_do_not_know() {
    let body: AccessBody =
        serde_json::from_str(r#"{"target": "orders-prod", "for": "1h", "because": "INC-42"}"#).expect("read");
    assert_eq!((body.span, body.level, body.emergency), (Span::hours(1), None, false));
    for wrong in [
        r#"{"target": "orders-prod", "for": "1h", "because": "x", "admin": true}"#,
        r#"{"target": "Orders Prod", "for": "1h", "because": "x"}"#,
        r#"{"target": "orders-prod", "for": "-1h", "because": "x"}"#,
        r#"{"target": "orders-prod", "for": "1h", "because": "x", "level": "root"}"#,
        r#"{"target": "orders-prod", "for": "1h"}"#,
    ] {
        assert!(serde_json::from_str::<AccessBody>(wrong).is_err(), "{wrong}");
    }
    let less: ApproveBody = serde_json::from_str(r#"{"for": "30m", "level": "read"}"#).expect("read");
    assert_eq!(less.span, Some(Span::minutes(30)));
    let again: ApproveBody = serde_json::from_str(r#"{"repeat": "shape", "for": "10m"}"#).expect("read");
    assert_eq!((again.repeat, again.span), (Some(Again::Shape), Some(Span::minutes(10))));
    for wrong in
        [r#"{"repeat": "once"}"#, r#"{"repeat": true}"#, r#"{"repeat": "shape 10m"}"#, r#"{"again": "exact"}"#]
    {
        assert!(serde_json::from_str::<ApproveBody>(wrong).is_err(), "{wrong}");
    }
    assert_eq!(serde_json::from_str::<ApproveBody>("{}").expect("read"), ApproveBody::default());
    assert_eq!(serde_json::to_string(&ApproveBody::default()).expect("text"), "{}");
}
