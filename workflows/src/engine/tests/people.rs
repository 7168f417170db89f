use super::world::*;
use crate::clock::Span;
use crate::engine::{AuthenticateError, BindError};
use crate::secret::Secret;
use crate::told::Told;

both! {
    fn a_token_signs_in_until_it_expires_or_is_revoked(world) {
        let issued = world.workflows.issue("test", "ada", Span::hours(1), "laptop").await.unwrap();
        let ada = world.workflows.authenticate(&issued.token).await.unwrap();
        assert_eq!(ada.identity().name, "ada");
        world.hand.advance(Span::hours(1));
        assert!(matches!(world.workflows.authenticate(&issued.token).await, Err(AuthenticateError::Expired)));
        let second = world.workflows.issue("test", "ada", Span::hours(1), "phone").await.unwrap();
        world.workflows.revoke_token("test", second.id).await.unwrap();
        assert!(matches!(world.workflows.authenticate(&second.token).await, Err(AuthenticateError::Revoked)));
        assert_eq!(world.workflows.tokens(&ada).await.unwrap().len(), 2);
    }

    fn every_wrong_token_is_told_the_same(world) {
        let issued = world.workflows.issue("test", "ada", Span::hours(1), "x").await.unwrap();
        let text = issued.token.reveal().clone();
        let mut told = std::collections::BTreeSet::new();
        let last = text.chars().last().unwrap();
        let changed = format!("{}{}", text.strip_suffix(last).unwrap(), if last == '0' { '1' } else { '0' });
        for wrong in ["", "cst_", "password", &changed, text.get(..40).unwrap(), &text.to_lowercase(), unknown_token().reveal()] {
            let refused = world.workflows.authenticate(&Secret::new(wrong.to_owned())).await.unwrap_err();
            told.insert(refused.told());
        }
        assert_eq!(told.len(), 1, "{told:?}");
    }

    fn a_token_is_nowhere_in_what_is_written(world) {
        let issued = world.workflows.issue("test", "ada", Span::hours(1), "x").await.unwrap();
        let ada = world.workflows.authenticate(&issued.token).await.unwrap();
        world.granted(&ada).await;
        let secret = issued.token.reveal().as_bytes()[30..].to_vec();
        for (path, bytes) in world.everything_written() {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{} holds the token", path.display());
        }
        assert!(!format!("{issued:?}").contains(issued.token.reveal()));
    }

    fn a_key_signs_in_its_one_owner_until_it_expires_or_is_taken_back(world) {
        let (ada, grace) = (world.person("ada").await, world.person("grace").await);
        let bound = world.workflows.bind_key(&ada, "SHA256:one", Span::hours(2), "laptop").await.unwrap();
        assert!(matches!(
            world.workflows.bind_key(&grace, "SHA256:one", Span::hours(2), "").await,
            Err(BindError::Taken)
        ));
        let with_key = world.workflows.authenticate_key("SHA256:one").await.unwrap();
        assert_eq!(with_key.identity(), ada.identity());
        assert!(world.workflows.knows_key("SHA256:one").await.unwrap());
        // A key binds no keys.
        assert!(matches!(
            world.workflows.bind_key(&with_key, "SHA256:two", Span::hours(2), "").await,
            Err(BindError::Token)
        ));
        // Nobody takes back what is not theirs.
        assert!(matches!(world.workflows.revoke_key(&grace, bound.id).await, Err(BindError::Missing)));
        world.hand.advance(Span::hours(2));
        assert!(matches!(world.workflows.authenticate_key("SHA256:one").await, Err(AuthenticateError::Expired)));
        assert!(matches!(world.workflows.still(&with_key).await, Err(AuthenticateError::Expired)));
        // Over is over: it is free for whoever holds it now.
        let second = world.workflows.bind_key(&grace, "SHA256:one", Span::hours(2), "").await.unwrap();
        let third = world.workflows.bind_key(&grace, "SHA256:one", Span::hours(9), "").await.unwrap();
        assert!(matches!(world.workflows.revoke_key(&grace, second.id).await, Err(BindError::Missing)));
        let with_key = world.workflows.authenticate_key("SHA256:one").await.unwrap();
        assert_eq!(with_key.identity(), grace.identity());
        world.workflows.revoke_key(&grace, third.id).await.unwrap();
        assert!(matches!(world.workflows.authenticate_key("SHA256:one").await, Err(AuthenticateError::Unknown)));
        assert!(matches!(world.workflows.still(&with_key).await, Err(AuthenticateError::Revoked)));
        assert!(!world.workflows.knows_key("SHA256:one").await.unwrap());
        assert_eq!(world.workflows.keys(&grace).await.unwrap().len(), 2);
    }

    fn a_key_dies_with_the_token_that_it_was_bound_with(world) {
        let issued = world.workflows.issue("test", "ada", Span::hours(1), "stolen").await.unwrap();
        let thief = world.workflows.authenticate(&issued.token).await.unwrap();
        world.workflows.bind_key(&thief, "SHA256:thief", Span::hours(9), "").await.unwrap();
        world.hand.advance(Span::hours(2));
        let with_key = world.workflows.authenticate_key("SHA256:thief").await.unwrap();
        world.workflows.revoke_token("test", issued.id).await.unwrap();
        assert!(matches!(world.workflows.authenticate_key("SHA256:thief").await, Err(AuthenticateError::Revoked)));
        assert!(matches!(world.workflows.still(&with_key).await, Err(AuthenticateError::Revoked)));
    }

    fn nobody_holds_keys_without_number_or_end(world) {
        let ada = world.person("ada").await;
        for at in 0..32 {
            world.workflows.bind_key(&ada, &format!("SHA256:{at}"), Span::hours(2), "").await.unwrap();
        }
        let more = world.workflows.bind_key(&ada, "SHA256:more", Span::hours(2), "").await;
        assert!(matches!(more, Err(BindError::Full)));
        let long = world.workflows.bind_key(&ada, "SHA256:0", Span::hours(367 * 24), "").await;
        assert!(matches!(long, Err(BindError::Span)));
        world.workflows.suspend("test", "ada", true).await.unwrap();
        assert!(matches!(world.workflows.authenticate_key("SHA256:0").await, Err(AuthenticateError::Suspended)));
        assert!(!world.workflows.knows_key("SHA256:0").await.unwrap());
    }

    fn a_suspended_person_is_out_with_all_tokens_and_grants(world) {
        let issued = world.workflows.issue("test", "ada", Span::hours(9), "x").await.unwrap();
        let ada = world.workflows.authenticate(&issued.token).await.unwrap();
        world.granted(&ada).await;
        let session = world.session(&ada).await;
        world.workflows.suspend("test", "ada", true).await.unwrap();
        assert!(matches!(world.workflows.authenticate(&issued.token).await, Err(AuthenticateError::Suspended)));
        world.workflows.refresh_live().await.unwrap();
        assert!(session.life().still().is_err());
        world.workflows.suspend("test", "ada", false).await.unwrap();
        assert!(world.workflows.authenticate(&issued.token).await.is_ok());
    }

    fn a_name_that_would_be_mistaken_for_a_group_is_refused(world) {
        for name in ["", "group:dba", "a b", "ada\n", "ада", "\"ada\""] {
            assert!(world.workflows.issue("test", name, Span::hours(1), "x").await.is_err(), "{name}");
        }
        assert!(world.workflows.issue("test", "ada", Span::hours(24 * 366 + 1), "x").await.is_err());
    }
}
