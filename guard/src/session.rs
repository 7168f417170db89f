//! The guard's loop: a call waits, the gateway is asked, the call fails or goes on, and what came of it is looked at.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use ed25519_dalek::VerifyingKey;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getpgrp};
use rustix::time::{ClockId, clock_gettime};

use crate::judge::{Expected, Here, Judged, shown};
use crate::link::{Link, Lost};
use crate::options::Options;
use crate::screen::Screen;
use crate::start::{BEAT, CUT_OFF, ptrace_scope};
use crate::sys::{self, Ends, Listener, Notice, Status};
use crate::tree;
use crate::wire::{Answer, Fingerprint, Frame, Nonce, Outcome, PATH_MOST, VERSION, Verdict};

/// Calls that wait at once. More stay in the kernel's queue until one is answered.
const ASKED_MOST: usize = 256;
/// How often those who wait are looked after: their process may be gone.
const LOOK_MS: u64 = 100;
const PING_MS: u64 = 5_000;

/// What the loop works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) listener: Listener,
    pub(crate) link: Link,
    pub(crate) ends: Ends,
    pub(crate) beat: OwnedFd,
    pub(crate) watch: Pid,
    pub(crate) shell: i32,
}

/// One guarded session.
#[derive(Debug)]
pub(crate) struct Session {
    parts: Parts,
    key: VerifyingKey,
    name: String,
    here: Here,
    screen: Screen,
    silence_ms: u64,
    heard_ms: u64,
    pinged_ms: u64,
    looked_ms: u64,
    asked: HashMap<Nonce, Asked>,
    /// By thread: those who may go on and have not shown yet what they became.
    traced: HashMap<i32, Traced>,
    /// The listener has nobody left behind it.
    deserted: bool,
}

#[derive(Debug)]
struct Asked {
    id: u64,
    tid: i32,
    fingerprint: Fingerprint,
    expected: Box<Expected>,
    program: Vec<u8>,
}

#[derive(Debug)]
struct Traced {
    nonce: Nonce,
    /// Nothing, where the call could not be answered: then this thread must not become anything.
    expected: Option<Box<Expected>>,
}

/// Why the loop stops.
#[derive(Debug)]
enum End {
    Shell(u32),
    Lost(Lost),
    Told(String),
    Silence,
    HungUp,
    Alone,
}

impl Session {
    pub(crate) fn new(options: &Options, parts: Parts) -> io::Result<Self> {
        let now = now_ms();
        Ok(Self {
            parts,
            key: options.key,
            name: options.session.clone(),
            here: Here::new(&options.session)?,
            screen: Screen::open(),
            silence_ms: options.silence.as_millis() as u64,
            heard_ms: now,
            pinged_ms: now,
            looked_ms: now,
            asked: HashMap::new(),
            traced: HashMap::new(),
            deserted: false,
        })
    }

