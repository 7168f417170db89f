//! Text as Discord's markdown: nothing that somebody else wrote ever becomes markup, a link or a mention (G9).

use workflows::shown::visible;

use crate::card::{Piece, Ping, Text, utc};

/// Breaks what a client would make something of, and is not seen. [`visible`] leaves none in anybody's text.
pub(super) const BREAK: char = '\u{200b}';
/// What stands where there is nothing.
pub(super) const NOTHING: &str = "–";
/// The longest address of a link.
const ADDRESS: usize = 500;

pub(super) fn long(text: &str) -> usize {
    text.chars().count()
}

/// At most so many characters, made visible, and it is seen where some are missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = visible(text);
    if long(&text) <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The same on one line, for where Discord knows no markup; never empty.
pub(super) fn line(text: &str, most: usize) -> String {
    let flat = flat(text);
    if flat.is_empty() { NOTHING.to_owned() } else { cut(&flat, most) }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text is an id as Discord gives them.
pub(super) fn is_id(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit()) && id.parse::<u64>().is_ok_and(|id| id > 0)
}

/// Whether an address is one of ours and can stand in markdown as it is.
fn is_link(url: &str) -> bool {
    let tame = |c: char| c.is_ascii_graphic() && !"()<>[]\\\"`|*".contains(c);
    let ours = |url: &url::Url| match url.scheme() {
        "https" => true,
        "http" => url.host_str() == Some("127.0.0.1"),
        _ => false,
    };
    url.len() <= ADDRESS && url.chars().all(tame) && url::Url::parse(url).is_ok_and(|url| ours(&url))
}

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Where a line begins.
    Fresh,
    /// Within a line.
    Within,
}

/// Text in which nothing is markup, a link or a mention any more.
pub(super) fn escape(text: &str, at: Where) -> String {
    let text: Vec<char> = visible(text).chars().collect();
    let mut safe = String::with_capacity(text.len() + 16);
    let mut fresh = at == Where::Fresh;
    for (place, c) in text.iter().copied().enumerate() {
        let before = text.get(..place).unwrap_or_default();
        let after = text.get(place + 1..).unwrap_or_default();
        match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '(' | ')' | '>' => safe.extend(['\\', c]),
            '<' => {
                safe.extend(['\\', c]);
                // Discord's servers look for mentions without regard to the backslash.
                if after.first().is_some_and(|next| "@#:/".contains(*next)) {
                    safe.push(BREAK);
                }
            }
            '#' | '-' | '+' if fresh => safe.extend(['\\', c]),
            '.' if numbers(before) && at_start(before, at) => safe.extend(['\\', c]),
            '.' if ends_with(before, &["www", "discord", "discordapp"]) => safe.extend([BREAK, c]),
            ':' if starts_with(after, "//") => safe.extend([c, BREAK]),
            ':' if is_emoji(after) => safe.extend(['\\', c]),
            '@' if starts_with(after, "everyone") || starts_with(after, "here") => safe.extend([c, BREAK]),
            c => safe.push(c),
        }
        fresh = c == '\n' || (fresh && c.is_whitespace());
    }
    safe
}

fn starts_with(text: &[char], word: &str) -> bool {
    let mut text = text.iter();
    word.chars().all(|c| text.next().is_some_and(|other| other.eq_ignore_ascii_case(&c)))
}

fn ends_with(text: &[char], words: &[&str]) -> bool {
    words.iter().any(|word| {
        let mut text = text.iter().rev();
        word.chars().rev().all(|c| text.next().is_some_and(|other| other.eq_ignore_ascii_case(&c)))
    })
}

fn numbers(text: &[char]) -> bool {
    text.last().is_some_and(char::is_ascii_digit)
}

/// Whether only a number stands between here and the beginning of the line.
fn at_start(text: &[char], at: Where) -> bool {
    let mut rest = text.iter().rev().skip_while(|c| c.is_ascii_digit()).skip_while(|c| **c == ' ' || **c == '\t');
    rest.next().map_or(at == Where::Fresh, |c| *c == '\n')
}

/// Whether what follows a colon makes `:smile:` of it.
fn is_emoji(after: &[char]) -> bool {
    let name = after.iter().take_while(|c| !c.is_whitespace() && **c != ':').count();
    name > 0 && after.get(name) == Some(&':')
}

/// Text for a block of code: it can't end the block.
pub(super) fn fixed(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut ticks = 0;
    for c in visible(text).chars() {
        ticks = if c == '`' { ticks + 1 } else { 0 };
        if ticks == 3 {
            safe.push(BREAK);
            ticks = 1;
        }
        safe.push(c);
    }
    safe
}

/// A block of code around text that [`fixed`] made.
pub(super) fn block(text: &str) -> String {
    let inside = if text.trim().is_empty() { NOTHING } else { text };
    format!("```\n{inside}\n```")
}

/// A text on one line in which nothing is marked, as titles have it.
pub(super) fn headline(text: &Text, before: &str, most: usize) -> String {
    let words = text.words();
    let words = flat(&words);
    let words = if words.is_empty() { NOTHING.to_owned() } else { words };
    format!("{before}{}", fitted(&words, most.saturating_sub(long(before)), |text| escape(text, Where::Within)))
}

