//! Text cut into words, each as we compare it. Where a word stands is kept, so that a reason can be given back as typed.

use workflows::shown::visible;

/// A word.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Where it begins in the text.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// In plain letters and lower case, with its punctuation.
    pub(super) full: String,
    /// In plain letters, without quotes and punctuation around it.
    pub(super) cased: String,
    /// The same in lower case. INVARIANT: all three are empty for a word with something in it that is not seen: it looks
    /// like another word, and must not count as one.
    pub(super) name: String,
}

impl Word {
    /// As an option: `--for` is `for`.
    pub(super) fn key(&self) -> &str {
        self.name.strip_prefix("--").unwrap_or(&self.name)
    }

    /// Whether a colon follows it.
    pub(super) fn colon(&self) -> bool {
        self.full.ends_with(':')
    }

    /// The number of dashes, if it is nothing else.
    pub(super) fn dashes(&self) -> Option<usize> {
        let all = !self.full.is_empty() && self.full.bytes().all(|byte| byte == b'-');
        all.then_some(self.full.len())
    }
}

/// Cuts a text into words.
pub(super) fn cut(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = 0;
    for piece in text.split(char::is_whitespace) {
        if !piece.is_empty() {
            words.push(word(piece, start));
        }
        // What was split at is a character of one to three bytes.
        let behind = text.get(start + piece.len()..).and_then(|rest| rest.chars().next());
        start += piece.len() + behind.map_or(0, char::len_utf8);
    }
    words
}

fn word(piece: &str, start: usize) -> Word {
    let seen = visible(piece) == piece;
    let plain = if seen { folded(piece) } else { String::new() };
    // Not the dot or the dash: `.5h` and `-1h` are not five hours and one.
    let opens = |c: char| matches!(c, '(' | '[' | '{' | '"' | '\'' | '`' | '*' | '~' | ',' | ';');
    let closes = |c: char| opens(c) || matches!(c, ')' | ']' | '}' | '.' | ':' | '!' | '?');
    let cased = plain.trim_start_matches(opens).trim_end_matches(closes).to_owned();
    let (full, name) = (plain.to_ascii_lowercase(), cased.to_ascii_lowercase());
    Word { start, end: start + piece.len(), full, cased, name }
}

/// Plain letters for what keyboards and word processors make of them.
fn folded(piece: &str) -> String {
    let mut plain = String::with_capacity(piece.len());
    for c in piece.chars() {
        match c {
            // Full-width letters lie in the order of ASCII.
            '\u{ff01}'..='\u{ff5e}' => plain.extend(char::from_u32(u32::from(c) - 0xfee0)),
            '‘' | '’' | '‚' | '‛' | '′' => plain.push('\''),
            '“' | '”' | '„' | '‟' | '″' | '«' | '»' => plain.push('"'),
            '‐' | '‑' | '‒' | '–' | '−' | '﹣' => plain.push('-'),
            // What a phone makes of two dashes.
            '—' | '―' | '﹘' => plain.push_str("--"),
            '…' => plain.push('.'),
            c => plain.push(c),
        }
    }
    plain
}

/// The text without what platforms put around addresses, links and mentions.
pub(super) fn undecorated(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let found = after.split_once('>').and_then(|(inside, behind)| Some((decoration(inside)?, behind)));
        if let Some((words, behind)) = found {
            plain.push_str(&words);
            rest = behind;
        } else {
            plain.push('<');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

/// What a person typed where a platform wrote `<…>`; none if it is not a platform's.
fn decoration(inside: &str) -> Option<String> {
    if inside.contains(['<', '\n']) {
        return None;
    }
    let (what, label) = inside.split_once('|').map_or((inside, None), |(what, label)| (what, Some(label)));
    let label = label.filter(|label| !label.trim().is_empty());
    let id = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(user) = what.strip_prefix('@') {
        let user_id = user.strip_prefix('!').unwrap_or(user);
        return id(user_id).then(|| format!("<@{user_id}>"));
    }
    if let Some(channel) = what.strip_prefix('#') {
        return id(channel).then(|| format!("#{}", label.unwrap_or(channel)));
    }
    if let Some(group) = what.strip_prefix('!') {
        let known = !group.is_empty() && !group.contains(char::is_whitespace);
        return known.then(|| label.map_or_else(|| format!("@{group}"), str::to_owned));
    }
    if let Some(address) = what.strip_prefix("mailto:").or_else(|| what.strip_prefix("tel:")) {
        return Some(label.unwrap_or(address).to_owned());
    }
    let link = what.starts_with("http://") || what.starts_with("https://");
    link.then(|| label.unwrap_or(what).to_owned())
}

/// Somebody: an e-mail address, an account that was mentioned, or `@name`.
pub(super) fn person(word: &Word) -> Option<String> {
    let text = word.cased.as_str();
    let mentioned = text.starts_with("<@") && text.ends_with('>');
    let named = text.split_once('@').is_some_and(|(before, behind)| {
        let plain = |part: &str| !part.contains(['<', '>', '/', '"']);
        !behind.is_empty() && !behind.contains('@') && plain(before) && plain(behind)
    });
    (mentioned || named).then(|| text.to_owned())
}
