//! What the target answers: hidden where it must be, recorded, then queued for the client.

use std::time::Duration;

use bytes::Bytes;
use russh::{ChannelMsg, Sig};
use tokio::time::Instant;

use super::{Stage, Talk, inside};
use crate::dialect::Broken;
use crate::record::Record;
use crate::ssh::channel::NOT_STARTED;
use crate::ssh::pipe::STDERR;
use crate::ssh::start::What;

/// How long the end of the output waits for the exit status. A client that reads it first, and has nothing more to say, closes the
/// channel, and is then not told any more how the command ended.
const EOF_AFTER: Duration = Duration::from_millis(500);

impl Talk {
    /// Records the target's answer and queues it.
    pub(super) fn answered(&mut self, message: ChannelMsg, record: &mut Record<'_>) -> Result<(), Broken> {
        match &message {
            ChannelMsg::Data { data } if self.files.is_some() => return self.moved(data, record),
            ChannelMsg::Data { data } => return self.show(None, data.clone(), record),
            ChannelMsg::ExtendedData { data, ext } => return self.show(Some(*ext), data.clone(), record),
            ChannelMsg::Eof => {
                self.ended.eof = true;
                self.eof_due = Some(Instant::now() + EOF_AFTER);
                if matches!(self.start.what, What::Port(_)) {
                    // Nothing follows that anybody would wait for.
                    self.end_of_output();
                }
                return self.unveil(record);
            }
            ChannelMsg::ExitStatus { exit_status } => self.ended.status = Some(*exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => self.ended.signal = Some(signal_name.clone()),
            ChannelMsg::Close => {
                self.unveil(record)?;
                self.end_of_output();
                self.over(record)?;
            }
            ChannelMsg::Failure => {
                self.pipe.say("the target did not start it");
                self.pipe.finish(NOT_STARTED);
                return self.over(record);
            }
            // Nothing else is said by a server that keeps to the protocol, and nothing else is for a client.
            ChannelMsg::Open { .. }
            | ChannelMsg::RequestPty { .. }
            | ChannelMsg::RequestShell { .. }
            | ChannelMsg::Exec { .. }
            | ChannelMsg::Signal { .. }
            | ChannelMsg::RequestSubsystem { .. }
            | ChannelMsg::RequestX11 { .. }
            | ChannelMsg::SetEnv { .. }
            | ChannelMsg::WindowChange { .. }
            | ChannelMsg::AgentForward { .. }
            | ChannelMsg::Request { .. }
            | ChannelMsg::XonXoff { .. }
            | ChannelMsg::WindowAdjusted { .. }
            | ChannelMsg::Success
            | ChannelMsg::OpenFailure(_)
            | _ => return Ok(()),
        }
        self.unveil(record)?;
        self.pipe.down(message);
        if self.ended.status.is_some() || self.ended.signal.is_some() {
            self.end_of_output();
        }
        Ok(())
    }

    /// Says that nothing more comes, if that is so and was not said.
    pub(super) fn end_of_output(&mut self) {
        if self.eof_due.take().is_some() {
            self.pipe.down(ChannelMsg::Eof);
        }
    }

    /// Answers of a file transfer: what they finish is recorded, and not what is in the files.
    fn moved(&mut self, data: &[u8], record: &mut Record<'_>) -> Result<(), Broken> {
        let Some(files) = &mut self.files else { return Ok(()) };
        let (whole, done) = files.tell(data)?;
        for transfer in done {
            inside::transferred(transfer, record)?;
        }
        if let Some(running) = &mut self.running {
            running.passed(whole.len());
        }
        if !whole.is_empty() {
            self.pipe.down(ChannelMsg::Data { data: whole });
        }
        Ok(())
    }

    /// Hides what is to be hidden, records the rest, and queues it.
    fn show(&mut self, ext: Option<u32>, data: Bytes, record: &mut Record<'_>) -> Result<(), Broken> {
        if let Some(watched) = &mut self.watched {
            watched.printed(&data);
        }
        if let Some(echo) = &mut self.echo {
            echo.printed(&data);
        }
        self.note_typed(record)?;
        let data = match &mut self.veil {
            Some(veil) => {
                let before = veil.is_lifted();
                let shown = veil.push(ext.is_some(), data, Instant::now());
                if veil.is_lifted() && !before {
                    record.note("what it prints is no text, and is passed on as it is")?;
                }
                shown
            }
            None => data,
        };
        self.shown(ext, data, record)
    }

    /// Shows what was kept back.
    pub(super) fn unveil(&mut self, record: &mut Record<'_>) -> Result<(), Broken> {
        let Some(veil) = &mut self.veil else { return Ok(()) };
        let [out, err] = veil.flush();
        self.shown(None, out, record)?;
        self.shown(Some(STDERR), err, record)
    }

    fn shown(&mut self, ext: Option<u32>, data: Bytes, record: &mut Record<'_>) -> Result<(), Broken> {
        if let Some(running) = &mut self.running {
            if let Some(veil) = &mut self.veil {
                record.masked(running, veil.take_hits());
            }
            record.output(running, &data)?;
        }
        if !data.is_empty() {
            if let Some(cover) = &mut self.cover {
                cover.shown(&data);
            }
            self.pipe.down(match ext {
                None => ChannelMsg::Data { data },
                Some(ext) => ChannelMsg::ExtendedData { data, ext },
            });
        }
        Ok(())
    }

    /// The target has closed its channel.
    pub(super) fn over(&mut self, record: &mut Record<'_>) -> Result<(), Broken> {
        self.stage = Stage::Over;
        self.pipe.target_closed();
        self.note_typed(record)?;
        match self.running.take() {
            Some(running) => record.outcome(&running, self.ended.tag().as_bytes(), None),
            None => Ok(()),
        }
    }
}

/// How a command ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    status: Option<u32>,
    signal: Option<Sig>,
    /// It has said all that it will.
    pub(super) eof: bool,
}

impl Ended {
    /// Whether it ended by itself, with a status.
    pub(super) const fn is_by_itself(&self) -> bool {
        self.status.is_some()
    }

    fn tag(&self) -> String {
        match (self.status, &self.signal) {
            (Some(status), _) => format!("exit {status}"),
            (None, Some(signal)) => format!("signal {signal:?}"),
            (None, None) => "gone".to_owned(),
        }
    }
}
