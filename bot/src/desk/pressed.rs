//! What people press. A button carries the id of a card, and nothing else of it is believed.

use workflows::approval::{Repeat, Terms};
use workflows::clock::Span;
use workflows::engine::{CardRow, VoteError};
use workflows::id::{CardId, GrantId, QuestionId, RequestId};
use workflows::request::{Again, Request, What};
use workflows::target::Access;
use workflows::told::Told;

use super::said::Wish;
use super::{Answer, Desk, DeskError, Known, forms};
use crate::card::{Button, Card, Part, Tone, Verb, Weight};
use crate::courier::roles;
use crate::form::Form;
use crate::platform::Forms;
use crate::render::{self, brief, button};

/// The choice of a button that was asked back and confirmed, where the platform can't ask back itself.
const SURE: &str = "sure";

impl Desk {
    /// The card that a button belongs to. One that was forwarded, or copied by another program, is not ours.
    pub(super) async fn card(&self, known: &Known<'_>, key: &str) -> Result<CardRow, DeskError> {
        let stale = || DeskError::told("this card is not Countersign's, or it is too old; nothing was done");
        let id: CardId = key.parse().map_err(|_| stale())?;
        let row =
            self.courier.workflows.card(id).await?.filter(|row| row.chat == known.back.who.chat).ok_or_else(stale)?;
        // Buttons of whispers and of forms stand in no message that was posted.
        match (&row.message, &known.back.message) {
            (Some(posted), Some(pressed)) if *posted != pressed.message && known.back.view.is_none() => {
                // An ephemeral answer of ours carries the same key; it is only ever shown to one person.
                let whisper = matches!(row.role.as_str(), roles::DRAFT | roles::MINE) || pressed.place.0 == row.place;
                if whisper { Ok(row) } else { Err(stale()) }
            }
            _ => Ok(row),
        }
    }

    /// The request that a card is about.
    async fn request_at(&self, known: &Known<'_>, key: &str) -> Result<RequestId, DeskError> {
        request_of(&self.card(known, key).await?)
    }

    /// The grant that a card is about.
    async fn grant_at(&self, known: &Known<'_>, key: &str) -> Result<GrantId, DeskError> {
        grant_of(&self.card(known, key).await?)
    }

    pub(super) async fn pressed(&self, known: &Known<'_>, verb: Verb, key: &str, choice: &str) -> Answer {
        match verb {
            Verb::Request => self.request_form(known, None).await,
            Verb::Mine => self.mine(known).await.map(Some),
            Verb::Link => Err(DeskError::told("your account is linked already")),
            Verb::Send => self.confirmed(known, &self.card(known, key).await?).await,
            Verb::Discard => Ok(Some(Card::saying(Tone::Over, "Nothing was asked for."))),
            Verb::Reviewed | Verb::Act => self.of_digest(known, verb, &self.card(known, key).await?, choice).await,
            Verb::Done | Verb::Extend | Verb::Revoke | Verb::Connect => {
                let id = self.grant_at(known, key).await?;
                self.of_grant(known, verb, (id, key), choice).await
            }
            Verb::Approve => {
                let id = self.request_at(known, key).await?;
                self.agree(known, id, key, choice).await
            }
            Verb::ApproveForSession => {
                let terms = Terms { repeat: Repeat::Exact { within: None }, ..Terms::default() };
                self.approve(known, self.request_at(known, key).await?, terms, None).await
            }
            Verb::ApproveAgain => {
                let id = self.request_at(known, key).await?;
                self.again(known, id, key, choice).await
            }
            Verb::ApproveLess => {
                let id = self.request_at(known, key).await?;
                self.less(known, id, key, choice).await
            }
            Verb::Open | Verb::Next => {
                let id = self.request_at(known, key).await?;
                self.open_text(known, id, key, choice).await
            }
            Verb::Claim => self.claim(known, self.request_at(known, key).await?).await,
            Verb::Escalate => self.escalate(known, self.request_at(known, key).await?).await,
            Verb::Withdraw => self.withdraw(known, self.request_at(known, key).await?).await,
            Verb::Nudge => self.nudge(known, self.request_at(known, key).await?).await,
            Verb::Edit => {
                let request = self.own(known, self.request_at(known, key).await?).await?;
                let form = forms::edit(&request, key).ok_or_else(|| DeskError::told("this can't be changed"))?;
                self.form(known, form, "access TARGET 1h because WHY").await
            }
            Verb::Ask => self.form(known, forms::question(key), "ask ID QUESTION").await,
            Verb::Answer => self.form(known, forms::answer(key), "answer ID WORDS").await,
            Verb::Deny => self.form(known, forms::deny(key), "deny ID because WHY").await,
            Verb::Delegate => self.form(known, forms::delegate(key), "delegate ID PERSON").await,
        }
    }

