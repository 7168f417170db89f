//! The forms, as data.

use workflows::clock::Span;
use workflows::request::{Again, Request, What};
use workflows::shown::visible;
use workflows::target::Access;

use crate::command::{Ask, Target};
use crate::form::{Field, FieldKind, Form, FormName, Need};
use crate::render;

/// How long access is usually asked for.
const SPANS: [&str; 6] = ["15m", "30m", "1h", "2h", "4h", "8h"];
/// How long something may usually pass again.
const AGAIN: [&str; 6] = ["5m", "10m", "30m", "1h", "2h", "4h"];
/// The one that stands there first.
const USUAL: &str = "10m";

fn field(name: &'static str, label: &str, hint: &str, need: Need, kind: FieldKind) -> Field {
    Field { name, label: label.to_owned(), hint: hint.to_owned(), value: String::new(), need, kind }
}

fn with(field: Field, value: impl Into<String>) -> Field {
    Field { value: value.into(), ..field }
}

fn form(name: FormName, key: &str, title: &str, submit: &str, fields: Vec<Field>) -> Form {
    Form {
        name,
        key: key.to_owned(),
        title: title.to_owned(),
        submit: Some(submit.to_owned()),
        parts: Vec::new(),
        fields,
        buttons: Vec::new(),
    }
}

fn levels() -> FieldKind {
    let option = |value: &str, words: &str| (value.to_owned(), words.to_owned());
    FieldKind::Choice(vec![
        option("read", "Read: look, and change nothing"),
        option("write", "Write: change data"),
        option("admin", "Admin: everything"),
    ])
}

/// Asking for access, filled in with what was said already.
pub(super) fn request(ask: Option<&Ask>, key: &str) -> Form {
    let said = |part: Option<String>| part.unwrap_or_default();
    let target = ask.and_then(|ask| match &ask.target {
        Target::Exact(name) => Some(name.to_string()),
        Target::Several(_) | Target::Unknown(_) | Target::Missing => None,
    });
    let level = ask.and_then(|ask| ask.level).unwrap_or(Access::Read);
    let span = ask.and_then(|ask| ask.span).map_or_else(|| "1h".to_owned(), |span| span.to_string());
    let because = ask.and_then(|ask| ask.because.clone());
    let fields = vec![
        with(
            field("target", "Target", "Type to search; only what you may ask for", Need::Required, FieldKind::Search),
            said(target),
        ),
        with(field("level", "Level", "read, write or admin", Need::Required, levels()), level.as_str()),
        with(field("span", "For how long", "Like 45m, 1h30m or 2d", Need::Required, FieldKind::Line), span),
        with(field("because", "Why", "Those who decide read it", Need::Required, FieldKind::Lines), said(because)),
        field("person", "For somebody else", "Leave it empty if it is for you", Need::Optional, FieldKind::Person),
    ];
    form(FormName::Request, key, "Ask for access", "Ask", fields)
}

/// Changing what was asked.
pub(super) fn edit(request_: &Request, key: &str) -> Option<Form> {
    let What::Access { target, access, span, .. } = &request_.what else { return None };
    let ask = Ask {
        target: Target::Exact(target.clone()),
        level: Some(*access),
        span: Some(*span),
        because: Some(request_.why.clone()),
        person: None,
        certain: crate::command::Certain::Guessed,
        left_over: Vec::new(),
    };
    let mut form = request(Some(&ask), key);
    "Ask for something else".clone_into(&mut form.title);
    // It stays the same person's.
    form.fields.retain(|field| field.name != "person");
    Some(form)
}

/// Spans that are shorter than what was asked.
pub(super) fn shorter(span: Span) -> Vec<String> {
    SPANS.into_iter().filter(|text| text.parse::<Span>().is_ok_and(|one| one < span)).map(str::to_owned).collect()
}

/// Agreeing to less.
pub(super) fn less(access: Access, span: Span, key: &str) -> Form {
    let mut spans: Vec<(String, String)> = shorter(span).into_iter().map(|one| (one.clone(), one)).collect();
    spans.push((span.to_string(), format!("{span}, as asked")));
    let mut fields =
        vec![with(field("span", "For how long", "", Need::Required, FieldKind::Choice(spans)), span.to_string())];
    if access > Access::Read {
        let all = match levels() {
            FieldKind::Choice(all) => all,
            FieldKind::Line | FieldKind::Lines | FieldKind::Search | FieldKind::Person => Vec::new(),
        };
        let fits = all.into_iter().filter(|(value, _)| value.parse::<Access>().is_ok_and(|one| one <= access));
        let kind = FieldKind::Choice(fits.collect());
        fields.push(with(field("level", "At which level", "", Need::Required, kind), access.as_str()));
    }
    fields.push(field("note", "A note", "The requester reads it", Need::Optional, FieldKind::Lines));
    form(FormName::Less, key, "Approve less", "Approve", fields)
}

