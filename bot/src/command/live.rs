//! What is typed about access that there is: extend, done, revoke, who; and the small commands.

use workflows::clock::Span;
use workflows::digest::Week;

use super::reason::{self, Wrong, ticket, wrong};
use super::words::{Word, person};
use super::{Command, Said, clip, decide, name, span};

impl Said<'_> {
    /// What a word names: a target in its own spelling, an id, or whatever else stands there.
    fn what(&self, word: &Word) -> String {
        match (name::exact(word, self.names), decide::id(word)) {
            (Some(name), _) => name.to_string(),
            (None, Some(id)) => id,
            (None, None) if word.name.is_empty() => clip(self.raw(word), 63),
            (None, None) => word.name.chars().take(63).collect(),
        }
    }

    /// The one word that is none of these; how many there are otherwise.
    fn one_but(&self, fillers: &[&str]) -> Result<String, usize> {
        let said = |word: &&Word| !fillers.contains(&word.key()) && (word.full.is_empty() || !word.name.is_empty());
        let said: Vec<&Word> = self.words.iter().filter(said).collect();
        match said.as_slice() {
            [one] => Ok(self.what(one)),
            several => Err(several.len()),
        }
    }

    /// A name to show how it is written.
    fn example(&self) -> &str {
        self.names.first().map_or("orders-prod", |name| name.as_str())
    }

    /// `done [WHAT]`
    pub(super) fn done(self) -> Result<Command, Wrong> {
        let fillers =
            ["with", "using", "on", "now", "thanks", "please", "access", "to", "the", "my", "for", "and", "you"];
        match self.one_but(&fillers) {
            Ok(what) => Ok(Command::Done { what: Some(what) }),
            Err(0) => Ok(Command::Done { what: None }),
            Err(_) => wrong(format!("to end your access, write `done`, or `done {}`", self.example())),
        }
    }

    /// `who TARGET`, also in a sentence.
    pub(super) fn who(self) -> Result<Command, Wrong> {
        let fillers = [
            "has",
            "have",
            "had",
            "can",
            "got",
            "is",
            "in",
            "on",
            "to",
            "the",
            "access",
            "right",
            "now",
            "currently",
            "at",
            "moment",
            "use",
            "uses",
            "using",
            "reach",
            "into",
            "of",
            "today",
            "please",
        ];
        match self.one_but(&fillers) {
            Ok(target) => Ok(Command::Who { target }),
            Err(_) => wrong(format!("to see who has access now, write `who {}`", self.example())),
        }
    }

    /// `extend WHAT DURATION [because REASON]`
    pub(super) fn extend(self) -> Result<Command, Wrong> {
        let how = format!("write `extend {} 30m because …`", self.example());
        let (head, mut because) = reason::split(self)?;
        let (mut span, mut what): (Option<Span>, Option<String>) = (None, None);
        let mut at = 0;
        while let Some(word) = head.words.get(at) {
            let key = word.key();
            let named = name::exact(word, self.names).is_some();
            at += match span::read(head.after(at).words) {
                Some(span::Reading::Span(one, used)) if span.is_none() && !named => {
                    span = Some(one);
                    used
                }
                Some(span::Reading::Bad(why)) if !named => return wrong(why),
                Some(_) | None if !named && FILLERS.contains(&key) => 1,
                Some(_) | None if what.is_some() && because.is_none() && ticket(word) => {
                    because = reason::kept(head.from(at))?;
                    break;
                }
                Some(_) | None if what.is_none() => {
                    what = Some(self.what(word));
                    1
                }
                Some(_) | None => {
                    return wrong(format!("`{}` was not understood; {how}", clip(self.raw(word), 40)));
                }
            };
        }
        match (what, span) {
            (Some(what), Some(span)) => Ok(Command::Extend { what, span, because }),
            (None, _) => wrong(format!("say which access: {how}")),
            (Some(_), None) => wrong(format!("say for how much longer: {how}")),
        }
    }

    /// `revoke WHAT because REASON`
    pub(super) fn revoke(self) -> Result<Command, Wrong> {
        let how = "write `revoke grt_… because …`";
        let Some(word) = self.words.first() else { return wrong(format!("say what: {how}")) };
        let known = decide::id(word).is_some() || name::exact(word, self.names).is_some() || person(word).is_some();
        let behind = self.after(1);
        // Prose such as "revoke bob's access to …" names nothing that could be looked up.
        if !known && !reason::begins(behind) && !behind.words.is_empty() {
            return wrong(format!("`{}` was not understood; {how}", clip(self.raw(word), 40)));
        }
        let what = person(word).unwrap_or_else(|| self.what(word));
        match reason::rest(behind)? {
            Some(because) => Ok(Command::Revoke { what, because }),
            None => wrong(format!("say why: {how}; it is shown to whoever has the access")),
        }
    }

    /// `link`, or `link CODE`
    pub(super) fn link(self) -> Result<Command, Wrong> {
        let code = |word: &Word| {
            let text = word.cased.as_str();
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            // A code has digits or capitals alone, and a word of a sentence has not.
            let code = text.bytes().any(|byte| byte.is_ascii_digit()) || text == text.to_ascii_uppercase();
            ((6..=64).contains(&text.len()) && plain && code).then(|| text.to_owned())
        };
        let prose = ["my", "me", "account", "this", "please", "up"];
        match self.words {
            [one] if let Some(code) = code(one) => Ok(Command::LinkCode { code }),
            words if words.iter().all(|word| prose.contains(&word.name.as_str())) => Ok(Command::Link),
            _ => wrong("to link your account, write `link`, or `link` and the code that your terminal shows"),
        }
    }

    /// `digest [WEEK]`
    pub(super) fn digest(self) -> Result<Command, Wrong> {
        let said: Vec<&Word> =
            self.words.iter().filter(|word| !["week", "for", "of"].contains(&word.key())).collect();
        match said.as_slice() {
            [] => Ok(Command::Digest { week: None }),
            [one] => match one.cased.to_ascii_uppercase().parse::<Week>() {
                Ok(week) => Ok(Command::Digest { week: Some(week.to_string()) }),
                Err(_) => wrong(format!("`{}` is not a week; write `digest 2026-W47`", clip(self.raw(one), 40))),
            },
            _ => wrong("write `digest`, or `digest 2026-W47` for another week"),
        }
    }
}

/// Words around what is extended that say nothing.
const FILLERS: [&str; 15] = [
    "by", "for", "my", "access", "to", "on", "the", "grant", "please", "pls", "another", "more", "with", "of", "and",
];
