//! What the loop asks of an SSH channel.

use std::sync::Arc;
use std::time::Duration;

use guard::wire::Verdict;
use russh::ChannelMsg;
use tokio::time::{Instant, timeout};
use workflows::request::Exactness;
use workflows::shown::visible;

use super::ends::KILL_WITHIN;
use super::{GOODBYE, Left, Part, REMINDER, Stage, Talk, Turn, words};
use crate::checkpoint::Cleared;
use crate::dialect::{Ask, Broken, Dialect, Gone, Read, Told};
use crate::mask::Scanner;
use crate::record::{Record, Running};
use crate::shell::Shape;
use crate::ssh::channel::NOT_STARTED;
use crate::ssh::screen::Cover;
use crate::ssh::start::{Terminal, What};
use crate::ssh::veil::Veil;
use crate::ssh::{guarded, judge, shapes};

/// How long what runs at a target may go on because its client does not hear that it is over.
const AT_ONCE: Duration = Duration::from_millis(100);

impl Dialect for Talk {
    type Turn = Turn;

    async fn next_turn(&mut self, record: &mut Record<'_>) -> Result<Option<Turn>, Broken> {
        if self.stage == Stage::New {
            self.stage = Stage::Asked;
            let classified = judge::read(&self.start, self.ways.shell, self.is_guarded() || self.is_watched());
            let text = self.start.what.text();
            return Ok(Some(Self::turn(classified, Part::Start, text.clone(), text)));
        }
        while self.stage == Stage::Started {
            if let Some(turn) = self.wanted()? {
                return Ok(Some(turn));
            }
            self.advance(record).await?;
        }
        Ok(None)
    }

    async fn forward(&mut self, turn: Cleared<Turn>, record: &mut Record<'_>) -> Result<(), Broken> {
        let (turn, mask, op) = turn.spend();
        match turn.part {
            Part::Start => {
                let terminal = self.start.terminal.is_some();
                if !judge::carries_files(&self.start, self.ways.shell) {
                    self.veil = Scanner::named(&mask.detect).map(|scanner| Box::new(Veil::new(scanner, terminal)));
                }
                if let Some(Terminal { term, size: [columns, rows, ..], .. }) = &self.start.terminal {
                    record.note(&format!("terminal {columns}x{rows} {}", visible(term)))?;
                }
                self.echo = self.start.terminal.as_ref().map(|_| Box::default());
                if let (Some(Terminal { size: [columns, rows, ..], .. }), true) =
                    (&self.start.terminal, self.is_asked_for() || self.is_watched())
                {
                    self.cover = Cover::new(*columns, *rows).map(Box::new);
                }
                let now = Instant::now();
                self.running = Some(if terminal { Running::film(op, now) } else { Running::new(op, now) });
                self.begin().await?;
                self.heard_early(record)?;
                // Where nothing more is judged, this is all there is.
                while !self.is_judged_inside() && self.advance(record).await? {}
                Ok(())
            }
            Part::Program(question) => self.go(&question, op, record).await,
            Part::Request(asked) => self.ask(&asked, op, record).await,
            Part::Line => self.enter(op, record),
            Part::News => Ok(()),
        }
    }

    async fn refuse(&mut self, turn: Turn, told: &Told, _record: &mut Record<'_>) -> Result<(), Broken> {
        match turn.part {
            Part::Start => {
                self.stage = Stage::Over;
                self.pipe.say(&words(told));
                self.pipe.finish(NOT_STARTED);
                timeout(GOODBYE, self.pipe.flush(true)).await.unwrap_or(Err(Broken::Left))
            }
            Part::News => Ok(()),
            Part::Program(question) => {
                let words = words(told).replace('\n', "; ");
                let covered = self.lay(&format!("refused: {words}"));
                if let Some(guard) = &mut self.guard {
                    // Without words the guard writes nothing.
                    guard.answer(question.nonce, Verdict::Deny, if covered { "" } else { &words });
                    guard.programs().forget(question.nonce);
                }
                Ok(())
            }
            Part::Line => {
                let Some(watched) = &mut self.watched else { return Err(Broken::TargetGone) };
                let (again, given_up) = (watched.refused(), watched.is_given_up());
                // It was read before anything was hidden.
                let again = self.veil.as_ref().map_or(again.clone(), |veil| veil.mask(again));
                self.interject(&words(told), &again);
                if let (Some(watched), true) = (&mut self.watched, given_up) {
                    let data = watched.interrupt();
                    self.type_on(data);
                }
                Ok(())
            }
            Part::Request(asked) => {
                // OpenSSH's client shows no words of an answer, but those on standard error.
                self.pipe.say(&words(told));
                self.pipe.down(ChannelMsg::Data { data: asked.refusal(&told.message) });
                Ok(())
            }
        }
    }

    async fn tell(&mut self, told: &Told, _record: &mut Record<'_>) -> Result<(), Broken> {
        let asks = self.guard.as_mut().is_some_and(|guard| guard.programs().asking().is_some());
        if (asks || self.watched.is_some()) && self.lay(&told.message) {
            return Ok(());
        }
        // The guard writes it where the program would have written.
        if self.guard.as_mut().is_some_and(|guard| guard.hold(&told.message)) {
            return Ok(());
        }
        if self.watched.is_some() {
            self.interject(&told.message, "");
        } else {
            self.pipe.say(&words(told));
        }
        Ok(())
    }

