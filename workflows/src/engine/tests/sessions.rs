use super::world::*;
use crate::clock::Span;
use crate::engine::{AdmitError, SpendError, Wanted};
use crate::identity::Authenticated;
use crate::operation::Fingerprint;
use crate::session::{Ending, Totals};
use crate::target::Access;
use crate::told::Told;
use crate::verdict::{Denial, Gate};

both! {
    fn only_a_live_grant_for_exactly_this_target_lets_in(world) {
        let ada = world.person("ada").await;
        assert!(matches!(world.workflows.admit(&ada, "orders-prod").await, Err(AdmitError::NoGrant(_))));
        world.granted(&ada).await;
        let admission = world.workflows.admit(&ada, "orders-prod").await.unwrap();
        assert_eq!(admission.access(), Access::Write);
        for other in ["orders-prod-admin", "orders-pro", "orders", "ORDERS-PROD", "", "orders-prod\u{0}"] {
            assert!(world.workflows.admit(&ada, other).await.is_err(), "{other}");
        }
        let alan = world.person("alan").await;
        assert!(world.workflows.admit(&alan, "orders-prod").await.is_err());
        world.hand.advance(Span::hours(1));
        assert!(world.workflows.admit(&ada, "orders-prod").await.is_err(), "the last moment is outside");
    }

    fn a_session_learns_of_the_end_of_its_grant_by_time_or_by_revocation(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        let session = world.session(&ada).await;
        assert_eq!(session.life().still(), Ok(()));
        let stranger = world.person("mallory").await;
        assert!(world.workflows.revoke(&stranger, grant, "x").await.is_err());
        let linus = world.person("linus").await;
        world.workflows.revoke(&linus, grant, "wrong target").await.unwrap();
        assert_eq!(within(session.life().ended()).await, Ending::Revoked);
        world.workflows.end(session, Ending::Revoked, Totals::default()).await;

        let alan = world.person("alan").await;
        world.granted(&alan).await;
        let session = world.session(&alan).await;
        world.hand.advance(Span::hours(1));
        assert_eq!(within(session.life().ended()).await, Ending::Expired);
        assert!(session.life().farewell(&Ending::Expired).starts_with("access to orders-prod ended at"));
    }

    fn an_extension_is_noticed_by_a_session_that_lives(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        let session = world.session(&ada).await;
        world.hand.advance(Span::minutes(59));
        let asked = world.workflows.extend(&ada, grant, Span::hours(1), "more").await.unwrap();
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, asked.request.id, yes()).await.unwrap();
        world.hand.advance(Span::minutes(2));
        assert_eq!(session.life().still(), Ok(()));
        assert_eq!(session.life().until(), world.clock.now().plus(Span::minutes(58)));
    }

    fn a_held_operation_waits_and_is_settled_by_a_vote(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, fingerprint) = world.held(&session).await;
        let early = world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await;
        assert!(early.is_err(), "nobody has agreed yet");
        let linus = world.person("linus").await;
        let waiting = world.workflows.settled(request.id);
        let (settled, ()) = tokio::join!(within(waiting), async {
            world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        });
        assert_eq!(settled.unwrap().state.as_str(), "approved");
        let other = Fingerprint::of([b"DELETE FROM customers".as_slice()]);
        let differs = world.workflows.spend(&session, request.id, &other, &Gate::Open).await;
        assert!(matches!(differs, Err(SpendError::Refused(crate::request::Refused::Differs))));
        world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await.unwrap();
        assert!(world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await.is_err());
    }

    fn another_session_of_the_same_person_cannot_use_the_approval(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let (session, other) = (world.session(&ada).await, world.session(&ada).await);
        let (request, fingerprint) = world.held(&session).await;
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        assert!(world.workflows.spend(&other, request.id, &fingerprint, &Gate::Open).await.is_err());
    }

    /// G6: the policy at the release is asked as well.
    fn an_approval_is_void_when_the_policy_now_says_no(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, fingerprint) = world.held(&session).await;
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        let shut = Gate::Shut(Denial { rule: "new".to_owned(), because: String::new() });
        assert!(matches!(
            world.workflows.spend(&session, request.id, &fingerprint, &shut).await,
            Err(SpendError::PolicyChanged)
        ));
        world.workflows.reload(World::policy_without(r#"dba = ["grace", "linus", "mary"]"#, r#"dba = ["grace", "mary"]"#)).await.unwrap();
        let left = world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await;
        assert!(matches!(left, Err(SpendError::PolicyChanged)), "{left:?}");
    }

    fn an_approval_dies_with_its_grant(world) {
        let ada = world.person("ada").await;
        let grant = world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, fingerprint) = world.held(&session).await;
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        world.workflows.revoke(&linus, grant, "changed my mind").await.unwrap();
        assert!(matches!(
            world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await,
            Err(SpendError::Over)
        ));
    }

    fn a_hold_that_nobody_answers_lapses_without_any_sweep(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, _) = world.held(&session).await;
        let (settled, ()) = tokio::join!(within(world.workflows.settled(request.id)), async {
            for _step in 0..3 {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                world.hand.advance(Span::minutes(15));
            }
        });
        assert_eq!(settled.unwrap().state.as_str(), "lapsed");
    }

    fn a_dead_node_leaves_no_session_and_no_hold_behind(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, _) = world.held(&session).await;
        let id = session.id();
        std::mem::forget(session); // kill -9: nothing is closed
        let other = world.node(crate::Faults::default()).await.unwrap();
        world.hand.advance(Span::minutes(2));
        other.reconcile().await.unwrap();
        let over = world.workflows.show_session(&ada, id).await.unwrap();
        assert_eq!(over.ended.unwrap().1, Ending::Abandoned);
        let void = world.workflows.show_request(&ada, request.id).await.unwrap();
        assert_eq!(void.state.as_str(), "withdrawn");
    }

    fn a_session_is_ended_by_those_who_may(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let stranger = world.person("alan").await;
        assert!(world.workflows.end_session(&stranger, session.id(), "x").await.is_err());
        let root = world.person("root").await;
        world.workflows.end_session(&root, session.id(), "looks odd").await.unwrap();
        world.workflows.refresh_live().await.unwrap();
        assert_eq!(within(session.life().ended()).await, Ending::Ended);
    }

    fn a_policy_that_no_longer_permits_it_closes_the_door_and_the_session(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let mut session = world.session(&ada).await;
        assert!(session.scope().is_some());
        world.workflows.reload(World::policy_without(r#"orders = ["ada", "alan", "grace"]"#, r#"orders = ["alan", "grace"]"#)).await.unwrap();
        assert!(session.scope().is_none());
        assert!(matches!(world.workflows.admit(&ada, "orders-prod").await, Err(AdmitError::PolicyChanged(_))));
    }

    fn a_clock_that_is_off_issues_no_grants(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let linus = world.person("linus").await;
        world.workflows.set_skew(2_100_000);
        assert!(matches!(world.workflows.vote(&linus, request.id, yes()).await, Err(crate::engine::VoteError::Clock)));
        world.workflows.set_skew(-1_900_000);
        assert!(world.workflows.vote(&linus, request.id, yes()).await.is_ok());
    }

    /// G1: whoever can't say which moment it is lets nobody in, and nobody go on.
    fn a_clock_that_is_off_ends_sessions_and_lets_nobody_in(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, fingerprint) = world.held(&session).await;
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        world.workflows.set_skew(-2_100_000);
        assert_eq!(within(session.life().ended()).await, Ending::Blind);
        world.workflows.refresh_live().await.unwrap();
        assert_eq!(session.life().still(), Err(Ending::Blind), "a newer picture changes nothing");
        assert!(session.life().farewell(&Ending::Blind).contains("clock"));
        let refused = world.workflows.admit(&ada, "orders-prod").await.unwrap_err();
        assert!(refused.told().contains("clock"), "{}", refused.told());
        assert!(world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await.is_err());
        world.workflows.set_skew(0);
        assert_eq!(session.life().still(), Ok(()));
        assert!(world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await.is_ok());
    }

    fn a_picture_that_nobody_draws_any_more_is_not_believed(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        world.workflows.neglect_live();
        assert_eq!(within(session.life().ended()).await, Ending::Blind, "without any ring");
        world.workflows.refresh_live().await.unwrap();
        assert_eq!(session.life().still(), Ok(()));
    }

    fn an_approval_of_somebody_suspended_since_passes_nothing(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, fingerprint) = world.held(&session).await;
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        world.workflows.suspend("test", "linus", true).await.unwrap();
        let without = world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await;
        assert!(matches!(without, Err(SpendError::PolicyChanged)), "{without:?}");
        world.workflows.suspend("test", "linus", false).await.unwrap();
        // The picture of what is live may lag behind; the transaction does not.
        world.workflows.suspend("test", "ada", true).await.unwrap();
        let of_ada = world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await;
        assert!(matches!(of_ada, Err(SpendError::Over)), "{of_ada:?}");
        world.workflows.suspend("test", "ada", false).await.unwrap();
        assert!(world.workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await.is_ok());
    }

    fn a_vote_whose_ring_is_lost_is_noticed_all_the_same(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, _) = world.held(&session).await;
        let linus = world.person("linus").await;
        // Without the relay, nothing that another node does rings here.
        let other = world.node(crate::Faults::default()).await.unwrap();
        let (settled, ()) = tokio::join!(within(world.workflows.settled(request.id)), async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            other.vote(&linus, request.id, yes()).await.unwrap();
        });
        assert_eq!(settled.unwrap().state.as_str(), "approved");
    }

    fn a_session_that_was_only_taken_for_dead_still_anchors_its_recording(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let id = session.id();
        let other = world.node(crate::Faults::default()).await.unwrap();
        world.hand.advance(Span::minutes(2));
        other.reconcile().await.unwrap();
        assert_eq!(world.workflows.show_session(&ada, id).await.unwrap().ended.unwrap().1, Ending::Abandoned);
        world.workflows.end(session, Ending::Left, Totals { operations: 3, ..Totals::default() }).await;
        let over = world.workflows.show_session(&ada, id).await.unwrap();
        assert_eq!((over.ended.unwrap().1, over.totals.operations), (Ending::Left, 3));
        let page = world.workflows.audit_page(0, 1_000).await.unwrap();
        let ends: Vec<_> = page.entries.iter().filter(|entry| entry.verb == "end").collect();
        assert_eq!(ends.len(), 1);
        assert!(ends[0].detail.contains("\"head\":{\"hash\":\""), "{}", ends[0].detail);
    }

    fn a_session_that_nobody_carries_any_more_is_ended_by_its_own_node(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let (kept, dropped) = (world.session(&ada).await, world.session(&ada).await);
        let (request, _) = world.held(&dropped).await;
        let id = dropped.id();
        drop(dropped); // its task was aborted, or panicked
        world.hand.advance(Span::seconds(11));
        world.workflows.reconcile().await.unwrap();
        assert_eq!(world.workflows.show_session(&ada, id).await.unwrap().ended.unwrap().1, Ending::Abandoned);
        assert_eq!(world.workflows.show_request(&ada, request.id).await.unwrap().state.as_str(), "withdrawn");
        assert!(world.workflows.show_session(&ada, kept.id()).await.unwrap().ended.is_none(), "this one goes on");
    }

    fn nothing_is_left_asked_when_a_session_ends(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, _) = world.held(&session).await;
        world.workflows.end(session, Ending::Left, Totals::default()).await;
        assert_eq!(world.workflows.show_request(&ada, request.id).await.unwrap().state.as_str(), "withdrawn");
    }

    fn recordings_are_listed_for_who_may_read_them_and_page_by_page(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let mut all = Vec::new();
        for _session in 0..3 {
            let session = world.session(&ada).await;
            all.insert(0, session.id());
            world.workflows.end(session, Ending::Left, Totals::default()).await;
        }
        // At one moment, their ids alone say which is behind which.
        all.sort_by(|one, other| other.cmp(one));
        let audrey = world.person("audrey").await;
        let list = async |who: &Authenticated, wanted: Wanted, limit: u32| {
            let found = world.workflows.recordings(who, &wanted, limit).await.unwrap();
            assert!(found.iter().all(|(_, path)| path.is_file()), "{found:?}");
            found.into_iter().map(|(session, _)| session.id).collect::<Vec<_>>()
        };
        assert_eq!(list(&ada, Wanted::default(), 10).await, all);
        assert_eq!(list(&audrey, Wanted::default(), 2).await, all[..2]);
        assert_eq!(list(&audrey, Wanted { behind: Some(all[1]), ..Wanted::default() }, 10).await, all[2..]);
        let alan = world.person("alan").await;
        assert!(list(&alan, Wanted::default(), 10).await.is_empty());
        let stranger = world.workflows.recordings(&alan, &Wanted { behind: Some(all[0]), ..Wanted::default() }, 10).await;
        assert!(stranger.is_err(), "nobody learns that there is such a session");
        let now = world.clock.now();
        world.hand.advance(Span::hours(1));
        let later = Some(now.plus(Span::minutes(1)));
        for (wanted, count) in [
            (Wanted { by: Some("ada".to_owned()), ..Wanted::default() }, 3),
            (Wanted { by: Some("alan".to_owned()), ..Wanted::default() }, 0),
            (Wanted { target: Some("orders-prod".parse().unwrap()), ..Wanted::default() }, 3),
            (Wanted { target: Some("web-1".parse().unwrap()), ..Wanted::default() }, 0),
            (Wanted { since: later, ..Wanted::default() }, 0),
            (Wanted { until: later, ..Wanted::default() }, 3),
        ] {
            assert_eq!(list(&audrey, wanted.clone(), 10).await.len(), count, "{wanted:?}");
        }
    }
}
