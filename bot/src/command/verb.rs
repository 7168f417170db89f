//! The first word of a command.

use super::words::Word;

/// What a text is about, by its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Access,
    Emergency,
    Help,
    Mine,
    Link,
    Done,
    Who,
    Digest,
    Extend,
    Revoke,
    Approve,
    Deny,
    Withdraw,
    Nudge,
    Escalate,
    Claim,
    Ask,
    Answer,
    Delegate,
}

impl Verb {
    /// Whether `/access mine` means `mine`. What begins an ask does not: there it is one word of the ask.
    pub(super) const fn goes_behind_access(self) -> bool {
        match self {
            Self::Access | Self::Ask => false,
            Self::Emergency
            | Self::Help
            | Self::Mine
            | Self::Link
            | Self::Done
            | Self::Who
            | Self::Digest
            | Self::Extend
            | Self::Revoke
            | Self::Approve
            | Self::Deny
            | Self::Withdraw
            | Self::Nudge
            | Self::Escalate
            | Self::Claim
            | Self::Answer
            | Self::Delegate => true,
        }
    }
}

/// The verb that a text begins with, and how many words it takes.
pub(super) fn read(words: &[Word]) -> Option<(Verb, usize)> {
    let name = |at: usize| words.get(at).map_or("", |word| word.name.as_str());
    // Some platforms hand over the slash as well, and on others people write an exclamation mark.
    let first = name(0).trim_start_matches(['/', '!']);
    let alone = words.len() == 1;
    let one = match first {
        "access" | "request" => Verb::Access,
        "breakglass" | "break-glass" | "emergency" => Verb::Emergency,
        "help" | "commands" => Verb::Help,
        "hi" | "hello" | "hey" if alone => Verb::Help,
        "mine" => Verb::Mine,
        "status" | "list" | "requests" | "grants" if alone => Verb::Mine,
        "link" => Verb::Link,
        "done" => Verb::Done,
        "who" | "who's" => Verb::Who,
        "digest" => Verb::Digest,
        "extend" => Verb::Extend,
        "revoke" => Verb::Revoke,
        "approve" => Verb::Approve,
        "deny" | "reject" => Verb::Deny,
        "withdraw" | "cancel" => Verb::Withdraw,
        "nudge" | "remind" => Verb::Nudge,
        "escalate" => Verb::Escalate,
        "claim" => Verb::Claim,
        "ask" => Verb::Ask,
        "answer" => Verb::Answer,
        "delegate" => Verb::Delegate,
        _ => return longer(words, [first, name(1), name(2)]),
    };
    Some((one, 1))
}

/// The verbs of several words.
fn longer(words: &[Word], said: [&str; 3]) -> Option<(Verb, usize)> {
    match said {
        ["break", "glass" | "the", third] => Some((Verb::Emergency, if third == "glass" { 3 } else { 2 })),
        ["i'm" | "im", "done", _] => Some((Verb::Done, 2)),
        ["i", "am", "done"] => Some((Verb::Done, 3)),
        ["my", "requests" | "access" | "grants", ""] => Some((Verb::Mine, 2)),
        ["what", "can", "i"] => Some((Verb::Help, 3)),
        // "?", all of whose punctuation is trimmed off.
        ["", "", ""] => words.first().filter(|word| word.full.starts_with('?')).map(|_| (Verb::Help, 1)),
        _ => None,
    }
}
