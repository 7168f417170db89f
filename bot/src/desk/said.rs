//! What people type.

use workflows::approval::Terms;
use workflows::clock::Span;
use workflows::engine::{AccessAsk, Asked, Filter};
use workflows::grant::Grant;
use workflows::identity::ChatUser;
use workflows::request::{Request, State, What};
use workflows::shown::visible;
use workflows::target::{Access, TargetName};

use super::{Answer, Desk, DeskError, Known};
use crate::card::{Card, Part, Text, Tone, Verb, Weight, utc};
use crate::command::{self, Ask, Certain, Command, Target};
use crate::courier::roles;
use crate::platform::Forms;
use crate::render::{self, button};

/// How often somebody's page is shown at most for one thing that happened.
const MOST_LOOKS: u32 = 4;

impl Desk {
    /// Answers what was typed.
    pub(super) async fn said(&self, known: &Known<'_>, text: &str) -> Answer {
        let names = self.may_ask(known);
        match command::parse(text, &names) {
            Command::Ask(ask) => self.ask(known, ask, Glass::Whole).await,
            Command::Emergency(ask) => self.ask(known, ask, Glass::Broken).await,
            Command::Form => self.request_form(known, None).await,
            Command::Mine => self.mine(known).await.map(Some),
            Command::Help => Ok(Some(help())),
            Command::Link => {
                let words = format!("Your account is linked to {} already.", visible(known.name()));
                Ok(Some(Card::saying(Tone::Good, words)))
            }
            Command::LinkCode { .. } => Err(DeskError::told("your account is linked already")),
            Command::Who { target } => self.who_has(known, &target).await,
            Command::Done { what } => self.done(known, what.as_deref()).await,
            Command::Extend { what, span, because } => {
                self.extend_typed(known, &what, span, because.as_deref()).await
            }
            Command::Revoke { what, because } => self.revoke_typed(known, &what, &because).await,
            Command::Digest { week } => self.digest(known, week.as_deref()).await,
            Command::Approve { id, span, level: _, again: Some(again), note } => {
                let terms = Terms { repeat: again.repeat(span), ..Terms::default() };
                self.approve_typed(known, &id, terms, note).await
            }
            Command::Approve { id, span, level, again: None, note } => {
                let terms = Terms { span, access: level, ..Terms::default() };
                self.approve_typed(known, &id, terms, note).await
            }
            Command::Deny { id, because } => {
                let id = self.find_request(known, &id).await?;
                self.deny(known, id, &because).await
            }
            Command::Withdraw { id } => {
                let id = self.find_request(known, &id).await?;
                self.withdraw(known, id).await
            }
            Command::Nudge { id } => {
                let id = self.find_request(known, &id).await?;
                self.nudge(known, id).await
            }
            Command::Escalate { id } => {
                let id = self.find_request(known, &id).await?;
                self.escalate(known, id).await
            }
            Command::Claim { id } => {
                let id = self.find_request(known, &id).await?;
                self.claim(known, id).await
            }
            Command::AskBack { id, words } => {
                let id = self.find_request(known, &id).await?;
                self.ask_back(known, id, &words).await
            }
            Command::Answer { id, words } => self.answer_typed(known, &id, &words).await,
            Command::Delegate { id, to } => {
                let id = self.find_request(known, &id).await?;
                let to = self.person(known, &to).await?;
                self.delegate(known, id, &to).await
            }
            Command::Unknown { said: _, hint } => Err(DeskError::told(hint)),
        }
    }

    /// The targets that somebody may ask for, by name.
    pub(super) fn may_ask(&self, known: &Known<'_>) -> Vec<TargetName> {
        let workflows = &self.courier.workflows;
        let may = workflows.policy().may_ask(known.name(), workflows.clock().now());
        let mut names: Vec<TargetName> = may.into_iter().map(|one| one.target.name.clone()).collect();
        names.dedup();
        names
    }

