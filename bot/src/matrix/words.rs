//! Text as Matrix shows it: once as HTML, once as plain words for notifications and clients without HTML.
//!
//! INVARIANT (G9): what others wrote is escaped, and whatever a client would turn into a link or a mention by itself (an
//! address, `@room`, `@ada:server`) stands in `<code>`, where clients leave it alone. In plain words an invisible space
//! keeps it apart.

use workflows::identity::{Chat, ChatUser};
use workflows::shown::visible;

use crate::card::{Piece, Ping, Text, utc};

/// A piece of a message, in both forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Both {
    /// Escaped.
    pub(super) html: String,
    /// Plain.
    pub(super) plain: String,
}

impl Both {
    pub(super) fn new(html: impl Into<String>, plain: impl Into<String>) -> Self {
        Self { html: html.into(), plain: plain.into() }
    }

    pub(super) fn push(&mut self, other: &Self) {
        self.html.push_str(&other.html);
        self.plain.push_str(&other.plain);
    }

    /// What it takes of an event: both forms, with what JSON adds.
    pub(super) fn size(&self) -> usize {
        json_size(&self.html) + json_size(&self.plain)
    }
}

fn json_size(text: &str) -> usize {
    let each = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=31 => 6,
        _ => 1,
    };
    text.bytes().map(each).sum()
}

pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Others' words for the plain form: nothing in it is an address or a mention.
pub(super) fn unlinked(text: &str) -> String {
    let mut apart = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        apart.push(c);
        // At the end too: nobody knows what follows.
        let apart_here = match rest.peek() {
            Some(next) => c == '@' || joins(c, *next),
            None => matches!(c, '@' | '.' | ':' | '/'),
        };
        if apart_here {
            apart.push('\u{200b}');
        }
    }
    apart
}

/// Whether two characters stand like this in an address.
fn joins(c: char, next: char) -> bool {
    match c {
        '.' => next.is_alphabetic(),
        ':' => !next.is_whitespace() && !next.is_ascii_digit() && next != ':',
        '/' => next == '/',
        _ => false,
    }
}

/// On one line: a second one could be taken for a part of the card.
fn one_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

/// Whether a client might make something of it by itself: an address, a mention, a room.
fn tempts(word: &str) -> bool {
    let mut pairs = word.chars().zip(word.chars().skip(1));
    word.contains('@') || word.to_lowercase().contains("localhost") || pairs.any(|(c, next)| joins(c, next))
}

/// Somebody's words, as they are.
pub(super) fn plain(text: &str) -> Both {
    let text = one_line(text);
    let mut html = String::new();
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        if tempts(word) {
            html.push_str("<code>");
            html.push_str(&escape(word));
            html.push_str("</code>");
            html.push_str(piece.get(word.len()..).unwrap_or_default());
        } else {
            html.push_str(&escape(piece));
        }
    }
    Both::new(html, unlinked(&text))
}

pub(super) fn strong(text: &str) -> Both {
    let Both { html, plain } = plain(text);
    Both::new(format!("<strong>{html}</strong>"), plain)
}

pub(super) fn code(text: &str) -> Both {
    let text = one_line(text);
    Both::new(format!("<code>{}</code>", escape(&text)), unlinked(&text))
}

/// Whole lines in fixed width. In the plain form each is set in, so that none passes for a line of the card.
pub(super) fn block(text: &str) -> Both {
    let text = visible(text);
    let lines: Vec<String> = text.lines().map(|line| format!("    {}\n", unlinked(line))).collect();
    Both::new(format!("<pre><code>{}</code></pre>", escape(&text)), lines.concat())
}

/// An account id, if it is one: nothing else goes into an address.
pub(super) fn is_account(user: &str) -> bool {
    let server = user.strip_prefix('@').and_then(|rest| rest.split_once(':'));
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '&' | '/' | '?' | '\\');
    server.is_some_and(|(local, server)| !local.is_empty() && !server.is_empty())
        && !user.contains(bad)
        && user.len() <= 255
}

/// Somebody with an account here. Only who is to be notified becomes a mention.
fn person(who: &ChatUser, ping: Ping) -> Both {
    match ping {
        Ping::Loud if who.chat == Chat::Matrix && is_account(&who.user) => {
            let address: String = url::form_urlencoded::byte_serialize(who.user.as_bytes()).collect();
            let name = escape(&who.user);
            Both::new(format!("<a href=\"https://matrix.to/#/{address}\">{name}</a>"), who.user.clone())
        }
        Ping::Loud | Ping::Quiet => code(&who.user),
    }
}

/// A place of ours. What is no address of the web is words.
fn link(words: &str, url: &str) -> Both {
    let good = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !good || visible(url) != url {
        return plain(words);
    }
    let shown = one_line(words);
    Both::new(format!("<a href=\"{}\">{}</a>", escape(url), escape(&shown)), format!("{} ({url})", unlinked(&shown)))
}

pub(super) fn text(text: &Text) -> Both {
    let mut both = Both::default();
    for piece in &text.0 {
        // Two pieces don't make an address that neither of them is.
        if both.html.ends_with(['.', ':', '/']) {
            both.html.push('\u{200b}');
        }
        both.push(&match piece {
            Piece::Plain(words) => plain(words),
            Piece::Strong(words) => strong(words),
            Piece::Code(words) => code(words),
            // Matrix has no moment in the reader's own time.
            Piece::Moment(at) => plain(&utc(*at)),
            Piece::Person(who, ping) => person(who, *ping),
            Piece::Link { words, url } => link(words, url),
        });
    }
    both
}

/// Whom a text notifies.
pub(super) fn loud(text: &Text) -> impl Iterator<Item = &str> {
    text.0.iter().filter_map(|piece| match piece {
        Piece::Person(who, Ping::Loud) if who.chat == Chat::Matrix && is_account(&who.user) => {
            Some(who.user.as_str())
        }
        Piece::Person(..)
        | Piece::Plain(_)
        | Piece::Strong(_)
        | Piece::Code(_)
        | Piece::Moment(_)
        | Piece::Link { .. } => None,
    })
}
