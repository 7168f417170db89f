//! PostgreSQL as a [`Dialect`]: the client's turns on one side, the target's answers on the other.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use workflows::verdict::Mask;

use crate::dialect::{Ask, Broken, Dialect, Told, Turn as _};
use crate::postgres::cancel::Watcher;
use crate::postgres::extended::{Answer, Execution, Owed, Step};
use crate::postgres::link::{LARGE, Link};
use crate::postgres::masking::Sight;
use crate::postgres::reply::{self, Next, Replies};
use crate::postgres::side::Way;
use crate::postgres::turn::{Shape, Turn, changes_meaning, changes_reading, moves_names};
use crate::postgres::upstream::{self, CancelKey};
use crate::postgres::wire::{self, HEAD, Words};
use crate::record::Record;
use crate::seams::{Classifier, Stream};

mod dialect;

/// How long the target may take to hear that a statement is cancelled, and each side to hear goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a backend may take to be gone by itself before it is terminated.
const GONE: Duration = Duration::from_secs(1);
/// How often a waiting client is reminded that it waits.
const REMINDER: Duration = Duration::from_mins(1);
/// What we send in the place of what is refused: the server itself then refuses it, as it would any statement with a
/// mistake, and its transaction ends up where a client expects it.
const MISTAKE: &str = "countersign refused this statement /* see the session's recording */";
/// The name under which a mistake is parsed. It never comes to mean anything, since the Parse fails.
const MISTAKE_NAME: &str = "countersign_refused";

/// What a conversation is made of.
pub(super) struct Parts {
    pub(super) client: Stream,
    pub(super) upstream: Stream,
    /// What the target sent behind its greeting.
    pub(super) pending: Vec<u8>,
    pub(super) replies: Replies,
    pub(super) classifier: Classifier,
    pub(super) cancel: Option<CancelKey>,
    pub(super) watcher: Watcher,
    pub(super) way: Way,
}

/// One session's conversation.
#[derive(Debug)]
pub(super) struct Talk {
    link: Link,
    replies: Replies,
    classifier: Classifier,
    cancel: Option<CancelKey>,
    watcher: Watcher,
    way: Way,
    /// How far the client's bytes were looked at for the end of a turn.
    scanned: usize,
    /// The length of the turn at the front of the client's bytes, while it is judged or held.
    turn: usize,
    /// How many bytes of COPY data, out of place, are still to be dropped.
    stray: usize,
    /// How many bytes of a COPY frame are still to be passed on.
    copy_left: usize,
    /// The client's frames are dropped up to a Sync which we answer ourselves.
    dropping: bool,
    /// There are answers that were not looked at.
    fresh: bool,
    /// Words that follow what is ready for the client.
    after: Option<Vec<u8>>,
    /// A running hash of every change of settings.
    settings: Option<[u8; 32]>,
    errands: JoinSet<()>,
}

impl Talk {
    pub(super) fn new(parts: Parts) -> Self {
        let mut link = Link::new(parts.client, parts.upstream);
        link.from_upstream.put(&parts.pending);
        Self {
            fresh: !parts.pending.is_empty(),
            link,
            replies: parts.replies,
            classifier: parts.classifier,
            cancel: parts.cancel,
            watcher: parts.watcher,
            way: parts.way,
            scanned: 0,
            turn: 0,
            stray: 0,
            copy_left: 0,
            dropping: false,
            after: None,
            settings: None,
            errands: JoinSet::new(),
        }
    }

    /// Looks at the target's answers as far as they have come and may go on. Cancel-safe.
    async fn digest(&mut self, record: &mut Record<'_>) -> Result<(), Broken> {
        while self.link.ready == 0 {
            if let Some(words) = self.after.take() {
                self.link.to_client.bytes.extend_from_slice(&words);
            }
            if !self.fresh {
                return Ok(());
            }
            match self.replies.take(&mut self.link, record)? {
                Next::More => self.fresh = false,
                Next::Say(words) => self.after = Some(words),
                Next::Learn(tables) => self.replies.catalog.learn(&tables).await,
                Next::Copy => reply::decide_copy(&mut self.replies).await,
            }
        }
        Ok(())
    }

