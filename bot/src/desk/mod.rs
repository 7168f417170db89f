//! People's messages in: who, what, one verb of the engine, an answer. It decides nothing itself; chat only carries wishes.

mod decide;
mod digest;
mod forms;
mod hold;
mod pressed;
mod said;
mod submitted;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use workflows::clock::{Span, Timestamp};
use workflows::engine::{AuthenticateError, Letter};
use workflows::identity::{Authenticated, ChatUser};
use workflows::told::Told;

use crate::card::{Card, Part, Text, Tone};
use crate::courier::{Courier, Post};
use crate::event::{Action, Back, Event};
use crate::inbox::Inbox;
use crate::platform::{PlatformError, Standing};
#[cfg(test)]
pub(crate) use forms::every as every_form;

/// A letter is given up by its claim after this, and taken up again.
const LEASE: Span = Span::seconds(15);
/// A letter that could not be worked on so often is put aside, with a word to whoever wrote it.
const MOST_TRIES: i64 = 3;
/// A button that was pressed, or a form that was sent, longer ago than this is no longer acted on: whoever did it has seen
/// that nothing happened.
const STALE: Span = Span::minutes(10);
/// How many letters are worked on at once.
const AT_ONCE: usize = 32;
/// Letters of other nodes that died are looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why somebody got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    /// Something to be told: not an error of ours.
    #[error("refused")]
    Told(Box<Card>),
    /// The platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The store.
    #[error(transparent)]
    Store(#[from] workflows::StoreError),
}

impl DeskError {
    /// Words for whoever acted.
    pub(crate) fn told(words: impl Into<String>) -> Self {
        Self::Told(Box::new(Card::saying(Tone::Bad, words)))
    }

    /// Nobody learns whether something is not there or not theirs to see.
    pub(crate) fn missing() -> Self {
        Self::told("there is no such request, or it is not for you to see")
    }

    /// The words of an error of the engine.
    pub(crate) fn of(error: &impl Told) -> Self {
        Self::told(error.told())
    }
}

/// What the desk answers: nothing where the answer is a form, or a card elsewhere.
pub(crate) type Answer = Result<Option<Card>, DeskError>;

/// Somebody who was recognised.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) post: &'a Post,
    pub(crate) who: Authenticated,
    pub(crate) back: Back,
    /// Since when this may have been carried out already, by somebody who did not live to say so.
    pub(crate) again: Option<Timestamp>,
}

impl Known<'_> {
    pub(crate) fn name(&self) -> &str {
        &self.who.identity().name
    }
}

/// Works on what people did. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    courier: Courier,
    inbox: Inbox,
}

impl Desk {
    /// A desk that answers through the courier's platforms.
    pub fn new(courier: Courier, inbox: Inbox) -> Self {
        Self { courier, inbox }
    }

