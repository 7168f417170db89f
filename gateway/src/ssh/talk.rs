//! A session channel as a [`Dialect`](crate::dialect::Dialect): what is started is the first turn; a subsystem whose requests can be read has more.

mod answers;
mod dialect;
mod ends;
mod inside;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guard::wire::Question;
use russh::ChannelMsg;
use tokio::time::{Instant, sleep_until, timeout};

use self::answers::Ended;
use super::agents::Agents;
use super::files::{Asked, Files};
use super::guarded::Guard;
use super::judge::Ways;
use super::pipe::{Came, Pipe, is_for_target};
use super::screen::{Cover, Echo};
use super::spare::{Lease, Spare};
use super::start::{Start, Terminal, What};
use super::upstream::Upstream;
use super::veil::Veil;
use super::watched::Watched;
use crate::dialect::{Ask, Broken, Gone, Text, Told};
use crate::record::{Record, Running};
use crate::seams::{Classified, Life};

/// How long each side may take to hear goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// How often a waiting person is reminded that they wait.
const REMINDER: Duration = Duration::from_mins(1);
/// How much of a client's input is kept while its command waits for people, in bytes. Beyond it the client has to wait.
const EARLY: usize = 1 << 20;
/// What a message takes beside its bytes.
const MESSAGE: usize = 256;
/// What Ctrl-C sends where there is a terminal.
pub(super) const INTERRUPT: u8 = 3;

/// What is asked for on a channel.
#[derive(Debug)]
pub(super) struct Turn {
    /// Nothing where there is nothing to judge.
    ask: Option<Ask>,
    part: Part,
    /// The exact bytes.
    raw: Bytes,
    /// The text for people.
    text: Bytes,
}

#[derive(Debug)]
enum Part {
    /// What the channel is opened for.
    Start,
    /// A program that a guarded session wants to run.
    Program(Box<Question>),
    /// A request of a file transfer.
    Request(Box<Asked>),
    /// A line of a watched shell.
    Line,
    /// Somebody waits no longer for what was asked before.
    News,
}

impl crate::dialect::Turn for Turn {
    fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.ask.iter()
    }
}

/// How far a channel has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was asked for yet.
    New,
    /// What is to be started is judged.
    Asked,
    /// The target has heard of it.
    Started,
    /// The client has heard how it ended.
    Over,
}

/// Where a connection to a target goes after its session.
pub(super) struct Left {
    pub(super) spare: Arc<Spare>,
    pub(super) lease: Lease,
    pub(super) life: Life,
}

/// One channel's conversation.
pub(super) struct Talk {
    pipe: Pipe,
    upstream: Arc<Upstream>,
    /// Where the connection goes when the session has left nothing on it.
    left: Option<Left>,
    start: Start,
    ways: Ways,
    guard: Option<Box<Guard>>,
    files: Option<Box<Files>>,
    watched: Option<Box<Watched>>,
    /// What is typed and shown.
    echo: Option<Box<Echo>>,
    /// What the client sees, where words of ours may have to be laid over it.
    cover: Option<Box<Cover>>,
    /// The client's agent, where it is lent.
    agents: Option<Box<Agents>>,
    stage: Stage,
    /// What was started, for its output.
    running: Option<Running>,
    ended: Ended,
    /// What the client said while the start waited for people.
    early: Vec<ChannelMsg>,
    /// The client will say nothing more, and the target is not told yet.
    client_eof: bool,
    /// When the client is told that no more output comes, though it is not told yet how it ended.
    eof_due: Option<Instant>,
    /// Transfers that the end has cut off.
    unfinished: Vec<String>,
    /// What hides values in what comes back.
    veil: Option<Box<Veil>>,
}

impl Talk {
    pub(super) fn new(
        pipe: Pipe,
        (upstream, left): (Arc<Upstream>, Option<Left>),
        start: Start,
        ways: Ways,
        agents: Option<Box<Agents>>,
    ) -> Self {
        let (stage, ended) = (Stage::New, Ended::default());
        Self {
            pipe,
            upstream,
            left,
            start,
            ways,
            guard: None,
            files: None,
            watched: None,
            echo: None,
            cover: None,
            agents,
            stage,
            running: None,
            ended,
            early: Vec::new(),
            client_eof: false,
            eof_due: None,
            unfinished: Vec::new(),
            veil: None,
        }
    }

    fn turn(classified: Arc<Classified>, part: Part, raw: Bytes, text: Bytes) -> Turn {
        let whole = Text::Here(0..text.len());
        let ask = Ask { classified, inner: Vec::new(), runs: true, text: whole, bound: None, types: None };
        Turn { ask: Some(ask), part, raw, text }
    }

    /// Whether more is judged than the start.
    fn is_judged_inside(&self) -> bool {
        self.guard.is_some() || self.files.is_some() || self.watched.is_some()
    }