/// Agreeing to more than once: what, and for how long.
pub(super) fn again(request: &Request, key: &str) -> Form {
    let most = request.needs.repeat();
    let mut what = vec![(Again::Exact.as_str().to_owned(), "Exactly this command".to_owned())];
    if let Some(shape) = render::shape(request) {
        // Whole: a form shows 75 characters of a choice.
        let words = format!("This shape: {}", visible(&shape.shown));
        what.push((Again::Shape.as_str().to_owned(), words));
    }
    let mut spans: Vec<(String, String)> = again_spans(most).into_iter().map(|one| (one.clone(), one)).collect();
    spans.push((most.to_string(), format!("{most}, the longest that the policy lets")));
    let first = spans.iter().find(|(span, _)| span == USUAL).or(spans.first()).map(|(span, _)| span.clone());
    let hint = "A shape is the same command with other operands";
    let fields = vec![
        with(
            field("what", "What may run again", hint, Need::Required, FieldKind::Choice(what)),
            Again::Exact.as_str(),
        ),
        with(
            field(
                "span",
                "For how long",
                "In its session, from when it runs",
                Need::Required,
                FieldKind::Choice(spans),
            ),
            first.unwrap_or_default(),
        ),
        field("note", "A note", "The requester reads it", Need::Optional, FieldKind::Lines),
    ];
    form(FormName::Again, key, "Allow again", "Approve", fields)
}

/// Spans that are shorter than the longest.
fn again_spans(most: Span) -> Vec<String> {
    AGAIN.into_iter().filter(|text| text.parse::<Span>().is_ok_and(|one| one < most)).map(str::to_owned).collect()
}

/// What is offered as buttons: at most four.
pub(super) fn repeats(request: &Request) -> Vec<(Again, Span)> {
    let most = request.needs.repeat();
    let usual = USUAL.parse::<Span>().unwrap_or(most).min(most);
    let spans = if usual == most { vec![most] } else { vec![usual, most] };
    request.repeats_as().iter().flat_map(|again| spans.iter().map(move |span| (*again, *span))).collect()
}

pub(super) fn question(key: &str) -> Form {
    let text = field(
        "text",
        "Your question",
        "It goes to the requester, and into the thread",
        Need::Required,
        FieldKind::Lines,
    );
    form(FormName::Question, key, "Ask back", "Ask", vec![text])
}

pub(super) fn answer(key: &str) -> Form {
    let text = field("text", "Your answer", "Those who decide read it", Need::Required, FieldKind::Lines);
    form(FormName::Answer, key, "Answer", "Answer", vec![text])
}

pub(super) fn deny(key: &str) -> Form {
    let because = field("because", "Why not", "The requester reads it", Need::Required, FieldKind::Lines);
    form(FormName::Deny, key, "Deny", "Deny", vec![because])
}

pub(super) fn revoke(key: &str) -> Form {
    let because =
        field("because", "Why", "Its holder reads it; sessions are cut at once", Need::Required, FieldKind::Lines);
    form(FormName::Revoke, key, "End this access", "End it", vec![because])
}

pub(super) fn extend(key: &str) -> Form {
    let span = with(field("span", "For how long from now", "Like 30m or 1h", Need::Required, FieldKind::Line), "30m");
    let because = field("because", "Why", "Those who decide read it", Need::Optional, FieldKind::Lines);
    form(FormName::Extend, key, "More time", "Ask", vec![span, because])
}

pub(super) fn delegate(key: &str) -> Form {
    let person = field("person", "Whom", "One of those who may decide", Need::Required, FieldKind::Person);
    form(FormName::Delegate, key, "Ask somebody else", "Ask", vec![person])
}

/// Each form, with what it can be filled in with already.
#[cfg(test)]
pub(crate) fn every() -> Vec<Form> {
    use crate::render::tests::{access, request_for};

    let why = "INC-42: the job is stuck <!channel> @everyone\n".repeat(30);
    let asked = request_for(access(Access::Write), &why);
    let span = Span::hours(2);
    let empty = [question("KEY"), answer("KEY"), deny("KEY"), revoke("KEY"), extend("KEY"), delegate("KEY")];
    let less = [less(Access::Admin, span, "KEY"), less(Access::Read, Span::minutes(10), "KEY")];
    [request(None, "")].into_iter().chain(edit(&asked, "KEY")).chain(less).chain(empty).collect()
}
