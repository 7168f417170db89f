//! Chat accounts, letters, cards, and what people do about a request beside voting.

use super::world::*;
use crate::approval::{Repeat, Terms};
use crate::clock::Span;
use crate::engine::{
    AccessAsk, AuthenticateError, Choice, LinkError, RemarkError, RequestError, SpendError, Turn, VoteError,
};
use crate::identity::{Authenticated, Chat, ChatUser};
use crate::request::{Outcome, Refused};
use crate::told::{Fault, Told};
use crate::verdict::Gate;

fn slack(user: &str) -> ChatUser {
    ChatUser { chat: Chat::Slack, workspace: "T1".to_owned(), user: user.to_owned() }
}

async fn link(world: &World, who: &Authenticated, at: &ChatUser) -> Result<ChatUser, LinkError> {
    let begun = world.workflows.begin_link(who, at.chat).await?;
    let code = world.workflows.prove_link(begun.state.reveal(), at).await?;
    world.workflows.finish_link(who, begun.id, code.reveal()).await
}

both! {
    fn a_linked_account_signs_in_until_it_is_unlinked_or_its_owner_suspended(world) {
        let ada = world.person("ada").await;
        let unknown = world.workflows.authenticate_chat(&slack("U1")).await.unwrap_err();
        assert!(matches!(unknown, AuthenticateError::Unknown));
        assert_eq!(link(&world, &ada, &slack("U1")).await.unwrap(), slack("U1"));
        let known = world.workflows.authenticate_chat(&slack("U1")).await.unwrap();
        assert_eq!(known.identity(), ada.identity());
        // The same id in another workspace, or at another platform, is somebody else (G10).
        for other in [
            ChatUser { workspace: "T2".to_owned(), ..slack("U1") },
            ChatUser { chat: Chat::Discord, ..slack("U1") },
            slack("u1"),
        ] {
            assert!(world.workflows.authenticate_chat(&other).await.is_err(), "{other:?}");
        }
        world.workflows.suspend("test", "ada", true).await.unwrap();
        let suspended = world.workflows.authenticate_chat(&slack("U1")).await.unwrap_err();
        assert!(matches!(suspended, AuthenticateError::Suspended));
        world.workflows.suspend("test", "ada", false).await.unwrap();
        let account = world.workflows.accounts(&ada).await.unwrap().pop().unwrap();
        let grace = world.person("grace").await;
        assert!(world.workflows.unlink(&grace, account.id).await.is_err(), "somebody else's");
        world.workflows.unlink(&ada, account.id).await.unwrap();
        assert!(world.workflows.authenticate_chat(&slack("U1")).await.is_err());
    }

    fn a_forwarded_address_links_nothing(world) {
        let (mallory, grace) = (world.person("mallory").await, world.person("grace").await);
        let begun = world.workflows.begin_link(&mallory, Chat::Slack).await.unwrap();
        // Grace opens what mallory sent her, and signs in at the platform.
        let code = world.workflows.prove_link(begun.state.reveal(), &slack("U0GRACE")).await.unwrap();
        assert!(world.workflows.authenticate_chat(&slack("U0GRACE")).await.is_err(), "the page alone links nothing");
        // The code is of no use to anybody but whoever began, and only so often.
        let other = world.workflows.finish_link(&grace, begun.id, code.reveal()).await.unwrap_err();
        assert!(matches!(other, LinkError::Missing));
        for _try in 0..5 {
            let wrong = world.workflows.finish_link(&mallory, begun.id, "00000000").await.unwrap_err();
            assert!(matches!(wrong, LinkError::Code), "{wrong}");
        }
        let over = world.workflows.finish_link(&mallory, begun.id, code.reveal()).await.unwrap_err();
        assert!(matches!(over, LinkError::Missing), "{over}");
        assert!(world.workflows.authenticate_chat(&slack("U0GRACE")).await.is_err());
    }

    fn a_linking_is_proved_once_in_time_and_never_twice(world) {
        let (ada, alan) = (world.person("ada").await, world.person("alan").await);
        let begun = world.workflows.begin_link(&ada, Chat::Slack).await.unwrap();
        let early = world.workflows.finish_link(&ada, begun.id, "ABCD1234").await.unwrap_err();
        assert!(matches!(early, LinkError::NotProved));
        world.workflows.prove_link(begun.state.reveal(), &slack("U1")).await.unwrap();
        assert!(world.workflows.prove_link(begun.state.reveal(), &slack("U2")).await.is_err(), "somebody else's proof");
        world.hand.advance(Span::minutes(11));
        assert!(world.workflows.open_link(begun.state.reveal()).await.is_err(), "too late");
        link(&world, &ada, &slack("U1")).await.unwrap();
        assert!(matches!(link(&world, &alan, &slack("U1")).await.unwrap_err(), LinkError::Taken), "ada's account");
        assert!(matches!(link(&world, &ada, &slack("U3")).await.unwrap_err(), LinkError::Taken), "a second one");
        // A chat account makes no other.
        let by_chat = world.workflows.authenticate_chat(&slack("U1")).await.unwrap();
        assert!(world.workflows.begin_link(&by_chat, Chat::Discord).await.is_err());
    }

    fn a_letter_is_received_once_and_worked_on_by_one(world) {
        let other = world.node(crate::store::Faults::default()).await.unwrap();
        assert!(world.workflows.receive(Chat::Slack, "k1", "{}").await.unwrap());
        assert!(!other.receive(Chat::Slack, "k1", "{}").await.unwrap(), "delivered again, to another node");
        assert!(world.workflows.receive(Chat::Discord, "k1", "{}").await.unwrap(), "another platform's key");
        let lease = Span::seconds(60);
        let claimed = world.workflows.claim_letters(lease, 10).await.unwrap();
        assert_eq!(claimed.len(), 2);
        assert!(other.claim_letters(lease, 10).await.unwrap().is_empty());
        assert!(world.workflows.letter_done(claimed[0].id).await.unwrap());
        // The first one dies with the other; its lease ends.
        world.hand.advance(Span::seconds(61));
        let again = other.claim_letters(lease, 10).await.unwrap();
        assert_eq!((again.len(), again[0].tries), (1, 2));
        assert!(!world.workflows.letter_done(again[0].id).await.unwrap(), "the claim was lost");
        assert!(other.letter_done(again[0].id).await.unwrap());
        assert_eq!(world.count("SELECT COUNT(*) AS n FROM letters WHERE body <> ''").await, 0, "nothing said is kept");
        world.hand.advance(Span::hours(72));
        assert_eq!(world.workflows.forget_letters().await.unwrap(), 2);
    }

    fn a_card_is_planned_once_for_each_place(world) {
        let first = world.workflows.plan_card("req_1", "asked", Chat::Slack, "C1").await.unwrap();
        assert_eq!(world.workflows.plan_card("req_1", "asked", Chat::Slack, "C1").await.unwrap(), first);
        assert_ne!(world.workflows.plan_card("req_1", "own", Chat::Slack, "C1").await.unwrap().id, first.id);
        let lease = Span::seconds(30);
        assert_eq!(world.workflows.take_card(first.id, lease).await.unwrap(), Turn::First);
        assert_eq!(world.workflows.take_card(first.id, lease).await.unwrap(), Turn::Taken, "somebody is at it");
        world.hand.advance(Span::seconds(31));
        assert_eq!(world.workflows.take_card(first.id, lease).await.unwrap(), Turn::Again, "and did not live to say so");
        world.workflows.card_posted(first.id, "17.1", "h1").await.unwrap();
        world.hand.advance(Span::seconds(31));
        assert_eq!(world.workflows.take_card(first.id, lease).await.unwrap(), Turn::Taken, "it is posted");
        let posted = world.workflows.card(first.id).await.unwrap().unwrap();
        assert_eq!((posted.message.as_deref(), posted.shown.as_deref()), (Some("17.1"), Some("h1")));
        world.workflows.card_gone(first.id).await.unwrap();
        assert!(world.workflows.card(first.id).await.unwrap().unwrap().message.is_none());
        assert_eq!(world.workflows.cards_about("req_1").await.unwrap().len(), 2);
    }

    fn questions_are_asked_by_those_who_decide_and_answered_by_whoever_asked(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let request = world.ask(&ada).await;
        let edsger = world.person("edsger").await;
        let early = world.workflows.question(&edsger, request.id, "why?").await.unwrap_err();
        assert!(matches!(early, RemarkError::Refused(Refused::NotAsked)), "{early}");
        let stranger = world.person("mallory").await;
        assert_eq!(world.workflows.question(&stranger, request.id, "why?").await.unwrap_err().fault(), Fault::Missing);
        let question = world.workflows.question(&grace, request.id, "which rows?").await.unwrap();
        assert!(world.workflows.answer(&grace, question, "none").await.is_err(), "not hers to answer");
        world.workflows.answer(&ada, question, "those of May").await.unwrap();
        assert!(matches!(world.workflows.answer(&ada, question, "more").await.unwrap_err(), RemarkError::Answered));
        let remarks = world.workflows.remarks(request.id).await.unwrap();
        assert_eq!(remarks[0].answer.as_ref().unwrap().0, "those of May");
        world.workflows.vote(&grace, request.id, yes()).await.unwrap();
        assert!(world.workflows.question(&grace, request.id, "still?").await.is_err(), "settled");
    }

    fn reminding_has_a_pace_and_escalating_a_next(world) {
        let ada = world.person("ada").await;
        let request = world.ask(&ada).await;
        assert!(matches!(world.workflows.nudge(&ada, request.id).await.unwrap_err(), RemarkError::TooSoon(_)));
        world.hand.advance(Span::minutes(6));
        world.workflows.nudge(&ada, request.id).await.unwrap();
        assert!(matches!(world.workflows.nudge(&ada, request.id).await.unwrap_err(), RemarkError::TooSoon(_)));
        let stranger = world.person("mallory").await;
        assert!(world.workflows.nudge(&stranger, request.id).await.is_err());
        assert!(world.workflows.escalate(&stranger, request.id).await.is_err());
        let edsger = world.person("edsger").await;
        assert!(!world.workflows.may_decide("edsger", &request));
        let request = world.workflows.escalate(&ada, request.id).await.unwrap();
        assert!(world.workflows.may_decide("edsger", &request));
        assert!(matches!(
            world.workflows.escalate(&ada, request.id).await.unwrap_err(),
            RemarkError::Refused(Refused::NobodyElse)
        ));
        world.workflows.vote(&edsger, request.id, yes()).await.unwrap();
    }

    fn delegating_orders_and_never_widens(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let request = world.ask(&ada).await;
        for nobody in ["mallory", "ada", "edsger"] {
            let refused = world.workflows.delegate(&grace, request.id, nobody).await.unwrap_err();
            assert!(matches!(refused, RemarkError::NotEligible(_)), "{nobody}: {refused}");
        }
        world.workflows.delegate(&grace, request.id, "linus").await.unwrap();
        assert!(world.workflows.delegate(&ada, request.id, "linus").await.is_err(), "only those who decide");
    }

    fn an_edit_is_another_request_and_the_old_votes_are_void(world) {
        let (ada, grace, linus) = (world.person("ada").await, world.person("grace").await, world.person("linus").await);
        let asked = world.workflows.request(&ada, AccessAsk { span: Span::minutes(30), ..ask("orders-prod-admin") }).await.unwrap();
        world.workflows.vote(&grace, asked.request.id, yes()).await.unwrap();
        let other = AccessAsk { span: Span::minutes(10), ..ask("orders-prod-admin") };
        let new = world.workflows.edit(&ada, asked.request.id, other).await.unwrap().request;
        let old = world.workflows.show_request(&ada, asked.request.id).await.unwrap();
        assert_eq!((old.state.as_str(), old.replaced), ("withdrawn", Some(new.id)));
        // A click on the old card comes too late (G7); a vote on the new one counts alone.
        let late = world.workflows.vote(&linus, old.id, yes()).await.unwrap_err();
        assert!(matches!(late, VoteError::Refused(Refused::Settled("withdrawn"))), "{late}");
        assert_eq!(world.workflows.vote(&linus, new.id, yes()).await.unwrap().state.as_str(), "pending");
        let again = world.workflows.edit(&ada, old.id, ask("orders-prod-admin")).await.unwrap_err();
        assert!(matches!(again, RequestError::NotYours(_)), "{again}");
        assert!(world.workflows.edit(&grace, new.id, ask("orders-prod-admin")).await.is_err(), "somebody else's");
    }

    fn whoever_asks_for_somebody_else_does_not_decide_on_it(world) {
        // grace may ask, and decides on what others ask (G16).
        let (grace, _ada) = (world.person("grace").await, world.person("ada").await);
        let request = world.workflows.request_for(&grace, "ada", ask("orders-prod")).await.unwrap().request;
        assert_eq!((request.by.name.as_str(), request.asked_by.as_deref()), ("ada", Some("grace")));
        assert!(world.workflows.vote(&grace, request.id, yes()).await.is_err());
        assert!(!world.workflows.may_decide("grace", &request));
        let linus = world.person("linus").await;
        world.workflows.vote(&linus, request.id, yes()).await.unwrap();
        let nobody = world.workflows.request_for(&grace, "nobody", ask("orders-prod")).await.unwrap_err();
        assert!(matches!(nobody, RequestError::Nobody(_)));
        let stranger = world.person("mallory").await;
        assert!(world.workflows.request_for(&stranger, "ada", ask("orders-prod")).await.is_err());
        let loud = AccessAsk { emergency: true, ..ask("orders-prod") };
        assert!(matches!(world.workflows.request_for(&grace, "ada", loud).await.unwrap_err(), RequestError::NotForOthers));
    }

    fn what_is_allowed_for_a_session_passes_there_again_and_nowhere_else(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, print) = world.held(&session).await;
        let gate = Gate::Hold(request.needs.clone());
        let once = world.workflows.spend_again(&session, request.id, (&print, None), &gate).await.unwrap_err();
        assert!(matches!(once, SpendError::Refused(Refused::Differs)), "nothing was agreed to yet: {once}");
        let terms = Terms { repeat: Repeat::Exact { within: None }, ..Terms::default() };
        world.workflows.vote(&grace, request.id, Choice::Approve { terms, note: None }).await.unwrap();
        world.workflows.spend(&session, request.id, &print, &gate).await.unwrap();
        world.workflows.spend_again(&session, request.id, (&print, None), &gate).await.unwrap();
        let other = crate::operation::Fingerprint::of([b"DELETE FROM customers".as_slice()]);
        assert!(world.workflows.spend_again(&session, request.id, (&other, None), &gate).await.is_err(), "another text");
        let elsewhere = world.session(&ada).await;
        assert!(world.workflows.spend_again(&elsewhere, request.id, (&print, None), &gate).await.is_err(), "another session");
        world.workflows.suspend("test", "grace", true).await.unwrap();
        assert!(world.workflows.spend_again(&session, request.id, (&print, None), &gate).await.is_err(), "her vote counts no more");
        let outcome = Outcome { rows: 3, micros: 2_000, error: None };
        world.workflows.operation_done(request.id, &outcome).await.unwrap();
        world.workflows.operation_done(request.id, &Outcome { rows: 9, ..outcome.clone() }).await.unwrap();
        assert_eq!(world.workflows.read_request(request.id).await.unwrap().unwrap().outcome, Some(outcome), "the first stays");
    }
}