    /// Whether a shell's lines are read off its terminal.
    fn is_watched(&self) -> bool {
        self.ways.watch && !self.is_guarded() && self.start.what == What::Shell && self.start.terminal.is_some()
    }

    /// Whether programs are stopped one by one.
    fn is_guarded(&self) -> bool {
        self.is_asked_for() && !self.ways.guard.as_ref().is_some_and(|way| way.only_sudo)
    }

    /// Whether something at the target asks about programs, if only about those under sudo.
    fn is_asked_for(&self) -> bool {
        self.ways.guard.is_some() && matches!(self.start.what, What::Exec(_) | What::Shell)
    }

    /// Starts at the target what was cleared. The channel is ours from the moment it is open: whoever stops in the middle of
    /// this, or of what follows, leaves it to its `close`.
    async fn begin(&mut self) -> Result<(), Broken> {
        let gone = |_| Broken::TargetGone;
        if let What::Port(to) = &self.start.what {
            let channel = tokio::select! {
                biased;
                () = self.pipe.gone() => return Err(Broken::Left),
                channel = self.upstream.port(to) => channel?,
            };
            self.stage = Stage::Started;
            self.pipe.open(channel);
            self.pipe.opened().await;
            return Ok(());
        }
        let line = if self.is_asked_for() { Some(self.begin_guard().await?) } else { None };
        let channel = self.upstream.handle.channel_open_session().await.map_err(gone)?;
        self.stage = Stage::Started;
        let files = || Box::new(Files::keeping(self.ways.keep_files));
        self.files = matches!(self.start.what, What::Subsystem(_)).then(files);
        if let (Some(Terminal { size: [columns, rows, ..], .. }), true) = (&self.start.terminal, self.is_watched()) {
            let watched = Watched::new(*columns, *rows, self.ways.shell);
            // What can't be watched is not let through unwatched.
            let watched = watched.ok_or_else(|| Broken::refused("a terminal of that size can't be watched"))?;
            self.watched = Some(Box::new(watched));
        }
        let target = self.pipe.open(channel);
        if let Some(Terminal { term, size: [columns, rows, width, height], modes }) = &self.start.terminal {
            let asked = target.request_pty(false, term, *columns, *rows, *width, *height, modes).await;
            asked.map_err(gone)?;
        }
        if self.agents.is_some() {
            target.agent_forward(false).await.map_err(gone)?;
        }
        for (name, value) in &self.start.variables {
            target.set_env(false, name, value).await.map_err(gone)?;
        }
        match (&self.start.what, line) {
            (_, Some(line)) => target.exec(true, line).await,
            (What::Shell, None) => target.request_shell(true).await,
            (What::Exec(line), None) => target.exec(true, line.to_vec()).await,
            (What::Subsystem(name), None) => target.request_subsystem(true, name).await,
            // Opened above.
            (What::Port(_), None) => Ok(()),
        }
        .map_err(gone)
    }

    /// Opens the guard's own channel first; the answer is what starts the session under it.
    async fn begin_guard(&mut self) -> Result<String, Broken> {
        let Some(way) = &self.ways.guard else { return Err(Broken::TargetGone) };
        let channel = self.upstream.handle.channel_open_session().await.map_err(|_| Broken::TargetGone)?;
        let guard = Guard::start(channel, way, &self.ways.session).await?;
        let line = match &self.start.what {
            What::Exec(line) => Some(line.as_ref()),
            What::Shell | What::Subsystem(_) | What::Port(_) => None,
        };
        let start = way.start(&self.ways.session, guard.socket(), line);
        self.guard = Some(Box::new(guard));
        Ok(start)
    }

    /// The next thing that moves; nothing where it was the guard's, or it is time to show what was kept back. Cancel-safe.
    async fn step(&mut self, listen: bool) -> Result<Option<Came>, Broken> {
        let eof = self.eof_due;
        let Self { pipe, guard, veil, files, watched, agents, .. } = self;
        let room = files.as_ref().is_none_or(|files| files.has_room())
            && watched.as_ref().is_none_or(|watched| watched.has_room());
        let listen = listen && room;
        let dues = [veil.as_ref().and_then(|veil| veil.due()), watched.as_ref().and_then(|watched| watched.due())];
        let due = dues.into_iter().chain([eof]).flatten().min();
        tokio::select! {
            biased;
            done = async { match guard { Some(guard) => guard.step().await, None => std::future::pending().await } } => {
                done.map(|()| None)
            }
            asking = async { match agents { Some(agents) => agents.next().await, None => std::future::pending().await } } => {
                // It was taken from the very same place.
                if let Some(agents) = &mut self.agents {
                    agents.carry(asking).await;
                }
                Ok(None)
            }
            came = pipe.step(listen) => came.map(Some),
            () = async { match due { Some(due) => sleep_until(due).await, None => std::future::pending().await } } => Ok(None),
        }
    }

