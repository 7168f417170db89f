//! What a stored message says.
//!
//! A letter is the event as it came, with what was looked up when it came: the room, whether it is the conversation with one
//! person, and the message of ours that it is about. A check mark is a button that was pressed, and so is its verb, typed
//! with its code: what is typed behind it becomes the form that other platforms open.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use workflows::identity::{Chat, ChatUser};

use super::offer::{self, Offer};
use super::render::FIELD;
use super::words::is_account;
use crate::card::Verb;
use crate::command::{self, Command};
use crate::event::{Action, Back, Event, MessageRef, Place};
use crate::form::{FormName, Values};
use crate::platform::Unreadable;

/// What is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Letter {
    /// The room's id.
    pub(super) room: String,
    /// The bot's account.
    pub(super) me: String,
    /// Whether the room is the conversation with one person.
    #[serde(default)]
    pub(super) direct: bool,
    /// The event as it came.
    pub(super) event: Value,
    /// The message of ours that it is about, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) related: Option<Value>,
    /// Where that is, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) related_room: Option<String>,
}

/// A text of an event, by its path.
pub(super) fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path)?.as_str()
}

/// The server that an account belongs to.
pub(super) fn server(user: &str) -> Option<&str> {
    is_account(user).then_some(user)?.split_once(':').map(|(_, server)| server)
}

/// A message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ours {
    /// The event under which it was posted.
    pub(super) message: String,
    /// Its buttons, as it was written last.
    pub(super) offers: Vec<Offer>,
    form: bool,
    /// What it is found by.
    pub(super) mark: Option<String>,
}

/// Reads an event as a message that the bot itself sent. Nobody else's counts, whatever is in it.
pub(super) fn ours(event: &Value, me: &str) -> Option<Ours> {
    if text(event, "/sender") != Some(me) || text(event, "/type") != Some("m.room.message") {
        return None;
    }
    let edit = text(event, "/content/m.relates_to/rel_type") == Some("m.replace");
    let message = if edit { text(event, "/content/m.relates_to/event_id") } else { text(event, "/event_id") };
    let newest = event.pointer("/unsigned/m.relations/m.replace").filter(|edit| text(edit, "/sender") == Some(me));
    let contents =
        [newest.and_then(|edit| edit.pointer("/content/m.new_content")), event.pointer("/content/m.new_content")];
    let mut fields =
        contents.into_iter().flatten().chain(event.get("content")).filter_map(|content| content.get(FIELD));
    let field = fields.next()?;
    let offers = field.get("buttons").and_then(|list| Vec::deserialize(list).ok()).unwrap_or_default();
    let form = field.get("form").and_then(Value::as_bool).unwrap_or(false);
    let mark = text(event, &format!("/content/{FIELD}/mark")).map(str::to_owned);
    Some(Ours { message: message?.to_owned(), offers, form, mark })
}

/// What has to be looked up for an event before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is not for us.
    Nothing,
    /// A check mark below this message.
    Reacted(String),
    /// It was said to us: maybe in answer to a message, maybe with a code.
    Said {
        /// The message it answers.
        answers: Option<String>,
        /// The word behind the verb.
        code: Option<String>,
    },
}

/// What an event is for us.
pub(super) fn wanted(event: &Value, me: &str, direct: bool) -> Wanted {
    let theirs = text(event, "/sender").is_some_and(|sender| sender != me && is_account(sender));
    if !theirs || text(event, "/event_id").is_none() || event.get("state_key").is_some() {
        return Wanted::Nothing;
    }
    match text(event, "/type") {
        Some("m.reaction") => check_mark(event).map_or(Wanted::Nothing, |to| Wanted::Reacted(to.to_owned())),
        Some("m.room.message") => match said(event, me, direct) {
            Some(typed) => {
                let mut words = typed.split_whitespace();
                let code = words.next().and_then(offer::verb).and_then(|_| words.next()).map(str::to_owned);
                Wanted::Said { answers: answers(event).map(str::to_owned), code }
            }
            None => Wanted::Nothing,
        },
        _ => Wanted::Nothing,
    }
}

