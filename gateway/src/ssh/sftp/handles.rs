//! One conversation: what is open, what waits for an answer, and what was moved.

use std::collections::{BTreeMap, HashMap};

use super::broken::Broken;
use super::content::ROOM;
use super::fact::Fact;
use super::reply::Reply;
use super::request::{Answer, Call, Request};
use super::transfer::{Need, Open, Transfer, length};
use super::wire::{Code, is_name};

/// The most handles that may be open at once. OpenSSH's server stops at about so many files.
pub(super) const MOST_OPEN: usize = 1024;
/// The most requests that may wait for an answer. OpenSSH's client stops at 64, Paramiko's at none.
pub(super) const MOST_WAITING: usize = 4096;
/// The version that everybody speaks.
const VERSION: u32 = 3;
/// Extensions of other servers that change what the following messages mean, whatever a judge says.
const CHANGES_VERSION: &[u8] = b"version-select";

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It goes to the target: what it works on was judged when it was opened.
    Pass,
    /// Somebody has to say whether it may.
    Judge(Fact),
    /// It never goes to the target. The client gets a [`status`](super::status) with this code and these words.
    Refuse(Code, &'static str),
}

/// The conversation of one channel. What it is told must have happened, in this order.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    greeting: Greeting,
    /// Where relative paths begin, once the target has told.
    home: Option<Vec<u8>>,
    /// Handles as the target names them. It may give one away again as soon as it is closed, so that what waits for
    /// an answer knows files by numbers of our own.
    handles: HashMap<Vec<u8>, u64>,
    open: BTreeMap<u64, Open>,
    opened: u64,
    waiting: HashMap<u32, Waiting>,
    /// So much of each file is kept, in bytes.
    most: u64,
    /// How much of all of them is held.
    held: u64,
}

/// How far the greetings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Greeting {
    #[default]
    Missing,
    Sent,
    Done,
}

/// A request without its answer.
#[derive(Debug)]
struct Waiting {
    answer: Answer,
    /// The files that it works on.
    on: [Option<u64>; 2],
    then: Then,
}

/// What the answer changes.
#[derive(Debug)]
enum Then {
    Nothing,
    Open(Box<Open>),
    Close,
    Read { offset: u64, len: u32 },
    Write { len: u64 },
    CutOff { nth: u64 },
    Size,
    Home,
}

impl Transfers {
    /// A conversation of whose files so much is kept, in bytes each.
    pub(crate) fn keeping(most: u64) -> Self {
        Self { most, ..Self::default() }
    }

    /// Where relative paths begin: what the target answered to the first REALPATH of `.`.
    pub(crate) fn home(&self) -> Option<&[u8]> {
        self.home.as_deref()
    }

