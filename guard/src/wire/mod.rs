//! What guard, plugin and gateway say to each other: frames of bounded length. The README has the layout.

mod answer;
mod bytes;
mod question;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Checked, Forged, Verdict};
pub use question::{Doubts, Origin, Question, matters};

use bytes::{Reader, Writer};

/// Both sides speak this version, or do not speak.
pub const VERSION: u32 = 1;
/// The longest frame, without the four bytes of its length.
pub const FRAME_MOST: usize = 2 << 20;
/// Arguments of one program: how many.
pub const WORDS_MOST: usize = 16_384;
/// Arguments of one program: bytes, with one for the end of each.
pub const WORDS_BYTES: usize = 1 << 20;
/// Variables that matter: bytes, with one for the end of each.
pub const ENV_MOST: usize = 128 << 10;
/// The longest path, as the kernel has it.
pub const PATH_MOST: usize = 4_096;
/// The longest name of a session.
pub const SESSION_MOST: usize = 128;
/// The longest text of an answer.
pub const REASON_MOST: usize = 1_024;

/// Thirty-two random bytes that are never asked with twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nonce(pub [u8; 32]);

impl Nonce {
    /// A fresh one.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// The hash that stands for everything in a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// What became of a program that was allowed to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It runs, and is what was judged.
    Started,
    /// The kernel could not start it after all.
    Failed,
    /// Something else would have run: it was killed before its first instruction. Somebody is at work there.
    Altered,
    /// Its process ended first.
    Gone,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// From the guard: the session is about to start.
    Hello {
        /// See [`VERSION`].
        version: u32,
        /// The session, as in every question.
        session: String,
        /// Yama's `ptrace_scope`; 0 where there is none.
        ptrace_scope: u32,
    },
    /// From guard and plugin.
    Question(Box<Question>),
    /// From guard and plugin: nobody waits for this answer any more.
    Withdrawn(Nonce),
    /// From the guard: what followed a [`Verdict::Go`].
    Followed(Nonce, Outcome),
    /// From the guard: refused on the spot, without a question, and why.
    Refused {
        /// The process.
        pid: u32,
        /// What it named, or as much as could be read.
        program: Vec<u8>,
        /// The words that the person saw.
        reason: String,
    },
    /// From the guard: the shell ended with this status, and everything that it left behind was ended.
    Ended(u32),
    /// From the guard, every few seconds.
    Ping(u64),
    /// From the gateway: the same number back.
    Pong(u64),
    /// From the gateway.
    Answer(Answer),
    /// From the gateway: end the session now, for this reason. Closing the stream means the same.
    End(String),
}

/// Why bytes are not a frame. There is no way on after any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Fewer bytes than the fields need.
    #[error("a frame is too short for what it says")]
    Short,
    /// A length beyond its bound.
    #[error("a frame or a field is too long")]
    TooLong,
    /// More bytes than the fields need.
    #[error("a frame is longer than what it says")]
    Rest,
    /// A value that this version does not have.
    #[error("a frame holds an unknown value")]
    Unknown,
}

impl Frame {
    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with(self.kind());
        match self {
            Self::Hello { version, session, ptrace_scope } => {
                out.number(*version).text(session.as_bytes()).number(*ptrace_scope);
            }
            Self::Question(question) => {
                out.raw(&question.nonce.0);
                question.write(&mut out);
            }
            Self::Withdrawn(nonce) => {
                out.raw(&nonce.0);
            }
            Self::Followed(nonce, outcome) => {
                out.raw(&nonce.0).byte(match outcome {
                    Outcome::Started => 1,
                    Outcome::Failed => 2,
                    Outcome::Altered => 3,
                    Outcome::Gone => 4,
                });
            }
            Self::Refused { pid, program, reason } => {
                out.number(*pid).text(program).text(reason.as_bytes());
            }
            Self::Ended(status) => {
                out.number(*status);
            }
            Self::Ping(number) | Self::Pong(number) => {
                out.long(*number);
            }
            Self::Answer(answer) => answer.write(&mut out),
            Self::End(reason) => {
                out.text(reason.as_bytes());
            }
        }
        out.into_frame()
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => 0x01,
            Self::Question(_) => 0x02,
            Self::Withdrawn(_) => 0x03,
            Self::Followed(..) => 0x04,
            Self::Refused { .. } => 0x05,
            Self::Ended(_) => 0x06,
            Self::Ping(_) => 0x07,
            Self::Answer(_) => 0x81,
            Self::End(_) => 0x82,
            Self::Pong(_) => 0x87,
        }
    }

    /// Takes one frame off the front: the frame, and how many bytes it had. `None`: not all of it is there yet.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Broken> {
        let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head) as usize;
        if length > FRAME_MOST {
            return Err(Broken::TooLong);
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        Ok(Some((Self::read(frame)?, 4 + length)))
    }

    fn read(frame: &[u8]) -> Result<Self, Broken> {
        let mut from = Reader::new(frame);
        let frame = match from.byte()? {
            0x01 => Self::Hello {
                version: from.number()?,
                session: from.words(SESSION_MOST)?,
                ptrace_scope: from.number()?,
            },
            0x02 => {
                let nonce = Nonce(from.array()?);
                Self::Question(Box::new(Question::read(nonce, &mut from)?))
            }
            0x03 => Self::Withdrawn(Nonce(from.array()?)),
            0x04 => Self::Followed(
                Nonce(from.array()?),
                match from.byte()? {
                    1 => Outcome::Started,
                    2 => Outcome::Failed,
                    3 => Outcome::Altered,
                    4 => Outcome::Gone,
                    _ => return Err(Broken::Unknown),
                },
            ),
            0x05 => Self::Refused {
                pid: from.number()?,
                program: from.text(PATH_MOST)?.to_vec(),
                reason: from.words(REASON_MOST)?,
            },
            0x06 => Self::Ended(from.number()?),
            0x07 => Self::Ping(from.long()?),
            0x81 => Self::Answer(Answer::read(&mut from)?),
            0x82 => Self::End(from.words(REASON_MOST)?),
            0x87 => Self::Pong(from.long()?),
            _ => return Err(Broken::Unknown),
        };
        from.end()?;
        Ok(frame)
    }
}
