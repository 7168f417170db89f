//! What is typed about a request. Nothing is guessed here: a word that was not understood stops the whole.

use workflows::request::Again;

use super::reason::{self, Wrong, wrong};
use super::words::{Word, person};
use super::{Command, Said, clip, level, span};

/// Words that may be said and mean nothing.
const POLITE: [&str; 4] = ["please", "pls", "now", "thanks"];

impl Said<'_> {
    /// The id that the words begin with.
    pub(super) fn id(&self) -> Option<String> {
        let word = self.words.first()?;
        // "approve 90minutes" has no id.
        let id = id(word).filter(|_| span::read(self.words).is_none());
        id.filter(|_| !POLITE.contains(&word.name.as_str()))
    }

    /// The id that a command is about.
    fn needs_id(&self, verb: &str, behind: &str) -> Result<String, Wrong> {
        let example = format!("write `{verb} req_…{behind}`; the id stands on the card");
        match (self.id(), self.words.first()) {
            (Some(id), _) => Ok(id),
            (None, Some(word)) => {
                wrong(format!("`{}` is not the id of a request; {example}", clip(self.raw(word), 40)))
            }
            (None, None) => wrong(format!("say which request: {example}")),
        }
    }

    /// A command that says nothing but its id.
    pub(super) fn about(&self, verb: &str) -> Result<String, Wrong> {
        let id = self.needs_id(verb, "")?;
        match self.not_understood(1) {
            Some(word) => {
                wrong(format!("`{}` was not understood; write `{verb} {id}` and nothing more", clip(word, 40)))
            }
            None => Ok(id),
        }
    }

    /// The first word from here on that means something.
    fn not_understood(&self, from: usize) -> Option<&str> {
        let rest = self.words.get(from..).unwrap_or_default();
        rest.iter().find(|word| !POLITE.contains(&word.name.as_str())).map(|word| self.raw(word))
    }

    /// A command that says something about a request.
    pub(super) fn words_about(&self, verb: &str, example: &str) -> Result<(String, String), Wrong> {
        let id = self.needs_id(verb, &format!(" {example}"))?;
        match reason::kept(self.from(1))? {
            Some(words) => Ok((id, words)),
            None => wrong(format!("say something: `{verb} {id} {example}`")),
        }
    }

    /// `ask ID QUESTION`
    pub(super) fn ask_back(self) -> Result<Command, Wrong> {
        self.words_about("ask", "why now?").map(|(id, words)| Command::AskBack { id, words })
    }

    /// `approve ID [DURATION] [LEVEL] [because NOTE]`, `approve ID exact|shape [DURATION] [because NOTE]`
    pub(super) fn approve(self) -> Result<Command, Wrong> {
        let id = self.needs_id("approve", "")?;
        let (head, note) = reason::split(self)?;
        let (mut span, mut level, mut again) = (None, None, None);
        let mut at = 1;
        while let Some(word) = head.words.get(at) {
            let here = head.after(at);
            let key = word.key();
            at += if let (Ok(one), None) = (key.parse::<Again>(), again) {
                again = Some(one);
                1
            } else if let (Some((one, used)), None) = (level::read(here.words), level) {
                level = Some(one);
                used
            } else if POLITE.contains(&key) || matches!(key, "for" | "as") {
                1
            } else {
                match span::read(here.words) {
                    Some(span::Reading::Span(one, used)) if span.is_none() => {
                        span = Some(one);
                        used
                    }
                    Some(span::Reading::Bad(why)) => return wrong(why),
                    // To agree to the whole where somebody wrote "for half of it" would be too much.
                    Some(span::Reading::Span(..)) | None => {
                        let said = clip(self.raw(word), 40);
                        let how = format!("write `approve {id} 45m read -- NOTE`, without what you don't need");
                        return wrong(format!("`{said}` was not understood; {how}"));
                    }
                }
            };
        }
        if again.is_some() && level.is_some() {
            return wrong(format!("a held command has no level; write `approve {id} exact 10m`"));
        }
        Ok(Command::Approve { id, span, level, again, note })
    }

    /// `deny ID because REASON`; the `because` may be left out.
    pub(super) fn deny(self) -> Result<Command, Wrong> {
        let id = self.needs_id("deny", " because …")?;
        match reason::rest(self.after(1))? {
            Some(because) => Ok(Command::Deny { id, because }),
            None => wrong(format!("say why: `deny {id} because …`; it is shown to whoever asked")),
        }
    }

    /// `delegate ID [to] PERSON`
    pub(super) fn delegate(self) -> Result<Command, Wrong> {
        let id = self.needs_id("delegate", " to grace@example.com")?;
        let said: Vec<&Word> = self.words.iter().skip(1).filter(|word| word.key() != "to").collect();
        let said: Vec<&Word> = said.into_iter().filter(|word| !POLITE.contains(&word.name.as_str())).collect();
        let plain = |word: &Word| (!word.cased.is_empty()).then(|| word.cased.clone());
        match said.as_slice() {
            [one] if let Some(to) = person(one).or_else(|| plain(one)) => Ok(Command::Delegate { id, to }),
            _ => wrong(format!("say to whom, and nothing more: `delegate {id} to grace@example.com`")),
        }
    }
}

/// A word that can be an id: of a request, a grant, a session.
pub(super) fn id(word: &Word) -> Option<String> {
    let id = word.cased.trim_start_matches('#');
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    ((6..=30).contains(&id.len()) && plain).then(|| id.to_owned())
}