    async fn held(&mut self, again: &Told, record: &mut Record<'_>) -> Result<Gone, Broken> {
        let mut reminder = tokio::time::interval_at(Instant::now() + REMINDER, REMINDER);
        let mut kept = 0;
        loop {
            let gone = tokio::select! {
                biased;
                _ = reminder.tick() => {
                    self.tell(again, record).await?;
                    continue;
                }
                gone = async {
                    if self.stage == Stage::Started { self.held_inside(record).await } else { self.held_at_start(&mut kept).await }
                } => gone,
            };
            match gone {
                Ok(Some(gone)) => return Ok(gone),
                Ok(None) => {}
                Err(Broken::Left) => return Ok(Gone::Left),
                Err(broken) => return Err(broken),
            }
        }
    }

    fn goes_on(&self, turn: &Turn) -> bool {
        matches!(turn.part, Part::Program(_))
    }

    fn about(&mut self, turn: &Turn) {
        let nonce = if let Part::Program(question) = &turn.part { Some(question.nonce) } else { None };
        if let Some(guard) = &mut self.guard {
            guard.programs().about(nonce);
        }
    }

    fn is_given_up(&mut self, turn: &Turn) -> bool {
        match (&mut self.guard, &turn.part) {
            (Some(guard), Part::Program(question)) => guard.programs().is_withdrawn(question.nonce),
            (Some(_) | None, _) => false,
        }
    }

    async fn mistake(&mut self, _turn: &Turn) -> Option<Told> {
        None
    }

    async fn preview(&mut self, turn: &Turn) -> Vec<String> {
        match &turn.part {
            Part::Start => self.start.around(),
            Part::Request(_) | Part::Line | Part::News => Vec::new(),
            Part::Program(question) => guarded::around(question),
        }
    }

    fn raw<'t>(&'t self, turn: &'t Turn) -> &'t [u8] {
        &turn.raw
    }

    fn meaning(&self, turn: &Turn, part: &mut dyn FnMut(&[u8])) {
        let kind: &[u8] = match (&turn.part, &self.start.what) {
            (Part::Program(_), _) => b"program",
            (Part::Request(_), _) => b"sftp",
            (Part::Line, _) => b"line",
            (Part::News, _) => b"news",
            (Part::Start, What::Exec(_)) => b"exec",
            (Part::Start, What::Shell) => b"shell",
            (Part::Start, What::Subsystem(_)) => b"subsystem",
            (Part::Start, What::Port(_)) => b"port",
        };
        part(kind);
        part(self.start.terminal.as_ref().map_or("", |terminal| terminal.term.as_str()).as_bytes());
        if self.agents.is_some() {
            part(b"agent");
        }
        for (name, value) in &self.start.variables {
            part(name.as_bytes());
            part(value.as_bytes());
        }
    }

    fn shape(&self, turn: &Turn) -> Option<Shape> {
        match &turn.part {
            Part::Program(question) => shapes::program(question),
            Part::Line => shapes::line(&turn.raw, self.ways.shell, &turn.ask.as_ref()?.classified),
            Part::Start | Part::Request(_) | Part::News => None,
        }
    }

    fn exactness(&self, turn: &Turn) -> Exactness {
        match &turn.part {
            // Nobody knows in which folder a line runs, with which variables, or what a script holds by then.
            Part::Line => Exactness::Text,
            Part::Start | Part::Program(_) | Part::Request(_) | Part::News => Exactness::Whole,
        }
    }

    fn said(&self, turn: &Turn, _ask: &Ask, read: &mut Read<'_>) {
        read(&turn.text, &[]);
    }

    fn in_transaction(&self) -> bool {
        false
    }

    fn left_over(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unfinished)
    }

    async fn close(&mut self, told: &Told) {
        self.agents = None;
        let open = self.files.as_mut().map(|files| files.end()).unwrap_or_default();
        self.unfinished = open.iter().map(|transfer| format!("not finished: {transfer}")).collect();
        if self.stage != Stage::Over {
            self.pipe.say(&words(told));
            for line in &self.unfinished {
                self.pipe.say(line);
            }
            self.pipe.finish(NOT_STARTED);
            // Whoever listens hears it before the host is cleared, which takes longer.
            let _later = timeout(AT_ONCE, self.pipe.flush(true)).await;
        }
        if self.running.take().is_some() {
            self.unfinished.push("not finished: what was started".to_owned());
        }
        if let Some(guard) = &mut self.guard {
            // INVARIANT: what the grant allowed ends with it (G1); under a guard that is everything that was started.
            let _late = timeout(GOODBYE, guard.end(&told.message)).await;
        }
        let ended = self.stage == Stage::Over && self.ended.is_by_itself() && self.pipe.target().is_none();
        if let (true, Some(Left { spare, lease, life })) = (ended, self.left.take()) {
            spare.put(lease, Arc::clone(&self.upstream), life);
            let _late = timeout(GOODBYE, self.pipe.flush(true)).await;
            return;
        }
        let _late = timeout(KILL_WITHIN, self.kill()).await;
        let _late = timeout(GOODBYE, self.pipe.flush(true)).await;
        self.upstream.close(GOODBYE).await;
    }
}