/// As much of a text as fits after `made` made markdown of it; it is seen where some is missing.
pub(super) fn fitted(text: &str, most: usize, made: impl Fn(&str) -> String) -> String {
    // What is made of a text is never shorter than the text.
    let chars: Vec<char> = text.chars().take(most + 1).collect();
    let first = |count: usize| chars.iter().take(count).collect::<String>();
    if chars.len() <= most {
        let all = made(text);
        if long(&all) <= most {
            return all;
        }
    }
    if most == 0 {
        return String::new();
    }
    let (mut fits, mut over) = (0, chars.len() + 1);
    while over - fits > 1 {
        let middle = usize::midpoint(fits, over);
        if long(&made(&first(middle))) < most { fits = middle } else { over = middle }
    }
    format!("{}…", if fits == 0 { String::new() } else { made(&first(fits)) })
}

/// A piece with what can't be shown otherwise turned into words, so that neighbours can be looked at together.
fn simple(piece: &Piece) -> Piece {
    match piece {
        Piece::Strong(words) | Piece::Code(words) if words.trim().is_empty() => Piece::Plain(words.clone()),
        Piece::Moment(at) if !(0..=9_999_999_999).contains(&seconds(*at)) => Piece::Plain(utc(*at)),
        Piece::Person(who, Ping::Loud) if !is_id(&who.user) => Piece::Plain(who.user.clone()),
        Piece::Person(who, Ping::Quiet) => Piece::Plain(who.user.clone()),
        Piece::Link { words, url } if words.trim().is_empty() || !is_link(url) => Piece::Plain(words.clone()),
        Piece::Plain(_)
        | Piece::Strong(_)
        | Piece::Code(_)
        | Piece::Moment(_)
        | Piece::Person(_, Ping::Loud)
        | Piece::Link { .. } => piece.clone(),
    }
}

fn seconds(at: workflows::clock::Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// Pieces of one kind as one: what is harmless in two pieces may not be in one.
fn merged(text: &Text) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    for piece in &text.0 {
        match (all.last_mut(), simple(piece)) {
            (_, Piece::Plain(words)) if words.is_empty() => {}
            (Some(Piece::Plain(before)), Piece::Plain(words))
            | (Some(Piece::Strong(before)), Piece::Strong(words))
            | (Some(Piece::Code(before)), Piece::Code(words)) => before.push_str(&words),
            (_, piece) => all.push(piece),
        }
    }
    all
}

/// A line of text as markdown of at most so many characters.
pub(super) fn markdown(text: &Text, at: Where, most: usize) -> String {
    let mut shown = String::new();
    for piece in merged(text) {
        let left = most.saturating_sub(long(&shown));
        if left == 0 {
            break;
        }
        let line = shown.rsplit('\n').next().unwrap_or_default();
        let begins = line.trim().is_empty() && (at == Where::Fresh || shown.contains('\n'));
        let at = if begins { Where::Fresh } else { Where::Within };
        let next = one(&piece, at, left);
        if next.is_empty() {
            shown.push('…');
            break;
        }
        shown.push_str(&next);
    }
    shown
}

/// One piece; nothing where there is no room for it.
fn one(piece: &Piece, at: Where, most: usize) -> String {
    let whole = |text: String| if long(&text) <= most { text } else { String::new() };
    match piece {
        Piece::Plain(words) => fitted(words, most, |text| escape(text, at)),
        Piece::Strong(words) => around(words, most, strong),
        Piece::Code(words) => around(words, most, code),
        Piece::Moment(at) => whole(format!("<t:{}:f>", seconds(*at))),
        Piece::Person(who, _) => whole(format!("<@{}>", who.user)),
        Piece::Link { words, url } => {
            let words = fitted(&flat(words), 300, |text| escape(text, Where::Within));
            whole(format!("[{words}]({url})"))
        }
    }
}

/// Words with marks around them; spaces at their ends stay outside, where marks work.
fn around(words: &str, most: usize, made: impl Fn(&str) -> String) -> String {
    let space = |there: bool| if there { " " } else { "" };
    let (before, after) =
        (space(words.starts_with(char::is_whitespace)), space(words.ends_with(char::is_whitespace)));
    let inside = fitted(&flat(words), most.saturating_sub(2), made);
    if most < 12 { String::new() } else { format!("{before}{inside}{after}") }
}

/// Words that stand out.
pub(super) fn strong(words: &str) -> String {
    let mut inside = escape(words, Where::Within);
    if inside.ends_with('*') {
        inside.push(BREAK);
    }
    format!("**{inside}**")
}

fn code(words: &str) -> String {
    let words = visible(words);
    if !words.contains('`') {
        return format!("`{words}`");
    }
    let mut inside = String::from(" ");
    let mut ticks = false;
    for c in words.chars() {
        if ticks && c == '`' {
            inside.push(BREAK);
        }
        ticks = c == '`';
        inside.push(c);
    }
    format!("``{inside} ``")
}
