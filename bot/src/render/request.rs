//! A request as a card: for those who decide, in the order in which they need it, and for whoever asked.

use std::fmt::Write as _;

use workflows::approval::Vote;
use workflows::clock::{Span, Timestamp};
use workflows::engine::{History, Remark, RemarkKind};
use workflows::identity::ChatUser;
use workflows::request::{Again, Request, Shape, State, What};
use workflows::shown::visible;
use workflows::target::Access;

use super::{CARD_TEXT, brief, button};
use crate::card::{Button, Card, Part, Piece, Ping, Text, Tone, Verb, Weight, utc};

/// For whom a card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Those who decide.
    Asked,
    /// Whoever asked.
    Own,
}

/// What a card of a request is made of.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The request.
    pub request: &'a Request,
    /// What was said about it.
    pub remarks: &'a [Remark],
    /// What its requester asked for before.
    pub history: Option<History>,
    /// Who is asked at this moment, by name, and their account here if they have one.
    pub asked: &'a [(String, Option<ChatUser>)],
    /// What its buttons carry.
    pub key: &'a str,
    /// The moment, in local words of the policy's zone, of the deadline.
    pub until: Option<Timestamp>,
    /// What the on-call provider's trouble is, if there is any.
    pub note: Option<String>,
}

/// The card.
pub fn request(view: &View<'_>, reader: Reader) -> Card {
    let request = view.request;
    let (title, summary) = headline(request);
    let mut card = Card {
        summary: format!("{summary} {}", state_words(request)),
        title,
        tone: tone(request),
        parts: Vec::new(),
        buttons: Vec::new(),
        more: Vec::new(),
    };
    card.parts.extend(subject(view));
    card.parts.extend(unusual(view, reader));
    card.parts.push(Part::Fact("State", state(view, reader)));
    card.parts.extend(said(view));
    if let Some(note) = &view.note {
        card.parts.push(Part::Note(Text::plain(note.clone())));
    }
    card.parts.push(Part::Note(Text::plain(format!("{} · asked {}", request.id, utc(request.at)))));
    match (&request.state, reader) {
        (State::Pending { .. }, Reader::Asked) => decide(view, &mut card),
        (State::Pending { .. }, Reader::Own) => own(view, &mut card),
        (
            State::Approved { .. }
            | State::Spent { .. }
            | State::Denied { .. }
            | State::Withdrawn { .. }
            | State::Lapsed { .. },
            Reader::Asked | Reader::Own,
        ) => {}
    }
    card
}

/// The headline, and the same as a sentence. The name is the identity's, never a display name (G10).
fn headline(request: &Request) -> (Text, String) {
    let who = visible(&request.by.name);
    let target = request.what.target().to_string();
    match &request.what {
        What::Access { access, span, extends, emergency, .. } => {
            let level = access.as_str().to_uppercase();
            let wants = match (emergency, extends) {
                (true, _) => " broke the glass: ",
                (false, Some(_)) => " wants more time: ",
                (false, None) => " wants ",
            };
            let title = Text::default().strong(who.clone()).say(wants).strong(level.clone());
            let title = title.say(" on ").code(target.clone()).say(format!(" for {span}"));
            (title, format!("{who}{wants}{level} on {target} for {span}."))
        }
        What::Operation { .. } => {
            let title =
                Text::default().strong(who.clone()).say(" waits with a held command on ").code(target.clone());
            (title, format!("{who} waits with a held command on {target}."))
        }
        What::Review { .. } => {
            let title = Text::default().say("Review what ").strong(who.clone()).say(" did behind the glass on ");
            (title.code(target.clone()), format!("Review owed: what {who} did under break-glass access to {target}."))
        }
    }
}

const fn tone(request: &Request) -> Tone {
    match &request.state {
        State::Pending { .. } => Tone::Asking,
        State::Approved { .. } | State::Spent { .. } => Tone::Good,
        State::Denied { .. } => Tone::Bad,
        State::Withdrawn { .. } | State::Lapsed { .. } => Tone::Over,
    }
}

