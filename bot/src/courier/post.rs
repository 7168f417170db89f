//! One card in one place: posted once, and rewritten whenever it would say something else.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tracing::{info, warn};
use workflows::clock::Span;
use workflows::engine::{CardRow, RemarkKind, Turn};
use workflows::id::RequestId;
use workflows::identity::{Chat, ChatUser};

use super::subject::Subject;
use super::{Courier, Post, TellError, roles};
use crate::card::{Card, Tone};
use crate::event::{MessageRef, Place};
use crate::platform::{Fitness, PlatformError};

/// A card may be overtaken by another change while it is written; beyond this many times somebody else's notice has it.
const ROUNDS: usize = 6;
/// Whoever posts a card has this long; a call to a platform takes less.
const POSTING: Span = Span::seconds(20);

/// Whether a message says what was to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    /// It was posted just now.
    Posted,
    /// Somebody posted it some time ago.
    Found,
}

/// A short hash of what a card says.
fn hash(card: &Card) -> String {
    let text = format!("{card:?}");
    Sha256::digest(text.as_bytes()).iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

fn at(row: &CardRow) -> Option<MessageRef> {
    let message = row.message.clone()?;
    Some(MessageRef { place: Place(row.place.clone()), message })
}

impl Courier {
    /// The platform of a card.
    pub(crate) fn post_of(&self, chat: Chat) -> Option<&Post> {
        self.posts.iter().find(|post| post.platform.chat() == chat)
    }

    /// Brings a card into a place: posts it if it is not there, and writes it anew if it says something else. The store is
    /// read anew after each write, since what it says may have changed meanwhile.
    pub(crate) async fn put(&self, post: &Post, place: &Place, subject: Subject) -> Result<(), TellError> {
        let platform = &post.platform;
        let about = subject.about();
        let row = self.workflows.plan_card(&about, &subject.role(), platform.chat(), &place.0).await?;
        let key = row.id.to_string();
        let mut there = at(&row);
        let mut shown = row.shown.clone();
        for _round in 0..ROUNDS {
            let Some(card) = self.card(post, subject, &key).await? else { return Ok(()) };
            let now = hash(&card);
            match &there {
                Some(_) if shown.as_deref() == Some(now.as_str()) => return Ok(()),
                Some(message) => {
                    match platform.revise(message, &card).await {
                        Ok(()) => self.workflows.card_revised(row.id, &now).await?,
                        Err(PlatformError::MessageGone) => {
                            // Somebody deleted it. It is posted anew, so that nobody has to look for it.
                            info!("the card about `{about}` was deleted in {}", row.chat);
                            self.workflows.card_gone(row.id).await?;
                            (there, shown) = (None, None);
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                None => {
                    let (message, fresh) = self.post_once(post, place, &row, &card).await?;
                    // What was found may be older than what the card says by now, so it is written anew.
                    let says = if fresh == Fresh::Posted { now } else { String::new() };
                    self.workflows.card_posted(row.id, &message.message, &says).await?;
                    (there, shown) = (Some(message), Some(says));
                    continue;
                }
            }
            shown = Some(now);
        }
        Ok(())
    }

    /// Posts a card, or finds that it was posted. Two notices about one thing may be told at once, here or by another node.
    async fn post_once(
        &self,
        post: &Post,
        place: &Place,
        row: &CardRow,
        card: &Card,
    ) -> Result<(MessageRef, Fresh), TellError> {
        let (platform, key) = (&post.platform, row.id.to_string());
        let fresh = |posted: MessageRef| (posted, Fresh::Posted);
        let posted = match self.workflows.take_card(row.id, POSTING).await? {
            Turn::First => platform.post(place, card, &key).await.map(fresh),
            // Somebody may have posted it without living to note where.
            Turn::Again => match platform.find(place, &key).await {
                Ok(Some(found)) => Ok((found, Fresh::Found)),
                Ok(None) => platform.post(place, card, &key).await.map(fresh),
                Err(error) => Err(error),
            },
            Turn::Taken => return Err(TellError::Busy),
        };
        if posted.is_err() {
            self.workflows.yield_card(row.id).await?;
        }
        Ok(posted?)
    }

    /// Rewrites every card about something on a platform.
    pub(crate) async fn rewrite(&self, post: &Post, about: &str) -> Result<(), TellError> {
        for row in self.workflows.cards_about(about).await? {
            // One that is being posted says what is true when it is there: whoever posts it looks once more.
            if row.chat != post.platform.chat() || row.message.is_none() {
                continue;
            }
            // Lists, drafts and what was said in a thread stay as they were.
            let Some(subject) = Subject::of(&row) else { continue };
            let written = if self.is_overheard(post, &row.place).await? {
                self.withhold(post, &row, subject).await
            } else {
                self.put(post, &Place(row.place.clone()), subject).await
            };
            match written {
                // One place that is gone keeps no other from being told.
                Err(TellError::Platform(error)) if !error.passes() => {
                    warn!("the card about `{about}` in {} can't be rewritten: {error}", row.chat);
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Rewrites the questions about a request, where somebody is still asked for an answer to them.
    pub(super) async fn rewrite_questions(&self, post: &Post, id: RequestId) -> Result<(), TellError> {
        let remarks = self.workflows.remarks(id).await?;
        for question in remarks.iter().filter(|one| one.kind == RemarkKind::Question) {
            let posted = self.workflows.cards_about(&question.id.to_string()).await?;
            for row in posted.iter().filter(|row| row.chat == post.platform.chat() && row.message.is_some()) {
                match self.put(post, &Place(row.place.clone()), Subject::Question(id, question.id)).await {
                    Err(TellError::Platform(error)) if !error.passes() => {
                        warn!("the question `{}` in {} can't be rewritten: {error}", question.id, row.chat);
                    }
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// Whether people of another company read a place by now. Nobody else reads a conversation with one person.
    async fn is_overheard(&self, post: &Post, place: &str) -> Result<bool, TellError> {
        let ours = [&post.channel, &post.alarms].into_iter().flatten().find(|one| one.0 == place);
        let Some(place) = ours else { return Ok(false) };
        Ok(post.platform.fitness(place).await? == Fitness::Shared)
    }

    /// Takes back what a card says, since others read it by now; whoever has to decide gets a card of their own.
    async fn withhold(&self, post: &Post, row: &CardRow, subject: Subject) -> Result<(), TellError> {
        let words =
            "Not shown here any more: this channel is shared with another company. Whoever is asked was written to.";
        let card = Card::saying(Tone::Over, words);
        let says = hash(&card);
        if let Some(message) = at(row).filter(|_| row.shown.as_deref() != Some(says.as_str())) {
            warn!("the channel `{}` of {} is shared by now: its card is emptied", row.place, row.chat);
            post.platform.revise(&message, &card).await?;
            self.workflows.card_revised(row.id, &says).await?;
        }
        let Subject::Asked(id) = subject else { return Ok(()) };
        let Some(request) = self.workflows.read_request(id).await? else { return Ok(()) };
        if !request.state.is_final() {
            for name in self.workflows.people_asked(&request) {
                self.put_to(post, &name, subject).await?;
            }
        }
        Ok(())
    }

    /// Says something in the threads of the cards on which others decide about a request. `once` names what is said: a
    /// notice that is told again, because another platform was away, says nothing twice.
    pub(crate) async fn follow(&self, post: &Post, id: RequestId, once: &str, card: &Card) -> Result<(), TellError> {
        let chat = post.platform.chat();
        for row in self.workflows.cards_about(&id.to_string()).await? {
            let ours = row.chat == chat && row.role == roles::ASKED;
            let (true, Some(message)) = (ours, at(&row)) else { continue };
            if self.is_overheard(post, &row.place).await? {
                continue;
            }
            let said = self.workflows.plan_card(once, roles::SAID, chat, &row.place).await?;
            if said.message.is_some() {
                continue;
            }
            let (platform, key) = (&post.platform, said.id.to_string());
            let before = match self.workflows.take_card(said.id, POSTING).await? {
                Turn::First => Ok(None),
                Turn::Again => platform.find_below(&message, &key).await,
                Turn::Taken => return Err(TellError::Busy),
            };
            let posted = match before {
                Ok(Some(found)) => Ok(found),
                Ok(None) => platform.follow(&message, card, &key).await,
                Err(error) => Err(error),
            };
            match posted {
                Ok(posted) => self.workflows.card_posted(said.id, &posted.message, &hash(card)).await?,
                Err(error) => {
                    self.workflows.yield_card(said.id).await?;
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// The channel, if it may be posted in. Details go nowhere that another company reads.
    pub(crate) async fn fit_channel(&self, post: &Post, place: Option<&Place>) -> Result<Option<Place>, TellError> {
        let Some(place) = place else { return Ok(None) };
        match post.platform.fitness(place).await? {
            Fitness::Fit => Ok(Some(place.clone())),
            unfit @ (Fitness::Shared | Fitness::Archived | Fitness::NotThere) => {
                warn!(
                    "the channel `{}` of {} is not used: {unfit:?}; people are written to instead",
                    place.0,
                    post.platform.chat()
                );
                Ok(None)
            }
        }
    }

    /// Somebody's account on a platform, if they have linked one.
    pub(crate) async fn account(&self, post: &Post, name: &str) -> Result<Option<ChatUser>, TellError> {
        Ok(self.workflows.reach(name, post.platform.chat()).await?)
    }

    /// Brings a card into the conversation with one person; does nothing where they have no account here.
    pub(crate) async fn put_to(&self, post: &Post, name: &str, subject: Subject) -> Result<(), TellError> {
        let Some(user) = self.account(post, name).await? else { return Ok(()) };
        let reached = match post.platform.conversation(&user.user).await {
            Ok(place) => self.put(post, &place, subject).await,
            Err(error) => Err(error.into()),
        };
        match reached {
            Err(TellError::Platform(error @ PlatformError::PersonGone(_))) => {
                info!("`{name}` can't be reached in {}: {error}", post.platform.chat());
                Ok(())
            }
            other => other,
        }
    }
}
