//! The gateway's own connection to a target: for questions about tables and for plans, never for a person's statement.
//!
//! Everything goes through the extended protocol, which takes one statement a message: no text can end ours and begin
//! another. (Rejected: tokio-postgres here, which would sign in a second way, past `upstream.rs`.)

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use workflows::target::{Access, Target};

use crate::postgres::extended::Column;
use crate::postgres::masking;
use crate::postgres::upstream::Dialer;
use crate::postgres::wire::{self, Cells, HEAD};
use crate::stream::Stream;

/// The longest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// How our own connections are made.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) dialer: Dialer,
    pub(super) target: Arc<Target>,
    pub(super) access: Access,
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SideError {
    /// The connection could not be made.
    #[error("the target could not be reached")]
    Dial(#[source] crate::postgres::upstream::DialError),
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[from] std::io::Error),
    /// The server says no.
    #[error("{}", .0.message)]
    Server(ServerError),
    /// The server says more than we want to hear.
    #[error("the answer is too long")]
    TooLong,
    /// The server's answer is none.
    #[error("the answer could not be read")]
    Answer(#[from] wire::Malformed),
}

/// What the server said against a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerError {
    /// The SQLSTATE.
    pub(super) code: String,
    pub(super) message: String,
    /// Where in the text, in characters from 1.
    pub(super) position: Option<u32>,
}

impl ServerError {
    fn of(frame: &[u8]) -> Self {
        let field =
            |letter| String::from_utf8_lossy(wire::error_field(frame, letter).unwrap_or_default()).into_owned();
        Self { code: field(b'C'), message: field(b'M'), position: field(b'P').parse().ok() }
    }
}

/// One of our own connections.
#[derive(Debug)]
pub(super) struct Side {
    stream: Stream,
    bytes: Vec<u8>,
}

/// Rows as text; `None` is NULL.
pub(super) type Rows = Vec<Vec<Option<String>>>;

impl Way {
    /// Connects. What is run there cannot write, whatever the login may do.
    pub(super) async fn open(&self, within: Duration) -> Result<Side, SideError> {
        let params = [("application_name".to_owned(), "countersign".to_owned())];
        let upstream = self.dialer.connect(&self.target, self.access, &params, true, within).await;
        let upstream = upstream.map_err(SideError::Dial)?;
        Ok(Side { stream: upstream.stream, bytes: upstream.pending.to_vec() })
    }
}

impl Side {
    /// Asks one statement; `params` are texts.
    pub(super) async fn rows(&mut self, text: &str, params: &[&str]) -> Result<Rows, SideError> {
        self.bound(text.as_bytes(), &[], |to| {
            to.extend_from_slice(&[0, 0]);
            to.extend_from_slice(&(params.len() as u16).to_be_bytes());
            for param in params {
                to.extend_from_slice(&(param.len() as u32).to_be_bytes());
                to.extend_from_slice(param.as_bytes());
            }
        })
        .await
    }

    /// The same for a text that may not be UTF-8.
    pub(super) async fn rows_raw(&mut self, text: &[u8]) -> Result<Rows, SideError> {
        self.bound(text, &[], |to| to.extend_from_slice(&[0; 4])).await
    }

    /// The same with parameter types, formats and values as a client sent them.
    pub(super) async fn bound(
        &mut self,
        text: &[u8],
        types: &[u8],
        tail: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Rows, SideError> {
        let mut out = Vec::new();
        wire::write_parse(&mut out, "", text, types);
        wire::write_bind(&mut out, tail);
        wire::write_execute(&mut out);
        wire::write_sync(&mut out);
        let mut rows = Vec::new();
        self.ask(&out, |frame| {
            let mut cells = Cells::of(frame, HEAD)?;
            let mut row = Vec::with_capacity(usize::from(cells.left()).min(64));
            while let Some(cell) = cells.next(frame)? {
                let value = cell.range().and_then(|range| frame.get(range));
                row.push(value.map(|value| String::from_utf8_lossy(value).into_owned()));
            }
            rows.push(row);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// What columns a statement would give. It is parsed and not run.
    pub(super) async fn describe(&mut self, text: &str) -> Result<Box<[Column]>, SideError> {
        let mut out = Vec::new();
        wire::write_parse(&mut out, "", text.as_bytes(), &[]);
        wire::write_describe(&mut out, false, b"");
        wire::write_sync(&mut out);
        let frames = self.ask(&out, |_| Ok(())).await?;
        Ok(frames.unwrap_or_default())
    }

    /// Has a text parsed and nothing else: what the server says against it.
    pub(super) async fn parse(&mut self, text: &[u8]) -> Result<(), SideError> {
        let mut out = Vec::new();
        wire::write_parse(&mut out, "", text, &[]);
        wire::write_sync(&mut out);
        self.ask(&out, |_| Ok(())).await.map(drop)
    }

    /// Sends frames that end in a Sync and reads up to ReadyForQuery. Gives the last RowDescription.
    async fn ask(
        &mut self,
        out: &[u8],
        mut row: impl FnMut(&[u8]) -> Result<(), wire::Malformed>,
    ) -> Result<Option<Box<[Column]>>, SideError> {
        self.stream.write_all(out).await?;
        self.stream.flush().await?;
        let (mut columns, mut error, mut total) = (None, None, 0);
        loop {
            let head = loop {
                match wire::backend(&self.bytes)? {
                    Some(head) if total + head.len > MAX_ANSWER => {
                        return Err(SideError::TooLong);
                    }
                    Some(head) if self.bytes.len() >= head.len => break head,
                    Some(_) | None => {}
                }
                if self.stream.read_buf(&mut self.bytes).await? == 0 {
                    return Err(SideError::Io(std::io::ErrorKind::UnexpectedEof.into()));
                }
            };
            let frame: Vec<u8> = self.bytes.drain(..head.len).collect();
            total += head.len;
            match head.tag {
                b'D' => row(&frame)?,
                b'T' => columns = Some(masking::columns(&frame)?),
                b'E' => error = Some(ServerError::of(&frame)),
                b'Z' => return error.map_or(Ok(columns), |error| Err(SideError::Server(error))),
                _ => {}
            }
        }
    }
}
