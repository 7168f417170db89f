//! A form: what somebody fills in, without a word of any platform.

use std::collections::BTreeMap;

use crate::card::{Button, Part};

/// Which form it is. A closed set, so that what comes back is told apart by a value and not by a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormName {
    /// Asking for access, or changing what was asked.
    Request,
    /// Agreeing to less.
    Less,
    /// Agreeing to more than once.
    Again,
    /// Asking back.
    Question,
    /// Answering that.
    Answer,
    /// Refusing.
    Deny,
    /// Taking a grant away.
    Revoke,
    /// More time.
    Extend,
    /// Asking somebody else.
    Delegate,
    /// Breaking the glass.
    Emergency,
    /// Reading a long text; nothing is filled in.
    Read,
}

impl FormName {
    /// Every form.
    pub const ALL: [Self; 11] = [
        Self::Request,
        Self::Less,
        Self::Again,
        Self::Question,
        Self::Answer,
        Self::Deny,
        Self::Revoke,
        Self::Extend,
        Self::Delegate,
        Self::Emergency,
        Self::Read,
    ];

    /// The name on the wire: Slack's `callback_id`, part of Discord's `custom_id`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Less => "less",
            Self::Again => "again",
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Deny => "deny",
            Self::Revoke => "revoke",
            Self::Extend => "extend",
            Self::Delegate => "delegate",
            Self::Emergency => "emergency",
            Self::Read => "read",
        }
    }

    /// The form of a name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == name)
    }
}

/// Whether a field may stay empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It may not.
    Required,
    /// It may.
    Optional,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, unique in the form: `a-z_`, at most 20 characters.
    pub name: &'static str,
    /// What it asks for: at most 45 characters.
    pub label: String,
    /// A word of help below it: at most 100 characters; empty for none.
    pub hint: String,
    /// What stands in it already; for a choice, the value of the option.
    pub value: String,
    /// Whether it may stay empty.
    pub need: Need,
    /// How it is filled in.
    pub kind: FieldKind,
}

/// How a field is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A line.
    Line,
    /// Several lines, at most 1,000 characters.
    Lines,
    /// One of several: value, and the words for it. At most 25; values of at most 60 characters, words of at most 75.
    Choice(Vec<(String, String)>),
    /// One of many, found by typing: [`crate::Inbox::suggest`] says which.
    Search,
    /// Somebody at this platform; the value is the platform's id of them.
    Person,
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Which.
    pub name: FormName,
    /// What it is about: an opaque key, as on buttons; it comes back with what was filled in. Empty where it is about
    /// nothing yet.
    pub key: String,
    /// The headline: at most 24 characters.
    pub title: String,
    /// What the button that sends it says: at most 24 characters; none where there is nothing to send.
    pub submit: Option<String>,
    /// What stands above the fields.
    pub parts: Vec<Part>,
    /// The fields, from top to bottom; at most 5, so that every platform has room.
    pub fields: Vec<Field>,
    /// Buttons below.
    pub buttons: Vec<Button>,
}

/// What was filled in, by the fields' names. An empty field is not in it.
pub type Values = BTreeMap<String, String>;
