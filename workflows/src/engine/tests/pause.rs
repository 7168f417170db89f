//! A question that waits for its answer stops the clock of a request, where the policy says so.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::world::*;
use crate::clock::{Span, Timestamp};
use crate::engine::RemarkError;
use crate::id::RequestId;
use crate::request::{Refused, Request, State};
use crate::store::Faults;

/// Fifteen minutes to decide, and as long again for questions.
async fn pausing(world: &World) {
    let (plain, pausing) =
        (r#"within = "15m", then = "group:seniors""#, r#"within = "15m", pause_for_questions = true"#);
    world.workflows.reload(World::policy_without(plain, pausing)).await.unwrap();
}

async fn now(world: &World, id: RequestId) -> Request {
    world.workflows.read_request(id).await.unwrap().unwrap()
}

fn after(request: &Request, minutes: i64) -> Timestamp {
    request.at.plus(Span::minutes(minutes))
}

both! {
    fn a_deadline_moves_by_the_time_that_a_question_waited(world) {
        pausing(&world).await;
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let request = world.ask(&ada).await;
        assert_eq!(request.state.due(), Some(after(&request, 15)));
        world.hand.advance(Span::minutes(10));
        let question = world.workflows.question(&grace, request.id, "which rows?").await.unwrap();
        assert_eq!(now(&world, request.id).await.state.stopped(), Some(after(&request, 30)));
        // Whoever sweeps, also a node that started meanwhile: the rows alone say it.
        world.hand.advance(Span::minutes(9));
        let other = world.node(Faults::default()).await.unwrap();
        for node in [&world.workflows, &other] {
            node.reconcile().await.unwrap();
        }
        assert_eq!(now(&world, request.id).await.state.as_str(), "pending", "its first deadline means nothing now");
        world.workflows.answer(&ada, question, "those of May").await.unwrap();
        let answered = now(&world, request.id).await;
        assert_eq!((answered.state.stopped(), answered.state.due()), (None, Some(after(&request, 24))));
        world.hand.advance(Span::minutes(5));
        other.reconcile().await.unwrap();
        assert_eq!(now(&world, request.id).await.state.as_str(), "lapsed");
    }

    fn a_requester_who_never_answers_does_not_keep_a_request_open(world) {
        pausing(&world).await;
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let request = world.ask(&ada).await;
        let own = world.workflows.question(&ada, request.id, "well?").await.unwrap_err();
        assert!(matches!(own, RemarkError::Refused(Refused::NotAsked)), "nobody stops their own clock: {own}");
        assert_eq!(now(&world, request.id).await.state.stopped(), None);
        world.hand.advance(Span::minutes(10));
        let question = world.workflows.question(&grace, request.id, "which rows?").await.unwrap();
        world.hand.advance(Span::minutes(15));
        world.workflows.reconcile().await.unwrap();
        let on = now(&world, request.id).await;
        assert_eq!((on.state.stopped(), on.state.due()), (None, Some(after(&request, 30))), "it runs again");
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM audit WHERE verb = 'go on'").await, 1);
        // Neither another question nor a late answer moves it further.
        world.workflows.question(&grace, request.id, "hello?").await.unwrap();
        world.workflows.answer(&ada, question, "those of May").await.unwrap();
        assert_eq!(now(&world, request.id).await.state.due(), Some(after(&request, 30)));
        world.hand.advance(Span::minutes(5));
        let late = world.workflows.question(&grace, request.id, "still?").await.unwrap_err();
        assert!(matches!(late, RemarkError::Refused(Refused::Settled("lapsed"))), "before the sweep too: {late}");
        world.workflows.reconcile().await.unwrap();
        assert_eq!(now(&world, request.id).await.state.as_str(), "lapsed");
    }

    fn the_clock_stands_until_the_last_question_is_answered(world) {
        pausing(&world).await;
        let (ada, grace, linus) = (world.person("ada").await, world.person("grace").await, world.person("linus").await);
        let request = world.ask(&ada).await;
        let first = world.workflows.question(&grace, request.id, "which rows?").await.unwrap();
        world.hand.advance(Span::minutes(2));
        let second = world.workflows.question(&linus, request.id, "why today?").await.unwrap();
        world.hand.advance(Span::minutes(2));
        world.workflows.answer(&ada, first, "those of May").await.unwrap();
        assert!(now(&world, request.id).await.state.stopped().is_some(), "linus still waits");
        world.hand.advance(Span::minutes(2));
        world.workflows.answer(&ada, second, "the audit").await.unwrap();
        assert_eq!(now(&world, request.id).await.state.due(), Some(after(&request, 21)));
    }

    fn without_the_option_a_question_stops_nothing(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let request = world.ask(&ada).await;
        world.workflows.question(&grace, request.id, "which rows?").await.unwrap();
        let asked = now(&world, request.id).await;
        assert_eq!((asked.state.stopped(), asked.state.due()), (None, Some(after(&request, 15))));
    }

    fn a_held_operation_waits_for_the_answer_to_a_question(world) {
        pausing(&world).await;
        let (ada, grace, linus) = (world.person("ada").await, world.person("grace").await, world.person("linus").await);
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, _) = world.held(&session).await;
        let workflows = world.workflows.clone();
        let mut waiting = JoinSet::new();
        waiting.spawn(async move { workflows.settled(request.id).await });
        let question = world.workflows.question(&grace, request.id, "all of them?").await.unwrap();
        world.hand.advance(Span::minutes(14));
        world.hand.advance(Span::seconds(50));
        world.workflows.reconcile().await.unwrap();
        world.workflows.answer(&ada, question, "yes").await.unwrap();
        world.hand.advance(Span::minutes(14));
        assert!(waiting.try_join_next().is_none(), "it waits beyond its first deadline");
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        let settled = within(waiting.join_next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(settled.state, State::Approved { .. }), "{:?}", settled.state);
    }

    /// Questions, answers, votes, sweeps of two nodes, and time, all at once.
    fn racing_questions_never_move_a_deadline_past_its_maximum(world) {
        pausing(&world).await;
        let world: Shared = Arc::new(world);
        let other = world.node(Faults::default()).await.unwrap();
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        let deciders = [world.person("grace").await, world.person("linus").await, world.person("mary").await];
        let mut racers = JoinSet::new();
        for n in 0..48 {
            let (world, other, ada, who) = (Arc::clone(&world), other.clone(), ada.clone(), deciders[n % 3].clone());
            racers.spawn(async move {
                let node = if n % 2 == 0 { &world.workflows } else { &other };
                match n % 4 {
                    0 | 1 => {
                        if let Ok(question) = node.question(&who, request.id, "why?").await {
                            world.hand.advance(Span::seconds(30));
                            let _settled_meanwhile = node.answer(&ada, question, "because").await;
                        }
                    }
                    2 => world.hand.advance(Span::seconds(45)),
                    _ => drop(node.reconcile().await),
                }
                let state = world.workflows.read_request(request.id).await.unwrap().unwrap().state;
                let most = request.at.plus(Span::minutes(30));
                assert!(state.due().is_none_or(|due| due <= most) && state.stopped().is_none_or(|most_of_it| most_of_it <= most), "{state:?}");
            });
        }
        within(async { while let Some(raced) = racers.join_next().await { raced.unwrap(); } }).await;
        assert!(world.count("SELECT COUNT(*) AS n FROM remarks WHERE kind = 'question'").await > 0);
        world.hand.advance(Span::minutes(30));
        other.reconcile().await.unwrap();
        assert_eq!(now(&world, request.id).await.state.as_str(), "lapsed");
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM audit WHERE verb = 'lapse'").await, 1);
    }
}