    /// Moves bytes, and passes on a request to cancel. Cancel-safe.
    async fn step(&mut self, ahead: usize, record: &mut Record<'_>) -> Result<(), Broken> {
        let moved = tokio::select! {
            biased;
            moved = self.link.step(ahead) => moved?,
            () = self.watcher.asked() => {
                // A request that comes while nothing runs was late; it must not hit the next statement.
                if !self.replies.owed.is_empty() {
                    self.cancel_upstream();
                }
                return Ok(());
            }
        };
        record.totals().bytes_in += moved.client as u64;
        self.fresh |= moved.upstream > 0;
        Ok(())
    }

    /// Ends the session's process on the server, whatever it does there. The same role may do so.
    async fn terminate_backend(&mut self) {
        let Some(key) = &self.cancel else { return };
        let pid = key.pid().to_string();
        let work = async {
            let mut side = self.way.open(GOODBYE).await?;
            side.rows("SELECT pg_catalog.pg_terminate_backend($1::pg_catalog.int4)", &[&pid]).await
        };
        match timeout(GOODBYE, work).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a backend could not be terminated");
            }
            Err(_elapsed) => tracing::error!("a backend could not be terminated in time"),
        }
    }

    fn cancel_upstream(&mut self) {
        while self.errands.try_join_next().is_some() {}
        if let Some(key) = self.cancel.clone() {
            self.errands.spawn(async move {
                if let Err(error) = upstream::cancel(&key, GOODBYE).await {
                    tracing::warn!(%error, "a statement could not be cancelled");
                }
            });
        }
    }

    /// Passes COPY data on to the target, as it comes.
    fn release_copy(&mut self) -> Result<(), Broken> {
        loop {
            let bytes = self.link.from_client.filled().get(self.link.release..).unwrap_or_default();
            if self.copy_left > 0 {
                let here = self.copy_left.min(bytes.len());
                self.link.release += here;
                self.copy_left -= here;
                if self.copy_left > 0 {
                    return Ok(());
                }
                continue;
            }
            if !self.replies.copying {
                return Ok(());
            }
            let Some(head) = wire::frontend(bytes).map_err(Broken::protocol)? else { return Ok(()) };
            match head.tag {
                b'd' => {}
                // The server ignores Sync and Flush while it copies, but no longer once the COPY has failed, which we may
                // not know yet: passed on, one could bring an answer that nobody is owed. So they end here.
                b'S' | b'H' => {
                    if bytes.len() < head.len {
                        return Ok(());
                    }
                    if self.link.release > 0 {
                        // What is before it goes first.
                        return Ok(());
                    }
                    self.link.from_client.consume(head.len);
                    continue;
                }
                b'c' | b'f' => self.replies.copying = false,
                b'X' => return Err(Broken::Left),
                tag => return Err(Broken::protocol(wire::Malformed::Tag(tag))),
            }
            self.copy_left = head.len;
        }
    }

    /// Passes answers on until the turn is answered, or, if it is an open one, until the target has it.
    async fn answer(&mut self, shape: Shape, record: &mut Record<'_>) -> Result<(), Broken> {
        let mut open = shape == Shape::Open;
        loop {
            self.digest(record).await?;
            if self.replies.copying || self.copy_left > 0 {
                // The Sync that ends this batch is still to come.
                open |= shape == Shape::Synced;
                self.release_copy()?;
            }
            let copied = !self.replies.copying && self.copy_left == 0;
            let answered = self.replies.owed.is_empty() && self.link.client_has_all() && self.after.is_none();
            if copied && self.link.upstream_has_all() && (open || (answered && !self.fresh)) {
                break;
            }
            self.step(LARGE, record).await?;
            // A long result must not outrun the recorder.
            record.ready().await?;
        }
        self.link.from_client.relax();
        self.link.from_upstream.relax();
        Ok(())
    }

    /// Waits until something may be said to the client, and queues it.
    async fn say(&mut self, words: &[u8], record: &mut Record<'_>) -> Result<(), Broken> {
        loop {
            self.digest(record).await?;
            if self.link.ready == 0 && self.after.is_none() && !self.replies.mid_frame() {
                break;
            }
            self.step(self.link.from_client.len() + LARGE, record).await?;
        }
        self.link.to_client.bytes.extend_from_slice(words);
        Ok(())
    }

    /// Drops a turn that the target would ignore, up to its Sync. True if the Sync itself is to go on.
    fn skip(&mut self, len: usize, shape: Shape) -> bool {
        let sync = shape == Shape::Synced;
        self.link.from_client.consume(if sync { len.saturating_sub(HEAD) } else { len });
        sync
    }

    /// Drops a turn whose batch failed while it was judged or held, as the target would: its error is told already. A
    /// Sync by itself is never dropped, since it ends the batch.
    fn skips(&mut self, turn: &Turn) -> bool {
        let of_batch = match turn.shape {
            Shape::Open => true,
            Shape::Synced => turn.len > HEAD,
            Shape::Query | Shape::Call => false,
        };
        let skips = self.replies.skipping && of_batch;
        if skips {
            let _sync_is_next = self.skip(turn.len, turn.shape);
        }
        skips
    }

    /// Writes a refused turn's mistake to the target, and notes that the answer is ours to give.
    fn send_mistake(&mut self, turn: &Turn, words: Vec<u8>) {
        let to = &mut self.link.to_upstream.bytes;
        let answer = Answer::Refusal(words);
        match turn.shape {
            Shape::Query | Shape::Call => {
                wire::write_query(to, MISTAKE);
                let step = Step::Query(Execution::new(0, Instant::now(), Arc::new(Mask::default()), Arc::default()));
                self.replies.owed.push_back(Owed { step, answer });
            }
            Shape::Synced | Shape::Open => {
                wire::write_parse(to, MISTAKE_NAME, MISTAKE.as_bytes(), &[]);
                let name = MISTAKE_NAME.as_bytes().into();
                let statement = super::extended::Statement::new(Arc::default(), b"", &[]);
                self.replies.owed.push_back(Owed { step: Step::Parse { name, statement }, answer });
                if turn.shape == Shape::Synced {
                    wire::write_sync(to);
                    self.replies.owed.push_back(Owed::theirs(Step::Sync));
                }
            }
        }
    }

    /// Notes what a cleared turn is owed, and releases its bytes.
    fn release(&mut self, turn: Turn, mask: Arc<Mask>, first: u32) {
        self.note_settings(&turn);
        let runs = || turn.asks().filter(|ask| ask.runs).flat_map(|ask| ask.inner.iter().chain([&ask.classified]));
        // What changes names or texts makes earlier descriptions worthless, those of this very turn included.
        let changing = runs().any(|classified| changes_meaning(classified));
        self.replies.epoch += u64::from(changing);
        self.replies.doubt |= turn.shape == Shape::Open && runs().any(|classified| changes_reading(classified));
        let since = Instant::now();
        let Turn { len, shape, steps, first: ask, prepares, .. } = turn;
        if let Shape::Query | Shape::Call = shape {
            let classified = ask.map(|ask| ask.classified).unwrap_or_default();
            let mut execution = Execution::new(first, since, mask, classified);
            execution.prepares = prepares;
            let step = if shape == Shape::Query { Step::Query(execution) } else { Step::Call(execution) };
            self.replies.owed.push_back(Owed::theirs(step));
            self.link.release = len;
            return;
        }
        let mut insert: Vec<(usize, Box<[u8]>)> = Vec::new();
        for step in steps {
            let step = match step {
                Step::Execute { at, ask, portal, prepares } => {
                    if let Some(portal) = &portal
                        && !mask.is_empty()
                        && (changing
                            || portal.statement.runs_a_name()
                            || (portal.columns(self.replies.epoch).is_none() && !self.will_describe(portal)))
                    {
                        // Nobody asked what the columns are, so we do: rows without their columns would all be hidden.
                        insert.push((at, portal_name(&self.link, at)));
                        let step = Step::DescribePortal(Some(Arc::clone(portal)));
                        self.replies.owed.push_back(Owed { step, answer: Answer::Ours });
                    }
                    let classified =
                        portal.as_ref().map(|portal| Arc::clone(&portal.statement.classified)).unwrap_or_default();
                    let mut execution =
                        Execution::new(first.saturating_add(ask), since, Arc::clone(&mask), classified);
                    execution.prepares = prepares;
                    execution.portal = portal;
                    Step::Running(execution)
                }
                Step::Sync => {
                    self.replies.skipping = false;
                    Step::Sync
                }
                step @ (Step::Parse { .. }
                | Step::Bind { .. }
                | Step::BindUnknown { .. }
                | Step::DescribeStatement(_)
                | Step::DescribePortal(_)
                | Step::Running(_)
                | Step::Close { .. }
                | Step::Query(_)
                | Step::Call(_)) => step,
            };
            self.replies.owed.push_back(Owed::theirs(step));
        }
        self.replies.mid_batch |= shape == Shape::Open;
        if insert.is_empty() {
            self.link.release = len;
        } else {
            self.link.insert_describes(len, &insert);
        }
    }

    /// Whether the columns of a portal's statement will be told before it runs.
    fn will_describe(&self, portal: &Arc<super::extended::Portal>) -> bool {
        self.replies.owed.iter().any(|owed| {
            if let Step::DescribePortal(Some(described)) = &owed.step {
                return Arc::ptr_eq(&described.statement, &portal.statement);
            }
            matches!(&owed.step, Step::DescribeStatement(Some(statement)) if Arc::ptr_eq(statement, &portal.statement))
        })
    }

    fn note_settings(&mut self, turn: &Turn) {
        let sets =
            |ask: &Ask| !ask.classified.sets.is_empty() || ask.inner.iter().any(|inner| !inner.sets.is_empty());
        if turn.asks().any(sets) {
            let mut hash = Sha256::new_with_prefix(self.settings.unwrap_or_default());
            for ask in turn.asks().filter(|ask| sets(ask)) {
                self.said(turn, ask, &mut |text, values| {
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text);
                    for (value, _) in values {
                        // Where one value ends counts too, and NULL isn't the empty text.
                        hash.update(value.map_or(u64::MAX, |value| value.len() as u64).to_be_bytes());
                        hash.update(value.unwrap_or_default());
                    }
                });
            }
            self.settings = Some(hash.finalize().into());
        }
        let all = || turn.asks().flat_map(|ask| ask.inner.iter().chain([&ask.classified]));
        if all().any(|classified| moves_names(classified)) {
            self.replies.sight = self.replies.sight.max(Sight::Schemas);
        }
    }

    /// A turn that the target would skip, or that we skip for it. True when there is nothing left to read of it.
    async fn skipped(&mut self, len: usize, shape: Shape, record: &mut Record<'_>) -> Result<bool, Broken> {
        if self.dropping {
            self.link.from_client.consume(len);
            if shape == Shape::Synced {
                self.dropping = false;
                let mut words = Vec::new();
                wire::write_ready(&mut words, self.replies.status);
                self.say(&words, record).await?;
            }
            return Ok(true);
        }
        Ok(self.replies.skipping && !self.skip(len, shape))
    }
}

/// The portal that the Execute at this place of the turn names.
fn portal_name(link: &Link, at: usize) -> Box<[u8]> {
    wire::execute(link.from_client.filled().get(at..).and_then(first_frame).unwrap_or_default())
        .unwrap_or_default()
        .into()
}

fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..wire::frontend(bytes).ok()??.len)
}

fn words(severity: &str, told: &Told) -> Vec<u8> {
    let mut out = Vec::new();
    let Told { code, message, detail, hint, position } = told;
    wire::say(&mut out, Words { severity, code, message, detail, hint, position: *position });
    out
}

impl Talk {
    /// Makes the target send what it holds back until a Flush.
    fn flush_upstream(&mut self) {
        if self.link.upstream_has_all() {
            wire::frame(&mut self.link.to_upstream.bytes, b'H', |_| {});
        }
    }
}

fn bytes_ahead(link: &Link) -> usize {
    link.from_client.len() + LARGE
}
