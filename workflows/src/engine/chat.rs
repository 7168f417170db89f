//! Chat accounts, and what bots keep: what was sent to them, and which cards they posted.

use std::fmt::Write as _;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{AuthenticateError, Workflows, transact};
use crate::clock::{Span, Timestamp};
use crate::id::{AccountId, CardId, LetterId, LinkId};
use crate::identity::{Account as Way, Authenticated, Chat, ChatUser};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::audit::{self, Note};
use crate::store::chat::{self, Account, CardRow, Letter, LinkRow, Turn};
use crate::told::{Fault, Told};

/// How long a linking may take.
const LINK_WITHIN: Span = Span::minutes(10);
/// How often a code may be typed wrongly.
const CODE_TRIES: i64 = 5;
/// How long letters that were worked on are remembered, so that a late delivery of the same is known.
const REMEMBER: Span = Span::hours(24 * 2);

/// A linking that was begun.
#[derive(Debug)]
pub struct BegunLink {
    /// Its id.
    pub id: LinkId,
    /// What the platform hands back: it finds the linking again, and nothing else.
    pub state: Secret<String>,
    /// What the platform puts into its own statement.
    pub nonce: String,
    /// Until when it may be finished.
    pub until: Timestamp,
}

/// A linking as the platform's answer found it.
#[derive(Clone, Debug)]
pub struct OpenLink {
    /// Its id.
    pub id: LinkId,
    /// At which platform.
    pub chat: Chat,
    /// Whose identity it would be linked to, by name.
    pub name: String,
    /// What the platform's statement must hold.
    pub nonce: String,
}

