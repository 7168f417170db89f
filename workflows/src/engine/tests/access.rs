use super::world::*;
use crate::approval::Terms;
use crate::clock::Span;
use crate::engine::{AccessAsk, Choice, RequestError, VoteError};
use crate::notice::Kind;
use crate::request::Refused;
use crate::target::Access;
use crate::told::{Fault, Told};

both! {
    fn one_approval_of_somebody_else_makes_one_grant(world) {
        let ada = world.person("ada").await;
        let asked = world.workflows.request(&ada, ask("orders-prod")).await.unwrap();
        assert_eq!(asked.people, ["grace", "linus", "mary"]);
        let grace = world.person("grace").await;
        let request = world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap();
        assert_eq!(request.state.as_str(), "spent");
        let grants = world.workflows.grants(&ada, open()).await.unwrap();
        assert_eq!(grants.len(), 1);
        assert_eq!(grants[0].until, world.clock.now().plus(Span::hours(1)));
        let again = world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap_err();
        assert_eq!(again.fault(), Fault::Conflict);
    }

    fn nobody_decides_on_their_own_request(world) {
        // grace is in the group that asks and in the group that decides.
        let grace = world.person("grace").await;
        let request = world.ask(&grace).await;
        let refused = world.workflows.vote(&grace, request.id, yes()).await.unwrap_err();
        assert!(matches!(refused, VoteError::Refused(Refused::Own)), "{refused}");
        // A second token is the same person.
        let again = world.person("grace").await;
        assert!(world.workflows.vote(&again, request.id, yes()).await.is_err());
        assert!(world.workflows.grants(&grace, open()).await.unwrap().is_empty());
    }

    fn a_quorum_is_that_many_people(world) {
        let ada = world.person("ada").await;
        let asked = world.workflows.request(&ada, AccessAsk { span: Span::minutes(30), ..ask("orders-prod-admin") }).await.unwrap();
        let (grace, linus) = (world.person("grace").await, world.person("linus").await);
        for _twice in 0..2 {
            let request = world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap();
            assert_eq!(request.state.as_str(), "pending");
        }
        let request = world.workflows.vote(&linus, asked.request.id, yes()).await.unwrap();
        assert_eq!(request.state.as_str(), "spent");
    }

    fn only_those_who_were_asked_count_and_strangers_learn_nothing(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let edsger = world.person("edsger").await;
        let early = world.workflows.vote(&edsger, request.id, yes()).await.unwrap_err();
        assert!(matches!(early, VoteError::Refused(Refused::NotAsked)), "edsger is asked later: {early}");
        let stranger = world.person("mallory").await;
        let unknown = world.workflows.vote(&stranger, request.id, yes()).await.unwrap_err();
        assert_eq!(unknown.fault(), Fault::Missing);
        assert!(world.workflows.show_request(&stranger, request.id).await.is_err());
        assert!(world.workflows.requests(&stranger, all()).await.unwrap().is_empty());
        assert_eq!(world.workflows.requests(&edsger, all()).await.unwrap().len(), 1);
    }

    fn less_than_was_asked_may_be_agreed_and_never_more(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let grace = world.person("grace").await;
        let longer = Choice::Approve { terms: Terms { span: Some(Span::hours(3)), access: None, ..Terms::default() }, note: None };
        assert!(matches!(world.workflows.vote(&grace, request.id, longer).await, Err(VoteError::MoreThanAsked(_))));
        let less = Terms { span: Some(Span::minutes(20)), access: Some(Access::Read), ..Terms::default() };
        world.workflows.vote(&grace, request.id, Choice::Approve { terms: less, note: None }).await.unwrap();
        let grants = world.workflows.grants(&ada, open()).await.unwrap();
        assert_eq!(grants[0].access, Access::Read);
        assert_eq!(grants[0].until, world.clock.now().plus(Span::minutes(20)));
    }

    fn what_is_held_or_pending_is_not_asked_twice(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let again = world.workflows.request(&ada, ask("orders-prod")).await.unwrap_err();
        assert!(matches!(again, RequestError::Pending(id) if id == request.id), "{again}");
        let grace = world.person("grace").await;
        world.workflows.vote(&grace, request.id, yes()).await.unwrap();
        let held = world.workflows.request(&ada, ask("orders-prod")).await.unwrap_err();
        assert!(held.told().contains("you already have write access"), "{}", held.told());
    }

    fn a_request_without_a_right_or_a_reason_is_refused(world) {
        let stranger = world.person("mallory").await;
        let refused = world.workflows.request(&stranger, ask("orders-prod")).await.unwrap_err();
        assert_eq!(refused.fault(), Fault::Missing, "a stranger learns of no target: {refused}");
        let ada = world.person("ada").await;
        for why in ["", "  ", &"x".repeat(1_001)] {
            let ask = AccessAsk { why: why.to_owned(), ..ask("orders-prod") };
            assert!(matches!(world.workflows.request(&ada, ask).await, Err(RequestError::Why)));
        }
        let longer = AccessAsk { span: Span::hours(5), ..ask("orders-prod") };
        assert!(world.workflows.request(&ada, longer).await.is_err());
        assert!(world.workflows.request(&ada, ask("orders-pro")).await.is_err());
    }

    fn a_pending_request_escalates_and_then_lapses(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        world.hand.advance(Span::minutes(15));
        world.workflows.reconcile().await.unwrap();
        let edsger = world.person("edsger").await;
        let asked = world.workflows.show_request(&edsger, request.id).await.unwrap();
        assert_eq!(asked.asked().len(), 2);
        world.hand.advance(Span::minutes(15));
        world.workflows.reconcile().await.unwrap();
        let lapsed = world.workflows.show_request(&ada, request.id).await.unwrap();
        assert_eq!(lapsed.state.as_str(), "lapsed");
        assert!(world.workflows.vote(&edsger, request.id, yes()).await.is_err());
    }

    fn the_second_group_may_decide_once_it_is_asked(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        world.hand.advance(Span::minutes(15));
        world.workflows.reconcile().await.unwrap();
        let edsger = world.person("edsger").await;
        let request = world.workflows.vote(&edsger, request.id, yes()).await.unwrap();
        assert_eq!(request.state.as_str(), "spent");
    }

    fn a_sweep_twice_is_a_sweep_once(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        world.ask(&world.person("alan").await).await;
        world.hand.advance(Span::minutes(56));
        world.workflows.reconcile().await.unwrap();
        world.hand.advance(Span::minutes(5));
        world.workflows.reconcile().await.unwrap();
        let count = "SELECT (SELECT COUNT(*) FROM notices) + (SELECT COUNT(*) FROM audit) * 1000 AS n";
        let before = world.count(count).await;
        world.workflows.reconcile().await.unwrap();
        world.node(crate::Faults::default()).await.unwrap().reconcile().await.unwrap();
        let started = 1_000; // the second node's own start is one audit entry
        assert_eq!(world.count(count).await, before + started);
    }

    fn its_holder_is_reminded_once_before_a_grant_ends(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        world.hand.advance(Span::minutes(54));
        world.workflows.reconcile().await.unwrap();
        let soon = |notices: Vec<crate::notice::Notice>| {
            notices.into_iter().filter(|notice| notice.about == Kind::EndsSoon { grant }).count()
        };
        assert_eq!(soon(world.workflows.claim_notices(Span::seconds(1), 100).await.unwrap()), 0);
        world.hand.advance(Span::minutes(2));
        world.workflows.reconcile().await.unwrap();
        world.workflows.reconcile().await.unwrap();
        assert_eq!(soon(world.workflows.claim_notices(Span::seconds(1), 100).await.unwrap()), 1);
    }

    fn more_time_is_agreed_like_the_first_and_moves_the_end(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        world.hand.advance(Span::minutes(50));
        let asked = world.workflows.extend(&ada, grant, Span::hours(2), "still at it").await.unwrap();
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, asked.request.id, yes()).await.unwrap();
        let grants = world.workflows.grants(&ada, open()).await.unwrap();
        assert_eq!(grants.len(), 1, "in place");
        assert_eq!(grants[0].until, world.clock.now().plus(Span::hours(2)));
        let alan = world.person("alan").await;
        assert!(matches!(world.workflows.extend(&alan, grant, Span::hours(1), "x").await, Err(RequestError::NoGrant(_))));
    }

    fn whoever_decides_on_such_requests_finds_the_grant_and_takes_it_back(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        let linus = world.person("linus").await;
        let found = world.workflows.grants(&linus, open()).await.unwrap();
        assert!(found.iter().any(|one| one.id == grant));
        world.workflows.revoke(&linus, grant, "looks odd").await.unwrap();
        let stranger = world.person("mallory").await;
        assert!(world.workflows.grants(&stranger, all()).await.unwrap().is_empty());
    }

    fn a_request_is_withdrawn_by_its_owner_alone(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let grace = world.person("grace").await;
        assert!(world.workflows.withdraw(&grace, request.id).await.is_err());
        let withdrawn = world.workflows.withdraw(&ada, request.id).await.unwrap();
        assert_eq!(withdrawn.state.as_str(), "withdrawn");
        assert!(world.workflows.vote(&grace, request.id, yes()).await.is_err());
    }

    fn break_glass_opens_at_once_tells_everyone_and_owes_a_review(world) {
        let ada = world.person("ada").await;
        let emergency = AccessAsk { emergency: true, span: Span::minutes(20), ..ask("orders-prod") };
        let asked = world.workflows.request(&ada, emergency.clone()).await.unwrap();
        let grant = asked.grant.unwrap();
        assert!(grant.emergency && grant.is_live(world.clock.now()));
        assert!(world.workflows.admit(&ada, "orders-prod").await.is_ok());
        let notices = world.workflows.claim_notices(Span::seconds(1), 100).await.unwrap();
        assert!(notices.iter().any(|notice| notice.about == Kind::Emergency { grant: grant.id }));
        // No second one while the review is owed, even after the first has ended.
        world.hand.advance(Span::hours(2));
        world.workflows.reconcile().await.unwrap();
        let second = world.workflows.request(&ada, emergency.clone()).await.unwrap_err();
        assert!(matches!(second, RequestError::ReviewOwed), "{second}");
        let mary = world.person("mary").await;
        let owed = world.workflows.requests(&mary, open()).await.unwrap();
        let review = owed.iter().find(|request| matches!(request.what, crate::request::What::Review { .. })).unwrap();
        assert!(world.workflows.vote(&ada, review.id, yes()).await.is_err(), "not by oneself");
        world.workflows.vote(&mary, review.id, yes()).await.unwrap();
        assert!(world.workflows.request(&ada, emergency).await.is_ok());
    }

    fn the_policy_now_is_asked_at_the_vote_as_well(world) {
        let ada = world.person("ada").await;
        let grace = world.person("grace").await;
        let request = world.ask(&ada).await;
        // grace leaves the group after she was asked.
        world.workflows.reload(World::policy_without(r#"dba = ["grace", "linus", "mary"]"#, r#"dba = ["linus", "mary"]"#)).await.unwrap();
        assert!(world.workflows.vote(&grace, request.id, yes()).await.is_err());
        // The right to ask is gone.
        let linus = world.person("linus").await;
        world.workflows.reload(World::policy_without(r#"orders = ["ada", "alan", "grace"]"#, r#"orders = ["alan", "grace"]"#)).await.unwrap();
        assert!(world.workflows.vote(&linus, request.id, yes()).await.is_err());
        // The longest time was lowered: what is agreed now is at most that.
        world.workflows.reload(World::policy_without(r#"at_most = "4h""#, r#"at_most = "10m""#)).await.unwrap();
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        let grants = world.workflows.grants(&ada, open()).await.unwrap();
        assert_eq!(grants[0].until, world.clock.now().plus(Span::minutes(10)));
    }

    fn a_vote_of_somebody_who_left_since_no_longer_counts(world) {
        let ada = world.person("ada").await;
        let asked = world.workflows.request(&ada, AccessAsk { span: Span::minutes(30), ..ask("orders-prod-admin") }).await.unwrap();
        let (grace, linus) = (world.person("grace").await, world.person("linus").await);
        world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap();
        world.workflows.reload(World::policy_without(r#"dba = ["grace", "linus", "mary"]"#, r#"dba = ["linus", "mary"]"#)).await.unwrap();
        let request = world.workflows.vote(&linus, asked.request.id, yes()).await.unwrap();
        assert_eq!(request.state.as_str(), "pending", "one of the two has left");
    }

    fn a_raised_quorum_counts_for_what_is_pending(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let one = r#"approval = { from = "group:dba", people = 1, within = "15m", then = "group:seniors" }"#;
        world.workflows.reload(World::policy_without(one, &one.replace("people = 1", "people = 2"))).await.unwrap();
        let (grace, linus) = (world.person("grace").await, world.person("linus").await);
        let first = world.workflows.vote(&grace, request.id, yes()).await.unwrap();
        assert_eq!(first.state.as_str(), "pending", "two must agree now");
        assert!(world.workflows.grants(&ada, open()).await.unwrap().is_empty());
        let again = world.workflows.vote(&grace, request.id, yes()).await.unwrap();
        assert_eq!(again.state.as_str(), "pending", "twice the same person is one person");
        let second = world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        assert_eq!(second.state.as_str(), "spent");
    }

    /// A short time asks one group, a long one another: each request is judged again by the entry that it came from.
    fn a_request_is_judged_again_by_the_entry_for_its_time(world) {
        let entry = "[[access]]\nname = \"orders\"";
        let short = "[[access]]\nname = \"short\"\nwho = \"group:orders\"\ntargets = { team = \"orders\" }\nlevels = [\"read\", \"write\"]\nat_most = \"1h\"\napproval = { from = \"edsger\", people = 1, within = \"15m\" }\n\n";
        world.workflows.reload(World::policy_without(entry, &format!("{short}{entry}"))).await.unwrap();
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let long = AccessAsk { span: Span::hours(4), ..ask("orders-prod") };
        let asked = world.workflows.request(&ada, long).await.unwrap().request;
        // Less time than asked for is still what the long entry's people gave.
        let less = Terms { span: Some(Span::minutes(30)), access: None, ..Terms::default() };
        let granted = world.workflows.vote(&grace, asked.id, Choice::Approve { terms: less, note: None }).await.unwrap();
        assert_eq!(granted.state.as_str(), "spent");
        let alan = world.person("alan").await;
        let brief = world.ask(&alan).await;
        assert!(world.workflows.vote(&grace, brief.id, yes()).await.is_err(), "the short entry asks edsger alone");
    }

    fn more_time_is_for_the_level_that_the_grant_has(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        let asked = world.workflows.extend(&ada, grant, Span::hours(2), "still at it").await.unwrap();
        let linus = world.person("linus").await;
        let lower = Choice::Approve { terms: Terms { span: None, access: Some(Access::Read), ..Terms::default() }, note: None };
        let refused = world.workflows.vote(&linus, asked.request.id, lower).await.unwrap_err();
        assert!(matches!(refused, VoteError::Level(Access::Write)), "{refused}");
        let same = Choice::Approve { terms: Terms { span: None, access: Some(Access::Write), ..Terms::default() }, note: None };
        world.workflows.vote(&linus, asked.request.id, same).await.unwrap();
        assert_eq!(world.workflows.grants(&ada, open()).await.unwrap()[0].until, world.clock.now().plus(Span::hours(2)));
    }

    /// G14: a review that comes first would cover what is done afterwards.
    fn break_glass_is_reviewed_once_it_is_over_and_there_is_no_second_before(world) {
        let ada = world.person("ada").await;
        let emergency = AccessAsk { emergency: true, span: Span::minutes(20), ..ask("orders-prod") };
        let grant = world.workflows.request(&ada, emergency.clone()).await.unwrap().grant.unwrap();
        let mary = world.person("mary").await;
        let owed = world.workflows.requests(&mary, open()).await.unwrap();
        let review = owed.iter().find(|request| matches!(request.what, crate::request::What::Review { .. })).unwrap();
        for choice in [yes(), no()] {
            let early = world.workflows.vote(&mary, review.id, choice).await.unwrap_err();
            assert!(early.told().starts_with("the access is still open; revoke it, or review it after"), "{early}");
        }
        // A review that got in all the same does not open the way to a second one.
        world.tamper("UPDATE grants SET reviewed = 1").await;
        let second = world.workflows.request(&ada, emergency.clone()).await.unwrap_err();
        assert!(matches!(second, RequestError::ReviewOwed), "{second}");
        world.tamper("UPDATE grants SET reviewed = NULL").await;
        world.workflows.revoke(&mary, grant.id, "enough").await.unwrap();
        world.workflows.vote(&mary, review.id, yes()).await.unwrap();
        assert!(world.workflows.request(&ada, emergency).await.is_ok());
    }

    fn somebody_who_is_suspended_decides_nothing_and_is_given_nothing(world) {
        let ada = world.person("ada").await;
        let asked = world.workflows.request(&ada, AccessAsk { span: Span::minutes(30), ..ask("orders-prod-admin") }).await.unwrap();
        let (grace, linus, mary) = (world.person("grace").await, world.person("linus").await, world.person("mary").await);
        world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap();
        world.workflows.suspend("test", "grace", true).await.unwrap();
        let own = world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap_err();
        assert!(matches!(own, VoteError::Suspended(_)), "{own}");
        let second = world.workflows.vote(&linus, asked.request.id, yes()).await.unwrap();
        assert_eq!(second.state.as_str(), "pending", "grace no longer counts");
        world.workflows.suspend("test", "ada", true).await.unwrap();
        let given = world.workflows.vote(&mary, asked.request.id, yes()).await.unwrap_err();
        assert!(matches!(given, VoteError::Suspended(_)), "{given}");
        world.workflows.vote(&mary, asked.request.id, no()).await.unwrap();
    }
}