    /// Moves what comes from either side. False once the target has closed its channel. Cancel-safe.
    async fn advance(&mut self, record: &mut Record<'_>) -> Result<bool, Broken> {
        self.guard_notes(record)?;
        self.note_typed(record)?;
        match self.step(true).await? {
            Some(Came::Moved) => {}
            None => {
                let now = Instant::now();
                if self.eof_due.is_some_and(|due| due <= now) {
                    self.end_of_output();
                }
                if self.veil.as_ref().and_then(|veil| veil.due()).is_some_and(|due| due <= now) {
                    self.unveil(record)?;
                }
            }
            Some(Came::Client(ChannelMsg::Close)) if self.ended.eof => {
                // A client that has read the end and has nothing to say closes at once, and still wants to know how it ended.
                return timeout(GOODBYE, self.last_words(record)).await.unwrap_or(Err(Broken::Left));
            }
            Some(Came::Client(ChannelMsg::Close)) => return Err(Broken::Left),
            Some(Came::Client(message)) => self.heard(message, record)?,
            Some(Came::Target(message)) => {
                self.answered(message, record)?;
                if self.stage == Stage::Over {
                    self.pipe.flush(true).await?;
                    return Ok(false);
                }
                record.ready().await?;
            }
        }
        Ok(true)
    }

    /// Records what the guard has refused by itself, and when the agent was asked.
    fn guard_notes(&mut self, record: &mut Record<'_>) -> Result<(), Broken> {
        let notes = self.guard.as_mut().map(|guard| guard.take_notes()).unwrap_or_default();
        notes.iter().try_for_each(|note| record.note(note))?;
        let notes = self.agents.as_mut().map(|agents| agents.take_notes()).unwrap_or_default();
        notes.iter().try_for_each(|note| record.note(note))
    }

    /// Takes what the client says: for the judge where there is one inside, else for the target.
    fn heard(&mut self, message: ChannelMsg, record: &mut Record<'_>) -> Result<(), Broken> {
        if let ChannelMsg::Data { data } = &message {
            record.totals().bytes_in += data.len() as u64;
            if let Some(files) = &mut self.files {
                files.ask(data);
                return Ok(());
            }
            if let Some(veil) = &mut self.veil {
                veil.typed(Instant::now());
            }
            if let Some(watched) = &mut self.watched {
                watched.typed(data);
                return Ok(());
            }
            self.lift();
            self.goes_up(data);
            self.note_typed(record)?;
        }
        if let ChannelMsg::WindowChange { col_width, row_height, .. } = &message {
            if let Some(watched) = &mut self.watched {
                watched.resize(*col_width, *row_height);
            }
            if let Some(cover) = &mut self.cover {
                cover.resize(*col_width, *row_height);
            }
            record.note(&format!("terminal {col_width}x{row_height}"))?;
        }
        if matches!(message, ChannelMsg::Eof) && (self.files.is_some() || self.watched.is_some()) {
            // It must not overtake what still waits to be judged.
            self.client_eof = true;
        } else if is_for_target(&message) {
            self.pipe.up(message);
        }
        Ok(())
    }

    /// Takes what the client said while the start was held, now that it is known who judges it.
    fn heard_early(&mut self, record: &mut Record<'_>) -> Result<(), Broken> {
        std::mem::take(&mut self.early).into_iter().try_for_each(|message| self.heard(message, record))
    }

    /// Waits on a hold while nothing runs yet: what the client sends is kept for what it waits for.
    async fn held_at_start(&mut self, kept: &mut usize) -> Result<Option<Gone>, Broken> {
        let came = tokio::select! {
            biased;
            came = self.pipe.step(*kept < EARLY) => came?,
            () = self.upstream.gone() => return Err(Broken::TargetGone),
        };
        match came {
            Came::Client(ChannelMsg::Close) => return Ok(Some(Gone::Left)),
            Came::Client(ChannelMsg::Signal { .. }) => return Ok(Some(Gone::Withdrew)),
            Came::Client(message) if is_for_target(&message) => {
                // A message costs more than its bytes.
                *kept += MESSAGE;
                if let ChannelMsg::Data { data } | ChannelMsg::Request { data, .. } = &message {
                    if self.start.terminal.is_some() && data.contains(&INTERRUPT) {
                        return Ok(Some(Gone::Withdrew));
                    }
                    *kept += data.len();
                }
                self.early.push(message);
            }
            Came::Client(_) => {}
            Came::Target(_) | Came::Moved => {}
        }
        Ok(None)
    }

    /// Waits on a hold of a line or a request, while the session's terminal goes on.
    async fn held_inside(&mut self, record: &mut Record<'_>) -> Result<Option<Gone>, Broken> {
        let on = self.advance(record).await?;
        if self.watched.as_mut().is_some_and(|watched| watched.is_given_up()) {
            return Ok(Some(Gone::Withdrew));
        }
        Ok((!on).then_some(Gone::Withdrew))
    }
}

/// What a person reads, a line for each part.
pub(super) fn words(told: &Told) -> String {
    let parts = [&told.message, &told.detail, &told.hint];
    let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}
