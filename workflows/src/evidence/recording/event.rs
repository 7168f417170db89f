//! What a recording tells, record by record, and its compact binary form inside a batch.
//!
//! ```text
//! record  = at: zigzag varint, microseconds since the record before it in the batch (the first: since 1970)
//!           | tag u8 | fields in the order of `Event`
//! number  = varint (LEB128, at most 10 bytes); u8 = 1 byte
//! bytes   = length varint | bytes; text = the same, UTF-8
//! option  = 0 | 1 then the value; list = count varint | each
//! ```
//!
//! No JSON and no base64 here: this runs for each statement and each chunk of output.

use std::fmt;

/// Something that happened in a session, as read back.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// The session began.
    Begin {
        /// Who, what, where, when: JSON text.
        json: String,
    },
    /// An operation was asked for, and judged.
    Intent {
        /// Number of the operation within the session; the caller counts.
        op: u32,
        /// The exact bytes, e.g. the statement.
        text: Vec<u8>,
        /// Bound values in order; `None` is NULL.
        params: Vec<Option<Vec<u8>>>,
        /// The gate: a number of the caller's.
        verdict: u8,
        /// Which rule and why.
        detail: String,
    },
    /// The operation waits for people.
    Hold {
        /// Number of the operation.
        op: u32,
        /// Id of the request.
        request: String,
        /// Name of the rule that holds it.
        rule: String,
    },
    /// The hold came to an end.
    Settled {
        /// Number of the operation.
        op: u32,
        /// Approved, denied, lapsed, …
        outcome: String,
        /// Who decided.
        by: String,
        /// The reason that was given.
        because: String,
    },
    /// Bytes towards the client, already masked, as the protocol sent them.
    Output {
        /// Number of the operation.
        op: u32,
        /// The bytes. A long output is several events.
        bytes: Vec<u8>,
    },
    /// The operation ended.
    Outcome {
        /// Number of the operation.
        op: u32,
        /// The server's word for it, e.g. `DELETE 3`.
        tag: String,
        /// Rows.
        rows: u64,
        /// Bytes towards the client.
        bytes: u64,
        /// Microseconds from release to the end.
        micros: u64,
        /// The server's error, if it was one.
        error: Option<String>,
    },
    /// A remark of the gateway, e.g. that something could not be inspected.
    Note {
        /// The remark.
        text: String,
    },
    /// Values were masked in the output.
    Masked {
        /// Number of the operation.
        op: u32,
        /// Which detector or column.
        what: String,
        /// How many values.
        count: u64,
    },
    /// What the person typed on a line of a terminal, masked. Only what the terminal has shown is ever among it.
    Typed {
        /// Number of the operation that the terminal belongs to.
        op: u32,
        /// The line, with the key that ended it.
        text: String,
    },
    /// A piece of a file that was transferred and is kept by rule. The pieces of one file follow each other.
    File {
        /// Number of the file within the session, from 1.
        number: u32,
        /// Which way it went and its path: `put /srv/app/x`.
        name: String,
        /// Size of the whole file, in bytes.
        size: u64,
        /// The piece.
        bytes: Vec<u8>,
    },
    /// The session ended in order.
    End {
        /// How and why: JSON text.
        json: String,
    },
}

/// An [`Event`] to be written, borrowed from the caller. Beginning and end are not among them: they are written
/// by [`Recorder::open`](super::Recorder::open) and [`Tape::close`](super::Tape::close) and by nothing else.
#[derive(Clone, Copy)]
pub enum EventRef<'a> {
    /// See [`Event::Intent`].
    Intent {
        /// Number of the operation.
        op: u32,
        /// The exact bytes.
        text: &'a [u8],
        /// Bound values in order.
        params: &'a [Option<&'a [u8]>],
        /// The gate.
        verdict: u8,
        /// Which rule and why.
        detail: &'a str,
    },
    /// See [`Event::Hold`].
    Hold {
        /// Number of the operation.
        op: u32,
        /// Id of the request.
        request: &'a str,
        /// Name of the rule.
        rule: &'a str,
    },
    /// See [`Event::Settled`].
    Settled {
        /// Number of the operation.
        op: u32,
        /// Approved, denied, lapsed, …
        outcome: &'a str,
        /// Who decided.
        by: &'a str,
        /// The reason that was given.
        because: &'a str,
    },
    /// See [`Event::Output`].
    Output {
        /// Number of the operation.
        op: u32,
        /// The bytes, masked.
        bytes: &'a [u8],
    },
    /// See [`Event::Outcome`].
    Outcome {
        /// Number of the operation.
        op: u32,
        /// The server's word for it.
        tag: &'a str,
        /// Rows.
        rows: u64,
        /// Bytes towards the client.
        bytes: u64,
        /// Microseconds.
        micros: u64,
        /// The server's error.
        error: Option<&'a str>,
    },
    /// See [`Event::Note`].
    Note {
        /// The remark.
        text: &'a str,
    },
    /// See [`Event::Masked`].
    Masked {
        /// Number of the operation.
        op: u32,
        /// Which detector or column.
        what: &'a str,
        /// How many values.
        count: u64,
    },
    /// See [`Event::Typed`].
    Typed {
        /// Number of the operation.
        op: u32,
        /// The line, masked.
        text: &'a str,
    },
    /// See [`Event::File`].
    File {
        /// Number of the file.
        number: u32,
        /// Which way, and its path.
        name: &'a str,
        /// Size of the whole file, in bytes.
        size: u64,
        /// The piece.
        bytes: &'a [u8],
    },
}

// Statements, values and output must not reach a log by way of `{:?}`: only the kind is shown.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Begin { .. } => "Begin",
            Self::Intent { .. } => "Intent",
            Self::Hold { .. } => "Hold",
            Self::Settled { .. } => "Settled",
            Self::Output { .. } => "Output",
            Self::Outcome { .. } => "Outcome",
            Self::Note { .. } => "Note",
            Self::Masked { .. } => "Masked",
            Self::Typed { .. } => "Typed",
            Self::File { .. } => "File",
            Self::End { .. } => "End",
        };
        f.debug_struct(name).finish_non_exhaustive()
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Intent { .. } => "Intent",
            Self::Hold { .. } => "Hold",
            Self::Settled { .. } => "Settled",
            Self::Output { .. } => "Output",
            Self::Outcome { .. } => "Outcome",
            Self::Note { .. } => "Note",
            Self::Masked { .. } => "Masked",
            Self::Typed { .. } => "Typed",
            Self::File { .. } => "File",
        };
        f.debug_struct(name).finish_non_exhaustive()
    }
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When, in microseconds since 1970 (UTC), by the gateway's clock.
    pub at_us: i64,
    /// What.
    pub what: Event,
}
