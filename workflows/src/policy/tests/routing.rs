use super::*;
use crate::approval::{Vote, Votes};
use crate::id::{GrantId, IdentityId, SessionId};
use crate::identity::Identity;
use crate::request::{Exactness, Request, State, What};
use crate::told::Told;

fn ask<'a>(by: &'a str, target: &'a TargetName, access: Access, hours: i64, emergency: bool) -> Ask<'a> {
    Ask { by, target, access, span: Span::hours(hours), emergency }
}

#[test]
fn a_wish_goes_to_those_whom_the_file_names() {
    let policy = policy(WORLD);
    let (prod, test, none) = (name("orders-prod"), name("orders-test"), name("orders"));
    let by = "bob@example.com";
    let route = policy.route(&ask(by, &prod, Access::Write, 4, false), now()).unwrap();
    assert_eq!((route.rule.as_str(), route.at_most), ("orders, on call", Span::hours(4)));
    assert_eq!(route.needs.quorums()[0].then, Some("group:leads".parse().unwrap()));
    let long = policy.route(&ask(by, &prod, Access::Write, 5, false), now());
    assert_eq!(long, Err(Refusal::TooLong { target: prod.clone(), at_most: Span::hours(4) }));
    let admin = policy.route(&ask(by, &prod, Access::Admin, 1, false), now()).unwrap_err();
    assert_eq!(admin.told(), "`admin` access to `orders-prod` can't be asked for; ask for `read` or `write`");
    // What may not be asked for and what does not exist sound alike.
    let hidden = policy.route(&ask(by, &test, Access::Read, 1, false), now()).unwrap_err();
    let absent = policy.route(&ask(by, &none, Access::Read, 1, false), now()).unwrap_err();
    assert_eq!(hidden.told().replace("orders-test", "x"), absent.told().replace("orders", "x"));
    let stranger = policy.route(&ask("mallory", &prod, Access::Read, 1, false), now());
    assert_eq!(stranger, Err(Refusal::Unknown(prod.clone())));
}

#[test]
fn breaking_the_glass_is_a_right_of_its_own() {
    let policy = policy(WORLD);
    let prod = name("orders-prod");
    let fire = Ask { span: Span::minutes(30), ..ask("ada@example.com", &prod, Access::Write, 1, true) };
    let route = policy.route(&fire, now()).unwrap();
    assert_eq!((route.rule.as_str(), route.needs.within()), ("fire", Span::hours(24)));
    let dba = policy.route(&ask("grace@example.com", &prod, Access::Admin, 1, true), now());
    assert_eq!(dba, Err(Refusal::NoEmergency(prod.clone())));
    assert!(policy.permits("ada@example.com", &prod, Access::Write, true, now()));
    assert!(!policy.permits("grace@example.com", &prod, Access::Write, true, now()));
    let rights = policy.may_ask("ada@example.com", now());
    let rights: Vec<_> = rights.iter().map(|may| (may.emergency, may.levels.clone(), may.at_most)).collect();
    assert_eq!(
        rights,
        [(false, vec![Access::Read, Access::Write], Span::hours(4)), (true, vec![Access::Write], Span::minutes(30))]
    );
    assert!(policy.may_ask("mallory", now()).is_empty());
}

