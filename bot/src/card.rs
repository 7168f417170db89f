//! A card: what people read and press, without a word of any platform.
//!
//! INVARIANT (G9): text that somebody else wrote is only ever a [`Piece::Plain`], a [`Piece::Code`] or a [`Part::Quote`],
//! and platforms show those as they are: no mention, no link, no markup.

use workflows::clock::Timestamp;
use workflows::identity::ChatUser;

/// What a card looks like at a glance. Never told by colour alone: the title says it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Somebody has to decide.
    Asking,
    /// It went well.
    Good,
    /// It was refused.
    Bad,
    /// It is over, and nothing is to be done.
    Over,
    /// Everybody should look.
    Loud,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words, shown as they are.
    Plain(String),
    /// Words that stand out, shown as they are.
    Strong(String),
    /// A name or a short code, shown as it is in a fixed width.
    Code(String),
    /// A moment, in the reader's own time where the platform can.
    Moment(Timestamp),
    /// Somebody with an account here. `ping` tells whether they are notified.
    Person(ChatUser, Ping),
    /// A place of ours to look at; the address is never somebody else's.
    Link {
        /// The words.
        words: String,
        /// Where to.
        url: String,
    },
}

/// Whether naming somebody notifies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// It does.
    Loud,
    /// It does not.
    Quiet,
}

/// A line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Piece>);

impl Text {
    /// Words, shown as they are.
    pub fn plain(words: impl Into<String>) -> Self {
        Self(vec![Piece::Plain(words.into())])
    }

    /// With a piece more.
    #[must_use]
    pub fn and(mut self, piece: Piece) -> Self {
        self.0.push(piece);
        self
    }

    /// With more words.
    #[must_use]
    pub fn say(self, words: impl Into<String>) -> Self {
        self.and(Piece::Plain(words.into()))
    }

    /// With words that stand out.
    #[must_use]
    pub fn strong(self, words: impl Into<String>) -> Self {
        self.and(Piece::Strong(words.into()))
    }

    /// With a name or a short code.
    #[must_use]
    pub fn code(self, words: impl Into<String>) -> Self {
        self.and(Piece::Code(words.into()))
    }

    /// With a moment.
    #[must_use]
    pub fn moment(self, at: Timestamp) -> Self {
        self.and(Piece::Moment(at))
    }

    /// As words alone, for where nothing else can be shown. Moments are told in UTC.
    pub fn words(&self) -> String {
        let word = |piece: &Piece| match piece {
            Piece::Plain(words) | Piece::Strong(words) | Piece::Code(words) | Piece::Link { words, .. } => {
                words.clone()
            }
            Piece::Moment(at) => utc(*at),
            Piece::Person(who, _) => who.user.clone(),
        };
        self.0.iter().map(word).collect()
    }
}

