//! What somebody typed, as a value. Pure: text in, value out.
//!
//! Only the exact grammar of [`Certain::Short`] may be sent at once. Everything else that looks like an ask is a guess, and
//! is shown to whoever wrote it before it counts; what decides about others (`approve`, `deny`, …) is never guessed at all.

use workflows::clock::Span;
use workflows::request::Again;
use workflows::shown::visible;
use workflows::target::{Access, TargetName};

mod ask;
mod decide;
mod guess;
mod level;
mod live;
mod name;
mod reason;
mod span;
#[cfg(test)]
mod tests;
mod verb;
mod words;

use reason::{Wrong, wrong};
use words::Word;

/// What can be typed, a line for each. The tests read every line of it.
pub const HELP: &str = "\
access TARGET [read|write|admin] 1h [for PERSON] because WHY
access                        a form
mine                          your requests and your access
who TARGET                    who has access now
extend TARGET 30m because WHY
done [TARGET]                 end your access
withdraw ID
nudge ID                      remind those who were asked
approve ID [45m] [read] [-- NOTE]
approve ID exact [10m]        a held command, and again for a while
approve ID shape [10m]        the same, also with other operands
deny ID because WHY
ask ID QUESTION
answer ID WORDS
claim ID                      say that you are looking at it
escalate ID                   ask the next people now
delegate ID to PERSON
revoke ID because WHY
breakglass TARGET 30m because WHY
digest [WEEK]                 your weekly digest
link                          link this account";

/// The most characters that are looked at.
const MOST: usize = 8_000;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Asking for access.
    Ask(Ask),
    /// The form to ask for access: nothing else was said.
    Form,
    /// What is mine: requests, grants.
    Mine,
    /// What can be typed.
    Help,
    /// How to link this account.
    Link,
    /// "I am done": ends the own grant.
    Done {
        /// Of which target, or which grant; none where there is only one.
        what: Option<String>,
    },
    /// Who has access now.
    Who {
        /// To what.
        target: String,
    },
    /// Agree to a request.
    Approve {
        /// Which.
        id: String,
        /// For less time.
        span: Option<Span>,
        /// For less than was asked.
        level: Option<Access>,
        /// A held command again, for `span` where that is said.
        again: Option<Again>,
        /// A word to whoever asked.
        note: Option<String>,
    },
    /// Refuse a request.
    Deny {
        /// Which.
        id: String,
        /// Why.
        because: String,
    },
    /// Take the own request back.
    Withdraw {
        /// Which.
        id: String,
    },
    /// Remind those who were asked.
    Nudge {
        /// Of which request.
        id: String,
    },
    /// Ask the next people now.
    Escalate {
        /// About which request.
        id: String,
    },
    /// "I am looking at it."
    Claim {
        /// At which request.
        id: String,
    },
    /// Ask something back.
    AskBack {
        /// About which request.
        id: String,
        /// What.
        words: String,
    },
    /// Answer what was asked back.
    Answer {
        /// About which request.
        id: String,
        /// What.
        words: String,
    },
    /// Ask somebody else who may decide.
    Delegate {
        /// About which request.
        id: String,
        /// Whom: a name, or `<@…>` for an account that was mentioned.
        to: String,
    },
    /// More time.
    Extend {
        /// For which target, or which grant.
        what: String,
        /// How much more.
        span: Span,
        /// Why.
        because: Option<String>,
    },
    /// Take a grant away.
    Revoke {
        /// Which grant, or of which target.
        what: String,
        /// Why.
        because: String,
    },
    /// Break the glass.
    Emergency(Ask),
    /// The proof that a chat account is one's own, where the platform has no page for it.
    LinkCode {
        /// The code that the terminal showed, as it was typed.
        code: String,
    },
    /// The weekly report.
    Digest {
        /// Of which week, like `2026-W47`; none for the latest.
        week: Option<String>,
    },
    /// Nothing that we know.
    Unknown {
        /// The beginning of it.
        said: String,
        /// What to write instead.
        hint: String,
    },
}

/// What somebody asks for, as far as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// To what.
    pub target: Target,
    /// How much; none where nothing was said.
    pub level: Option<Access>,
    /// For how long.
    pub span: Option<Span>,
    /// Why: as it was typed, at most 1,000 characters.
    pub because: Option<String>,
    /// For whom, if for somebody else: a name, or `<@…>` for an account that was mentioned.
    pub person: Option<String>,
    /// Whether it may be sent as it is.
    pub certain: Certain,
    /// The words that were not understood.
    pub left_over: Vec<String>,
}

/// To what somebody wants access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one. With [`Certain::Guessed`], the name may have been written differently.
    Exact(TargetName),
    /// What was written fits each of these; at most 25.
    Several(Vec<TargetName>),
    /// What was written fits none. Made visible already.
    Unknown(String),
    /// None was named.
    Missing,
}

/// How sure we are of an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certain {
    /// The exact grammar: every word was understood, the target is named in full, and how long and why are said.
    Short,
    /// Anything else: shown to whoever wrote it before it counts.
    Guessed,
}

