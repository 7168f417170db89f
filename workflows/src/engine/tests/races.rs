use std::sync::Arc;

use tokio::task::JoinSet;

use super::world::*;
use crate::clock::Span;
use crate::verdict::Gate;

both! {
    /// G4: 64 racers approve, deny, withdraw and expire one request.
    fn one_request_has_one_end_and_at_most_one_grant(world) {
        let world: Shared = Arc::new(world);
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let deciders = [world.person("grace").await, world.person("linus").await, world.person("mary").await];
        let mut racers = JoinSet::new();
        for n in 0..64 {
            let (world, ada, who) = (Arc::clone(&world), ada.clone(), deciders[n % 3].clone());
            racers.spawn(async move {
                match n % 4 {
                    0 | 1 => world.workflows.vote(&who, request.id, yes()).await.is_ok(),
                    2 => world.workflows.vote(&who, request.id, no()).await.is_ok(),
                    _ if n == 3 => world.workflows.withdraw(&ada, request.id).await.is_ok(),
                    _ => {
                        world.hand.advance(Span::seconds(20));
                        world.workflows.reconcile().await.is_ok()
                    }
                }
            });
        }
        within(async { while racers.join_next().await.is_some() {} }).await;
        let end = world.workflows.show_request(&ada, request.id).await.unwrap();
        assert!(end.state.is_final(), "{:?}", end.state);
        let grants = world.workflows.grants(&ada, all()).await.unwrap();
        assert_eq!(grants.len(), usize::from(end.state.as_str() == "spent"));
        let ends = world.count("SELECT COUNT(*) AS n FROM audit WHERE verb IN ('approve', 'deny', 'withdraw', 'lapse')").await;
        assert_eq!(ends, 1, "the audit log tells of one end");
    }

    /// G5: 50 sessions' worth of spenders take up one approval.
    fn one_approval_passes_once(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = Arc::new(world.session(&ada).await);
        let (request, fingerprint) = world.held(&session).await;
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        let mut racers = JoinSet::new();
        for _n in 0..50 {
            let (session, workflows) = (Arc::clone(&session), world.workflows.clone());
            racers.spawn(async move { workflows.spend(&session, request.id, &fingerprint, &Gate::Open).await.is_ok() });
        }
        let passed = within(racers.join_all()).await.into_iter().filter(|passed| *passed).count();
        assert_eq!(passed, 1);
    }

    fn a_notice_is_claimed_by_one_and_again_when_the_lease_is_over(world) {
        let world: Shared = Arc::new(world);
        let ada = world.person("ada").await;
        world.ask(&ada).await;
        let other = world.node(crate::Faults::default()).await.unwrap();
        let mut racers = JoinSet::new();
        for n in 0..20 {
            let workflows = if n % 2 == 0 { world.workflows.clone() } else { other.clone() };
            racers.spawn(async move {
                loop {
                    // SQLite gives a busy writer up after a while; a courier would simply come again.
                    if let Ok(claimed) = workflows.claim_notices(Span::seconds(30), 10).await {
                        return claimed.len();
                    }
                }
            });
        }
        let claimed: usize = within(racers.join_all()).await.into_iter().sum();
        assert_eq!(claimed, 1);
        world.hand.advance(Span::seconds(31));
        let again: Stored<_> = other.claim_notices(Span::seconds(30), 10).await;
        let again = again.unwrap();
        assert_eq!(again.len(), 1, "whoever died with it lost it");
        assert!(!world.workflows.notice_told(again[0].id).await.unwrap(), "not by a node without the claim");
        assert!(other.notice_told(again[0].id).await.unwrap());
        world.hand.advance(Span::seconds(31));
        assert!(other.claim_notices(Span::seconds(30), 10).await.unwrap().is_empty());
    }

    fn an_idle_engine_does_not_wake_itself(world) {
        let stop = tokio_util::sync::CancellationToken::new();
        let mut jobs = JoinSet::new();
        world.workflows.spawn(&mut jobs, &stop);
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        let before = *world.workflows.bell().borrow();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let rings = *world.workflows.bell().borrow() - before;
        assert!(rings <= 1, "{rings} rings in two seconds in which nothing happened");
        stop.cancel();
        let mut names = within(jobs.join_all()).await;
        names.sort_unstable();
        assert_eq!(names.len(), 6);
    }

    fn readers_do_not_queue_behind_writers(world) {
        let ada = world.person("ada").await;
        let first = world.workflows.begin_transaction().await.unwrap();
        let mut writers = JoinSet::new();
        for _n in 0..5 {
            let workflows = world.workflows.clone();
            writers.spawn(async move { workflows.begin_transaction().await.is_ok() });
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let read = tokio::time::timeout(std::time::Duration::from_secs(2), world.workflows.grants(&ada, all())).await;
        assert!(read.expect("readers have connections of their own").is_ok());
        drop(first);
    }
}
