//! What was read from the screen when Enter was pressed, and why it may not be all.

/// What was typed into a terminal when Enter was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A line after a prompt.
    Line(Line),
    /// Something was typed and does not show: a password, or a line that somebody hides. Its text is not kept.
    Secret {
        /// What stands before it.
        prompt: String,
    },
    /// The alternate screen is shown, by a program or by whoever printed its sequence: what is typed can't be read.
    FullScreen,
}

/// A line as the screen shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its text; for a command of several lines all of them so far.
    pub(crate) text: String,
    /// What stands before it.
    pub(crate) prompt: String,
    /// Whether the text can be relied on.
    pub(crate) trust: Trust,
}

/// Whether a text is what the shell has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// As far as a terminal can tell.
    Whole,
    /// Perhaps not, because of each of these.
    Doubtful(Vec<Doubt>),
}

/// A reason why a text may not be what the shell has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// There is nothing before the line: a program reads it.
    NoPrompt,
    /// What stands before it is not like the shell's prompt: another shell, or a program's question.
    OtherPrompt,
    /// It was begun before the line before it was answered.
    Ahead,
    /// Text stood behind the cursor when the line began.
    Crowded,
    /// The prompt is not found any more.
    PromptLost,
    /// The prompt was drawn again, and what stands above it may belong to the line.
    Redrawn,
    /// The line has more than one row, and not by the margin.
    Lines,
    /// A row is full: whether the next one goes on is not known.
    Margin,
    /// What was typed is not what is shown.
    Mismatch,
    /// The last key had no answer yet.
    Unanswered,
    /// The target goes on printing.
    Restless,
    /// Something was printed while nobody typed.
    Unbidden,
    /// The shell replaces `!…` or `^…` by earlier lines.
    Expansion,
    /// `^A` may be two characters or one.
    Caret,
    /// A key was typed as text, with Ctrl-V.
    Quoted,
    /// Enter inside a paste.
    Pasted,
    /// The history was searched, and what was found is not shown.
    Search,
    /// The shell filled in the line by itself.
    Preloaded,
    /// Whether the line goes on from the one before is not certain.
    Continuation,
    /// Characters of no width, or of a disputed one.
    Width,
    /// Bytes that are no text.
    Unreadable,
    /// The terminal's size changed meanwhile.
    Resized,
    /// The alternate screen was shown meanwhile.
    Left,
    /// The terminal is larger than the one kept here, or has no size.
    Size,
    /// More was drawn than can be followed.
    Flooded,
}

impl Doubt {
    /// For evidence.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoPrompt => "there is no prompt before it",
            Self::OtherPrompt => "it is not the shell's prompt",
            Self::Ahead => "it was typed ahead",
            Self::Crowded => "text stood behind the cursor",
            Self::PromptLost => "the prompt is not found any more",
            Self::Redrawn => "the prompt was drawn again",
            Self::Lines => "it has more than one row",
            Self::Margin => "it ends at the margin, or goes on",
            Self::Mismatch => "what was typed is not what is shown",
            Self::Unanswered => "the last key had no answer yet",
            Self::Restless => "the target goes on printing",
            Self::Unbidden => "something was printed while nobody typed",
            Self::Expansion => "the shell replaces part of it by earlier lines",
            Self::Caret => "it may have control characters",
            Self::Quoted => "a key was typed as text",
            Self::Pasted => "Enter was inside a paste",
            Self::Search => "what the search found is not shown",
            Self::Preloaded => "the shell filled it in",
            Self::Continuation => "whether it goes on from the line before is not certain",
            Self::Width => "it has characters of no certain width",
            Self::Unreadable => "it has bytes that are no text",
            Self::Resized => "the terminal's size changed",
            Self::Left => "the alternate screen was shown meanwhile",
            Self::Size => "the terminal is too large, or has no size",
            Self::Flooded => "more was drawn than can be followed",
        }
    }
}
