//! Text as Slack's rich text and plain text: nothing that somebody else wrote ever becomes markup, a link or a mention (G9).

use serde_json::{Value, json};
use workflows::shown::visible;

use crate::card::{Piece, Ping, Text, utc};

/// A moment in the reader's own time.
const MOMENT: &str = "{date_short_pretty} at {time}";
/// What stands where there is nothing: Slack takes no empty text.
const NOTHING: &str = "–";
/// Breaks what a client would make into a link, and is not seen.
const JOINER: char = '\u{2060}';
/// The longest top-level text, in bytes as Slack counts them: `chat.update` takes 4,000.
const SUMMARY: usize = 3_000;

/// At most so many characters, made visible, and it is seen where some are missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = visible(text);
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The same on one line, and never empty.
pub(super) fn line(text: &str, most: usize) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    if flat.is_empty() { NOTHING.to_owned() } else { cut(&flat.join(" "), most) }
}

/// The same over several lines.
pub(super) fn lines(text: &str, most: usize) -> String {
    if text.trim().is_empty() { NOTHING.to_owned() } else { cut(text, most) }
}

/// A text object in which nothing is markup.
pub(super) fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": line(text, most), "emoji": false })
}

/// The sentence that notifications and screen readers say. It goes through Slack's markup, so nothing of that is left in it.
pub(super) fn summary(text: &str) -> String {
    let text = line(text, SUMMARY);
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if safe.len() > SUMMARY {
            safe.push('…');
            break;
        }
        let goes_on = rest.peek().is_some_and(|next| next.is_alphabetic() || *next == '/');
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '.' | ':' if goes_on => safe.extend([JOINER, c]),
            '@' if goes_on => safe.extend([c, JOINER]),
            c => safe.push(c),
        }
    }
    safe
}

/// A text that stands out or not, as an element of rich text.
fn words(text: &str, style: Option<&str>) -> Value {
    match style {
        Some(style) => json!({ "type": "text", "text": text, "style": { style: true } }),
        None => json!({ "type": "text", "text": text }),
    }
}

/// Words that stand out.
pub(super) fn strong(text: &str) -> Value {
    words(&lines(text, 200), Some("bold"))
}

/// A line break.
pub(super) fn next_line() -> Value {
    words("\n", None)
}

/// Whether a text is an id that Slack itself gave to somebody.
pub(super) fn is_person(id: &str) -> bool {
    let known = id.starts_with('U') || id.starts_with('W');
    known && (2..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_link(url: &str) -> bool {
    url.len() < 3_000 && url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

/// A line of text as elements of rich text, with at most so many characters.
pub(super) fn inline(text: &Text, most: usize) -> Vec<Value> {
    let mut elements = Vec::new();
    let mut room = most;
    for piece in &text.0 {
        if room == 0 {
            elements.push(words("…", None));
            break;
        }
        let (element, used) = element(piece, room);
        elements.extend(element);
        room = room.saturating_sub(used);
    }
    elements
}

/// One piece, and how many characters it takes. An empty piece is none.
fn element(piece: &Piece, room: usize) -> (Option<Value>, usize) {
    let text = |text: &str, style: Option<&str>| {
        let text = cut(text, room);
        let used = text.chars().count();
        ((!text.is_empty()).then(|| words(&text, style)), used)
    };
    match piece {
        Piece::Plain(said) => text(said, None),
        Piece::Strong(said) => text(said, Some("bold")),
        Piece::Code(said) => text(said, Some("code")),
        Piece::Moment(at) => {
            let (seconds, fallback) = (at.micros().div_euclid(1_000_000), utc(*at));
            if !(0..=9_999_999_999).contains(&seconds) {
                return text(&fallback, None);
            }
            let used = fallback.chars().count();
            (Some(json!({ "type": "date", "timestamp": seconds, "format": MOMENT, "fallback": fallback })), used)
        }
        Piece::Person(who, Ping::Loud) if is_person(&who.user) => {
            (Some(json!({ "type": "user", "user_id": who.user })), who.user.len())
        }
        Piece::Person(who, Ping::Loud | Ping::Quiet) => text(&who.user, None),
        Piece::Link { words: label, url } if is_link(url) => {
            let label = lines(label, room.min(300));
            let used = label.chars().count();
            (Some(json!({ "type": "link", "url": url, "text": label })), used)
        }
        Piece::Link { words, .. } => text(words, None),
    }
}

/// The characters that an element shows.
pub(super) fn long(element: &Value) -> usize {
    let shown = ["text", "fallback", "user_id"].iter().find_map(|key| element.get(key).and_then(Value::as_str));
    shown.map_or(0, |text| text.chars().count())
}

/// Whether plain text can say all of it.
pub(super) fn is_plain(text: &Text) -> bool {
    text.0.iter().all(|piece| match piece {
        Piece::Plain(_) | Piece::Strong(_) | Piece::Code(_) | Piece::Person(_, Ping::Quiet) => true,
        Piece::Moment(_) | Piece::Person(_, Ping::Loud) | Piece::Link { .. } => false,
    })
}

/// A block of rich text.
pub(super) fn block(parts: &[Value]) -> Value {
    json!({ "type": "rich_text", "elements": parts })
}

/// A section of rich text.
pub(super) fn section(elements: &[Value]) -> Value {
    json!({ "type": "rich_text_section", "elements": elements })
}

/// Whole lines in fixed width.
pub(super) fn preformatted(text: &str) -> Value {
    json!({ "type": "rich_text_preformatted", "elements": [words(text, None)] })
}