    /// Agrees; to what is very much only when it was asked back, also where the platform can't do that itself.
    async fn agree(&self, known: &Known<'_>, id: RequestId, key: &str, choice: &str) -> Answer {
        let request =
            self.courier.workflows.show_request(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        let much = matches!(&request.what, What::Access { access: Access::Admin, .. });
        let asks_itself = known.post.platform.can().forms == Forms::Full;
        if much && !asks_itself && choice != SURE && known.post.platform.can().buttons {
            let words = format!(
                "Give {} ADMIN access to {}?",
                workflows::shown::visible(&request.by.name),
                request.what.target()
            );
            let yes = button(Verb::Approve, "Yes, approve", &words, key);
            let yes = Button { weight: Weight::Danger, choice: SURE.to_owned(), ..yes };
            return Ok(Some(Card { buttons: vec![yes], ..Card::saying(Tone::Asking, words) }));
        }
        self.approve(known, id, Terms::default(), None).await
    }

    /// Agrees to less: a form where there are forms with choices, buttons elsewhere.
    async fn less(&self, known: &Known<'_>, id: RequestId, key: &str, choice: &str) -> Answer {
        if let Some(terms) = terms_of(choice) {
            return self.approve(known, id, terms, None).await;
        }
        let request =
            self.courier.workflows.show_request(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        let What::Access { access, span, .. } = &request.what else {
            return Err(DeskError::told("there is no less of this"));
        };
        let can = known.post.platform.can();
        if can.forms == Forms::Full {
            return self.form(known, forms::less(*access, *span, key), "approve ID 30m").await;
        }
        if !can.buttons {
            return Err(DeskError::told("type `approve ID 30m`, or `approve ID read`"));
        }
        let mut card = Card::saying(Tone::Asking, "Approve for how long?");
        let option = |label: String, choice: String| {
            let spoken = format!("Approve {label}");
            Button { choice, ..button(Verb::ApproveLess, label, &spoken, key) }
        };
        card.buttons =
            forms::shorter(*span).into_iter().take(4).map(|one| option(one.clone(), format!("s{one}"))).collect();
        if *access > Access::Read {
            card.buttons.push(option("read only".to_owned(), "lread".to_owned()));
        }
        Ok(Some(card))
    }

    /// Agrees to more than once: a form where there are forms with choices, buttons elsewhere.
    async fn again(&self, known: &Known<'_>, id: RequestId, key: &str, choice: &str) -> Answer {
        if let Some(repeat) = repeat_of(choice) {
            return self.approve(known, id, Terms { repeat, ..Terms::default() }, None).await;
        }
        let request =
            self.courier.workflows.show_request(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        if !matches!(request.what, What::Operation { .. }) {
            return Err(DeskError::told("only a held command can be allowed again"));
        }
        if request.repeats_as().is_empty() {
            return Err(DeskError::told(VoteError::OnlyOnce.told()));
        }
        let shape = render::shape(&request);
        let can = known.post.platform.can();
        if can.forms == Forms::Full {
            let form = forms::again(&request, key);
            return self.form(known, form, "approve ID exact 10m").await;
        }
        if !can.buttons {
            let or = if shape.is_some() { ", or `approve ID shape 10m`" } else { "" };
            return Err(DeskError::told(format!("type `approve ID exact 10m`{or}")));
        }
        let mut card = Card::saying(Tone::Asking, "What may run again in its session, and for how long?");
        if let Some(shape) = shape {
            card.parts.push(Part::Quote("Its shape", workflows::shown::visible(&shape.shown)));
        }
        card.buttons = forms::repeats(&request)
            .into_iter()
            .map(|(again, span)| {
                let what = if again == Again::Shape { "This shape" } else { "Exactly this" };
                let spoken = format!("Let {} run again for {span}", what.to_lowercase());
                let choice = format!("{}-{span}", again.as_str());
                Button { choice, ..button(Verb::ApproveAgain, format!("{what}, {span}"), &spoken, key) }
            })
            .collect();
        Ok(Some(card))
    }

    /// Opens a form; where there are none, says what to type.
    pub(super) async fn form(&self, known: &Known<'_>, form: Form, typed: &str) -> Answer {
        if known.post.platform.can().forms == Forms::None {
            return Err(DeskError::told(format!("there are no forms here; type `{typed}`")));
        }
        known.post.platform.open(&known.back, &form).await?;
        Ok(None)
    }

    async fn own(&self, known: &Known<'_>, id: RequestId) -> Result<Request, DeskError> {
        let request =
            self.courier.workflows.show_request(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        if request.by == *known.who.identity() {
            Ok(request)
        } else {
            Err(DeskError::told("only whoever asked can change it"))
        }
    }

    /// Sends what was understood from a free text.
    async fn confirmed(&self, known: &Known<'_>, row: &CardRow) -> Answer {
        let nothing = || DeskError::told("there is nothing to send any more; please ask again");
        if row.role != roles::DRAFT || row.place != known.back.who.user {
            return Err(nothing());
        }
        let wish: Wish = serde_json::from_str(&row.about).map_err(|_| nothing())?;
        self.send(known, wish).await.map(Some)
    }

    async fn of_grant(&self, known: &Known<'_>, verb: Verb, (id, key): (GrantId, &str), choice: &str) -> Answer {
        if verb == Verb::Done {
            return self.end(known, id, "done").await;
        }
        if verb == Verb::Revoke {
            return self.form(known, forms::revoke(key), "revoke ID because WHY").await;
        }
        if verb == Verb::Extend {
            return match choice.parse::<Span>() {
                Ok(span) => self.extend(known, id, span, None).await,
                Err(_) => self.form(known, forms::extend(key), "extend TARGET 30m because WHY").await,
            };
        }
        let grant = self.courier.workflows.read_grant(id).await?;
        let mine = grant.filter(|grant| grant.to == *known.who.identity());
        let grant = mine.ok_or_else(|| DeskError::told("there is no such access of yours"))?;
        let card = Card::saying(Tone::Good, format!("Until {}: in a terminal,", Self::until(&grant)));
        Ok(Some(card.with(Part::Quote("Connect with", format!("countersign connect {} -- psql", grant.target)))))
    }
}

/// What a card is about, if it is a request.
pub(super) fn request_of(row: &CardRow) -> Result<RequestId, DeskError> {
    row.about.parse().map_err(|_| DeskError::told("this button is not about a request"))
}

/// What a card is about, if it is a grant; a reminder is about a grant and one of its ends.
pub(super) fn grant_of(row: &CardRow) -> Result<GrantId, DeskError> {
    row.about.parse().map_err(|_| DeskError::told("this button is not about an access"))
}

/// What a card is about, if it is a question.
pub(super) fn question_of(row: &CardRow) -> Result<QuestionId, DeskError> {
    row.about.parse().map_err(|_| DeskError::told("this button is not about a question"))
}

/// What a choice of the buttons for less means: `s30m`, `lread`.
fn terms_of(choice: &str) -> Option<Terms> {
    if let Some(span) = choice.strip_prefix('s') {
        return span.parse().ok().map(|span| Terms { span: Some(span), ..Terms::default() });
    }
    let level = choice.strip_prefix('l')?;
    level.parse().ok().map(|access| Terms { access: Some(access), ..Terms::default() })
}

/// What a choice of the buttons for more than once means: `exact-10m`, `shape-1h`.
fn repeat_of(choice: &str) -> Option<Repeat> {
    let (again, span) = choice.split_once('-')?;
    Some(again.parse::<Again>().ok()?.repeat(Some(span.parse().ok()?)))
}

/// For notes: a text of at most 300 characters.
pub(super) fn note(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() { None } else { Some(brief(text, 1_000)) }
}
