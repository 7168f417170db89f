//! What has to be true in the end, whatever happened: Slack and the store tell the same, and each thing once.

use serde_json::Value;
use workflows::Workflows;
use workflows::clock::{Clock, Span};
use workflows::request::{Request, State, What};

use super::super::office::{CHANNEL, user};
use super::{ALL, Beginning, Life, PEOPLE};

impl Life {
    /// The store, a minute later and without the server: no claim is younger.
    pub(super) async fn store(&self) -> Workflows {
        let (clock, _hand) = Clock::manual(Clock::System.now().plus(Span::minutes(1)));
        self.server.store(clock).await
    }

    pub(super) async fn check(&self, from: &Beginning) {
        let store = self.store().await;
        let left = store.claim_letters(Span::seconds(1), 100).await.unwrap();
        assert!(left.is_empty(), "letters that nobody answered: {left:?}; {}", self.told());
        let left = store.claim_notices(Span::seconds(1), 100).await.unwrap();
        assert!(left.is_empty(), "notices that nobody was told: {left:?}; {}", self.told());
        let ada = store.authenticate(&from.token).await.unwrap();
        let requests = store.requests(&ada, ALL).await.unwrap();
        let (access, held): (Vec<&Request>, Vec<&Request>) =
            requests.iter().partition(|one| matches!(one.what, What::Access { .. }));
        assert_eq!(access.len(), 1, "one request: {access:?}; {}", self.told());
        let grants = store.grants(&ada, ALL).await.unwrap();
        assert_eq!(grants.len(), 1, "one grant: {grants:?}; {}", self.told());
        assert!(grants[0].ended.is_some(), "{grants:?}");
        let spent = held.iter().filter(|one| matches!(one.state, State::Spent { .. })).count();
        let ran: usize = from.world.server(&format!("SELECT n FROM life_{}", self.number)).parse().unwrap();
        assert!(1 <= ran && ran <= spent, "{ran} ran by {spent} approvals; {}", self.told());
        self.check_cards(&store, &requests).await;
        self.check_answers();
        self.server.verify();
    }

    /// Each thing has one card in a place, and only what is open has buttons.
    async fn check_cards(&self, store: &Workflows, requests: &[Request]) {
        let all = self.slack.read(|state| state.messages.clone());
        let mut marks = Vec::new();
        for card in all.iter().filter(|card| card.metadata.is_some()) {
            let mark = card.metadata.as_ref().unwrap()["event_payload"]["mark"].as_str().unwrap().to_owned();
            let row = store.card(mark.parse().unwrap()).await.unwrap().expect("a card has a row");
            assert_eq!(row.message.as_ref(), Some(&card.ts), "the row knows the card; {}", self.told());
            let open = requests
                .iter()
                .any(|one| one.id.to_string() == row.about && matches!(one.state, State::Pending { .. }));
            assert!(open || card.buttons().is_empty(), "stale: {:?}; {}", card.seen(), self.told());
            assert!(!marks.contains(&mark), "posted twice: {:?}; {}", card.seen(), self.told());
            marks.push(mark);
        }
        for request in requests {
            let rows = store.cards_about(&request.id.to_string()).await.unwrap();
            let here = rows.iter().filter(|row| row.place == CHANNEL && row.message.is_some()).count();
            // Whoever was killed between the request and its card, and whose session is gone, is asked about all the same.
            assert_eq!(here, 1, "one card about {request:?}; {}", self.told());
        }
    }

    /// Whatever was acknowledged was answered.
    fn check_answers(&self) {
        let acked = self.slack.envelopes().into_iter().filter(|one| one.acked.is_some() && one.error.is_none());
        let actor =
            |did: &Value| did["user"]["id"].as_str().or(did["user_id"].as_str()).unwrap_or_default().to_owned();
        let acked: Vec<String> = acked.map(|one| actor(&one.payload)).collect();
        for name in PEOPLE {
            let did = acked.iter().filter(|actor| **actor == user(name)).count();
            let private = self.slack.dm(&user(name)).into_iter().filter(|one| one.metadata.is_none()).count();
            let told = self.slack.ephemerals(&user(name)).len() + private;
            assert!(did <= told, "{name} did {did} things and got {told} answers; {}", self.told());
        }
    }
}
