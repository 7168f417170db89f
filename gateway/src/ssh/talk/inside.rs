//! What is judged inside a session that runs: programs under a guard, requests of a file transfer, lines of a watched shell.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use guard::wire::{Origin, Outcome, Question, Verdict};
use russh::ChannelMsg;
use tokio::time::{Instant, timeout_at};
use workflows::shown::visible;

use super::{Part, Talk, Turn};
use crate::dialect::Broken;
use crate::record::{Record, Running};
use crate::seams::Classified;
use crate::ssh::files::{self, Asked};
use crate::ssh::sftp::{Content, Transfer};
use crate::ssh::{guarded, pipe, watched};

/// How long a program that was let go may take until it runs.
const STARTS_WITHIN: Duration = Duration::from_secs(10);

impl Talk {
    /// The next thing that has to be judged, of what has come.
    pub(super) fn wanted(&mut self) -> Result<Option<Turn>, Broken> {
        if let Some(question) = self.guard.as_mut().and_then(|guard| guard.programs().next()) {
            let (classified, raw) = (guarded::read(&question), guarded::raw(&question));
            return Ok(Some(Self::inner(classified, Part::Program(question), raw)));
        }
        if self.guard.as_mut().is_some_and(|guard| guard.programs().take_news()) {
            return Ok(Some(Turn { ask: None, part: Part::News, raw: Bytes::new(), text: Bytes::new() }));
        }
        while let (Some(files), true) = (&mut self.files, self.pipe.has_room()) {
            match files.next()? {
                files::Next::More => break,
                files::Next::Pass(data) => self.pipe.up(ChannelMsg::Data { data }),
                files::Next::Answer(data) => self.pipe.down(ChannelMsg::Data { data }),
                files::Next::Judge(asked) => {
                    let raw = asked.raw();
                    return Ok(Some(Self::inner(asked.operation(), Part::Request(asked), raw)));
                }
            }
        }
        while let Some(watched) = &mut self.watched {
            match watched.next() {
                watched::Next::Wait => break,
                watched::Next::Pass(data) => self.type_on(data),
                watched::Next::Judge(classified, text, raw) => {
                    return Ok(Some(Self::turn(classified, Part::Line, raw.into(), text.into())));
                }
            }
        }
        let drained = self.files.as_ref().is_none_or(|files| files.is_drained())
            && self.watched.as_ref().is_none_or(|watched| watched.is_drained());
        if drained && std::mem::take(&mut self.client_eof) {
            self.pipe.up(ChannelMsg::Eof);
        }
        Ok(None)
    }

    /// Enters a line that was cleared. What becomes of it is not known: the terminal shows no such thing.
    pub(super) fn enter(&mut self, op: u32, record: &mut Record<'_>) -> Result<(), Broken> {
        let Some(watched) = &mut self.watched else { return Err(Broken::TargetGone) };
        let data = watched.passed();
        self.lift();
        self.type_on(data);
        record.outcome(&Running::new(op, Instant::now()), b"entered", None)
    }

    /// Keys of a watched terminal, for the target.
    pub(super) fn type_on(&mut self, data: Bytes) {
        self.goes_up(&data);
        self.pipe.up(ChannelMsg::Data { data });
    }

    /// Keys go to the target.
    pub(super) fn goes_up(&mut self, data: &[u8]) {
        if let Some(echo) = &mut self.echo {
            echo.typed(data);
        }
    }

    /// Records what was typed and shown, masked like what is printed.
    pub(super) fn note_typed(&mut self, record: &mut Record<'_>) -> Result<(), Broken> {
        let (Some(echo), Some(running)) = (&mut self.echo, &self.running) else { return Ok(()) };
        for line in echo.take() {
            let line = self.veil.as_ref().map_or(line.clone(), |veil| veil.mask(line));
            record.typed(running, &line)?;
        }
        Ok(())
    }

    /// Words of ours in the middle of a line: below it, and then the line again. On the terminal's own stream, since the two
    /// streams of a channel may overtake each other.
    pub(super) fn interject(&mut self, words: &str, again: &str) {
        if self.lay(words) {
            return;
        }
        let data = Bytes::from(format!("\r\n{}{again}", pipe::ours(words)));
        if let Some(cover) = &mut self.cover {
            cover.shown(&data);
        }
        self.pipe.down(ChannelMsg::Data { data });
    }