    /// Whether the client's bytes have to wait until the target has answered something. Some clients ask for all
    /// blocks of a large file at once; one request more than this ends the session.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_WAITING
    }

    /// What is to be done with a request, before anything is. Nothing changes by looking.
    pub(crate) fn look(&self, request: &Request<'_>) -> Result<Look, Broken> {
        let (id, call) = match request {
            Request::Init(_) => return self.greeted(Greeting::Missing).map(|()| Look::Pass),
            Request::Call { id, call } => (*id, call),
        };
        self.greeted(Greeting::Done)?;
        if self.waiting.contains_key(&id) {
            return Err(Broken::Twice(id));
        }
        for (handle, need) in needs(call).into_iter().flatten() {
            let Some(open) = self.at(handle) else {
                return Ok(Look::Refuse(Code::FAILURE, "a handle that is not open"));
            };
            if !open.allows(need) {
                return Ok(Look::Refuse(Code::DENIED, "a handle that was not opened for that"));
            }
        }
        if let Call::Unknown { name: CHANGES_VERSION, .. } = call {
            return Ok(Look::Refuse(Code::UNSUPPORTED, "version 3 is spoken here"));
        }
        let fact = Fact::of(call, self.home(), |handle| self.at(handle).map(|open| open.name.as_slice()));
        Ok(fact.map_or(Look::Pass, Look::Judge))
    }

    /// The request goes to the target now.
    pub(crate) fn sent(&mut self, request: &Request<'_>) -> Result<(), Broken> {
        let (id, call) = match request {
            Request::Init(_) => {
                self.greeted(Greeting::Missing)?;
                self.greeting = Greeting::Sent;
                return Ok(());
            }
            Request::Call { id, call } => (*id, call),
        };
        if let Look::Refuse(..) = self.look(request)? {
            return Err(Broken::Unknown(id));
        }
        if self.is_full() {
            return Err(Broken::Outstanding);
        }
        let on = needs(call).map(|need| self.handles.get(need?.0).copied());
        for file in on.into_iter().flatten() {
            if let Some(open) = self.open.get_mut(&file) {
                open.busy = open.busy.saturating_add(1);
            }
        }
        let then = self.begin(call, on);
        self.waiting.insert(id, Waiting { answer: call.answer(), on, then });
        Ok(())
    }

    /// What the answer to a call will change, and what the call itself changes already.
    fn begin(&mut self, call: &Call<'_>, on: [Option<u64>; 2]) -> Then {
        let [first, second] = on.map(Option::unwrap_or_default);
        match *call {
            Call::Open { path, flags, .. } => Then::Open(Box::new(Open::file(path, flags, self.most))),
            Call::Opendir { path } => Then::Open(Box::new(Open::folder(path))),
            Call::Close { handle } => {
                self.handles.remove(handle);
                self.with(first, |open| open.closing = true);
                Then::Close
            }
            Call::Read { offset, len, .. } => Then::Read { offset, len },
            Call::Write { offset, data, .. } => {
                self.with(first, |open| open.write(offset, data));
                Then::Write { len: length(data) }
            }
            Call::Fsetstat { attrs, .. } => {
                let sized = attrs.size.zip(self.open.get_mut(&first)).and_then(|(size, open)| open.resize(size));
                sized.map_or(Then::Nothing, |nth| Then::CutOff { nth })
            }
            Call::CopyData { .. } => {
                self.with(second, Open::copied);
                Then::Nothing
            }
            Call::Fstat { .. } => Then::Size,
            Call::Realpath { path: b"" | b"." } => Then::Home,
            Call::Realpath { .. }
            | Call::Lstat { .. }
            | Call::Setstat { .. }
            | Call::Readdir { .. }
            | Call::Remove { .. }
            | Call::Mkdir { .. }
            | Call::Rmdir { .. }
            | Call::Stat { .. }
            | Call::Rename { .. }
            | Call::Readlink { .. }
            | Call::Symlink { .. }
            | Call::PosixRename { .. }
            | Call::Hardlink { .. }
            | Call::Fsync { .. }
            | Call::Statvfs { .. }
            | Call::Fstatvfs { .. }
            | Call::Lsetstat { .. }
            | Call::Limits
            | Call::ExpandPath { .. }
            | Call::HomeDirectory { .. }
            | Call::UsersGroups { .. }
            | Call::Unknown { .. } => Then::Nothing,
        }
    }

    /// The target answered. What is finished by that comes back: mostly nothing, at a CLOSE a file.
    pub(crate) fn reply(&mut self, reply: &Reply<'_>) -> Result<Vec<Transfer>, Broken> {
        let id = match reply {
            Reply::Version(version) => {
                self.greeted(Greeting::Sent)?;
                self.greeting = Greeting::Done;
                return if *version == VERSION { Ok(Vec::new()) } else { Err(Broken::Version(*version)) };
            }
            Reply::Status { id, .. }
            | Reply::Handle { id, .. }
            | Reply::Data { id, .. }
            | Reply::Names { id, .. }
            | Reply::Attrs { id, .. }
            | Reply::Extended { id, .. } => *id,
        };
        let Waiting { answer, on, then } = self.waiting.remove(&id).ok_or(Broken::Nobody(id))?;
        if !reply.fits(answer) {
            return Err(Broken::Answer(id));
        }
        self.finish(reply, on, then)?;
        Ok(on.into_iter().flatten().filter_map(|file| self.leave(file)).collect())
    }

    /// Does what the answer changes.
    fn finish(&mut self, reply: &Reply<'_>, [file, _]: [Option<u64>; 2], then: Then) -> Result<(), Broken> {
        let file = file.unwrap_or_default();
        match (then, *reply) {
            (Then::Open(open), Reply::Handle { handle, .. }) => self.insert(handle, *open)?,
            (Then::Close, Reply::Status { code, .. }) => self.with(file, |open| open.closed = code == Code::OK),
            (Then::Read { len, .. }, Reply::Data { id, data }) if length(data) > u64::from(len) => {
                return Err(Broken::Answer(id));
            }
            (Then::Read { offset, .. }, Reply::Data { data, .. }) => self.with(file, |open| open.read(offset, data)),
            (Then::Read { offset, .. }, Reply::Status { code: Code::EOF, .. }) => {
                self.with(file, |open| open.ends(offset));
            }
            (Then::Write { len }, Reply::Status { code, .. }) => {
                self.with(file, |open| open.written((code == Code::OK).then_some(len)));
            }
            (Then::CutOff { nth }, Reply::Status { code: Code::OK, .. }) => self.with(file, |open| open.cut_off(nth)),
            (Then::Size, Reply::Attrs { size: Some(size), .. }) => self.with(file, |open| open.ends(size)),
            (Then::Home, Reply::Names { count: 1, first: Some(name), .. }) => {
                if self.home.is_none() && name.starts_with(b"/") && is_name(name) {
                    self.home = Some(name.to_vec());
                }
            }
            (
                Then::Nothing
                | Then::Open(_)
                | Then::Close
                | Then::Read { .. }
                | Then::Write { .. }
                | Then::CutOff { .. }
                | Then::Size
                | Then::Home,
                _,
            ) => {}
        }
        Ok(())
    }

    /// What is still open when the session ends, in the order in which it was opened.
    pub(crate) fn end(self) -> Vec<Transfer> {
        self.open.into_values().filter_map(Open::finish).collect()
    }

    fn greeted(&self, so_far: Greeting) -> Result<(), Broken> {
        if self.greeting == so_far { Ok(()) } else { Err(Broken::Greeting) }
    }

    fn at(&self, handle: &[u8]) -> Option<&Open> {
        self.open.get(self.handles.get(handle)?)
    }

    fn with(&mut self, file: u64, change: impl FnOnce(&mut Open)) {
        let Some(open) = self.open.get_mut(&file) else { return };
        let before = open.held();
        change(open);
        self.held = self.held.saturating_sub(before).saturating_add(open.held());
        if self.held > ROOM {
            self.held = self.held.saturating_sub(open.held());
            open.drop_content();
        }
    }

    fn insert(&mut self, handle: &[u8], open: Open) -> Result<(), Broken> {
        if self.handles.len() >= MOST_OPEN {
            return Err(Broken::Handles);
        }
        // Numbers begin at 1: no file has the one that stands for none.
        self.opened = self.opened.saturating_add(1);
        if self.handles.insert(handle.to_vec(), self.opened).is_some() {
            return Err(Broken::Reused);
        }
        self.open.insert(self.opened, open);
        Ok(())
    }

    /// One request less works on a file. Closed and without any, it is finished.
    fn leave(&mut self, file: u64) -> Option<Transfer> {
        let open = self.open.get_mut(&file)?;
        open.busy = open.busy.saturating_sub(1);
        if !open.closing || open.busy > 0 {
            return None;
        }
        let open = self.open.remove(&file)?;
        self.held = self.held.saturating_sub(open.held());
        open.finish()
    }
}

