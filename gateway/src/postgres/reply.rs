//! The target's answers, on their way to the client: each read is looked at where it lies, shortened in place where
//! something must not be seen, and goes on in one write. Frames that nobody needs to look into are never gathered.

use std::collections::VecDeque;
use std::sync::Arc;

use workflows::operation::Act;
use workflows::verdict::Mask;

use crate::dialect::Broken;
use crate::postgres::catalog::Catalog;
use crate::postgres::cells;
use crate::postgres::extended::{Answer, Execution, Names, Owed, Step};
use crate::postgres::link::Link;
use crate::postgres::masking::{self, Decision, Masking, Sight};
use crate::postgres::wire::{self, Head};
use crate::record::Record;

mod answers;

/// The longest row that is looked into. Without a mask rows are streamed, and none is too long.
const MAX_ROW: usize = 64 << 20;
/// The longest answer of any other kind.
const MAX_OTHER: usize = 16 << 20;

/// Why the walk over the answers stopped.
#[derive(Debug)]
pub(super) enum Next {
    /// The target has to say more.
    More,
    /// These words stand in the place of the answer that was taken out here.
    Say(Vec<u8>),
    /// These tables have to be looked up before the next frame can go on.
    Learn(Vec<u32>),
    /// The columns of a COPY have to be decided first.
    Copy,
}

/// What becomes of a frame.
enum Fate {
    Keep,
    Drop,
    /// It goes on, but only so many bytes of it.
    Short(usize),
    /// It goes on once it is here as a whole.
    Gather,
    /// It goes on as it comes.
    Stream,
    /// Not yet.
    Wait(Next),
    /// It is taken out, and these words take its place.
    Replace(Vec<u8>),
}

/// Where the walk is: read up to here, kept up to there, recorded up to there.
#[derive(Default)]
struct Walk {
    read: usize,
    write: usize,
    mark: usize,
}

impl Walk {
    /// Moves the next bytes down behind what was kept.
    fn keep(&mut self, bytes: &mut [u8], kept: usize, read: usize) {
        if self.write != self.read {
            bytes.copy_within(self.read..self.read + kept, self.write);
        }
        self.write += kept;
        self.read += read;
    }
}

/// One session's answers and all that they change.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) names: Names,
    /// What the target owes, in order.
    pub(super) owed: VecDeque<Owed>,
    /// `I`, `T` or `E`, as the target said last.
    pub(super) status: u8,
    /// Frames of a batch whose Sync has not come went to the target.
    pub(super) mid_batch: bool,
    /// The target ignores everything up to the next Sync.
    pub(super) skipping: bool,
    /// A statement of this batch may have changed how texts are read.
    pub(super) doubt: bool,
    /// Counts what may have given names another meaning.
    pub(super) epoch: u64,
    /// The target waits for COPY data.
    pub(super) copying: bool,
    /// How the target reads backslashes.
    pub(super) strings: bool,
    /// Why texts of this session can't be read, if so.
    pub(super) unreadable: Option<&'static str>,
    /// A session that may only read.
    pub(super) read_only: bool,
    pub(super) masking: Masking,
    pub(super) catalog: Catalog,
    /// The last mask that hid anything: notifications come when nothing runs.
    mask: Option<Arc<Mask>>,
    /// What names mean to our own connection.
    pub(super) sight: Sight,
    /// How much of a frame is still to come that goes on as it comes.
    pass: usize,
}

impl Replies {
    pub(super) fn new(catalog: Catalog, read_only: bool, parameters: &[(String, String)]) -> Self {
        let mut replies = Self {
            names: Names::default(),
            owed: VecDeque::new(),
            status: b'I',
            mid_batch: false,
            skipping: false,
            doubt: false,
            epoch: 0,
            copying: false,
            strings: true,
            unreadable: None,
            read_only,
            masking: Masking::default(),
            catalog,
            mask: None,
            sight: Sight::Same,
            pass: 0,
        };
        for (name, value) in parameters {
            replies.note_parameter(name.as_bytes(), value.as_bytes());
        }
        replies
    }

    /// Notes what the client set when it came. A search path may stand in `options` as well.
    pub(super) fn note_startup(&mut self, params: &[(String, String)]) {
        let sets = |(name, value): &(String, String)| {
            let name = name.to_ascii_lowercase();
            name == "search_path" || (name == "options" && !value.trim().is_empty())
        };
        if params.iter().any(sets) {
            self.sight = self.sight.max(Sight::Schemas);
        }
    }

    /// Whether the client has half a frame, so that nothing may be put in.
    pub(super) const fn mid_frame(&self) -> bool {
        self.pass > 0
    }

    /// Walks over what came, up to the end or to a point where something has to be done first. What may go on is then
    /// ready in the link. Must not be called while something of an earlier walk is still ready.
    pub(super) fn take(&mut self, link: &mut Link, record: &mut Record<'_>) -> Result<Next, Broken> {
        let mut walk = Walk::default();
        let buffer = &mut link.from_upstream;
        let (next, room) = self.walk(buffer.filled_mut(), &mut walk, record)?;
        self.record_output(buffer.filled(), &mut walk, record)?;
        record.totals().bytes_out += walk.write as u64;
        buffer.close_gap(walk.write, walk.read);
        link.ready = walk.write;
        if room > 0 {
            buffer.make_room(walk.write + room);
        }
        Ok(next)
    }

