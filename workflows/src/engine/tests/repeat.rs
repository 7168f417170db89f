//! What may pass again: as the approvers chose, in its session, and for as long as they and the policy let it.

use super::world::*;
use crate::approval::{Needs, Quorum, Repeat, Terms};
use crate::clock::Span;
use crate::engine::{Choice, Held, LiveSession, SpendError, VoteError};
use crate::operation::Fingerprint;
use crate::request::{Again, Exactness, Refused, Request, Shape};
use crate::told::{Fault, Told};
use crate::verdict::Gate;

fn print_of(text: &str) -> Fingerprint {
    Fingerprint::of([text.as_bytes()])
}

fn shape() -> Shape {
    Shape { fingerprint: print_of("the shape").to_string(), shown: "rm …".to_owned() }
}

fn approve(repeat: Repeat) -> Choice {
    Choice::Approve { terms: Terms { repeat, ..Terms::default() }, note: None }
}

/// Held, approved by Grace as she chooses, and let through once.
async fn passed(world: &World, repeat: Repeat) -> (LiveSession, Request, Fingerprint) {
    let (ada, grace) = (world.person("ada").await, world.person("grace").await);
    world.granted(&ada).await;
    let session = world.session(&ada).await;
    let (request, print) = world.held_as(&session, Some(shape())).await;
    world.workflows.vote(&grace, request.id, approve(repeat)).await.unwrap();
    let gate = Gate::Hold(request.needs.clone());
    let request = world.workflows.spend(&session, request.id, &print, &gate).await.unwrap();
    (session, request, print)
}

async fn again(
    world: &World,
    session: &LiveSession,
    request: &Request,
    prints: (&Fingerprint, Option<&Fingerprint>),
) -> Result<Again, SpendError> {
    let gate = Gate::Hold(request.needs.clone());
    world.workflows.spend_again(session, request.id, prints, &gate).await.map(|(_, again)| again)
}