/// The handles that a call names, and what they must have been opened for.
const fn needs<'a>(call: &Call<'a>) -> [Option<(&'a [u8], Need)>; 2] {
    match *call {
        Call::Close { handle } | Call::Fstat { handle } | Call::Fsync { handle } | Call::Fstatvfs { handle } => {
            [Some((handle, Need::Any)), None]
        }
        Call::Readdir { handle } => [Some((handle, Need::Folder)), None],
        Call::Read { handle, .. } => [Some((handle, Need::Read)), None],
        Call::Write { handle, .. } | Call::Fsetstat { handle, .. } => [Some((handle, Need::Write)), None],
        Call::CopyData { from, to, .. } => [Some((from, Need::Read)), Some((to, Need::Write))],
        Call::Open { .. }
        | Call::Lstat { .. }
        | Call::Setstat { .. }
        | Call::Opendir { .. }
        | Call::Remove { .. }
        | Call::Mkdir { .. }
        | Call::Rmdir { .. }
        | Call::Realpath { .. }
        | Call::Stat { .. }
        | Call::Rename { .. }
        | Call::Readlink { .. }
        | Call::Symlink { .. }
        | Call::PosixRename { .. }
        | Call::Hardlink { .. }
        | Call::Statvfs { .. }
        | Call::Lsetstat { .. }
        | Call::Limits
        | Call::ExpandPath { .. }
        | Call::HomeDirectory { .. }
        | Call::UsersGroups { .. }
        | Call::Unknown { .. } => [None, None],
    }
}
