//! A guarded session: `countersign-guard` at the target stops every program before it runs and asks here, over a second
//! channel of the same connection. The README of crate `guard` has the protocol.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes, BytesMut};
use ed25519_dalek::SigningKey;
use guard::wire::{Answer, FRAME_MOST, Frame, Nonce, Origin, Question, VERSION, Verdict};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client};
use tokio::time::timeout;
use workflows::shown::{visible, visible_bytes};

use super::programs::Programs;
use crate::dialect::Broken;
use crate::seams::Classified;
use crate::shell::{Exec, classify_exec};

/// How long a target may take to start the relay.
const START: Duration = Duration::from_secs(10);
/// The longest first line of a relay, and of what a target says instead.
const LINE: usize = 4 << 10;
/// So many refusals of the guard's own may wait to be recorded.
const NOTES: usize = 1_024;
/// With so many bytes for the guard on their way, it is not listened to.
const LEAVING: usize = 64 << 10;
/// The relay's socket is made in a folder of its own in here.
const FOLDER: &str = "/tmp";

/// How a guarded session is started.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The guard's path at the target; nothing where it is the login's shell, which takes its key from the target itself.
    pub(super) path: Option<String>,
    /// The shell below it.
    pub(super) shell: String,
    /// What answers are signed with.
    pub(super) key: Arc<SigningKey>,
    /// Whether only what runs under sudo is asked about, by sudo's own plugin.
    pub(super) only_sudo: bool,
}

impl Way {
    fn program(&self) -> &str {
        self.path.as_deref().unwrap_or(guard::NAME)
    }

    const fn only(&self) -> &str {
        if self.only_sudo { " --only sudo" } else { "" }
    }

    /// The command line that starts the session: the login's shell, or that shell with a line to read.
    pub(super) fn start(&self, session: &str, socket: &str, line: Option<&[u8]>) -> String {
        let mut all = format!("{}{} --session {session} --socket {socket}", self.program(), self.only());
        if self.path.is_some() && !self.only_sudo {
            all.push_str(" --key ");
            all.push_str(&STANDARD.encode(self.key.verifying_key().to_bytes()));
        }
        if let Some(line) = line {
            // In a form without spaces and quotes: no shell on the way reads it otherwise.
            all.push_str(" --line ");
            all.push_str(&STANDARD.encode(line));
        }
        all.push_str(" -- ");
        all.push_str(&self.shell);
        if line.is_none() {
            all.push_str(" -l");
        }
        all
    }
}

/// The gateway's end of the second channel.
pub(super) struct Guard {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<client::Msg>,
    session: String,
    key: Arc<SigningKey>,
    socket: String,
    arrived: BytesMut,
    leaving: Bytes,
    queued: BytesMut,
    notes: Vec<String>,
    programs: Programs,
    /// The session at the target is over; its channel says so next.
    ended: bool,
}

/// Why a guarded session did not start.
fn no_guard(why: &str) -> Broken {
    Broken::refused(format!("the guard did not start at the target: {}", visible(why.trim())))
}