/// Why, and what it would touch.
fn subject(view: &View<'_>) -> Vec<Part> {
    let request = view.request;
    let mut parts = Vec::new();
    match &request.what {
        What::Access { access, .. } => {
            parts.push(Part::Quote("Why", visible(&request.why)));
            let can = match access {
                Access::Read => "read everything that the target's read login sees",
                Access::Write => "read and change data; the rules still hold what is dangerous",
                Access::Admin => "everything that the target's admin login may do",
            };
            parts.push(Part::Fact("With it they can", Text::plain(can)));
        }
        What::Operation { shown, impact, fingerprint, session, .. } => {
            let long = is_long(shown);
            let text = if long { shown.chars().take(CARD_TEXT / 3).chain(['…']).collect() } else { shown.clone() };
            parts.push(Part::Quote(if long { "The beginning of the command" } else { "The command, whole" }, text));
            if long {
                let lines = shown.lines().count();
                let words =
                    format!("{} characters in {lines} lines: open all of it to decide.", shown.chars().count());
                parts.push(Part::Say(Text::default().strong(words)));
            }
            parts.push(Part::Fact("Held by", Text::default().code(visible(&request.why))));
            if !impact.is_empty() {
                parts.push(Part::Quote("It would", visible(&impact.join("\n"))));
            }
            if request.repeats_as().is_empty() {
                let text = "the same words may do something else in another folder, or with other variables";
                parts.push(Part::Fact("Only once", Text::plain(text)));
            }
            if let Some(shape) = shape(request) {
                let text = Text::default().code(visible(&shape.shown)).say(": the same command with other operands");
                parts.push(Part::Fact("Its shape", text));
            }
            let short: String = fingerprint.chars().take(12).collect();
            parts.push(Part::Note(Text::plain(format!("{session} · sha256 {short}…"))));
        }
        What::Review { grant, .. } => {
            parts.push(Part::Quote("Why", visible(&request.why)));
            let look = format!("countersign sessions --all; the grant is {grant}");
            parts.push(Part::Fact("Look at", Text::default().code(look)));
        }
    }
    if let Some(asker) = &request.asked_by {
        parts.push(Part::Fact("Asked for them by", Text::plain(visible(asker))));
    }
    parts
}

/// Whether a held text has to be opened before anybody may agree to it (G8).
pub(crate) fn is_long(shown: &str) -> bool {
    shown.chars().count() > CARD_TEXT
}

/// What is unusual, in words; nothing for whoever asked.
fn unusual(view: &View<'_>, reader: Reader) -> Vec<Part> {
    let (Some(history), Reader::Asked, What::Access { .. }) = (view.history, reader, &view.request.what) else {
        return Vec::new();
    };
    let mut words = Vec::new();
    match history.last {
        None => words.push("first time on this target".to_owned()),
        Some((at, state)) => {
            let became = if state == "spent" { "granted" } else { state };
            let times = if history.here == 1 { "once".to_owned() } else { format!("{} times", history.here) };
            words.push(format!("{times} before, last {} ({became})", utc(at)));
        }
    }
    if history.today > 0 {
        words.push(format!("request {} within 24 hours", history.today + 1));
    }
    if history.denied_today > 0 {
        words.push(format!("{} of them denied", history.denied_today));
    }
    vec![Part::Fact("History", Text::plain(words.join(" · ")))]
}

fn votes(request: &Request) -> &[Vote] {
    match &request.state {
        State::Pending { votes, .. } | State::Approved { votes, .. } | State::Spent { votes, .. } => votes.list(),
        State::Denied { .. } | State::Withdrawn { .. } | State::Lapsed { .. } => &[],
    }
}

fn agreed(request: &Request) -> String {
    let names: Vec<String> = votes(request).iter().map(|vote| visible(&vote.by.name)).collect();
    names.join(", ")
}

/// Where it stands, as a sentence without dates.
fn state_words(request: &Request) -> String {
    match &request.state {
        State::Pending { .. } if request.state.stopped().is_some() => {
            format!("Its clock is stopped: it waits for an answer of {}.", visible(&request.by.name))
        }
        State::Pending { .. } => "It waits for a decision.".to_owned(),
        State::Approved { .. } | State::Spent { .. } => match &request.what {
            What::Access { emergency: true, .. } => "It was granted at once; a review is owed.".to_owned(),
            What::Access { .. } | What::Operation { .. } => format!("Approved by {}.", agreed(request)),
            What::Review { .. } => format!("Reviewed by {}.", agreed(request)),
        },
        State::Denied { by, .. } => format!("Denied by {}.", visible(&by.name)),
        State::Withdrawn { .. } => match request.replaced {
            Some(other) => format!("Superseded by {other}."),
            None => "Withdrawn.".to_owned(),
        },
        State::Lapsed { .. } => "Nobody agreed in time.".to_owned(),
    }
}

/// Where it stands.
fn state(view: &View<'_>, reader: Reader) -> Text {
    let request = view.request;
    match &request.state {
        State::Pending { .. } => pending(view, reader),
        State::Approved { at, .. } => {
            Text::default().strong(format!("Approved by {}", agreed(request))).say(" ").moment(*at)
        }
        State::Spent { at, .. } => {
            let verb = match &request.what {
                What::Access { emergency: true, .. } => "Granted at once".to_owned(),
                What::Access { .. } => format!("Approved by {}{}", agreed(request), less(request)),
                What::Operation { .. } => format!("Let through, approved by {}{}", agreed(request), less(request)),
                What::Review { .. } => format!("Reviewed by {}", agreed(request)),
            };
            Text::default().strong(verb).say(" ").moment(*at)
        }
        State::Denied { at, by, .. } => {
            Text::default().strong(format!("Denied by {}", visible(&by.name))).say(" ").moment(*at)
        }
        State::Withdrawn { at } => match request.replaced {
            Some(other) => {
                Text::default().strong("Superseded").say(" by ").code(other.to_string()).say(" ").moment(*at)
            }
            None => Text::default().strong("Withdrawn").say(" ").moment(*at),
        },
        State::Lapsed { at } => Text::default().strong("Lapsed: nobody agreed in time").say(" ").moment(*at),
    }
}