    /// Lays words over the last row of a full screen. False where there is none: then they need a line of their own.
    pub(super) fn lay(&mut self, words: &str) -> bool {
        let Some(laid) = self.cover.as_mut().and_then(|cover| cover.lay(&format!("countersign: {words}"))) else {
            return false;
        };
        self.pipe.down(ChannelMsg::Data { data: laid.into() });
        true
    }

    /// Takes the words away again: the screen is as before.
    pub(super) fn lift(&mut self) {
        if let Some(lifted) = self.cover.as_mut().and_then(|cover| cover.lift()) {
            self.pipe.down(ChannelMsg::Data { data: lifted.into() });
        }
    }

    fn inner(classified: Arc<Classified>, part: Part, raw: Bytes) -> Turn {
        let text = classified.operations.first().map(|one| one.shown.clone()).unwrap_or_default().into();
        Self::turn(classified, part, raw, text)
    }

    /// Sends a request on, and waits for its answer.
    pub(super) async fn ask(&mut self, asked: &Asked, op: u32, record: &mut Record<'_>) -> Result<(), Broken> {
        let running = Running::new(op, Instant::now());
        let Some(files) = &mut self.files else { return Err(Broken::TargetGone) };
        let data = files.pass(asked)?;
        self.pipe.up(ChannelMsg::Data { data });
        let answered = loop {
            if let Some(answered) = self.files.as_mut().and_then(|files| files.answered()) {
                break Some(answered);
            }
            if !self.advance(record).await? {
                break None;
            }
        };
        let (tag, error) = answered.map_or(("gone".to_owned(), None), |answered| (answered.tag, answered.error));
        record.outcome(&running, tag.as_bytes(), error.as_deref().map(str::as_bytes))
    }

    /// Lets a stopped program go, and waits until it runs.
    pub(super) async fn go(&mut self, question: &Question, op: u32, record: &mut Record<'_>) -> Result<(), Broken> {
        let running = Running::new(op, Instant::now());
        self.lift();
        let Some(guard) = &mut self.guard else { return Err(Broken::TargetGone) };
        guard.answer(question.nonce, Verdict::Go, "");
        let until = Instant::now() + STARTS_WITHIN;
        let mut untold = false;
        let outcome = loop {
            let Some(guard) = &mut self.guard else { return Err(Broken::TargetGone) };
            if question.origin != Origin::Guard {
                break None;
            }
            if let Some(outcome) = guard.programs().followed(question.nonce) {
                break Some(outcome);
            }
            let Ok(goes_on) = timeout_at(until, self.advance(record)).await else {
                untold = true;
                break None;
            };
            if !goes_on? {
                break Some(Outcome::Gone);
            }
        };
        if let Some(guard) = &mut self.guard {
            guard.programs().forget(question.nonce);
        }
        let (tag, error) = match outcome {
            None if untold => ("unknown", Some("the guard did not say what became of it")),
            None | Some(Outcome::Started) => ("started", None),
            Some(Outcome::Failed) => ("failed", Some("the kernel did not start it")),
            Some(Outcome::Gone) => ("gone", None),
            Some(Outcome::Altered) => ("killed", Some("it was another program when it was about to run")),
        };
        record.outcome(&running, tag.as_bytes(), error.map(str::as_bytes))?;
        if outcome == Some(Outcome::Altered) {
            return Err(Broken::refused("a program was changed behind the judge's back, so this session ends"));
        }
        Ok(())
    }
}

/// Records a file that passed, and what is in it if that is wanted: all of it, or a remark why not.
pub(super) fn transferred(transfer: Transfer, record: &mut Record<'_>) -> Result<(), Broken> {
    record.note(&transfer.to_string())?;
    for (way, content) in ["get", "put"].into_iter().zip(transfer.content) {
        let name = format!("{way} {}", visible(&String::from_utf8_lossy(&transfer.path)));
        if let Some(why) = content.why_not() {
            record.note(&format!("not kept: {name}: {why}"))?;
        }
        if let Content::Kept(bytes) = content {
            record.file(&name, &bytes)?;
        }
    }
    Ok(())
}
