//! What somebody may have meant. Whatever comes from here is confirmed by whoever wrote it before it counts.

use workflows::clock::Span;
use workflows::shown::visible;
use workflows::target::{Access, TargetName};

use super::ask::{Parts, strict};
use super::reason::{self, Wrong, ticket, wrong};
use super::words::{Word, person};
use super::{Ask, Certain, Said, Target, clip, level, name, span};

/// The words among which a target is looked for: enough for a sentence, and few enough for thousands of targets.
const LOOKED_AT: usize = 60;
/// The most targets to choose from.
const MOST: usize = 25;

/// Words that say that something is wanted.
const ASKING: [&str; 20] = [
    "need", "needs", "want", "get", "give", "grant", "access", "request", "please", "pls", "can", "could", "may",
    "let", "open", "require", "have", "connect", "login", "allow",
];
/// Words that say nothing.
const FILLERS: [&str; 43] = [
    "i", "i'd", "i'm", "me", "my", "myself", "we", "us", "you", "to", "the", "a", "an", "for", "on", "in", "into",
    "at", "of", "and", "or", "with", "from", "by", "is", "it", "be", "would", "should", "like", "some", "now",
    "asap", "hi", "hello", "hey", "level", "again", "this", "that", "ticket", "see", "re",
];

/// An ask behind a command that says that it is one.
pub(super) fn led(said: Said<'_>) -> Result<Ask, Wrong> {
    let (head, because) = reason::split(said)?;
    if let (Some(Parts { target: Some(target), level, span: Some(span), person }), Some(_)) = (strict(head), &because)
    {
        let (target, span, certain) = (Target::Exact(target), Some(span), Certain::Short);
        return Ok(Ask { target, level, span, because, person, certain, left_over: Vec::new() });
    }
    let mut found = Found::look(head, Led::ByCommand)?;
    let target = found.target(head, Led::ByCommand).or_else(|| {
        let first = *found.loose.first()?;
        found.loose.remove(0);
        let raw = said.words.get(first).map(|word| said.raw(word)).unwrap_or_default();
        Some(Target::Unknown(clip(raw, 63)))
    });
    found.mistake()?;
    found.ask(said, target.unwrap_or(Target::Missing), because)
}

/// An ask in somebody's own words; none if it does not look like one.
pub(super) fn free(said: Said<'_>) -> Result<Option<Ask>, Wrong> {
    let (head, because) = reason::split(said)?;
    let mut found = Found::look(head, Led::ByNothing)?;
    let named = !found.exact.is_empty();
    let target = found.target(head, Led::ByNothing);
    let about = found.span.is_some() || found.level.is_some() || !found.tickets.is_empty() || found.asking > 0;
    let target = match target {
        Some(target) if about || (because.is_some() && named) || found.loose.is_empty() => target,
        Some(_) => return Ok(None),
        None if found.span.is_none() => return Ok(None),
        None => match found.loose.as_slice() {
            [one] => {
                let raw = said.words.get(*one).map(|word| said.raw(word)).unwrap_or_default();
                found.loose.clear();
                Target::Unknown(clip(raw, 63))
            }
            _ if found.asking > 0 => Target::Missing,
            _ => return Ok(None),
        },
    };
    found.mistake()?;
    found.ask(said, target, because).map(Some)
}

/// What says that an ask follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Led {
    ByCommand,
    ByNothing,
}

/// What was found in the words before the reason. Words are told by their place.
#[derive(Default)]
struct Found {
    exact: Vec<TargetName>,
    level: Option<Access>,
    span: Option<Span>,
    person: Option<String>,
    tickets: Vec<usize>,
    /// Words that say nothing by themselves.
    fillers: Vec<usize>,
    /// Words that were not understood.
    loose: Vec<usize>,
    /// How many words say that something is wanted.
    asking: usize,
    /// What looks like a length of time and is none, and why.
    bad: Option<(usize, String)>,
}

impl Found {
    fn look(said: Said<'_>, led: Led) -> Result<Self, Wrong> {
        let mut found = Self::default();
        let mut at = 0;
        while let Some(word) = said.words.get(at) {
            at += found.word(said, at, word, led)?;
        }
        Ok(found)
    }

    /// Reads what begins at a word: how many words that is.
    fn word(&mut self, said: Said<'_>, at: usize, word: &Word, led: Led) -> Result<usize, Wrong> {
        let here = said.after(at);
        if let Some(name) = Some(at).filter(|at| *at < LOOKED_AT).and_then(|_| name::exact(word, said.names)) {
            // A target may be called `admin`: the first to be named is the target, unless it was named already.
            if self.exact.is_empty() || level::read(here.words).is_none() {
                if !self.exact.contains(name) {
                    self.exact.push(name.clone());
                }
                return Ok(1);
            }
        }
        if matches!(word.key(), "until" | "till" | "til") && until(said.name(at + 1), led) {
            let time = clip(said.raw(word), 20);
            let next = said.words.get(at + 1).map_or(String::new(), |next| clip(said.raw(next), 20));
            return wrong(format!("`{time} {next}` cannot be asked for; write how long instead, like `45m` or `2h`"));
        }
        let who = said.words.get(at + 1).and_then(person).filter(|_| matches!(word.key(), "for" | "of"));
        if let (Some(who), None) = (who, &self.person) {
            self.person = Some(who);
            return Ok(2);
        }
        if let (Some((level, used)), None) = (level::read(here.words), self.level) {
            self.level = Some(level);
            return Ok(used);
        }
        match span::read(here.words) {
            Some(span::Reading::Span(span, used)) if self.span.is_none() => {
                self.span = Some(span);
                return Ok(used);
            }
            Some(span::Reading::Bad(why)) => {
                let behind = at.checked_sub(1).map_or("", |before| said.name(before));
                if self.bad.is_none() && (led == Led::ByCommand || matches!(behind, "for" | "by")) {
                    self.bad = Some((at, why));
                }
                self.loose.push(at);
                return Ok(1);
            }
            Some(span::Reading::Span(..)) | None => {}
        }
        self.other(at, word);
        Ok(1)
    }