    /// Asks for access: at once where it was said in the exact form, with a card to confirm where it was guessed.
    async fn ask(&self, known: &Known<'_>, ask: Ask, glass: Glass) -> Answer {
        let target = match &ask.target {
            Target::Exact(name) => name.clone(),
            Target::Several(names) => return Err(several(names)),
            Target::Unknown(name) => return Err(unknown(name, &self.may_ask(known))),
            Target::Missing => return self.request_form(known, Some(&ask)).await,
        };
        let (Some(span), Some(because)) = (ask.span, ask.because.clone()) else {
            return self.request_form(known, Some(&ask)).await;
        };
        let person = match &ask.person {
            Some(person) => Some(self.person(known, person).await?),
            None => None,
        };
        let access = ask.level.unwrap_or(Access::Read);
        let wish = Wish { target, access, span, why: because, person, glass };
        match (ask.certain, glass) {
            (Certain::Short, Glass::Whole) => self.send(known, wish).await.map(Some),
            // What is loud, and what was guessed, is confirmed first.
            (Certain::Short, Glass::Broken) | (Certain::Guessed, _) => {
                self.confirm(known, wish, &ask.left_over).await
            }
        }
    }

    /// Whom a text means: a name of the file, or an account that is mentioned.
    pub(super) async fn person(&self, known: &Known<'_>, text: &str) -> Result<String, DeskError> {
        let Some(id) = text.strip_prefix("<@").and_then(|rest| rest.strip_suffix('>')) else {
            return Ok(text.to_owned());
        };
        let id = id.split('|').next().unwrap_or(id).trim_start_matches('!');
        let user = ChatUser { user: id.to_owned(), ..known.back.who.clone() };
        let found = self.courier.workflows.authenticate_chat(&user).await;
        found.map(|who| who.identity().name.clone()).map_err(|_| {
            DeskError::told("the person whom you mention has not linked their account yet; write their name instead")
        })
    }

    /// Makes the request, and says what became of it.
    pub(super) async fn send(&self, known: &Known<'_>, wish: Wish) -> Result<Card, DeskError> {
        let workflows = &self.courier.workflows;
        let Wish { target, access, span, why, person, glass } = wish;
        let emergency = glass == Glass::Broken;
        let what = What::Access { target: target.clone(), access, span, extends: None, emergency };
        if let Some(asked) = self.asked_before(known, person.as_deref(), &what, &why).await? {
            return Ok(self.was_asked(&asked));
        }
        let ask = AccessAsk { target, access, span, why, emergency };
        let asked = match person {
            Some(name) => workflows.request_for(&known.who, &name, ask).await,
            None => workflows.request(&known.who, ask).await,
        };
        asked.map(|asked| self.was_asked(&asked)).map_err(|error| DeskError::of(&error))
    }

    /// What was asked the last time that this was worked on, if it was: by now it may be settled and over, so that the
    /// engine would take it for something new. Of break-glass access there is no second anyway (G14).
    pub(super) async fn asked_before(
        &self,
        known: &Known<'_>,
        person: Option<&str>,
        what: &What,
        why: &str,
    ) -> Result<Option<Asked>, DeskError> {
        let Some(since) = known.again else { return Ok(None) };
        let (workflows, name) = (&self.courier.workflows, person.unwrap_or(known.name()));
        let all = Filter { open_only: false, limit: 1_000 };
        let found = workflows.requests(&known.who, all).await.map_err(|error| DeskError::of(&error))?;
        let same = |one: &Request| one.by.name == name && one.at >= since && one.what == *what && one.why == why;
        let Some(request) = found.into_iter().find(same) else { return Ok(None) };
        let people = workflows.people_asked(&request);
        Ok(Some(Asked { request, grant: None, people }))
    }

    /// What became of an ask.
    pub(super) fn was_asked(&self, asked: &Asked) -> Card {
        let target = asked.request.what.target();
        if let Some(grant) = &asked.grant {
            let words = format!(
                "You have {} access to {target} until {}. Everybody concerned was told.",
                grant.access,
                utc(grant.until)
            );
            return Card::saying(Tone::Loud, words).with(Part::Fact(
                "Connect with",
                Text::default().code(format!("countersign connect {target} -- psql")),
            ));
        }
        let people: Vec<String> = asked.people.iter().map(|name| visible(name)).collect();
        let people = if people.is_empty() { "nobody at the moment".to_owned() } else { people.join(", ") };
        let until = asked.request.state.due().map(|due| format!(", until {}", self.courier.workflows.local(due)));
        let words = format!("Asked for {target}: {people}{}.", until.unwrap_or_default());
        let card = Card::saying(Tone::Good, words);
        card.with(Part::Note(Text::plain(format!("{} · you hear of it here", asked.request.id))))
    }