/// What was agreed to, where it is less or more than what was asked.
fn less(request: &Request) -> String {
    let terms = request.terms();
    let mut words = String::new();
    if let Some(span) = terms.span {
        let _infallible = write!(words, " for {span}");
    }
    if let Some(access) = terms.access {
        let _infallible = write!(words, ", {access} only");
    }
    if let Some((again, until)) = request.repeats_until() {
        let _infallible = write!(words, ", {} until {}", again.words(), utc(until));
    }
    words
}

fn pending(view: &View<'_>, reader: Reader) -> Text {
    let request = view.request;
    let mut text = Text::default();
    let so_far = votes(request);
    let wanted: u32 = request.needs.quorums().iter().map(|quorum| u32::from(quorum.people.max(1))).sum();
    if wanted > 1 || !so_far.is_empty() {
        let by = if so_far.is_empty() { String::new() } else { format!(": {}", agreed(request)) };
        text = text.strong(format!("{} of {wanted}{by}", so_far.len())).say(" · ");
    }
    let groups: Vec<String> = request.asked().iter().map(ToString::to_string).collect();
    text = text.say(format!("asked {} ", groups.join(", ")));
    for piece in pings(view, reader) {
        text = text.and(piece);
    }
    if let Some(latest) = request.state.stopped() {
        let whom = visible(&request.by.name);
        text = text.strong(format!("clock stopped, waiting for {whom}")).say(", until ").moment(latest);
        text = text.say(" at the latest");
    } else if let Some(until) = view.until {
        text = text.say("until ").moment(until);
    }
    let then: Vec<String> =
        request.needs.quorums().iter().filter_map(|quorum| quorum.then.as_ref()).map(ToString::to_string).collect();
    if let (State::Pending { escalated: false, .. }, false) = (&request.state, then.is_empty()) {
        text = text.say(format!(", then {}", then.join(", ")));
    }
    text
}

/// Whoever is asked, by name. On the card of those who decide the ones with an account here are pinged, where they are few:
/// one post, one ping.
fn pings(view: &View<'_>, reader: Reader) -> Vec<Piece> {
    const FEW: usize = 3;
    let loud = reader == Reader::Asked && view.asked.len() <= FEW;
    let mut pieces = Vec::new();
    for (at, (name, account)) in view.asked.iter().take(FEW).enumerate() {
        pieces.push(Piece::Plain(if at == 0 { "(" } else { ", " }.to_owned()));
        pieces.push(match account.as_ref().filter(|_| loud) {
            Some(user) => Piece::Person(user.clone(), Ping::Loud),
            None => Piece::Plain(visible(name)),
        });
    }
    if !pieces.is_empty() {
        let more = view.asked.len().saturating_sub(FEW);
        pieces.push(Piece::Plain(if more > 0 { format!(" and {more} more) ") } else { ") ".to_owned() }));
    }
    pieces
}

/// What was said about it: reasons, notes, questions and answers, who is looking at it, what became of it.
fn said(view: &View<'_>) -> Vec<Part> {
    let request = view.request;
    let mut parts = Vec::new();
    if let State::Denied { because, .. } = &request.state {
        parts.push(Part::Quote("Because", visible(because)));
    }
    for vote in votes(request) {
        if let Some(note) = &vote.note {
            parts.push(Part::Quote("Note", format!("{}: {}", visible(&vote.by.name), visible(note))));
        }
    }
    for remark in view.remarks.iter().filter(|remark| remark.kind == RemarkKind::Question) {
        let mut text = format!("{}: {}", visible(&remark.by.name), visible(&remark.words));
        if let Some((answer, _)) = &remark.answer {
            let _infallible = write!(text, "\n{}: {}", visible(&request.by.name), visible(answer));
        }
        parts.push(Part::Quote("Asked back", text));
    }
    let looks: Vec<String> = view
        .remarks
        .iter()
        .filter(|remark| remark.kind == RemarkKind::Claim)
        .map(|remark| visible(&remark.by.name))
        .collect();
    if let (State::Pending { .. }, Some(last)) = (&request.state, looks.last()) {
        parts.push(Part::Note(Text::plain(format!("{last} is looking at it"))));
    }
    if let Some(outcome) = &request.outcome {
        let took = Span::from_micros(outcome.micros as i64);
        let millis = took.micros() / 1_000;
        parts.push(match &outcome.error {
            None => Part::Fact("Outcome", Text::plain(format!("{} rows in {millis} ms", outcome.rows))),
            Some(error) => Part::Quote("It failed", format!("after {millis} ms: {}", brief(error, 300))),
        });
    }
    parts
}

