//! What each kind of answer means for the names, the queue and the masks.

use std::sync::Arc;

use crate::dialect::{Broken, Told};
use crate::postgres::extended::{Answer, Owed, Step, moves_portals};
use crate::postgres::masking::{self, Decision, Sight};
use crate::postgres::wire::{self};
use crate::record::Record;

use super::{Fate, Next, Replies, changes_schema, out_of_order};

impl Replies {
    pub(super) fn parsed(&mut self) -> Result<Fate, Broken> {
        let (step, fate) = self.pop()?;
        let Step::Parse { name, statement } = step else { return Err(out_of_order()) };
        // What we parse for ourselves fails by design; if it ever did not, it must not get a name.
        if matches!(fate, Fate::Keep) {
            self.names.add_statement(name, statement);
        }
        Ok(fate)
    }

    pub(super) fn bound(&mut self) -> Result<Fate, Broken> {
        let (step, fate) = self.pop()?;
        match step {
            Step::Bind { name, portal } => self.names.add_portal(name, portal),
            // The server knows a statement that we do not: its portal stays unknown, and so opaque.
            Step::BindUnknown { name } => self.names.drop_portal(&name),
            Step::Parse { .. }
            | Step::DescribeStatement(_)
            | Step::DescribePortal(_)
            | Step::Execute { .. }
            | Step::Running(_)
            | Step::Close { .. }
            | Step::Sync
            | Step::Query(_)
            | Step::Call(_) => return Err(out_of_order()),
        }
        Ok(fate)
    }

    pub(super) fn closed(&mut self) -> Result<Fate, Broken> {
        let (step, fate) = self.pop()?;
        let Step::Close { portal, name } = step else { return Err(out_of_order()) };
        if portal {
            self.names.drop_portal(&name);
        } else {
            self.names.drop_statement(&name);
        }
        Ok(fate)
    }

    pub(super) fn described_empty(&mut self) -> Result<Fate, Broken> {
        let (step, fate) = self.pop()?;
        if let Step::DescribeStatement(Some(statement)) = &step {
            statement.tell(self.epoch, [].into());
        } else if let Step::DescribePortal(Some(portal)) = &step {
            portal.tell(self.epoch, [].into());
        }
        Ok(fate)
    }

    pub(super) fn described(&mut self, frame: &[u8]) -> Result<Fate, Broken> {
        let front = self.owed.front().map(|owed| &owed.step);
        if let Some(Step::Query(execution)) = front {
            if execution.mask.is_empty() {
                return Ok(Fate::Keep);
            }
            let columns = masking::columns(frame).map_err(Broken::protocol)?;
            let subject = (&execution.mask, &execution.classified);
            return match self.masking.decide(subject, &columns, None, &self.catalog) {
                Decision::Ask(tables) => Ok(Fate::Wait(Next::Learn(tables))),
                Decision::Columns(columns) => {
                    if let Some(execution) = self.owed.front_mut().and_then(Owed::execution) {
                        (execution.columns, execution.decided) = (Some(columns), true);
                    }
                    Ok(Fate::Keep)
                }
            };
        }
        let (step, fate) = self.pop()?;
        let columns = masking::columns(frame).map_err(Broken::protocol)?;
        match &step {
            Step::DescribeStatement(Some(statement)) => statement.tell(self.epoch, columns),
            Step::DescribePortal(Some(portal)) => portal.tell(self.epoch, columns),
            Step::DescribeStatement(None) | Step::DescribePortal(None) => {}
            Step::Parse { .. }
            | Step::Bind { .. }
            | Step::BindUnknown { .. }
            | Step::Execute { .. }
            | Step::Running(_)
            | Step::Close { .. }
            | Step::Sync
            | Step::Query(_)
            | Step::Call(_) => return Err(out_of_order()),
        }
        Ok(fate)
    }

    /// An operation ended: writes down how.
    pub(super) fn finish(&mut self, frame: &[u8], record: &mut Record<'_>, tag: &[u8]) -> Result<(), Broken> {
        let Some(execution) = self.owed.front_mut().and_then(Owed::execution) else { return Ok(()) };
        if !execution.mask.is_empty() {
            self.mask = Some(Arc::clone(&execution.mask));
        }
        if execution.copy.take().is_none() && tag.starts_with(b"COPY") {
            record.rows(&mut execution.running, wire::rows_of(tag));
        }
        execution.running.changed(wire::rows_of(tag));
        let error = (frame.first() == Some(&b'E')).then(|| wire::error_field(frame, b'M').unwrap_or_default());
        record.outcome(&execution.running, tag, error)?;
        execution.running.next_statement();
        execution.decided = false;
        execution.columns = None;
        Ok(())
    }