    /// A word that is no part of the grammar.
    fn other(&mut self, at: usize, word: &Word) {
        let key = word.key();
        // The "behalf" of "on behalf of bob@example.com" says nothing that the address does not.
        let nothing = FILLERS.contains(&key) || key == "behalf" || word.dashes().is_some();
        // Punctuation has no name; neither has a word with something unseen in it, but that is not nothing.
        let mark = word.name.is_empty() && !word.full.is_empty();
        if ticket(word) {
            self.tickets.push(at);
        } else if ASKING.contains(&key) {
            self.asking += 1;
            self.fillers.push(at);
        } else if nothing || mark {
            self.fillers.push(at);
        } else {
            self.loose.push(at);
        }
    }

    /// The target that the words mean. The words that say so are understood then.
    fn target(&mut self, said: Said<'_>, led: Led) -> Option<Target> {
        if let Some(target) = several(self.exact.clone()) {
            return Some(target);
        }
        // Behind a command one letter may be enough; in prose it is part of any word.
        let least = if led == Led::ByCommand { 1 } else { 3 };
        let mut tried: Vec<usize> = self.loose.iter().copied().filter(|at| *at < LOOKED_AT).collect();
        tried.retain(|at| said.name(*at).len() >= least);
        // Of "prod orders" each word fits many, and both together one. The longest word says most.
        tried.sort_by_key(|at| std::cmp::Reverse(said.name(*at).len()));
        let mut fit: Vec<&TargetName> = Vec::new();
        let mut meant = Vec::new();
        for at in &tried {
            let fits = name::fits(said.name(*at), said.names);
            let both: Vec<_> = fits.iter().copied().filter(|name| fit.is_empty() || fit.contains(name)).collect();
            if !both.is_empty() {
                fit = both;
                meant.push(*at);
            }
        }
        if fit.is_empty() {
            for at in tried {
                let near = name::near(said.name(at), said.names);
                if !near.is_empty() {
                    fit.extend(near);
                    meant.push(at);
                }
            }
        }
        self.loose.retain(|at| !meant.contains(at));
        if self.bad.as_ref().is_some_and(|(at, _)| meant.contains(at)) {
            self.bad = None;
        }
        several(fit.into_iter().cloned().collect())
    }

    /// What is wrong with the length of time, if there is no other.
    fn mistake(&mut self) -> Result<(), Wrong> {
        match self.bad.take() {
            Some((at, why)) if self.span.is_none() && self.loose.contains(&at) => wrong(why),
            Some(_) | None => Ok(()),
        }
    }

    /// The ask, with what is left over. Tickets are a reason, or the beginning of one.
    fn ask(mut self, said: Said<'_>, target: Target, because: Option<String>) -> Result<Ask, Wrong> {
        let raw = |at: &usize| said.words.get(*at).map(|word| said.raw(word)).unwrap_or_default();
        let because = match (because, self.tickets.first()) {
            (because, None) => because,
            (None, Some(first)) if self.closes(said, *first) => {
                let from = *first;
                self.loose.retain(|at| *at < from);
                reason::kept(said.from(from))?
            }
            (because, Some(_)) => {
                let cased = |at: &usize| said.words.get(*at).map_or("", |word| word.cased.as_str());
                let new = |ticket: &&str| because.as_ref().is_none_or(|because| !because.contains(*ticket));
                let tickets: Vec<&str> = self.tickets.iter().map(cased).filter(new).collect();
                let why = match because.as_deref() {
                    Some(because) if tickets.is_empty() => because.to_owned(),
                    Some(because) => format!("{}: {because}", tickets.join(" ")),
                    None => tickets.join(" "),
                };
                reason::kept(&why)?
            }
        };
        let left_over = self.loose.iter().map(|at| visible(raw(at))).collect();
        let (level, span, person) = (self.level, self.span, self.person);
        Ok(Ask { target, level, span, because, person, certain: Certain::Guessed, left_over })
    }

    /// Whether everything from a ticket on tells about it: "…, INC-42 the job is stuck".
    fn closes(&self, said: Said<'_>, ticket: usize) -> bool {
        let tells = |at| self.loose.contains(&at) || self.fillers.contains(&at) || self.tickets.contains(&at);
        let last = said.words.len();
        self.loose.iter().any(|at| *at > ticket) && (ticket..last).all(tells)
    }
}

/// One of these targets, or several.
fn several(mut names: Vec<TargetName>) -> Option<Target> {
    names.sort();
    names.dedup();
    names.truncate(MOST);
    match names.as_slice() {
        [] => None,
        [one] => Some(Target::Exact(one.clone())),
        _ => Some(Target::Several(names)),
    }
}

/// Whether a moment follows, and not the rest of a sentence.
fn until(next: &str, led: Led) -> bool {
    const MOMENTS: [&str; 15] = [
        "noon",
        "midnight",
        "tomorrow",
        "tonight",
        "today",
        "end",
        "eod",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "then",
    ];
    led == Led::ByCommand || next.starts_with(|c: char| c.is_ascii_digit()) || MOMENTS.contains(&next)
}