/// The buttons of those who decide.
fn decide(view: &View<'_>, card: &mut Card) {
    let request = view.request;
    let (who, target) = (visible(&request.by.name), request.what.target().to_string());
    match &request.what {
        What::Access { access, span, .. } => {
            let spoken = format!("Approve {access} access to {target} for {who} for {span}");
            let approve = button(Verb::Approve, format!("Approve {span}"), &spoken, view.key);
            let confirm = (*access == Access::Admin)
                .then(|| format!("Give {who} ADMIN access to {target} for {span}? Admin can do everything there."));
            card.buttons.push(Button {
                weight: Weight::Primary,
                confirm: confirm.map(|words| brief(&words, 200)),
                ..approve
            });
            card.buttons.push(button(
                Verb::ApproveLess,
                "Approve less…",
                "Approve for less time or a lower level",
                view.key,
            ));
        }
        What::Operation { shown, .. } if is_long(shown) => {
            let open = button(Verb::Open, "Open the full text", "Open the full text of the held command", view.key);
            card.buttons.push(Button { weight: Weight::Primary, ..open });
        }
        What::Operation { .. } => card.buttons.extend(run(view.key, request)),
        What::Review { .. } => {
            let fine =
                button(Verb::Approve, "Reviewed: all well", "Note that the review found nothing wrong", view.key);
            card.buttons.push(Button { weight: Weight::Primary, ..fine });
        }
    }
    card.buttons.push(button(Verb::Ask, "Ask…", &format!("Ask {who} something back"), view.key));
    let (label, spoken) = match request.what {
        What::Review { .. } => ("Found fault…", "Note what the review found"),
        What::Access { .. } | What::Operation { .. } => ("Deny…", "Deny the request, with a reason"),
    };
    card.buttons.push(Button { weight: Weight::Danger, ..button(Verb::Deny, label, spoken, view.key) });
    card.more.push(button(Verb::Claim, "I'm looking at it", "Tell the others that you are looking at it", view.key));
    card.more.push(button(Verb::Delegate, "Ask somebody else…", "Ask another one of those who may decide", view.key));
    if let State::Pending { escalated: false, .. } = request.state
        && request.needs.can_escalate()
    {
        card.more.push(button(Verb::Escalate, "Ask the next ones now", "Escalate to the next people now", view.key));
    }
}

/// What the button that allows more than once carries, where the command has a shape: for platforms that show what to type.
pub(crate) const WITH_SHAPE: &str = "with_shape";

/// The ways to agree to a held command whose whole text was shown.
pub(crate) fn run(key: &str, request: &Request) -> Vec<Button> {
    let (who, most) = (visible(&request.by.name), request.needs.repeat());
    let once = button(Verb::Approve, "Run once", &format!("Let this exact command of {who} run once"), key);
    let mut all = vec![Button { weight: Weight::Primary, ..once }];
    if !request.repeats_as().is_empty() {
        all.push(button(
            Verb::ApproveForSession,
            format!("Allow for {most}"),
            &format!("Let this exact command of {who} run again in its session, for {most}"),
            key,
        ));
        let again = format!("Choose what of {who} may run again, and how long");
        let again = button(Verb::ApproveAgain, "Allow again…", &again, key);
        let shaped = request.repeats_as().contains(&Again::Shape);
        all.push(Button { choice: if shaped { WITH_SHAPE.to_owned() } else { String::new() }, ..again });
    }
    all
}

/// The shape of a held command, where it may be allowed by it.
pub(crate) fn shape(request: &Request) -> Option<&Shape> {
    let What::Operation { shape, .. } = &request.what else { return None };
    shape.as_ref().filter(|_| request.repeats_as().contains(&Again::Shape))
}

/// The buttons of whoever asked.
fn own(view: &View<'_>, card: &mut Card) {
    match &view.request.what {
        What::Access { extends, .. } => {
            card.buttons.push(button(Verb::Withdraw, "Cancel", "Take your request back", view.key));
            card.buttons.push(button(Verb::Nudge, "Nudge", "Remind those who were asked", view.key));
            if extends.is_none() {
                card.buttons.push(button(Verb::Edit, "Change…", "Ask for something else instead", view.key));
            }
        }
        // Whoever waits in a session gives up there, with Ctrl-C; a review is not theirs to take back.
        What::Operation { .. } | What::Review { .. } => {
            card.buttons.push(button(Verb::Nudge, "Nudge", "Remind those who were asked", view.key));
        }
    }
}