    fn walk(&mut self, bytes: &mut [u8], walk: &mut Walk, record: &mut Record<'_>) -> Result<(Next, usize), Broken> {
        loop {
            if self.pass > 0 {
                let here = self.pass.min(bytes.len() - walk.read);
                walk.keep(bytes, here, here);
                self.pass -= here;
                if self.pass > 0 {
                    return Ok((Next::More, 0));
                }
            }
            let rest = bytes.get(walk.read..).unwrap_or_default();
            let Some(head) = wire::backend(rest).map_err(Broken::protocol)? else { return Ok((Next::More, 0)) };
            // What belongs to an operation is recorded before the next one begins.
            if matches!(head.tag, b'C' | b's' | b'E' | b'I') && bytes.len() - walk.read >= head.len {
                self.record_output(bytes, walk, record)?;
            }
            let fate = match bytes.get_mut(walk.read..walk.read + head.len) {
                Some(frame) => self.whole(head, frame, record)?,
                None => self.partial(head, record)?,
            };
            match fate {
                Fate::Keep => walk.keep(bytes, head.len, head.len),
                Fate::Short(len) => walk.keep(bytes, len, head.len),
                Fate::Drop => walk.read += head.len,
                Fate::Stream => self.pass = head.len,
                Fate::Gather => return Ok((Next::More, head.len)),
                Fate::Wait(next) => return Ok((next, 0)),
                Fate::Replace(words) => {
                    walk.read += head.len;
                    return Ok((Next::Say(words), 0));
                }
            }
        }
    }

    /// Records what was kept since the last time.
    fn record_output(&mut self, bytes: &[u8], walk: &mut Walk, record: &mut Record<'_>) -> Result<(), Broken> {
        let kept = bytes.get(walk.mark..walk.write).unwrap_or_default();
        walk.mark = walk.write;
        match self.owed.front_mut().and_then(Owed::execution) {
            Some(execution) => record.output(&mut execution.running, kept),
            None => Ok(()),
        }
    }

    /// A frame that is not here as a whole.
    fn partial(&mut self, head: Head, record: &mut Record<'_>) -> Result<Fate, Broken> {
        match head.tag {
            b'D' | b'd' => match self.hides()? {
                Hides::Nothing => {
                    self.count_row(head.tag, record);
                    Ok(Fate::Stream)
                }
                Hides::Ask(next) => Ok(Fate::Wait(next)),
                Hides::Something if head.len <= MAX_ROW => Ok(Fate::Gather),
                Hides::Something => Err(Broken::too_large(
                    "a row is too long to be looked into",
                    "a mask applies to this target; select less in one row",
                )),
            },
            b'V' => Ok(Fate::Stream),
            _ if head.len <= MAX_OTHER => Ok(Fate::Gather),
            _ => Err(Broken::protocol("an answer of the target is too long")),
        }
    }

    /// A frame that is here as a whole.
    fn whole(&mut self, head: Head, frame: &mut [u8], record: &mut Record<'_>) -> Result<Fate, Broken> {
        match head.tag {
            b'D' | b'd' => self.row(head.tag, frame, record),
            b'1' => self.parsed(),
            b'2' => self.bound(),
            b'3' => self.closed(),
            b't' => Ok(self.fate_of_front()),
            b'T' => self.described(frame),
            b'n' => self.described_empty(),
            b'C' => self.complete(frame, record),
            b'I' | b's' => {
                self.finish(frame, record, &[])?;
                let fate = self.fate_of_front();
                self.pop_running();
                Ok(fate)
            }
            b'E' => self.error(frame, record),
            b'Z' => self.ready(frame),
            b'G' => self.copy_in(),
            b'H' => self.copy_out(frame),
            b'c' => Ok(self.fate_of_front()),
            b'V' => {
                self.finish(frame, record, b"FUNCTION CALL")?;
                Ok(Fate::Keep)
            }
            b'N' => {
                self.hide_words(frame, record);
                Ok(Fate::Keep)
            }
            b'A' => {
                self.hide_payload(frame, record);
                Ok(Fate::Keep)
            }
            b'S' => self.parameter(frame),
            tag => Err(Broken::protocol(wire::Malformed::Tag(tag))),
        }
    }

    fn fate_of_front(&self) -> Fate {
        match self.owed.front().map(|owed| &owed.answer) {
            Some(Answer::Ours | Answer::Refusal(_)) => Fate::Drop,
            Some(Answer::Theirs) | None => Fate::Keep,
        }
    }

    fn pop(&mut self) -> Result<(Step, Fate), Broken> {
        let fate = self.fate_of_front();
        let owed = self.owed.pop_front().ok_or_else(|| Broken::protocol("an answer that nobody asked for"))?;
        Ok((owed.step, fate))
    }