#[test]
fn a_grant_is_permitted_while_the_file_gives_as_much() {
    let prod = name("orders-prod");
    let permits = |text: &str, access| policy(text).permits("ada@example.com", &prod, access, false, now());
    assert!(permits(WORLD, Access::Read) && permits(WORLD, Access::Write) && !permits(WORLD, Access::Admin));
    // An approver may have agreed to less than can be asked for.
    let only_write = WORLD.replace(r#"levels = ["read", "write"]"#, r#"levels = ["write"]"#);
    assert!(permits(&only_write, Access::Read));
    let gone = WORLD.replace(r#"orders = ["ada@example.com", "#, "orders = [");
    assert!(!permits(&gone, Access::Read));
    let seat = seat("mallory", &prod, Access::Read);
    assert!(policy(WORLD).scope(&seat, now()).is_none());
}

fn identity(name: &str) -> Identity {
    Identity { id: IdentityId::new(), name: name.to_owned() }
}

/// What bob asked for while the file was `WORLD`.
pub(super) fn wish(escalated: bool) -> Request {
    let what = What::Access {
        target: name("orders-prod"),
        access: Access::Write,
        span: Span::hours(4),
        extends: None,
        emergency: false,
    };
    let prod = name("orders-prod");
    let route = policy(WORLD).route(&ask("bob@example.com", &prod, Access::Write, 4, false), now()).unwrap();
    let mut request = Request::new(identity("bob@example.com"), what, "INC-42".to_owned(), route.needs, now());
    if let State::Pending { until, .. } = request.state {
        request.state = State::Pending { until, escalated, votes: Votes::default(), pause: None };
    }
    request
}

#[test]
fn only_those_who_are_asked_now_count() {
    let policy = policy(WORLD);
    let later = at("2026-01-12T08:00:00Z");
    for (voter, escalated, moment, counts) in [
        ("grace@example.com", false, now(), true),
        ("linus@example.com", false, now(), false),
        ("linus@example.com", false, later, true),
        ("linus@example.com", true, now(), true),
        ("eve@example.com", false, now(), false),
        ("eve@example.com", true, now(), true),
        ("bob@example.com", true, now(), false),
        ("mallory@example.com", true, now(), false),
    ] {
        let expected: &[usize] = if counts { &[0] } else { &[] };
        assert_eq!(policy.serves(&wish(escalated), voter, moment), expected, "{voter} escalated {escalated}");
    }
}

#[test]
fn a_vote_counts_only_if_the_policy_of_now_asks_for_it_too() {
    let grace = "grace@example.com";
    for (what, text, counts) in [
        ("unchanged", WORLD.to_owned(), true),
        (
            "the requester left the group",
            WORLD.replace(r#"interns = ["bob@example.com"]"#, r#"interns = ["zoe@example.com"]"#),
            false,
        ),
        (
            "the target was relabelled",
            WORLD
                .replace(
                    r#"labels = { env = "prod", team = "orders" }"#,
                    r#"labels = { env = "prod", team = "none" }"#,
                )
                .replace(r#"{ team = "orders", env = "prod" }"#, r#"{ team = "orders" }"#),
            false,
        ),
        // The vote counts; what is granted is then cut to the new maximum.
        ("the maximum was lowered", WORLD.replace(r#"at_most = "4h""#, r#"at_most = "1h""#), true),
        ("the level was taken out", WORLD.replace(r#"levels = ["read", "write"]"#, r#"levels = ["read"]"#), false),
        (
            "others are asked now",
            WORLD.replace(
                r#"from = "oncall:primary", people = 1, within = "15m", then = "group:leads""#,
                r#"from = "eve@example.com""#,
            ),
            false,
        ),
        (
            "a group is asked that the voter is in as well",
            WORLD.replace(r#"from = "oncall:primary", people = 1"#, r#"from = "group:dba", people = 1"#),
            true,
        ),
        (
            "the voter left the rotation",
            WORLD.replace(
                "members = [\"grace@example.com\", \"linus@example.com\"]",
                "members = [\"linus@example.com\"]",
            ),
            false,
        ),
    ] {
        assert!(what == "unchanged" || text != WORLD, "{what}: the case changes nothing");
        let expected: &[usize] = if counts { &[0] } else { &[] };
        assert_eq!(policy(&text).serves(&wish(false), grace, now()), expected, "{what}");
    }
    let (before, after) = WORLD.split_once("[[access]]").unwrap();
    let (_, after) = after.split_once("[[access]]").unwrap();
    let deleted = format!("{before}[[access]]{after}");
    assert!(policy(&deleted).serves(&wish(false), grace, now()).is_empty(), "the rule was deleted");
}

#[test]
fn a_held_operation_asks_by_both_policies() {
    let what = What::Operation {
        target: name("orders-prod"),
        session: SessionId::new(),
        fingerprint: "00".to_owned(),
        shown: "DELETE FROM orders".to_owned(),
        impact: Vec::new(),
        shape: None,
        exact: Exactness::Whole,
    };
    let scope = policy(WORLD).scope(&seat("bob@example.com", &name("orders-prod"), Access::Write), now()).unwrap();
    let judged = scope.judge(&classified("DELETE FROM orders"), &around(), now());
    let crate::verdict::Gate::Hold(needs) = judged.verdict.gate else { panic!("it is held") };
    let held = Request::new(identity("bob@example.com"), what, String::new(), needs, now());
    let hold = "do = \"hold\"\napproval = { from = \"group:dba\", people = 1, within = \"10m\" }";
    let no_over = WORLD.replace("over = [\"bulk write\"]", "");
    let no_test = no_over.replace("[[rule.test]]\nsql = \"DELETE FROM orders\"\nexpect = \"hold\"\n", "");
    for (what, text, counts) in [
        ("unchanged", WORLD.to_owned(), true),
        (
            "asks others now",
            WORLD.replace("from = \"group:dba\", people = 1, within = \"10m\"", "from = \"eve@example.com\""),
            false,
        ),
        ("denies now", no_test.replace(hold, "do = \"deny\""), false),
        ("renamed, so that the old quorum stands", no_test.replace("\"bulk write\"", "\"other\""), true),
        (
            "the requester lost the target",
            WORLD.replace(r#"interns = ["bob@example.com"]"#, r#"interns = ["zoe@example.com"]"#),
            false,
        ),
        ("grace left", WORLD.replace(r#"dba = ["grace@example.com", "#, "dba = [\"zoe@example.com\", "), false),
    ] {
        let expected: &[usize] = if counts { &[0] } else { &[] };
        assert_eq!(policy(&text).serves(&held, "grace@example.com", now()), expected, "{what}");
    }
}

#[test]
fn one_person_in_three_groups_is_one_person() {
    let policy = policy(WORLD);
    let mut request = wish(true);
    request.needs =
        policy.route(&ask("linus@example.com", &name("orders-prod"), Access::Admin, 1, false), now()).unwrap().needs;
    request.by = identity("linus@example.com");
    request.what = What::Access {
        target: name("orders-prod"),
        access: Access::Admin,
        span: Span::hours(1),
        extends: None,
        emergency: false,
    };
    let grace = identity("grace@example.com");
    let serves = policy.serves(&request, &grace.name, now());
    assert_eq!(serves, [0]);
    let mut votes = Votes::default();
    let vote = |by: &Identity| Vote {
        by: by.clone(),
        at: now(),
        terms: crate::approval::Terms::default(),
        note: None,
        serves: serves.clone(),
    };
    votes.add(vote(&grace));
    votes.add(vote(&grace));
    assert!(!votes.meet(&request.needs), "two are needed");
    votes.add(vote(&identity("eve@example.com")));
    assert!(votes.meet(&request.needs));
}

#[test]
fn a_review_is_owed_though_the_right_is_gone_and_settled_requests_need_nobody() {
    let mut request = wish(false);
    let prod = name("orders-prod");
    let fire = Ask { span: Span::minutes(30), ..ask("bob@example.com", &prod, Access::Write, 1, true) };
    request.needs = policy(WORLD).route(&fire, now()).unwrap().needs;
    request.what = What::Review { target: prod.clone(), grant: GrantId::new() };
    let (before, after) = WORLD.split_once("[[emergency]]").unwrap();
    let (_, after) = after.split_once("[[rule]]").unwrap();
    let gone = policy(&format!("{before}[[rule]]{after}"));
    assert_eq!(gone.serves(&request, "grace@example.com", now()), [0]);
    assert!(gone.serves(&request, "bob@example.com", now()).is_empty());
    request.state = State::Withdrawn { at: now() };
    assert!(gone.serves(&request, "grace@example.com", now()).is_empty());
}