/// Reads what was typed. `names` are the targets that this person may ask for.
pub fn parse(text: &str, names: &[TargetName]) -> Command {
    // Counted before anything else is done with it.
    let read = if text.chars().nth(MOST).is_some() {
        Err(Wrong(format!("that is longer than {MOST} characters; {}", how(names))))
    } else {
        let text = words::undecorated(text);
        let words = words::cut(&text);
        Said { text: &text, words: &words, names }.command()
    };
    read.unwrap_or_else(|Wrong(hint)| Command::Unknown { said: clip(text, 200), hint })
}

/// How an ask is written, with a name that this person can use.
fn how(names: &[TargetName]) -> String {
    let name = names.first().map_or("orders-prod", TargetName::as_str);
    format!("write `access {name} 1h because INC-42`, or `help`")
}

/// The beginning of a text, with nothing in it that hides.
fn clip(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    visible(&short).replace('`', "'")
}

/// A text, cut into words.
#[derive(Clone, Copy)]
struct Said<'t> {
    text: &'t str,
    words: &'t [Word],
    names: &'t [TargetName],
}

impl<'t> Said<'t> {
    /// Without the first words.
    fn after(self, count: usize) -> Self {
        Self { words: self.words.get(count..).unwrap_or_default(), ..self }
    }

    /// A word as we compare it; empty behind the end.
    fn name(&self, at: usize) -> &'t str {
        self.words.get(at).map_or("", |word| word.name.as_str())
    }

    /// The text from a word on, as it was typed.
    fn from(&self, at: usize) -> &'t str {
        self.words.get(at).and_then(|word| self.text.get(word.start..)).unwrap_or_default().trim()
    }

    /// A word as it was typed.
    fn raw(&self, word: &Word) -> &'t str {
        self.text.get(word.start..word.end).unwrap_or_default()
    }

    /// What the text says.
    fn command(self) -> Result<Command, Wrong> {
        if self.words.is_empty() {
            return Ok(Command::Help);
        }
        match verb::read(self.words) {
            Some((verb, used)) => self.after(used).verb(verb),
            None => self.free(),
        }
    }

    /// What the words behind a verb say.
    fn verb(self, verb: verb::Verb) -> Result<Command, Wrong> {
        use verb::Verb;
        match verb {
            Verb::Access => self.access(),
            Verb::Emergency => Ok(Command::Emergency(guess::led(self)?)),
            Verb::Help => Ok(self.free().ok().filter(is_plain_ask).unwrap_or(Command::Help)),
            Verb::Mine => Ok(Command::Mine),
            Verb::Link => self.link(),
            Verb::Done => self.done(),
            Verb::Who => self.who(),
            Verb::Digest => self.digest(),
            Verb::Extend => self.extend(),
            Verb::Revoke => self.revoke(),
            Verb::Approve => self.approve(),
            Verb::Deny => self.deny(),
            Verb::Withdraw => self.about("withdraw").map(|id| Command::Withdraw { id }),
            Verb::Nudge => self.about("nudge").map(|id| Command::Nudge { id }),
            Verb::Escalate => self.about("escalate").map(|id| Command::Escalate { id }),
            Verb::Claim => self.about("claim").map(|id| Command::Claim { id }),
            // "ask for orders-prod" asks for access; "ask req_… why now?" asks back.
            Verb::Ask if self.id().is_none() => self.free().or_else(|_| self.ask_back()),
            Verb::Ask => self.ask_back(),
            Verb::Answer => self.words_about("answer", "because …").map(|(id, words)| Command::Answer { id, words }),
            Verb::Delegate => self.delegate(),
        }
    }

    /// Behind `access`: an ask, the form, or another command, for where everything typed begins with `/access`.
    fn access(self) -> Result<Command, Wrong> {
        let named = self.words.first().is_some_and(|word| name::exact(word, self.names).is_some());
        match verb::read(self.words) {
            Some((verb, used)) if !named && verb.goes_behind_access() => self.after(used).verb(verb),
            Some(_) | None => {
                let ask = guess::led(self)?;
                let nothing = ask.target == Target::Missing && ask.left_over.is_empty();
                let nothing = nothing && ask.span.is_none() && ask.because.is_none() && ask.person.is_none();
                Ok(if nothing && ask.level.is_none() { Command::Form } else { Command::Ask(ask) })
            }
        }
    }

    /// Words without a command before them: an ask, if they look like one.
    fn free(self) -> Result<Command, Wrong> {
        match guess::free(self)? {
            Some(ask) => Ok(Command::Ask(ask)),
            None => wrong(format!("`{}` was not understood; {}", clip(self.from(0), 60), how(self.names))),
        }
    }
}

/// An ask that names its target and how long.
fn is_plain_ask(command: &Command) -> bool {
    matches!(command, Command::Ask(Ask { target: Target::Exact(_), span: Some(_), .. }))
}