    /// A card with what was understood; nothing is asked before it is confirmed.
    async fn confirm(&self, known: &Known<'_>, wish: Wish, left_over: &[String]) -> Answer {
        let draft = serde_json::to_string(&wish).unwrap_or_default();
        // The draft is the topic: the same wish of the same person is one card.
        let row =
            self.courier.workflows.plan_card(&draft, roles::DRAFT, known.back.who.chat, &known.back.who.user).await?;
        let key = row.id.to_string();
        let title = match wish.glass {
            Glass::Whole => "Is this what you want to ask for?",
            Glass::Broken => "Break the glass? Everybody concerned is told at once, and somebody else reviews it.",
        };
        let mut card = Card::saying(Tone::Asking, title);
        card.parts.push(Part::Fact(
            "Access",
            Text::default().strong(wish.access.as_str().to_uppercase()).say(" on ").code(wish.target.to_string()),
        ));
        card.parts.push(Part::Fact("For", Text::plain(wish.span.to_string())));
        if let Some(person) = &wish.person {
            card.parts.push(Part::Fact("For whom", Text::plain(visible(person))));
        }
        card.parts.push(Part::Quote("Why", visible(&wish.why)));
        if !left_over.is_empty() {
            let words = format!("Not understood: {}", visible(&left_over.join(" ")));
            card.parts.push(Part::Note(Text::plain(render::brief(&words, 300))));
        }
        let send = match wish.glass {
            Glass::Whole => crate::card::Button {
                weight: Weight::Primary,
                ..button(Verb::Send, "Ask for it", "Send the request", &key)
            },
            Glass::Broken => crate::card::Button {
                weight: Weight::Danger,
                ..button(Verb::Send, "Break the glass", "Take break-glass access now", &key)
            },
        };
        card.buttons = vec![send, button(Verb::Discard, "Don't", "Do not send the request", &key)];
        Ok(Some(card))
    }

    /// What is somebody's own: requests that wait for them, their requests, their access.
    pub(super) async fn mine(&self, known: &Known<'_>) -> Result<Card, DeskError> {
        let open = Filter { open_only: true, limit: 100 };
        let workflows = &self.courier.workflows;
        let requests = workflows.requests(&known.who, open).await.map_err(|error| DeskError::of(&error))?;
        let grants = workflows.grants(&known.who, open).await.map_err(|error| DeskError::of(&error))?;
        let grants: Vec<&Grant> = grants.iter().filter(|one| one.to == *known.who.identity()).collect();
        let (own, others): (Vec<&Request>, Vec<&Request>) =
            requests.iter().partition(|one| one.by == *known.who.identity());
        let asked: Vec<&Request> = others.into_iter().filter(|one| workflows.may_decide(known.name(), one)).collect();
        let words =
            format!("{} waiting for you · {} of yours waiting · access to {}", asked.len(), own.len(), grants.len());
        let mut card = Card::saying(Tone::Over, words);
        card.parts.push(Part::Fact("Signed in as", Text::plain(visible(known.name()))));
        for request in asked.iter().take(10) {
            card.parts.push(Part::Fact("Waiting for you", line(request)));
        }
        for request in own.iter().take(10) {
            card.parts.push(Part::Fact("You asked", line(request)));
        }
        for grant in grants.iter().take(10) {
            card.parts.push(Part::Fact("You have", held(grant)));
            let row = workflows
                .plan_card(&grant.id.to_string(), roles::MINE, known.back.who.chat, &known.back.who.user)
                .await?;
            let key = row.id.to_string();
            let done = button(Verb::Done, "I'm done", &format!("End your access to {}", grant.target), &key);
            let extend = button(Verb::Extend, "Extend…", &format!("Ask for more time on {}", grant.target), &key);
            card.parts.push(Part::Buttons(if grant.emergency { vec![done] } else { vec![extend, done] }));
        }
        card.buttons.push(button(Verb::Request, "Ask for access…", "Open the form to ask for access", ""));
        Ok(card)
    }

    /// Somebody opened our page.
    ///
    /// Two calls may overtake each other, here or from another node, and the page is the one that arrived last. So each
    /// looks again after it was shown: whoever comes last finds what it shows to be true, or shows it once more.
    pub(super) async fn home(&self, known: &Known<'_>) -> Answer {
        let mut card = self.mine(known).await?;
        for _ in 0..MOST_LOOKS {
            known.post.platform.home(&known.back.who.user, &card).await?;
            let now = self.mine(known).await?;
            if now == card {
                break;
            }
            card = now;
        }
        Ok(None)
    }