both! {
    fn another_of_its_shape_passes_until_the_time_is_over(world) {
        let ten = Repeat::Shape { within: Some(Span::minutes(10)) };
        let (session, request, print) = passed(&world, ten).await;
        let (other, same, wrong) = (print_of("another"), print_of("the shape"), print_of("another shape"));
        assert_eq!(again(&world, &session, &request, (&other, Some(&same))).await.unwrap(), Again::Shape);
        assert_eq!(again(&world, &session, &request, (&print, Some(&same))).await.unwrap(), Again::Exact);
        for prints in [(&other, None), (&other, Some(&wrong)), (&other, Some(&print))] {
            let refused = again(&world, &session, &request, prints).await.unwrap_err();
            assert!(matches!(refused, SpendError::Refused(Refused::Differs)), "{refused}");
        }
        world.hand.advance(Span::seconds(599));
        assert!(again(&world, &session, &request, (&other, Some(&same))).await.is_ok());
        world.hand.advance(Span::seconds(1));
        assert!(again(&world, &session, &request, (&other, Some(&same))).await.is_err(), "the time is over");
        assert!(again(&world, &session, &request, (&print, Some(&same))).await.is_err(), "for exactly this as well");
        // The log says as what it passed.
        let page = world.workflows.audit_page(0, 10_000).await.unwrap();
        let notes: Vec<String> = page.entries.iter().map(|entry| format!("{entry:?}").replace('\\', "")).collect();
        let notes: Vec<&String> = notes.iter().filter(|note| note.contains("spend again")).collect();
        let by_shape = notes.iter().filter(|note| note.contains(r#""by":"shape""#) && note.contains(&same.to_string()));
        assert_eq!((notes.len(), by_shape.count()), (3, 2), "{notes:?}");
    }

    fn exactly_this_never_passes_as_its_shape(world) {
        let (session, request, print) = passed(&world, Repeat::Exact { within: Some(Span::minutes(10)) }).await;
        let (other, same) = (print_of("another"), print_of("the shape"));
        assert!(again(&world, &session, &request, (&other, Some(&same))).await.is_err());
        assert_eq!(again(&world, &session, &request, (&print, Some(&same))).await.unwrap(), Again::Exact);
        world.hand.advance(Span::minutes(10));
        assert!(again(&world, &session, &request, (&print, Some(&same))).await.is_err());
    }

    fn nothing_passes_again_for_longer_than_the_policy_says(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (usual, print) = world.held_as(&session, Some(shape())).await;
        let short = Quorum { rule: "short".to_owned(), repeat: Span::minutes(5), ..usual.needs.quorums().first().unwrap().clone() };
        let needs = usual.needs.join(Needs::one(short));
        let (shown, why) = ("rm /srv/app/a".to_owned(), "r".to_owned());
        let held = Held { fingerprint: print, shown, impact: Vec::new(), shape: Some(shape()), exact: Exactness::Whole, why, needs };
        let request = world.workflows.hold(&session, held).await.unwrap();
        let long = world.workflows.vote(&grace, request.id, approve(Repeat::Shape { within: Some(Span::minutes(6)) })).await;
        assert!(matches!(long.unwrap_err(), VoteError::RepeatTooLong(..)));
        world.workflows.vote(&grace, request.id, approve(Repeat::Shape { within: None })).await.unwrap();
        let gate = Gate::Hold(request.needs.clone());
        let request = world.workflows.spend(&session, request.id, &print, &gate).await.unwrap();
        let (other, same) = (print_of("another"), print_of("the shape"));
        world.hand.advance(Span::seconds(299));
        assert!(again(&world, &session, &request, (&other, Some(&same))).await.is_ok());
        world.hand.advance(Span::seconds(1));
        assert!(again(&world, &session, &request, (&other, Some(&same))).await.is_err(), "the strictest rule's bound");
    }

    fn what_cannot_be_had_is_refused_in_words(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (plain, _) = world.held(&session).await;
        let refused = world.workflows.vote(&grace, plain.id, approve(Repeat::Shape { within: None })).await.unwrap_err();
        assert!(matches!(refused, VoteError::NoShape) && refused.fault() == Fault::Asker, "{refused}");
        assert!(refused.told().contains("approve it once, or exactly this again"), "{}", refused.told());
        let long = approve(Repeat::Exact { within: Some(Span::hours(2)) });
        let refused = world.workflows.vote(&grace, plain.id, long).await.unwrap_err();
        assert!(matches!(refused, VoteError::RepeatTooLong(..)) && refused.told().contains("1h at most"), "{refused}");
        let (print, needs) = (print_of("cd x && rm a"), plain.needs.clone());
        let (shown, why) = ("cd x && rm a".to_owned(), "r".to_owned());
        let held = Held { fingerprint: print, shown, impact: Vec::new(), shape: None, exact: Exactness::Text, why, needs };
        let line = world.workflows.hold(&session, held).await.unwrap();
        for repeat in [Repeat::Exact { within: None }, Repeat::Shape { within: None }] {
            let refused = world.workflows.vote(&grace, line.id, approve(repeat)).await.unwrap_err();
            assert!(matches!(refused, VoteError::OnlyOnce) && refused.told().contains("once only"), "{refused}");
        }
        let access = world.ask(&world.person("alan").await).await;
        let refused = world.workflows.vote(&grace, access.id, approve(Repeat::Exact { within: None })).await.unwrap_err();
        assert!(matches!(refused, VoteError::NothingAgain), "{refused}");
        for id in [plain.id, line.id, access.id] {
            assert_eq!(world.workflows.read_request(id).await.unwrap().unwrap().state.as_str(), "pending", "nothing counted");
        }
    }

    fn a_shape_comes_back_from_its_row_and_one_with_more_in_it_does_not(world) {
        let ada = world.person("ada").await;
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        let (request, _) = world.held_as(&session, Some(shape())).await;
        assert_eq!(world.workflows.read_request(request.id).await.unwrap().unwrap(), request);
        world.tamper(r#"UPDATE requests SET what = REPLACE(what, '"shown":"rm …"', '"shown":"rm …","all":true') WHERE kind = 'operation'"#).await;
        assert!(world.workflows.read_request(request.id).await.is_err(), "who knows what it means");
    }
}
