use super::world::*;
use crate::Faults;
use crate::clock::Span;
use crate::engine::{Client, Workflows};
use crate::session::{Ending, Totals};
use crate::verdict::Gate;

/// One whole story. Each step is tried until it has happened, as a person would: after a crash "already so" is success.
async fn whole_story(world: &World, workflows: &Workflows) -> Result<(), Box<dyn std::error::Error>> {
    let (ada, grace) = (world.person("ada").await, world.person("grace").await);
    let open_requests = workflows.requests(&ada, all()).await?;
    let request = match open_requests.iter().find(|request| request.by.name == "ada" && request.why == "INC-42") {
        Some(request) => request.clone(),
        None => workflows.request(&ada, ask("orders-prod")).await?.request,
    };
    if !request.state.is_final() {
        workflows.vote(&grace, request.id, yes()).await?;
    }
    let admission = workflows.admit(&ada, "orders-prod").await?;
    let client = Client { address: "127.0.0.1:1".to_owned(), application: "test".to_owned() };
    let session = workflows.begin(admission, client).await?;
    workflows.refresh_live().await?;
    let (held, fingerprint) = world.held(&session).await;
    workflows.vote(&grace, held.id, yes()).await?;
    workflows.spend(&session, held.id, &fingerprint, &Gate::Open).await?;
    workflows.end(session, Ending::Left, Totals::default()).await;
    Ok(())
}

both! {
    /// Fails the n-th commit, once before and once after it was made, then starts again and lets the sweep run.
    fn whichever_commit_fails_nothing_is_half_done(world) {
        for after in [false, true] {
            for n in 1..=8 {
                let Ok(faulty) = world.node(Faults::nth_commit(n, after)).await else { continue };
                // `end` keeps trying; a struck one succeeds at the second try.
                drop(whole_story(&world, &faulty).await);
                drop(faulty);
                let again = world.node(Faults::default()).await.unwrap();
                again.reconcile().await.unwrap();
                whole_story(&world, &again).await.unwrap();
                let ada = world.person("ada").await;
                let grants = again.grants(&ada, open()).await.unwrap();
                assert_eq!(grants.len(), 1, "commit {n}, after {after}: one grant, whatever was tried twice");
                let twice = world
                    .count("SELECT COUNT(*) - COUNT(DISTINCT about) AS n FROM audit WHERE verb = 'spend'")
                    .await;
                assert_eq!(twice, 0, "commit {n}, after {after}: no approval was spent twice");
                let unanchored = world.count(
                    "SELECT COUNT(*) AS n FROM grants WHERE NOT EXISTS \
                     (SELECT 1 FROM audit WHERE audit.about = grants.request AND audit.verb = 'approve')",
                ).await;
                assert_eq!(unanchored, 0, "commit {n}, after {after}: no grant without its audit entry");
                world.hand.advance(Span::hours(2));
                again.reconcile().await.unwrap();
                assert!(again.grants(&ada, open()).await.unwrap().is_empty());
                world.tamper("UPDATE requests SET why = 'done' WHERE why = 'INC-42'").await;
            }
        }
    }
}
