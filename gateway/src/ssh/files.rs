//! A file transfer: each request of SFTP is looked at, and what changes or reads something by name is a turn of its own.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use workflows::operation::{Act, Kind, Object, Operation, Run};
use workflows::shown::visible;

use super::sftp::{self, Code, Effect, Fact, Look, Reply, Request, Touched, Transfer, Transfers, Verb};
use crate::dialect::Broken;
use crate::seams::Classified;

/// So much of what a client sends is taken ahead, in bytes: some packets of the largest size.
const ROOM: usize = 1 << 20;

/// What is to be done next with what the client sent.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing whole is left.
    More,
    /// This goes to the target.
    Pass(Bytes),
    /// Somebody has to say whether it may.
    Judge(Box<Asked>),
    /// The client gets this in the target's place.
    Answer(Bytes),
}

/// A request that is judged.
#[derive(Debug)]
pub(super) struct Asked {
    id: u32,
    packet: Bytes,
    fact: Fact,
}

/// How the target answered the request that was let through last.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) tag: String,
    pub(super) error: Option<String>,
}

/// The number of our own question for the folder where relative names begin.
const HOME: u32 = 0;

/// How far that question has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Home {
    /// Nobody has greeted yet.
    #[default]
    Early,
    /// Everybody has, and nothing else may be asked before.
    Wanted,
    Asked,
    Told,
}

/// One channel's transfers.
#[derive(Debug, Default)]
pub(super) struct Files {
    asked: BytesMut,
    told: BytesMut,
    transfers: Transfers,
    home: Home,
    /// The request whose answer is waited for.
    waits: Option<u32>,
    answered: Option<Answered>,
}

impl Files {
    /// Transfers of whose files so much is kept, in bytes each.
    pub(super) fn keeping(most: u64) -> Self {
        Self { transfers: Transfers::keeping(most), ..Self::default() }
    }

    /// Bytes of the client.
    pub(super) fn ask(&mut self, data: &[u8]) {
        self.asked.extend_from_slice(data);
    }

    /// Whether more of the client's bytes are taken. What waits is bounded, and so are the requests without an answer.
    pub(super) fn has_room(&self) -> bool {
        self.asked.len() < ROOM && !self.transfers.is_full()
    }

    /// Whether nothing of the client's waits.
    pub(super) fn is_drained(&self) -> bool {
        self.asked.is_empty()
    }

    /// The next thing to do with what the client sent.
    pub(super) fn next(&mut self) -> Result<Next, Broken> {
        if self.transfers.is_full() || self.home == Home::Asked {
            return Ok(Next::More);
        }
        if self.home == Home::Wanted {
            // Some clients send relative names and never ask where those begin; whoever judges must know.
            self.home = Home::Asked;
            let packet = Bytes::from(sftp::ask_home(HOME));
            let request = Request::read(&packet).map_err(Broken::protocol)?;
            self.transfers.sent(&request).map_err(Broken::protocol)?;
            return Ok(Next::Pass(packet));
        }
        let Some(len) = sftp::cut(&self.asked).map_err(Broken::protocol)? else { return Ok(Next::More) };
        let packet = self.asked.split_to(len).freeze();
        let request = Request::read(&packet).map_err(Broken::protocol)?;
        match self.transfers.look(&request).map_err(Broken::protocol)? {
            Look::Pass => {
                self.transfers.sent(&request).map_err(Broken::protocol)?;
                // Whatever version a client wants, 3 is spoken.
                let greeting = matches!(request, Request::Init(_));
                Ok(Next::Pass(if greeting { Bytes::from_static(&sftp::INIT) } else { packet }))
            }
            Look::Refuse(code, words) => {
                let id = request.id().ok_or_else(|| Broken::protocol("a greeting out of place"))?;
                Ok(Next::Answer(sftp::status(id, code, words).into()))
            }
            // What was opened was judged for that.
            Look::Judge(fact) if fact.on_open && fact.opaque.is_none() && is_plain(&fact) => {
                self.transfers.sent(&request).map_err(Broken::protocol)?;
                Ok(Next::Pass(packet))
            }
            Look::Judge(fact) => {
                let id = request.id().ok_or_else(|| Broken::protocol("a greeting out of place"))?;
                Ok(Next::Judge(Box::new(Asked { id, packet, fact })))
            }
        }
    }

    /// The request may go on its way.
    pub(super) fn pass(&mut self, asked: &Asked) -> Result<Bytes, Broken> {
        let request = Request::read(&asked.packet).map_err(Broken::protocol)?;
        self.transfers.sent(&request).map_err(Broken::protocol)?;
        (self.waits, self.answered) = (Some(asked.id), None);
        Ok(asked.packet.clone())
    }

    /// What the target said to it, once it has.
    pub(super) fn answered(&mut self) -> Option<Answered> {
        self.answered.take()
    }