    /// Who has access to a target now, as far as whoever asks may know.
    async fn who_has(&self, known: &Known<'_>, target: &str) -> Answer {
        let workflows = &self.courier.workflows;
        let open = Filter { open_only: true, limit: 1_000 };
        let grants = workflows.grants(&known.who, open).await.map_err(|error| DeskError::of(&error))?;
        let now = workflows.clock().now();
        let here: Vec<&Grant> =
            grants.iter().filter(|one| one.target.as_str() == target && one.is_live(now)).collect();
        let knows = self.may_ask(known).iter().any(|name| name.as_str() == target) || !here.is_empty();
        if !knows {
            return Err(unknown(target, &self.may_ask(known)));
        }
        let mut card =
            Card::saying(Tone::Over, format!("{} with access to {target} now, as far as you may see", here.len()));
        for grant in here.iter().take(20) {
            let words = Text::plain(format!("{} access until ", grant.access)).moment(grant.until);
            card.parts.push(Part::Fact(
                "Has access",
                Text::default().strong(visible(&grant.to.name)).say(": ").say(words.words()),
            ));
        }
        Ok(Some(card))
    }

    /// Somebody wants to ask because of a message.
    pub(super) async fn about(&self, known: &Known<'_>, text: &str, link: Option<&str>) -> Answer {
        let why = match link {
            Some(link) => format!("{} ({link})", render::brief(text, 300)),
            None => render::brief(text, 300),
        };
        let ask = Ask {
            target: Target::Missing,
            level: None,
            span: None,
            because: Some(why),
            person: None,
            certain: Certain::Guessed,
            left_over: Vec::new(),
        };
        self.request_form(known, Some(&ask)).await
    }

    /// Opens the form, filled in as far as something was said; where there are none, says what to type.
    pub(super) async fn request_form(&self, known: &Known<'_>, ask: Option<&Ask>) -> Answer {
        let can = known.post.platform.can();
        if can.forms == Forms::None || (known.back.trigger.is_none() && known.back.id.is_none()) {
            return Ok(Some(help()));
        }
        let form = super::forms::request(ask, "");
        known.post.platform.open(&known.back, &form).await?;
        Ok(None)
    }
}

/// Whether the glass is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Glass {
    Whole,
    Broken,
}

/// What somebody wants to ask for.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wish {
    pub(crate) target: TargetName,
    pub(crate) access: Access,
    pub(crate) span: Span,
    pub(crate) why: String,
    pub(crate) person: Option<String>,
    pub(crate) glass: Glass,
}

fn help() -> Card {
    Card::saying(Tone::Over, "What you can type").with(Part::Quote("Commands", command::HELP.to_owned()))
}

fn several(names: &[TargetName]) -> DeskError {
    let names: Vec<&str> = names.iter().take(25).map(TargetName::as_str).collect();
    DeskError::told(format!("several targets fit: {}; write the whole name", names.join(", ")))
}

fn unknown(name: &str, may: &[TargetName]) -> DeskError {
    let name = render::brief(name, 63);
    if may.is_empty() {
        return DeskError::told(format!(
            "there is no target `{name}` that you may ask for; there is none at all that you may"
        ));
    }
    let names: Vec<&str> = may.iter().take(10).map(TargetName::as_str).collect();
    let more = if may.len() > 10 { ", …" } else { "" };
    DeskError::told(format!("there is no target `{name}` that you may ask for; yours are {}{more}", names.join(", ")))
}

/// A request on one line.
fn line(request: &Request) -> Text {
    let what = match &request.what {
        What::Access { access, span, .. } => format!("{access} for {span}"),
        What::Operation { .. } => "a held command".to_owned(),
        What::Review { .. } => "a review".to_owned(),
    };
    let until = match &request.state {
        State::Pending { until, .. } | State::Approved { until, .. } => Some(*until),
        State::Spent { .. } | State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => None,
    };
    let text = Text::default()
        .code(request.what.target().to_string())
        .say(format!(": {what} by {}", visible(&request.by.name)));
    let text = match until {
        Some(until) => text.say(", until ").moment(until),
        None => text,
    };
    text.say(" · ").code(request.id.to_string())
}

fn held(grant: &Grant) -> Text {
    Text::default().code(grant.target.to_string()).say(format!(": {} until ", grant.access)).moment(grant.until)
}