/// A moment as `2026-11-27 14:32 UTC`: what stands where a platform does not turn it into the reader's time.
pub fn utc(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A part of a card, from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A name and a value: `Why: INC-42`.
    Fact(&'static str, Text),
    /// A paragraph.
    Say(Text),
    /// Somebody else's text, or a command: whole lines in fixed width, shown as they are. Made visible already
    /// ([`workflows::shown::visible`]); a platform that has no room for all of it must not offer what asks to have read it.
    Quote(&'static str, String),
    /// Something small: who was asked, an id.
    Note(Text),
    /// A table; the first row is its head.
    Table(Vec<Vec<String>>),
    /// A chart, with the same numbers as words.
    Chart(Chart),
    /// A line between parts.
    Rule,
    /// Buttons within the card, for what the parts above are about.
    Buttons(Vec<Button>),
}

/// Numbers as a picture: bars, one for each name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What it shows: at most 50 characters.
    pub title: String,
    /// What is counted, like "hours".
    pub unit: String,
    /// At most 20 names, each of at most 20 characters, with one number for each of `series`.
    pub bars: Vec<(String, Vec<i64>)>,
    /// The names of the numbers; at most 4.
    pub series: Vec<String>,
}

impl Chart {
    /// The same numbers as a sentence, for those who do not see the picture.
    pub fn words(&self) -> String {
        let bar = |(name, numbers): &(String, Vec<i64>)| {
            let each: Vec<String> =
                numbers.iter().zip(&self.series).map(|(number, series)| format!("{number} {series}")).collect();
            format!("{name}: {}", each.join(", "))
        };
        let bars: Vec<String> = self.bars.iter().map(bar).collect();
        format!("{} ({}). {}", self.title, self.unit, bars.join("; "))
    }
}

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Agree to exactly what was asked.
    Approve,
    /// Agree to the exact command, for as long as the session lasts.
    ApproveForSession,
    /// Agree to the command, and for some time to exactly it, or to its shape, again: a form.
    ApproveAgain,
    /// Agree to less: a form.
    ApproveLess,
    /// Ask something back: a form.
    Ask,
    /// Answer what was asked back: a form.
    Answer,
    /// Refuse: a form for the reason.
    Deny,
    /// Read a text that is too long for the card.
    Open,
    /// The next page of such a text.
    Next,
    /// "I am looking at it."
    Claim,
    /// Ask the next people now.
    Escalate,
    /// Ask somebody else who may decide: a form.
    Delegate,
    /// Take the own request back.
    Withdraw,
    /// Remind those who were asked.
    Nudge,
    /// Change the own request: a form, and a new request.
    Edit,
    /// Send what was understood.
    Send,
    /// Do not send it.
    Discard,
    /// More time: a form.
    Extend,
    /// "I am done": end the own grant.
    Done,
    /// Take a grant away: a form for the reason.
    Revoke,
    /// How to connect.
    Connect,
    /// Ask for access: a form.
    Request,
    /// What is mine: requests, grants.
    Mine,
    /// The manager has read the digest.
    Reviewed,
    /// One of the digest's actions; which one is the button's `choice`.
    Act,
    /// Link this chat account.
    Link,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 26] = [
        Self::Approve,
        Self::ApproveForSession,
        Self::ApproveAgain,
        Self::ApproveLess,
        Self::Ask,
        Self::Answer,
        Self::Deny,
        Self::Open,
        Self::Next,
        Self::Claim,
        Self::Escalate,
        Self::Delegate,
        Self::Withdraw,
        Self::Nudge,
        Self::Edit,
        Self::Send,
        Self::Discard,
        Self::Extend,
        Self::Done,
        Self::Revoke,
        Self::Connect,
        Self::Request,
        Self::Mine,
        Self::Reviewed,
        Self::Act,
        Self::Link,
    ];

    /// Whether it agrees to what the card shows, so that the card has to show it whole (G8).
    pub const fn agrees(self) -> bool {
        matches!(self, Self::Approve | Self::ApproveForSession | Self::ApproveAgain)
    }

    /// The name on the wire: what a platform calls `action_id` or puts into `custom_id`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::ApproveForSession => "approve_session",
            Self::ApproveAgain => "approve_again",
            Self::ApproveLess => "approve_less",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Deny => "deny",
            Self::Open => "open",
            Self::Next => "next",
            Self::Claim => "claim",
            Self::Escalate => "escalate",
            Self::Delegate => "delegate",
            Self::Withdraw => "withdraw",
            Self::Nudge => "nudge",
            Self::Edit => "edit",
            Self::Send => "send",
            Self::Discard => "discard",
            Self::Extend => "extend",
            Self::Done => "done",
            Self::Revoke => "revoke",
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Mine => "mine",
            Self::Reviewed => "reviewed",
            Self::Act => "act",
            Self::Link => "link",
        }
    }

    /// The verb of a name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The usual answer.
    Primary,
    /// One among others.
    Normal,
    /// It takes something away.
    Danger,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What it does.
    pub verb: Verb,
    /// What it says: at most 30 characters.
    pub label: String,
    /// What a screen reader says: at most 75 characters.
    pub spoken: String,
    /// How it looks.
    pub weight: Weight,
    /// What it is about: an opaque key that only the store can read (a `crd_…`), and nothing that a forger could fill in.
    pub key: String,
    /// Which of several things, where the verb alone does not say: at most 40 characters of `a-z0-9_-`.
    pub choice: String,
    /// Asked back before it counts, where it cannot be undone: at most 200 characters.
    pub confirm: Option<String>,
}

/// What people read and press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The whole in one sentence: what notifications and screen readers say.
    pub summary: String,
    /// The headline.
    pub title: Text,
    /// At a glance.
    pub tone: Tone,
    /// From top to bottom.
    pub parts: Vec<Part>,
    /// At most five.
    pub buttons: Vec<Button>,
    /// What is seldom wanted: behind a menu where the platform has one, as further buttons elsewhere.
    pub more: Vec<Button>,
}

impl Card {
    /// A card that says one thing.
    pub fn saying(tone: Tone, words: impl Into<String>) -> Self {
        let words = words.into();
        Self {
            summary: words.clone(),
            title: Text::plain(words),
            tone,
            parts: Vec::new(),
            buttons: Vec::new(),
            more: Vec::new(),
        }
    }

    /// With a part more.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Every button, wherever it stands.
    pub fn all_buttons(&self) -> impl Iterator<Item = &Button> {
        let inside = self.parts.iter().flat_map(|part| match part {
            Part::Buttons(buttons) => buttons.as_slice(),
            Part::Fact(..)
            | Part::Say(_)
            | Part::Quote(..)
            | Part::Note(_)
            | Part::Table(_)
            | Part::Chart(_)
            | Part::Rule => &[],
        });
        inside.chain(&self.buttons).chain(&self.more)
    }
}