    pub(super) fn complete(&mut self, frame: &[u8], record: &mut Record<'_>) -> Result<Fate, Broken> {
        let tag = wire::command_complete(frame).map_err(Broken::protocol)?;
        self.copying = false;
        self.finish(frame, record, tag)?;
        let fate = self.fate_of_front();
        let Some(execution) = self.owed.front_mut().and_then(Owed::execution) else { return Err(out_of_order()) };
        if tag == b"PREPARE" {
            if let Some((name, statement)) = execution.prepares.pop_front() {
                self.names.add_statement(name, statement);
            }
        } else if tag == b"DEALLOCATE ALL" || tag == b"DISCARD ALL" {
            self.names.drop_statements();
        } else if tag == b"DEALLOCATE" {
            for name in &execution.classified.deallocates {
                self.names.drop_statement(name.as_bytes());
            }
        }
        if moves_portals(&execution.classified) {
            self.names.drop_portals();
        }
        if changes_schema(execution) {
            self.sight = Sight::Own;
        }
        if !execution.mask.columns.is_empty() && changes_schema(execution) {
            self.catalog.forget();
            self.masking.forget();
        }
        self.pop_running();
        Ok(fate)
    }

    pub(super) fn error(&mut self, frame: &mut [u8], record: &mut Record<'_>) -> Result<Fate, Broken> {
        self.hide_words(frame, record);
        self.copying = false;
        self.finish(frame, record, b"")?;
        let Some(front) = self.owed.front_mut() else { return Ok(Fate::Keep) };
        let answer = std::mem::take(&mut front.answer);
        if let Step::Query(_) | Step::Call(_) = front.step {
            front.answer = Answer::Theirs;
        } else {
            if let Step::Parse { name, .. } = &front.step
                && name.is_empty()
            {
                // A failing Parse takes the unnamed statement along; a named one stays what it was.
                self.names.drop_statement(b"");
            }
            // The target ignores everything up to the next Sync, and so nothing of it is owed any more.
            while self.owed.front().is_some_and(|owed| !matches!(owed.step, Step::Sync)) {
                self.owed.pop_front();
            }
            self.skipping = self.owed.is_empty();
            self.names.drop_portals();
        }
        Ok(match answer {
            // A Describe of ours fails where the client's Execute would have; it is skipped, and this is its error.
            Answer::Theirs | Answer::Ours => Fate::Keep,
            Answer::Refusal(words) => Fate::Replace(words),
        })
    }

    pub(super) fn ready(&mut self, frame: &[u8]) -> Result<Fate, Broken> {
        self.status = wire::ready_for_query(frame).map_err(Broken::protocol)?;
        let (step, fate) = self.pop()?;
        if !matches!(step, Step::Sync | Step::Query(_) | Step::Call(_)) {
            return Err(out_of_order());
        }
        self.mid_batch = false;
        self.doubt = false;
        if self.status == b'I' {
            self.names.drop_portals();
        }
        Ok(fate)
    }

    pub(super) fn copy_in(&mut self) -> Result<Fate, Broken> {
        self.copying = true;
        if matches!(self.owed.front(), Some(Owed { step: Step::Running(_), .. })) {
            // While it copies, the server ignores a Sync that came with the batch; the client sends another one.
            while matches!(self.owed.get(1), Some(Owed { step: Step::Sync, .. })) {
                self.owed.remove(1);
            }
            self.mid_batch = true;
        }
        if self.owed.front_mut().and_then(Owed::execution).is_none() {
            return Err(out_of_order());
        }
        Ok(Fate::Keep)
    }

    pub(super) fn copy_out(&mut self, frame: &[u8]) -> Result<Fate, Broken> {
        let Some(execution) = self.owed.front_mut().and_then(Owed::execution) else { return Err(out_of_order()) };
        if execution.mask.is_empty() {
            return Ok(Fate::Keep);
        }
        let Some(copy) = &mut execution.copy else { return Ok(Fate::Wait(Next::Copy)) };
        copy.agree(frame).map_err(Broken::protocol)?;
        Ok(Fate::Keep)
    }

    pub(super) fn parameter(&mut self, frame: &[u8]) -> Result<Fate, Broken> {
        let (name, value) = wire::parameter_status(frame).map_err(Broken::protocol)?;
        let lost = match name {
            b"default_transaction_read_only" => value != b"on",
            b"is_superuser" | b"session_authorization" => true,
            _ => false,
        };
        if self.read_only && lost {
            let message = format!("`{}` changed in a session that may only read", String::from_utf8_lossy(name));
            return Err(Broken::Rules(Told {
                code: "42501",
                message,
                hint: "ask for access at the level `write`".to_owned(),
                ..Told::default()
            }));
        }
        self.note_parameter(name, value);
        Ok(Fate::Keep)
    }

    pub(super) fn note_parameter(&mut self, name: &[u8], value: &[u8]) {
        if name == b"standard_conforming_strings" {
            self.strings = value == b"on";
        } else if name == b"client_encoding" {
            // In these a byte of a letter may look like a quote or a backslash, so that text is not what it seems.
            let unsafe_ones: [&[u8]; 7] = [b"SJIS", b"BIG5", b"GBK", b"UHC", b"GB18030", b"JOHAB", b"SHIFT_JIS_2004"];
            self.unreadable = unsafe_ones
                .iter()
                .any(|one| one.eq_ignore_ascii_case(value))
                .then_some("the client's encoding hides where a text ends");
        }
    }
}