impl Guard {
    /// Starts the relay and reads where its socket is.
    pub(super) async fn start(
        channel: russh::Channel<client::Msg>,
        way: &Way,
        session: &str,
    ) -> Result<Self, Broken> {
        let (mut read, write) = channel.split();
        write
            .exec(true, format!("{}{} --relay {FOLDER} --session {session}", way.program(), way.only()))
            .await
            .map_err(|_| Broken::TargetGone)?;
        let mut arrived = BytesMut::new();
        let socket =
            timeout(START, first_line(&mut read, &mut arrived)).await.map_err(|_| no_guard("it is silent"))??;
        let socket =
            socket.strip_prefix("countersign-guard 1 ").ok_or_else(|| no_guard("it speaks another version"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
        if !socket.starts_with('/') || !socket.chars().all(plain) {
            return Err(no_guard("its socket has an unusual path"));
        }
        let socket = socket.to_owned();
        let leaving = Bytes::new();
        let (session, key) = (session.to_owned(), Arc::clone(&way.key));
        Ok(Self {
            read,
            write,
            session,
            key,
            socket,
            arrived,
            leaving,
            programs: Programs::default(),
            ended: false,
            queued: BytesMut::new(),
            notes: Vec::new(),
        })
    }

    /// Where the guard reaches the relay.
    pub(super) fn socket(&self) -> &str {
        &self.socket
    }

    /// Moves frames. Cancel-safe.
    pub(super) async fn step(&mut self) -> Result<(), Broken> {
        if self.ended {
            return std::future::pending().await;
        }
        let Self { read, write, leaving, queued, .. } = self;
        if leaving.is_empty() {
            *leaving = queued.split().freeze();
        }
        let listen = queued.len() < LEAVING;
        let came = tokio::select! {
            biased;
            gone = write.write_some(None, leaving), if !leaving.is_empty() => {
                return gone.map_err(|_| Broken::TargetGone);
            }
            came = read.wait(), if listen => came,
        };
        match came {
            Some(ChannelMsg::Data { data }) => {
                self.arrived.extend_from_slice(&data);
                self.frames()
            }
            None | Some(ChannelMsg::Close) => {
                Err(Broken::refused("the guard at the target is gone, so this session ends"))
            }
            // What it says on standard error, and how it ends, is told by what it does next.
            Some(_) => Ok(()),
        }
    }

    fn frames(&mut self) -> Result<(), Broken> {
        while let Some((frame, length)) = Frame::decode(&self.arrived).map_err(Broken::protocol)? {
            self.arrived.advance(length);
            self.frame(frame)?;
        }
        if self.arrived.len() > FRAME_MOST + 4 {
            return Err(Broken::protocol("a frame of the guard is too long"));
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame) -> Result<(), Broken> {
        match frame {
            Frame::Hello { version, session, .. } => {
                if version != VERSION || session != self.session {
                    return Err(Broken::protocol("the guard speaks for another session"));
                }
            }
            Frame::Question(question) => {
                if question.session != self.session {
                    return Err(Broken::protocol("a program of another session"));
                }
                self.programs.ask(question)?;
            }
            Frame::Withdrawn(nonce) => self.programs.withdraw(nonce),
            Frame::Followed(nonce, outcome) => self.programs.follow(nonce, outcome),
            Frame::Ping(number) => self.send(&Frame::Pong(number)),
            // It was refused on the spot, and nothing ran.
            Frame::Refused { pid, program, reason } => {
                let (program, reason) = (visible(&String::from_utf8_lossy(&program)), visible(&reason));
                if self.notes.len() >= NOTES {
                    return Err(Broken::too_large("too many refusals wait to be recorded", ""));
                }
                self.notes.push(format!("refused by the guard: {program} (process {pid}): {reason}"));
            }
            Frame::Ended(_) => self.ended = true,
            Frame::Answer(_) | Frame::End(_) | Frame::Pong(_) => {
                return Err(Broken::protocol("the guard answers itself"));
            }
        }
        Ok(())
    }

    /// Whether it has said that all of the session is over.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// What it refused by itself since the last time.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Those that are asked about.
    pub(super) const fn programs(&mut self) -> &mut Programs {
        &mut self.programs
    }

    /// Says why the program waits that words are about. False where they are about none.
    pub(super) fn hold(&mut self, words: &str) -> bool {
        let asking = self.programs.asking();
        if let Some(nonce) = asking {
            self.answer(nonce, Verdict::Hold, words);
        }
        asking.is_some()
    }

    /// Says what was decided, signed. A program under sudo does not say what became of it.
    pub(super) fn answer(&mut self, nonce: Nonce, verdict: Verdict, words: &str) {
        if let Some(asked) = self.programs.answer(nonce, verdict) {
            let answer = Answer::sign(&self.key, &self.session, asked, verdict, words);
            self.send(&Frame::Answer(answer));
        }
    }

    /// Ends the session at the target, with all that runs in it.
    pub(super) async fn end(&mut self, reason: &str) {
        self.send(&Frame::End(reason.to_owned()));
        for mut rest in [std::mem::take(&mut self.leaving), self.queued.split().freeze()] {
            while !rest.is_empty() && self.write.write_some(None, &mut rest).await.is_ok() {}
        }
        while !matches!(self.read.wait().await, None | Some(ChannelMsg::Close)) {}
    }

    fn send(&mut self, frame: &Frame) {
        self.queued.extend_from_slice(&frame.encode());
    }
}

async fn first_line(read: &mut ChannelReadHalf, arrived: &mut BytesMut) -> Result<String, Broken> {
    let mut said = BytesMut::new();
    loop {
        if let Some(end) = arrived.iter().position(|byte| *byte == b'\n') {
            let line = arrived.split_to(end + 1);
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        match read.wait().await {
            Some(ChannelMsg::Data { data }) if arrived.len() + data.len() <= LINE => arrived.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) if said.len() + data.len() <= LINE => {
                said.extend_from_slice(&data);
            }
            Some(ChannelMsg::Data { .. } | ChannelMsg::ExtendedData { .. }) => {
                return Err(no_guard("it says too much"));
            }
            None | Some(ChannelMsg::Close) => return Err(no_guard(&String::from_utf8_lossy(&said))),
            Some(_) => {}
        }
    }
}

/// A program as an operation.
pub(super) fn read(question: &Question) -> Arc<Classified> {
    classify_exec(exec(question))
}

/// The program that is asked about.
pub(super) fn exec(question: &Question) -> Exec<'_> {
    Exec {
        program: &question.program,
        interpreter: &question.interpreter,
        argv: &question.argv,
        privileged: matches!(question.origin, Origin::Sudo | Origin::SudoInside),
        // Root can change every file, so that this says nothing of one.
        writable: question.doubts.writable && question.uid != 0,
        nameless: question.doubts.nameless,
    }
}

/// What a program is told apart by: all that it is given, and nothing that is new each time.
pub(super) fn raw(question: &Question) -> Bytes {
    let mut all = BytesMut::new();
    let ids = [question.uid.to_be_bytes(), question.gid.to_be_bytes()].concat();
    let one: [&[u8]; 4] = [&question.program, &question.interpreter, &question.cwd, &ids];
    let counts = [question.argv.len() as u64, question.env.len() as u64].map(u64::to_be_bytes).concat();
    let words = question.argv.iter().chain(&question.env).map(Vec::as_slice);
    for part in one.into_iter().chain([counts.as_slice()]).chain(words) {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    }
    all.freeze()
}

/// What else whoever decides should know.
pub(super) fn around(question: &Question) -> Vec<String> {
    let text = |bytes: &[u8]| visible_bytes(bytes);
    let mut lines = vec![
        format!("program {}", text(&question.program)),
        format!("in {}, as user {} and group {}", text(&question.cwd), question.uid, question.gid),
    ];
    if !question.env.is_empty() {
        // Those that make a program load or run something else; the guard tells of no others.
        let with: Vec<String> = question.env.iter().map(|entry| text(entry)).collect();
        lines.push(format!("with {}", with.join(", ")));
    }
    if question.doubts.writable {
        lines.push("the file can be changed by the user who runs it".to_owned());
    }
    if question.origin != Origin::Guard {
        lines.push("under sudo".to_owned());
    }
    lines
}
