//! The conversation as the loop sees it.

use tokio::time::{Instant, timeout};

use crate::checkpoint::Cleared;
use crate::dialect::{Ask, Broken, Dialect, Gone, Read, Text, Told, Turn as _};
use crate::postgres::link::LARGE;
use crate::postgres::preview;
use crate::postgres::turn::{Cut, Reader, Shape, Turn, cut};
use crate::postgres::upstream::{self};
use crate::postgres::wire::{self, Bind};
use crate::record::Record;

use super::{GONE, GOODBYE, REMINDER, Talk, bytes_ahead, words};

impl Dialect for Talk {
    type Turn = Turn;

    async fn next_turn(&mut self, record: &mut Record<'_>) -> Result<Option<Turn>, Broken> {
        loop {
            self.digest(record).await?;
            if self.stray > 0 {
                let here = self.stray.min(self.link.from_client.len());
                self.link.from_client.consume(here);
                self.stray -= here;
            }
            let bytes = self.link.from_client.filled();
            match cut(bytes, &mut self.scanned)? {
                Cut::Goodbye => return Ok(None),
                // Whether COPY data is out of place is known when the answers to what came before are here.
                Cut::Stray(_) if !self.replies.owed.is_empty() => {
                    if self.replies.copying {
                        self.answer(Shape::Open, record).await?;
                        continue;
                    }
                    self.flush_upstream();
                    self.step(bytes_ahead(&self.link), record).await?;
                }
                Cut::Stray(len) => self.stray = len,
                Cut::Need(whole) => {
                    self.link.from_client.make_room(whole);
                    self.step(whole.max(LARGE), record).await?;
                }
                Cut::Turn(len, shape) => {
                    let before = self.link.from_client.len();
                    if self.skipped(len, shape, record).await? {
                        continue;
                    }
                    let len = len - (before - self.link.from_client.len());
                    let reader = Reader {
                        classifier: &self.classifier,
                        names: &self.replies.names,
                        owed: &self.replies.owed,
                        strings: self.replies.strings,
                        doubt: self.replies.doubt,
                        settled: !self.replies.mid_batch && self.replies.owed.is_empty(),
                        unreadable: self.replies.unreadable,
                    };
                    self.turn = len;
                    let bytes = self.link.from_client.filled().get(..len).unwrap_or_default();
                    return reader.read(bytes, shape).await.map(Some);
                }
            }
        }
    }

    async fn forward(&mut self, turn: Cleared<Turn>, record: &mut Record<'_>) -> Result<(), Broken> {
        let (turn, mask, first) = turn.spend();
        let shape = turn.shape;
        if self.skips(&turn) {
            return Ok(());
        }
        self.release(turn, mask, first);
        self.answer(shape, record).await
    }

    async fn refuse(&mut self, turn: Turn, told: &Told, record: &mut Record<'_>) -> Result<(), Broken> {
        if self.skips(&turn) {
            return Ok(());
        }
        let error = words("ERROR", told);
        self.link.from_client.consume(turn.len);
        let inside = self.replies.status == b'T' || self.replies.mid_batch || !self.replies.owed.is_empty();
        if inside {
            self.send_mistake(&turn, error);
            // After an open batch the answers are waited for as well, so that the refusal is read at once.
            let shape = if turn.shape == Shape::Open { Shape::Synced } else { turn.shape };
            return self.answer(shape, record).await;
        }
        let mut all = error;
        if turn.shape == Shape::Open {
            self.dropping = true;
        } else {
            wire::write_ready(&mut all, self.replies.status);
        }
        self.say(&all, record).await
    }

    async fn tell(&mut self, told: &Told, record: &mut Record<'_>) -> Result<(), Broken> {
        self.say(&words("NOTICE", told), record).await
    }