    /// Works on letters until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut work: JoinSet<()> = JoinSet::new();
        loop {
            let free = places.available_permits();
            let claimed = if free == 0 {
                Ok(Vec::new())
            } else {
                self.courier.workflows.claim_letters(LEASE, free as u32).await
            };
            let letters = claimed.unwrap_or_else(|error| {
                warn!(error = &error as &dyn std::error::Error, "letters could not be claimed");
                Vec::new()
            });
            let more = !letters.is_empty();
            for letter in letters {
                let (desk, place) = (self.clone(), Arc::clone(&places));
                work.spawn(async move {
                    let _place = place.acquire_owned().await;
                    desk.take(letter).await;
                });
            }
            while work.try_join_next().is_some() {}
            if more && places.available_permits() > 0 {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.inbox.rung() => {}
                _ended = work.join_next(), if !work.is_empty() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        let rest = async { while work.join_next().await.is_some() {} };
        // What does not end in time is claimed again later, here or elsewhere.
        let _in_time = tokio::time::timeout(Duration::from_secs(5), rest).await;
    }

    /// Works on one letter. One that was worked on and not noted does no harm: the verbs are safe to repeat, and those that
    /// are not look first ([`Desk::asked_before`]).
    async fn take(&self, letter: Letter) {
        let done = match self.courier.post_of(letter.chat) {
            Some(post) => self.work(post, &letter).await,
            // A platform that was taken out of the file: nobody is left to answer.
            None => true,
        };
        if !done && letter.tries < MOST_TRIES {
            return;
        }
        if let Err(error) = self.courier.workflows.letter_done(letter.id).await {
            warn!(error = &error as &dyn std::error::Error, "that `{}` was worked on could not be noted", letter.id);
        }
    }

    /// Whether nothing is left to do.
    async fn work(&self, post: &Post, letter: &Letter) -> bool {
        let event = match post.platform.read(&letter.body) {
            Ok(Some(event)) => event,
            Ok(None) => return true,
            Err(error) => {
                warn!("a letter of {} is put aside: {error}", letter.chat);
                return true;
            }
        };
        let (back, what) = (event.back.clone(), event.what.clone());
        let age = self.courier.workflows.clock().now().since(letter.at);
        let answer = match what {
            Action::PlaceChanged { .. } | Action::PersonChanged => return true,
            Action::Pressed { .. } | Action::Submitted { .. } if age > STALE => {
                Err(DeskError::told("that was too long ago to be acted on; nothing was done, so please do it again"))
            }
            Action::Said { .. }
            | Action::Pressed { .. }
            | Action::Submitted { .. }
            | Action::About { .. }
            | Action::Home => self.act(post, event, (letter.tries > 1).then_some(letter.at)).await,
        };
        self.answer(post, &back, answer, letter.tries).await
    }

    async fn act(&self, post: &Post, event: Event, again: Option<Timestamp>) -> Answer {
        let Event { back, what } = event;
        let known = match self.known(post, &back).await {
            Ok(who) => Known { post, who, back, again },
            Err(DeskError::Told(card)) if matches!(what, Action::Home) => {
                post.platform.home(&back.who.user, &card).await?;
                return Ok(None);
            }
            Err(error) => return self.stranger(post, &back, &what, error).await,
        };
        match what {
            Action::Said { text } => self.said(&known, &text).await,
            Action::Pressed { verb, key, choice } => {
                let answer = self.pressed(&known, verb, &key, &choice).await;
                if known.back.message.is_none() && post.platform.can().home {
                    // It was pressed on somebody's own page, which is out of date now.
                    let _shown_later = self.home(&known).await;
                }
                answer
            }
            Action::Submitted { form, key, values } => self.submitted(&known, form, &key, &values).await,
            Action::About { text, link } => self.about(&known, &text, link.as_deref()).await,
            Action::Home => self.home(&known).await,
            Action::PlaceChanged { .. } | Action::PersonChanged => Ok(None),
        }
    }

    /// Who it is: a full member of our own workspace, at this moment, whose account is linked to an identity (G10).
    async fn known(&self, post: &Post, back: &Back) -> Result<Authenticated, DeskError> {
        let ours = post.platform.workspace().await?;
        let chat = post.platform.chat().title();
        if back.who.workspace != ours {
            return Err(DeskError::told(format!(
                "only members of the {chat} workspace that Countersign belongs to can use it"
            )));
        }
        match post.platform.standing(&back.who.user).await? {
            Standing::Member => {}
            Standing::Guest => return Err(DeskError::told("guests can't ask or decide here; use your own account")),
            Standing::Bot => return Err(DeskError::told("programs can't ask or decide here; people can")),
            Standing::Gone => return Err(DeskError::told("your account is not an active member here")),
            Standing::Stranger => {
                return Err(DeskError::told("members of a connected company can't ask or decide here"));
            }
        }
        self.courier.workflows.authenticate_chat(&back.who).await.map_err(|error| match error {
            AuthenticateError::Unknown => unlinked(&back.who),
            AuthenticateError::Suspended => {
                DeskError::told("your access to Countersign is suspended; ask its administrators")
            }
            AuthenticateError::Expired | AuthenticateError::Revoked => DeskError::of(&error),
            AuthenticateError::Store(error) => error.into(),
        })
    }

    /// What somebody may do before they are recognised: prove where there is no page for it (Matrix), and nothing else.
    async fn stranger(&self, post: &Post, back: &Back, what: &Action, error: DeskError) -> Answer {
        let Action::Said { text } = what else { return Err(error) };
        let crate::command::Command::LinkCode { code } = crate::command::parse(text, &[]) else { return Err(error) };
        let member = post.platform.standing(&back.who.user).await? == Standing::Member;
        if !member || post.platform.sign_in("", "", "").is_some() {
            return Err(error);
        }
        let proved =
            self.courier.workflows.prove_link(&code, &back.who).await.map_err(|error| DeskError::of(&error))?;
        let words = format!(
            "To finish, type {} where you ran `countersign link`. If you did not run it, somebody else did: do nothing.",
            proved.reveal()
        );
        Ok(Some(Card::saying(Tone::Asking, words)))
    }

    /// Answers whoever acted, in private. False where it should be tried again.
    async fn answer(&self, post: &Post, back: &Back, answer: Answer, tries: i64) -> bool {
        let card = match answer {
            Ok(None) => return true,
            Ok(Some(card)) => card,
            Err(DeskError::Told(card)) => *card,
            Err(DeskError::Store(error)) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "a wish from {} could not be carried out", back.who.chat
                );
                if tries < MOST_TRIES {
                    return false;
                }
                Card::saying(Tone::Bad, error.told())
            }
            Err(DeskError::Platform(PlatformError::TooLate)) => Card::saying(
                Tone::Bad,
                format!("{} did not let us answer in time; please do it again", back.who.chat.title()),
            ),
            Err(DeskError::Platform(error)) => {
                warn!("{} did not take an answer: {error}", back.who.chat);
                let title = back.who.chat.title();
                match error {
                    // Trying again does not help before somebody has put that in order.
                    PlatformError::Scope(right) => Card::saying(
                        Tone::Bad,
                        format!(
                            "{title} does not let Countersign do that: its app lacks the right `{right}`. Nothing was decided; \
                             tell whoever looks after Countersign"
                        ),
                    ),
                    error if error.passes() && tries < MOST_TRIES => return false,
                    PlatformError::MessageGone
                    | PlatformError::PlaceGone(..)
                    | PlatformError::PersonGone(_)
                    | PlatformError::Limited(_)
                    | PlatformError::Token(_)
                    | PlatformError::Invalid(_)
                    | PlatformError::TooLate
                    | PlatformError::Down(_) => Card::saying(
                        Tone::Bad,
                        format!(
                            "{title} got in the way of that; look at the card, and do it again if nothing happened"
                        ),
                    ),
                }
            }
        };
        match post.platform.whisper(back, &card).await {
            Ok(()) => true,
            Err(error) => {
                // The wish itself was carried out; only its echo is missing. The cards tell the truth.
                info!("{} did not take an answer: {error}", back.who.chat);
                true
            }
        }
    }
}

/// What somebody reads whose account is not linked.
fn unlinked(who: &ChatUser) -> DeskError {
    let chat = who.chat.as_str();
    let words = "Countersign does not know whose account this is yet.";
    let card = Card::saying(Tone::Asking, words).with(Part::Say(
        Text::plain("Link it once: in a terminal where you are signed in to Countersign, run ")
            .code(format!("countersign link {chat}")),
    ));
    DeskError::Told(Box::new(card))
}