    /// Until the session has ended and nothing of it is left. The answer is its status.
    pub(crate) fn serve(mut self) -> u32 {
        let end = match self.turns() {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let (words, status) = match end {
            End::Shell(status) => (None, status),
            End::Lost(lost) => (Some(crate::start::said(&lost)), CUT_OFF.into()),
            End::Told(reason) => (Some(reason), CUT_OFF.into()),
            End::Silence => (Some("the gateway is silent".to_owned()), CUT_OFF.into()),
            End::HungUp => (None, CUT_OFF.into()),
            End::Alone => (Some("the guard is not watched any more".to_owned()), CUT_OFF.into()),
        };
        match words {
            Some(words) => {
                tree::end();
                self.screen.say(&format!("the session was ended: {words}"));
            }
            None => tree::end_gently(),
        }
        self.screen.give_to(getpgrp());
        let _may_be_gone = self.parts.link.send(&Frame::Ended(status));
        status
    }

    fn turns(&mut self) -> Result<std::convert::Infallible, End> {
        self.parts.link.send(&Frame::Hello {
            version: VERSION,
            session: self.name.clone(),
            ptrace_scope: ptrace_scope(),
        })?;
        loop {
            let ready = self.wait();
            // Full is as good as written: the watch has not read the bytes before yet.
            if rustix::io::write(&self.parts.beat, b".") == Err(rustix::io::Errno::PIPE) || ready.alone {
                return Err(End::Alone);
            }
            self.statuses()?;
            self.signals()?;
            if ready.link {
                for frame in self.parts.link.take()? {
                    self.heard(frame)?;
                }
            }
            self.parts.link.flush()?;
            if ready.listener {
                self.called()?;
            }
            self.statuses()?;
            self.time()?;
        }
    }

    fn wait(&mut self) -> Ready {
        let room = !self.deserted && self.asked.len() < ASKED_MOST && self.parts.link.has_room();
        let out = if self.parts.link.has_waiting() { PollFlags::OUT } else { PollFlags::empty() };
        let mut fds = vec![
            PollFd::new(&self.parts.link, PollFlags::IN | out),
            PollFd::new(self.parts.ends.fd(), PollFlags::IN),
            PollFd::new(&self.parts.beat, PollFlags::empty()),
        ];
        if room {
            fds.push(PollFd::new(&self.parts.listener, PollFlags::IN));
        }
        let most = if self.asked.is_empty() && self.traced.is_empty() { BEAT.as_millis() as u64 } else { LOOK_MS };
        let timeout = Timespec { tv_sec: 0, tv_nsec: most as i64 * 1_000_000 };
        let _counted_below = poll(&mut fds, Some(&timeout));
        let flags: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        let of = |index: usize| flags.get(index).copied().unwrap_or(PollFlags::empty());
        let over = PollFlags::HUP | PollFlags::ERR;
        self.deserted |= of(3).intersects(over) && !of(3).intersects(PollFlags::IN);
        Ready {
            link: of(0).intersects(PollFlags::IN | over),
            alone: of(2).intersects(over),
            listener: of(3).intersects(PollFlags::IN),
        }
    }

    /// A call waits.
    fn called(&mut self) -> Result<(), End> {
        let Ok(Some(notice)) = self.parts.listener.next() else { return Ok(()) };
        let judged = self.here.judge(&notice);
        if !self.parts.listener.waits(notice.id) {
            // What was read may be another process's that has the same number now.
            return Ok(());
        }
        match judged {
            Judged::Ask(question, fingerprint, expected) => {
                let Notice { id, tid, .. } = notice;
                let program = question.program.clone();
                self.asked.insert(question.nonce, Asked { id, tid, fingerprint, expected, program });
                self.parts.link.send(&Frame::Question(question))?;
            }
            Judged::Errno(errno) => self.fail(notice.id, errno),
            Judged::Harmless => {
                let _caller_gone = self.parts.listener.go_on(notice.id);
            }
            Judged::Refuse { pid, mut program, reason } => {
                self.fail(notice.id, libc::EPERM);
                self.screen.say(&format!("refused: {}: {reason}", shown(&program)));
                program.truncate(PATH_MOST);
                self.parts.link.send(&Frame::Refused { pid, program, reason: reason.to_owned() })?;
            }
        }
        Ok(())
    }

    fn fail(&self, id: u64, errno: i32) {
        let _caller_gone = self.parts.listener.fail(id, errno);
    }

    /// The gateway said something.
    fn heard(&mut self, frame: Frame) -> Result<(), End> {
        self.heard_ms = now_ms();
        match frame {
            Frame::Answer(answer) => self.answered(answer),
            Frame::Pong(_) => Ok(()),
            Frame::End(reason) => Err(End::Told(reason)),
            Frame::Hello { .. }
            | Frame::Question(_)
            | Frame::Withdrawn(_)
            | Frame::Followed(..)
            | Frame::Refused { .. }
            | Frame::Ended(_)
            | Frame::Ping(_) => Err(End::Told("the gateway sent a message that only a guard sends".to_owned())),
        }
    }

    fn answered(&mut self, answer: Answer) -> Result<(), End> {
        let nonce = answer.nonce();
        // Withdrawn in the meantime, or answered before.
        let Some(asked) = self.asked.get(&nonce) else { return Ok(()) };
        let checked = answer.check(&self.key, &self.name, (nonce, asked.fingerprint));
        let checked = checked.map_err(|forged| End::Told(forged.to_string()))?;
        if checked.verdict == Verdict::Hold {
            // Without words there is nothing to write: the gateway has shown them itself.
            if !checked.text.is_empty() {
                self.screen.say(&checked.text);
            }
            return Ok(());
        }
        let Some(asked) = self.asked.remove(&nonce) else { return Ok(()) };
        match checked.verdict {
            Verdict::Go => self.go(nonce, asked),
            Verdict::Deny => {
                self.fail(asked.id, libc::EPERM);
                if !checked.text.is_empty() {
                    self.screen.say(&format!("refused: {}: {}", shown(&asked.program), checked.text));
                }
                Ok(())
            }
            Verdict::Hold => Ok(()),
        }
    }

    /// Lets a call go on, attached, so that what it becomes is seen before it does anything.
    fn go(&mut self, nonce: Nonce, asked: Asked) -> Result<(), End> {
        let Asked { id, tid, expected, program, .. } = asked;
        if !self.parts.listener.waits(id) {
            return self.followed(nonce, Outcome::Gone);
        }
        if let Err(error) = sys::seize(tid) {
            self.fail(id, libc::EPERM);
            self.screen.say(&format!("refused: {}: the guard cannot look at it: {error}", shown(&program)));
            return self.followed(nonce, Outcome::Failed);
        }
        let expected = self.parts.listener.go_on(id).is_ok().then_some(expected);
        self.traced.insert(tid, Traced { nonce, expected });
        let _gone = sys::interrupt(tid);
        Ok(())
    }

    fn followed(&mut self, nonce: Nonce, outcome: Outcome) -> Result<(), End> {
        Ok(self.parts.link.send(&Frame::Followed(nonce, outcome))?)
    }

    /// Whatever children and attached threads have to tell.
    fn statuses(&mut self) -> Result<(), End> {
        while let Some((pid, status)) = sys::wait_any() {
            match status {
                Status::Stopped { signal: _, event: libc::PTRACE_EVENT_EXEC } => self.became(pid)?,
                Status::Stopped { signal, event } => {
                    // Its exec failed: success would have stopped it as the new program before.
                    let signal = if event == libc::PTRACE_EVENT_STOP { 0 } else { signal };
                    let _gone = sys::detach(pid, signal);
                    self.never_began(pid, Outcome::Failed)?;
                }
                // It was so quick to leave after its exec had failed that the stop did not reach it.
                Status::Exited(_) => self.never_began(pid, Outcome::Failed)?,
                Status::Killed(_) => self.never_began(pid, Outcome::Gone)?,
            }
            if let (true, Some(status)) = (pid == self.parts.shell, status.at_end()) {
                return Err(End::Shell(status));
            }
        }
        Ok(())
    }

    /// An attached one goes on or ends without having become the program that it asked for.
    fn never_began(&mut self, pid: i32, outcome: Outcome) -> Result<(), End> {
        match self.traced.remove(&pid) {
            Some(traced) => self.followed(traced.nonce, outcome),
            None => Ok(()),
        }
    }

    /// A process is another program now, and has not run any of it.
    fn became(&mut self, pid: i32) -> Result<(), End> {
        let caller = sys::event_message(pid).unwrap_or(pid);
        let by_caller = self.traced.remove(&caller);
        let by_leader = if caller == pid { None } else { self.traced.remove(&pid) };
        let Some(traced) = by_caller else {
            sys::tell(pid, libc::SIGKILL);
            self.screen.say("killed: a program that nobody asked for");
            return Ok(());
        };
        if let Some(other) = by_leader {
            self.followed(other.nonce, Outcome::Gone)?;
        }
        if traced.expected.is_some_and(|expected| expected.check(pid)) && sys::detach(pid, 0).is_ok() {
            return self.followed(traced.nonce, Outcome::Started);
        }
        sys::tell(pid, libc::SIGKILL);
        self.screen.say("killed: a program that was changed after it was judged");
        self.followed(traced.nonce, Outcome::Altered)
    }

    fn signals(&mut self) -> Result<(), End> {
        for signal in self.parts.ends.take() {
            match signal {
                libc::SIGHUP | libc::SIGTERM => return Err(End::HungUp),
                libc::SIGINT | libc::SIGQUIT | libc::SIGUSR1 | libc::SIGUSR2 | libc::SIGALRM => {
                    if let (Some(group), Some(signal)) =
                        (Pid::from_raw(self.parts.shell), rustix::process::Signal::from_named_raw(signal))
                    {
                        let _gone = rustix::process::kill_process_group(group, signal);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What is due because time has passed.
    fn time(&mut self) -> Result<(), End> {
        let now = now_ms();
        if now.saturating_sub(self.heard_ms) > self.silence_ms {
            return Err(End::Silence);
        }
        if rustix::process::getppid() != Some(self.parts.watch) {
            return Err(End::Alone);
        }
        if now.saturating_sub(self.pinged_ms) >= PING_MS.min(self.silence_ms / 3) {
            self.pinged_ms = now;
            self.parts.link.send(&Frame::Ping(now))?;
        }
        if now.saturating_sub(self.looked_ms) >= LOOK_MS {
            self.looked_ms = now;
            let listener = &self.parts.listener;
            let gone: Vec<Nonce> =
                self.asked.iter().filter(|(_, asked)| !listener.waits(asked.id)).map(|(nonce, _)| *nonce).collect();
            for nonce in gone {
                self.asked.remove(&nonce);
                self.parts.link.send(&Frame::Withdrawn(nonce))?;
            }
        }
        Ok(())
    }
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

struct Ready {
    link: bool,
    alone: bool,
    listener: bool,
}

fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / 1_000_000
}