    async fn held(&mut self, again: &Told, record: &mut Record<'_>) -> Result<Gone, Broken> {
        let mut reminder = tokio::time::interval_at(Instant::now() + REMINDER, REMINDER);
        // What came before the hold was meant for another statement.
        self.watcher.forget();
        let ahead = self.link.from_client.len() + LARGE;
        loop {
            self.digest(record).await?;
            // A client that gives up may say goodbye and wait for us to close.
            if self.link.from_client.filled().get(self.turn) == Some(&b'X') {
                return Ok(Gone::Left);
            }
            let moved = tokio::select! {
                biased;
                () = self.watcher.asked() => return Ok(Gone::Withdrew),
                _ = reminder.tick() => {
                    self.say(&words("NOTICE", again), record).await?;
                    continue;
                }
                moved = self.link.step(ahead) => moved,
            };
            match moved {
                Ok(moved) => self.fresh |= moved.upstream > 0,
                Err(Broken::Left) => return Ok(Gone::Left),
                Err(broken) => return Err(broken),
            }
        }
    }

    async fn mistake(&mut self, turn: &Turn) -> Option<Told> {
        // One is enough, whichever it is: the target would carry out nothing of the turn from there on, and we let
        // nothing of it pass.
        let ask = turn.asks().find(|ask| ask.classified.mistaken)?;
        let text = match &ask.text {
            Text::Here(range) => self.raw(turn).get(range.clone())?,
            Text::Kept(text) => text,
            Text::Nothing => return None,
        };
        preview::mistake(&self.way, text).await
    }

    async fn preview(&mut self, turn: &Turn) -> Vec<String> {
        let runs = turn.asks().filter(|ask| ask.runs);
        preview::lines(&self.way, &self.replies.catalog, runs.cloned().collect(), self.raw(turn)).await
    }

    fn raw<'t>(&'t self, turn: &'t Turn) -> &'t [u8] {
        self.link.from_client.filled().get(..turn.len).unwrap_or_default()
    }

    fn meaning(&self, turn: &Turn, part: &mut dyn FnMut(&[u8])) {
        part(&self.settings.unwrap_or_default());
        part(&[self.replies.status]);
        for ask in turn.asks() {
            // An Execute says neither what it runs nor with which values; both may have come earlier.
            self.said(turn, ask, &mut |text, _| part(text));
            part(ask.bound.as_deref().unwrap_or_default());
            for operation in ask.inner.iter().flat_map(|inner| &inner.operations) {
                part(operation.shown.as_bytes());
            }
        }
    }

    fn said(&self, turn: &Turn, ask: &Ask, read: &mut Read<'_>) {
        let text = match &ask.text {
            Text::Here(range) => self.raw(turn).get(range.clone()).unwrap_or_default(),
            Text::Kept(text) => text,
            Text::Nothing => ask.classified.operations.first().map_or("", |first| first.shown.as_str()).as_bytes(),
        };
        let Some(bind) = ask.bound.as_deref().and_then(|bind| Bind::read(bind).ok()) else { return read(text, &[]) };
        let mut room = [(None, false); 16];
        let mut count = 0;
        for (to, value) in room.iter_mut().zip(bind.values()) {
            *to = value;
            count += 1;
        }
        if bind.values().nth(count).is_none() {
            return read(text, room.get(..count).unwrap_or_default());
        }
        let many: Vec<_> = bind.values().collect();
        read(text, &many);
    }

    fn in_transaction(&self) -> bool {
        self.replies.status != b'I'
    }

    async fn close(&mut self, told: &Told) {
        if !self.replies.owed.is_empty()
            && let Some(key) = &self.cancel
            && let Err(error) = upstream::cancel(key, GOODBYE).await
        {
            tracing::warn!(%error, "a statement could not be cancelled at the end of its session");
        }
        // Inside a frame no words can be put; the client then sees the connection close.
        let farewell = if self.replies.mid_frame() { Vec::new() } else { words("FATAL", told) };
        let mut goodbye = Vec::new();
        wire::write_terminate(&mut goodbye);
        let _late = timeout(GOODBYE, self.link.farewell_upstream(&goodbye)).await;
        let _late = timeout(GOODBYE, self.link.farewell_client(&farewell)).await;
        // INVARIANT: what the grant allowed ends with it (G1). A statement may have caught the cancellation, or the
        // cancellation may have come before it began; the server is asked until its side is closed.
        if timeout(GONE, self.link.until_upstream_is_gone()).await.is_err() {
            self.terminate_backend().await;
        }
        self.errands.shutdown().await;
    }
}