/// Why an account was not linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It was never begun, is over, was used, or is somebody else's.
    #[error("there is no such linking, or its time is over; begin again with `countersign link`")]
    Missing,
    /// The browser did not sign in at the platform yet.
    #[error("nobody has signed in at the platform yet; open the address in your browser first")]
    NotProved,
    /// Not what the page showed.
    #[error("that is not the code that the page shows")]
    Code,
    /// The account, or the person, is linked already.
    #[error(
        "the account is linked already, or you have another one linked there; `countersign link --remove` takes that away"
    )]
    Taken,
    /// No randomness to be had.
    #[error("the operating system gives no random numbers")]
    Random,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Told for LinkError {
    fn told(&self) -> String {
        match self {
            Self::Store(error) => error.told(),
            Self::Missing | Self::NotProved | Self::Code | Self::Taken | Self::Random => self.to_string(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Missing => Fault::Missing,
            Self::Code => Fault::Refused,
            Self::NotProved | Self::Taken => Fault::Conflict,
            Self::Random | Self::Store(_) => Fault::Ours,
        }
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

fn random() -> Result<String, LinkError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| LinkError::Random)?;
    Ok(crate::id::encode(u128::from_be_bytes(bytes)))
}

impl Workflows {
    /// Signs in with a chat account. The platform has said whose message it is, over a channel that only it can speak on;
    /// the bot has looked at what kind of account it is (G10).
    pub async fn authenticate_chat(&self, at: &ChatUser) -> Result<Authenticated, AuthenticateError> {
        let owner = chat::owner(self.db(), at).await?.ok_or(AuthenticateError::Unknown)?;
        if owner.suspended {
            return Err(AuthenticateError::Suspended);
        }
        Ok(Authenticated::new(owner.of, Way::Chat(owner.id)))
    }

    /// Begins to link an account at a platform to whoever is signed in. With a token only: a chat account makes no other.
    pub async fn begin_link(&self, who: &Authenticated, chat: Chat) -> Result<BegunLink, LinkError> {
        let Way::Token(_) = who.account() else { return Err(LinkError::Missing) };
        let (now, state) = (self.now(), random()?);
        let link = LinkRow {
            id: LinkId::new(),
            of: who.identity().clone(),
            chat,
            nonce: random()?,
            code: None,
            proved: None,
            tries: 0,
            until: now.plus(LINK_WITHIN),
        };
        let hashed = hash(&state);
        transact!(self, LinkError, |tx| {
            chat::add_link(tx, &link, &hashed, now).await?;
            Ok(())
        })?;
        Ok(BegunLink { id: link.id, state: Secret::new(state), nonce: link.nonce, until: link.until })
    }

    /// The linking that a platform's answer belongs to.
    pub async fn open_link(&self, state: &str) -> Result<OpenLink, LinkError> {
        let hashed = hash(state);
        transact!(self, LinkError, |tx| {
            let link = chat::link_by_state(tx, &hashed).await?.ok_or(LinkError::Missing)?;
            if self.now() >= link.until {
                return Err(LinkError::Missing);
            }
            Ok(OpenLink { id: link.id, chat: link.chat, name: link.of.name, nonce: link.nonce })
        })
    }

    /// Notes which account the platform said it was, and gives the code that its page shows. Nothing is linked by this:
    /// whoever began has to type the code where they are signed in, so that a forwarded address binds nothing.
    pub async fn prove_link(&self, state: &str, at: &ChatUser) -> Result<Secret<String>, LinkError> {
        let hashed = hash(state);
        let digits = random()?;
        let code: String = digits.chars().rev().take(8).collect();
        let code_hash = hash(&code);
        transact!(self, LinkError, |tx| {
            let link = chat::link_by_state(tx, &hashed).await?.ok_or(LinkError::Missing)?;
            let proves = link.chat == at.chat && self.now() < link.until;
            if !proves || !chat::prove_link(tx, link.id, &code_hash, at).await? {
                return Err(LinkError::Missing);
            }
            Ok(())
        })?;
        Ok(Secret::new(code))
    }

    /// Links, for whoever began it and typed the code that the platform's page showed.
    pub async fn finish_link(&self, who: &Authenticated, id: LinkId, code: &str) -> Result<ChatUser, LinkError> {
        let Way::Token(_) = who.account() else { return Err(LinkError::Missing) };
        let given = hash(&code.trim().to_uppercase().replace([' ', '-'], ""));
        let outcome: Result<Result<ChatUser, LinkError>, LinkError> = transact!(self, LinkError, |tx| {
            let now = self.now();
            let link = chat::find_link(tx, id).await?.filter(|link| link.of == *who.identity());
            let link = link.filter(|link| now < link.until && link.tries < CODE_TRIES).ok_or(LinkError::Missing)?;
            let (Some(at), Some(code)) = (link.proved, link.code) else { return Err(LinkError::NotProved) };
            // Counted in the same transaction, which commits also when the code is wrong.
            chat::try_link(tx, id).await?;
            if code != given {
                return Ok(Err(LinkError::Code));
            }
            chat::use_link(tx, id, now).await?;
            let account = chat::add_account(tx, who.identity(), &at, now).await?;
            let detail = json!({ "chat": at.chat, "workspace": at.workspace, "account": at.user, "link": id });
            let note = Note { actor: &who.identity().name, verb: "link", about: account.to_string(), detail };
            audit::append(tx, note, now).await?;
            Ok(Ok(at))
        });
        match outcome {
            Ok(linked) => linked,
            Err(LinkError::Store(StoreError::Exists)) => Err(LinkError::Taken),
            Err(error) => Err(error),
        }
    }

    /// The linked accounts of whoever is signed in.
    pub async fn accounts(&self, who: &Authenticated) -> Result<Vec<Account>, StoreError> {
        chat::accounts_of(self.db(), &who.identity().name).await
    }

    /// Where somebody can be reached at a platform: for bots, which write to the people that the policy names.
    pub async fn reach(&self, name: &str, at: Chat) -> Result<Option<ChatUser>, StoreError> {
        let accounts = chat::accounts_of(self.db(), name).await?;
        Ok(accounts.into_iter().map(|account| account.at).find(|user| user.chat == at))
    }

    /// Takes an account away from whoever is signed in.
    pub async fn unlink(&self, who: &Authenticated, id: AccountId) -> Result<(), LinkError> {
        transact!(self, LinkError, |tx| {
            let now = self.now();
            let mine = chat::accounts_of(self.db(), &who.identity().name).await?;
            if !mine.iter().any(|account| account.id == id) || !chat::end_account(tx, id, now).await? {
                return Err(LinkError::Missing);
            }
            let note = Note { actor: &who.identity().name, verb: "unlink", about: id.to_string(), detail: json!({}) };
            audit::append(tx, note, now).await?;
            Ok(())
        })
    }

    /// Stores what a platform sent; false where it was sent before. `token` is the same for each delivery of the same.
    pub async fn receive(&self, from: Chat, token: &str, body: &str) -> Result<bool, StoreError> {
        let now = self.now();
        let mut tx = self.begin_transaction().await?;
        let new = chat::receive(&mut tx, from, token, body, now).await?;
        tx.commit_quietly().await?;
        Ok(new)
    }

    /// Claims what platforms sent, for `lease`: whoever works on it says so before that, or another gets it.
    pub async fn claim_letters(&self, lease: Span, limit: u32) -> Result<Vec<Letter>, StoreError> {
        let now = self.now();
        if !chat::due(self.db(), now).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.begin_transaction().await?;
        let until = now.plus(lease);
        let claimed = chat::claim(&mut tx, self.inner.node, now, until, i64::from(limit.clamp(1, 1_000))).await?;
        tx.commit_quietly().await?;
        Ok(claimed)
    }

    /// Marks a letter as worked on; false where the claim was lost to somebody else.
    pub async fn letter_done(&self, id: LetterId) -> Result<bool, StoreError> {
        let mut tx = self.begin_transaction().await?;
        let done = chat::worked(&mut tx, id, self.inner.node, self.now()).await?;
        tx.commit_quietly().await?;
        Ok(done)
    }

    /// Forgets letters that no platform will deliver again.
    pub async fn forget_letters(&self) -> Result<u64, StoreError> {
        let before = Timestamp::from_micros(self.now().micros().saturating_sub(REMEMBER.micros()));
        let mut tx = self.begin_transaction().await?;
        let count = chat::forget(&mut tx, before).await?;
        tx.commit_quietly().await?;
        Ok(count)
    }

    /// Plans a card about something in a place, or gives the one that is there. Planned before it is posted, so that a
    /// crash in between is found.
    pub async fn plan_card(&self, about: &str, role: &str, at: Chat, place: &str) -> Result<CardRow, StoreError> {
        let now = self.now();
        let mut tx = self.begin_transaction().await?;
        let card = chat::plan(&mut tx, (about, role), (at, place), now).await?;
        tx.commit_quietly().await?;
        Ok(card)
    }

    /// Takes the right to post a card, for `lease`: two who want to at once post one.
    pub async fn take_card(&self, id: CardId, lease: Span) -> Result<Turn, StoreError> {
        let now = self.now();
        let mut tx = self.begin_transaction().await?;
        let turn = chat::take(&mut tx, id, now, now.plus(lease)).await?;
        tx.commit_quietly().await?;
        Ok(turn)
    }

    /// Gives the right to post a card back, where nobody knows whether it was posted.
    pub async fn yield_card(&self, id: CardId) -> Result<(), StoreError> {
        let mut tx = self.begin_transaction().await?;
        chat::yields(&mut tx, id).await?;
        tx.commit_quietly().await
    }

    /// The card whose id a button carried.
    pub async fn card(&self, id: CardId) -> Result<Option<CardRow>, StoreError> {
        chat::find_card(self.db(), id).await
    }

    /// Every card about something.
    pub async fn cards_about(&self, about: &str) -> Result<Vec<CardRow>, StoreError> {
        chat::cards_about(self.db(), about).await
    }

    /// Notes where a card was posted, and a hash of what it says.
    pub async fn card_posted(&self, id: CardId, message: &str, shown: &str) -> Result<(), StoreError> {
        let mut tx = self.begin_transaction().await?;
        chat::posted(&mut tx, id, message, shown).await?;
        tx.commit_quietly().await
    }

    /// Notes what a card says now.
    pub async fn card_revised(&self, id: CardId, shown: &str) -> Result<(), StoreError> {
        let mut tx = self.begin_transaction().await?;
        chat::shown(&mut tx, id, shown).await?;
        tx.commit_quietly().await
    }

    /// Notes that the platform has lost a card.
    pub async fn card_gone(&self, id: CardId) -> Result<(), StoreError> {
        let now = self.now();
        let mut tx = self.begin_transaction().await?;
        chat::gone(&mut tx, id, now).await?;
        tx.commit_quietly().await
    }
}