    fn pop_running(&mut self) {
        if matches!(self.owed.front(), Some(Owed { step: Step::Running(_), .. })) {
            self.owed.pop_front();
        }
    }

    /// Whether rows of the current result have to be looked into.
    fn hides(&mut self) -> Result<Hides, Broken> {
        let Some(execution) = self.owed.front_mut().and_then(Owed::execution) else { return Err(out_of_order()) };
        if execution.mask.is_empty() {
            return Ok(Hides::Nothing);
        }
        if execution.copy.is_none() && !execution.decided {
            let known = execution.portal.as_ref().and_then(|portal| Some((portal, portal.columns(self.epoch)?)));
            if let Some((portal, columns)) = known {
                let subject = (&execution.mask, &execution.classified);
                match self.masking.decide(subject, &columns, Some(portal.formats()), &self.catalog) {
                    Decision::Ask(tables) => return Ok(Hides::Ask(Next::Learn(tables))),
                    Decision::Columns(columns) => execution.columns = Some(columns),
                }
            }
            execution.decided = true;
        }
        let idle = execution.copy.is_none() && execution.columns.as_ref().is_some_and(|columns| columns.idle);
        Ok(if idle { Hides::Nothing } else { Hides::Something })
    }

    fn count_row(&mut self, tag: u8, record: &mut Record<'_>) {
        if tag == b'D'
            && let Some(execution) = self.owed.front_mut().and_then(Owed::execution)
        {
            record.rows(&mut execution.running, 1);
        }
    }

    fn row(&mut self, tag: u8, frame: &mut [u8], record: &mut Record<'_>) -> Result<Fate, Broken> {
        match self.hides()? {
            Hides::Nothing => {
                self.count_row(tag, record);
                return Ok(Fate::Keep);
            }
            Hides::Ask(next) => return Ok(Fate::Wait(next)),
            Hides::Something => {}
        }
        let Some(execution) = self.owed.front_mut().and_then(Owed::execution) else { return Err(out_of_order()) };
        let scanner = self.masking.scanner(&execution.mask);
        let mut hidden = 0;
        let len = if let Some(copy) = &mut execution.copy {
            copy.data(frame, scanner.as_deref(), &mut hidden)
        } else {
            let hide = execution.columns.as_ref().map(|columns| columns.hide.as_ref());
            at_length(frame.len(), || cells::data_row(frame, hide, scanner.as_deref(), &mut hidden))
        };
        let len = len.map_err(Broken::protocol)?;
        record.masked(&mut execution.running, hidden);
        record.rows(&mut execution.running, 1);
        Ok(Fate::Short(len))
    }

    /// Errors and notices repeat values, so the mask looks at them too.
    fn hide_words(&mut self, frame: &mut [u8], record: &mut Record<'_>) {
        let Some(execution) = self.owed.front_mut().and_then(Owed::execution) else { return };
        if !execution.mask.is_empty() {
            let scanner = self.masking.scanner(&execution.mask);
            let hidden = cells::error(frame, &execution.mask, execution.texts(), scanner.as_deref());
            record.masked(&mut execution.running, hidden);
        }
    }

    /// A notification carries whatever somebody put into it, a masked column's values as well.
    fn hide_payload(&mut self, frame: &mut [u8], record: &mut Record<'_>) {
        let execution = self.owed.front_mut().and_then(Owed::execution);
        let mask = execution.as_ref().map(|execution| &execution.mask).filter(|mask| !mask.is_empty());
        let Some(mask) = mask.or(self.mask.as_ref()).cloned() else { return };
        let scanner = self.masking.scanner(&mask);
        let texts = execution.iter().flat_map(|execution| execution.texts());
        let hidden = cells::payload(frame, &mask, texts, scanner.as_deref());
        if let Some(execution) = execution {
            record.masked(&mut execution.running, hidden);
        }
    }
}

/// Work on so many bytes; what takes long leaves the thread to other sessions first.
fn at_length<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let others = || Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > LONG && others() { tokio::task::block_in_place(work) } else { work() }
}

/// A row of more bytes is looked through beside the runtime's threads.
const LONG: usize = 256 << 10;

/// Whether rows have to be looked into.
enum Hides {
    Nothing,
    Something,
    Ask(Next),
}

fn changes_schema(execution: &Execution) -> bool {
    execution.classified.operations.iter().any(|operation| matches!(operation.act, Act::Define | Act::Opaque))
}

fn out_of_order() -> Broken {
    Broken::protocol("the target's answer does not belong to what it was asked")
}

/// Decides the columns of a COPY.
pub(super) async fn decide_copy(replies: &mut Replies) {
    let Some(execution) = replies.owed.front_mut().and_then(Owed::execution) else { return };
    // What stands before a COPY in the same text may already have run.
    let sight = if changes_schema(execution) { Sight::Own } else { replies.sight };
    let (mask, classified) = (Arc::clone(&execution.mask), Arc::clone(&execution.classified));
    let copy = masking::copy(&mask, &classified, &replies.catalog, sight).await;
    if let Some(execution) = replies.owed.front_mut().and_then(Owed::execution) {
        execution.copy = Some(copy);
    }
}