    /// Bytes of the target: whole answers, and what they finish.
    pub(super) fn tell(&mut self, data: &[u8]) -> Result<(Bytes, Vec<Transfer>), Broken> {
        self.told.extend_from_slice(data);
        // From where on answers are still to be passed on; our own question's is not.
        let (mut from, mut at, mut done, mut whole) = (0, 0, Vec::new(), BytesMut::new());
        while let Some(len) = sftp::cut(self.told.get(at..).unwrap_or_default()).map_err(Broken::protocol)? {
            let packet = self.told.get(at..at + len).unwrap_or_default();
            let reply = Reply::read(packet).map_err(Broken::protocol)?;
            done.extend(self.transfers.reply(&reply).map_err(Broken::protocol)?);
            if matches!(reply, Reply::Version(_)) {
                self.home = Home::Wanted;
            } else if self.home == Home::Asked && reply.id() == Some(HOME) {
                self.home = Home::Told;
                whole.extend_from_slice(self.told.get(from..at).unwrap_or_default());
                at += len;
                from = at;
                continue;
            }
            if reply.id().is_some() && reply.id() == self.waits {
                self.waits = None;
                self.answered = Some(how(&reply));
            }
            at += len;
        }
        let mut rest = self.told.split_to(at);
        if from == 0 {
            return Ok((rest.freeze(), done));
        }
        whole.extend_from_slice(&rest.split_off(from));
        Ok((whole.freeze(), done))
    }

    /// What is still open at the end.
    pub(super) fn end(&mut self) -> Vec<Transfer> {
        std::mem::take(&mut self.transfers).end()
    }
}

impl Asked {
    /// The request as it came, without its number, which is new each time.
    pub(super) fn raw(&self) -> Bytes {
        let kind = self.packet.slice(4..5.min(self.packet.len()));
        [kind, self.packet.slice(9.min(self.packet.len())..)].concat().into()
    }

    /// What the client reads where it is refused.
    pub(super) fn refusal(&self, words: &str) -> Bytes {
        sftp::status(self.id, Code::DENIED, words).into()
    }

    /// What it would do.
    pub(super) fn operation(&self) -> Arc<Classified> {
        Arc::new(Classified { operations: vec![operation(&self.fact)], statements: 1, ..Classified::default() })
    }
}

/// Whether it sets no owner, and no mode that lends rights.
fn is_plain(fact: &Fact) -> bool {
    fact.attrs.owner.is_none() && fact.attrs.mode.is_none_or(|mode| mode & 0o7000 == 0)
}

fn how(reply: &Reply<'_>) -> Answered {
    match reply {
        Reply::Status { code, message, .. } if *code != Code::OK && *code != Code::EOF => {
            Answered { tag: "refused".to_owned(), error: Some(visible(&String::from_utf8_lossy(message))) }
        }
        Reply::Version(_)
        | Reply::Status { .. }
        | Reply::Handle { .. }
        | Reply::Data { .. }
        | Reply::Names { .. }
        | Reply::Attrs { .. }
        | Reply::Extended { .. } => Answered { tag: "ok".to_owned(), error: None },
    }
}

/// A request as an operation: of a program `sftp`, so that the same rules fit it as fit commands.
fn operation(fact: &Fact) -> Operation {
    let text = |name: &[u8]| visible(&String::from_utf8_lossy(name));
    let path = |touched: &Touched| text(touched.absolute.as_deref().unwrap_or(&touched.name));
    let written = fact.paths.iter().any(Touched::written);
    let effects = || fact.paths.iter().flat_map(|path| &path.effects);
    let act = match fact.verb {
        _ if fact.opaque.is_some() => Act::Opaque,
        _ if written => Act::Write,
        _ if effects().any(|effect| matches!(effect, Effect::Read | Effect::Link)) => Act::Read,
        Verb::Opendir | Verb::Stat | Verb::Realpath | Verb::Readlink | Verb::Statvfs | Verb::Users => Act::Session,
        Verb::Open
        | Verb::Setstat
        | Verb::Remove
        | Verb::Mkdir
        | Verb::Rmdir
        | Verb::Rename
        | Verb::Symlink
        | Verb::Hardlink
        | Verb::Copy
        | Verb::Extended => Act::Read,
    };
    let mut on: Vec<Object> = fact
        .paths
        .iter()
        .map(|touched| Object { kind: Kind::File, schema: None, name: path(touched), written: touched.written() })
        .collect();
    on.sort();
    on.dedup();
    let names: Vec<String> = fact.paths.iter().map(path).collect();
    let destroys =
        effects().find(|effect| effect.destroys()).map(|effect| format!("it may {} a file", effect.as_str()));
    let run = Run {
        program: "sftp".to_owned(),
        path: "sftp".to_owned(),
        args: std::iter::once(fact.verb.as_str().to_owned()).chain(names.iter().cloned()).collect(),
        secrets: names.iter().flat_map(|name| crate::shell::secrets_in(name)).collect(),
        destroys,
        ..Run::default()
    };
    Operation {
        act,
        verb: format!("SFTP {}", fact.verb.as_str().to_uppercase()),
        on,
        functions: Vec::new(),
        writes: written || fact.opaque.is_some(),
        bounded: fact.opaque.is_none(),
        undoes_read_only: fact.opaque.is_some(),
        opaque: fact.opaque.map(str::to_owned),
        stores: Vec::new(),
        run: Some(Box::new(run)),
        shown: format!("sftp {fact}"),
    }
}