/// The message below which somebody set a check mark or a thumb, in any colour and writing.
fn check_mark(event: &Value) -> Option<&str> {
    let relation = event.pointer("/content/m.relates_to")?;
    let sign: String = text(relation, "/key")?
        .chars()
        .filter(|c| !matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'))
        .collect();
    let marked = text(relation, "/rel_type") == Some("m.annotation") && matches!(sign.as_str(), "✅" | "👍");
    text(relation, "/event_id").filter(|_| marked)
}

/// The message that another one answers, or in whose thread it stands.
fn answers(event: &Value) -> Option<&str> {
    let relation = event.pointer("/content/m.relates_to")?;
    let thread = text(relation, "/rel_type") == Some("m.thread");
    let fallback = relation.get("is_falling_back").and_then(Value::as_bool).unwrap_or(false);
    let answered = text(relation, "/m.in_reply_to/event_id").filter(|_| !(thread && fallback));
    answered.or_else(|| text(relation, "/event_id").filter(|_| thread))
}

/// What somebody said to us: behind `!` and a word of ours, behind our name, or anything between the two of us.
fn said(event: &Value, me: &str, direct: bool) -> Option<String> {
    let content = event.get("content")?;
    let edited = text(content, "/m.relates_to/rel_type") == Some("m.replace");
    if edited || text(content, "/msgtype") != Some("m.text") {
        return None;
    }
    let body = text(content, "/body")?;
    let body = if content.pointer("/m.relates_to/m.in_reply_to").is_some() { without_quoted(body) } else { body };
    let typed = body.trim();
    if let Some(command) = typed.strip_prefix('!') {
        let known = command.split_whitespace().next().is_some_and(is_ours);
        return (known || direct).then(|| command.trim().to_owned());
    }
    let rest = behind_name(typed, me, text(content, "/formatted_body").unwrap_or_default());
    let said = rest.or_else(|| direct.then_some(typed))?.trim();
    let said = said.strip_prefix('!').unwrap_or(said).trim();
    (!said.is_empty() || !direct).then(|| said.to_owned())
}

/// Other programs have commands with an exclamation mark too.
fn is_ours(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let listed = command::HELP.lines().filter_map(|line| line.split_whitespace().next());
    word == "help" || listed.into_iter().any(|known| known == word) || offer::verb(&word).is_some()
}

/// An answer, without the lines that some clients put before it.
fn without_quoted(body: &str) -> &str {
    let mut rest = body;
    while rest.starts_with("> ") || rest.starts_with(">\n") {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

/// What stands behind our name: the account, its first part, or whatever a mention of it is called.
fn behind_name<'t>(typed: &'t str, me: &str, html: &str) -> Option<&'t str> {
    let local = me.split(':').next().unwrap_or(me);
    let pill = html.split_once("</a>").map(|(before, _)| before).filter(|before| before.contains(me));
    let called = pill.and_then(|before| before.rsplit_once('>')).map(|(_, name)| name.trim_start_matches('@'));
    let typed = typed.trim_start_matches('@');
    let names = [Some(me.trim_start_matches('@')), called, Some(local.trim_start_matches('@'))];
    names.into_iter().flatten().filter(|name| !name.is_empty()).find_map(|name| {
        let begins = typed.get(..name.len())?.eq_ignore_ascii_case(name);
        let rest = typed.get(name.len()..).filter(|_| begins)?;
        let ends = rest.is_empty() || rest.starts_with([':', ',']) || rest.starts_with(char::is_whitespace);
        ends.then(|| rest.trim_start_matches([':', ',']).trim_start())
    })
}

/// What a letter says; nothing where it is not for us.
pub(super) fn read(letter: &str) -> Result<Option<Event>, Unreadable> {
    let letter: Letter = serde_json::from_str(letter).map_err(|error| Unreadable(error.to_string()))?;
    let Letter { room, me, direct, event, related, related_room } = letter;
    let asked = wanted(&event, &me, direct);
    let (Some(sender), Some(id)) = (text(&event, "/sender"), text(&event, "/event_id")) else { return Ok(None) };
    let Some(server) = server(sender) else { return Ok(None) };
    let ours = related.as_ref().and_then(|related| ours(related, &me));
    let elsewhere = related_room.unwrap_or_else(|| room.clone());
    let at = |message: &str| MessageRef { place: Place(elsewhere.clone()), message: message.to_owned() };
    let mut back = Back {
        who: ChatUser { chat: Chat::Matrix, workspace: server.to_owned(), user: sender.to_owned() },
        place: Some(Place(room.clone())),
        message: ours.as_ref().map(|ours| at(&ours.message)),
        trigger: None,
        token: None,
        id: Some(id.to_owned()),
        view: ours.as_ref().filter(|ours| ours.form).map(|ours| ours.message.clone()),
    };
    let what = match (asked, ours) {
        (Wanted::Nothing, _) | (Wanted::Reacted(_), None) => return Ok(None),
        (Wanted::Reacted(_), Some(ours)) => match offer::agreed(&ours.offers).filter(|offer| !offer.sure) {
            Some(offer) => pressed(offer),
            None => None,
        },
        (Wanted::Said { answers, .. }, ours) => {
            let typed = said(&event, &me, direct).unwrap_or_default();
            if back.message.is_none() {
                back.message = answers.map(|answered| MessageRef { place: Place(room), message: answered });
            }
            let of_card = ours.and_then(|ours| of_card(&typed, &ours));
            Some(of_card.unwrap_or(Action::Said { text: typed }))
        }
    };
    Ok(what.map(|what| Event { back, what }))
}

fn pressed(offer: &Offer) -> Option<Action> {
    let verb = Verb::parse(&offer.verb)?;
    Some(Action::Pressed { verb, key: offer.key.clone(), choice: offer.choice.clone() })
}

/// What was typed about a card of ours, as the button or the form that it stands for. The code may be left out in an answer
/// to the card. Nothing where it is something else.
fn of_card(typed: &str, ours: &Ours) -> Option<Action> {
    let (first, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let verb = offer::verb(first)?;
    let (word, behind) = rest.trim_start().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let named = ours.offers.iter().find(|offer| offer::is_code_of(word, &offer.key)).map(|offer| offer.key.clone());
    let with_verb = ours.offers.iter().find(|offer| offer.verb == verb.as_str());
    let (key, behind) = match named {
        Some(key) => (key, behind.trim()),
        None => {
            (with_verb.or_else(|| ours.offers.iter().find(|offer| !offer.key.is_empty()))?.key.clone(), rest.trim())
        }
    };
    let same: Vec<&Offer> = ours.offers.iter().filter(|one| one.verb == verb.as_str() && one.key == key).collect();
    if let Some(form) = filled(first, &key, behind) {
        return Some(form);
    }
    // Which of several buttons that say the same.
    let nth = behind.parse::<usize>().ok().and_then(|nth| nth.checked_sub(1)).filter(|_| same.len() > 1);
    let choice = match (same.as_slice(), nth) {
        ([], _) => String::new(),
        ([one], _) => one.choice.clone(),
        (several, nth) => several.get(nth?)?.choice.clone(),
    };
    // With something behind it that could not be understood, it is not what they agree to.
    let unclear = verb.agrees() && !behind.is_empty() && nth.is_none();
    let about_nothing = matches!(verb, Verb::Request | Verb::Mine | Verb::Link);
    (!unclear && !about_nothing).then_some(Action::Pressed { verb, key, choice })
}

/// What is typed behind a verb, as the form that other platforms open for it. Read by the grammar of commands, with the key
/// where people write an id.
fn filled(verb: &str, key: &str, behind: &str) -> Option<Action> {
    let less = matches!(offer::verb(verb)?, Verb::ApproveLess | Verb::ApproveAgain);
    let verb = if less { "approve" } else { verb };
    let filled = |form: FormName, values: &[(&str, Option<String>)]| {
        let given = values.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
        Some(Action::Submitted { form, key: key.to_owned(), values: given.collect::<Values>() })
    };
    match command::parse(&format!("{verb} {key} {behind}"), &[]) {
        Command::Approve { again: Some(again), span, note, .. } => {
            let (again, span) = (again.as_str().to_owned(), span.map(|span| span.to_string()));
            filled(FormName::Again, &[("what", Some(again)), ("span", span), ("note", note)])
        }
        Command::Approve { span, level, note, .. } if span.is_some() || level.is_some() || note.is_some() => {
            let level = level.map(|level| level.as_str().to_owned());
            filled(FormName::Less, &[("span", span.map(|span| span.to_string())), ("level", level), ("note", note)])
        }
        Command::Deny { because, .. } => filled(FormName::Deny, &[("because", Some(because))]),
        Command::AskBack { words, .. } => filled(FormName::Question, &[("text", Some(words))]),
        Command::Answer { words, .. } => filled(FormName::Answer, &[("text", Some(words))]),
        Command::Delegate { to, .. } => filled(FormName::Delegate, &[("person", Some(to))]),
        Command::Revoke { because, .. } => filled(FormName::Revoke, &[("because", Some(because))]),
        Command::Extend { span, because, .. } => {
            filled(FormName::Extend, &[("span", Some(span.to_string())), ("because", because)])
        }
        Command::Approve { .. }
        | Command::Ask(_)
        | Command::Form
        | Command::Mine
        | Command::Help
        | Command::Link
        | Command::LinkCode { .. }
        | Command::Done { .. }
        | Command::Who { .. }
        | Command::Withdraw { .. }
        | Command::Nudge { .. }
        | Command::Escalate { .. }
        | Command::Claim { .. }
        | Command::Emergency(_)
        | Command::Digest { .. }
        | Command::Unknown { .. } => None,
    }
}
