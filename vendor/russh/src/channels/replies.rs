//! Which requests of a channel wait for an answer.
//!
//! An answer names no request on the wire: the peer takes the first one as that of its first
//! request. So answers leave in the order of the requests, whichever is decided first.

use std::collections::VecDeque;

use crate::Error;

/// Requests that may wait for an answer at once.
const WAITING: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// One for each request that wants an answer, decided or not.
    due: VecDeque<Option<bool>>,
    asked: Asked,
}

/// What an answer is for.
#[derive(Debug, Default)]
enum Asked {
    /// No request is being handled: the oldest that is undecided.
    #[default]
    Earlier,
    /// The request that is being handled.
    Now,
    /// Nothing: the request that is being handled wants no answer.
    Nothing,
}

impl Replies {
    /// A request has come and is being handled.
    pub(crate) fn begin(&mut self, want_reply: bool) -> Result<(), Error> {
        if !want_reply {
            self.asked = Asked::Nothing;
            return Ok(());
        }
        if self.due.len() >= WAITING {
            return Err(Error::ChannelFlood);
        }
        self.asked = Asked::Now;
        self.due.push_back(None);
        Ok(())
    }

    /// The request has been handled, answered or not.
    pub(crate) fn end(&mut self) {
        self.asked = Asked::Earlier;
    }

    /// Whether the request that is being handled wants an answer.
    pub(crate) fn wanted(&self) -> bool {
        matches!(self.asked, Asked::Now)
    }

    pub(crate) fn answer(&mut self, success: bool) {
        let undecided = match self.asked {
            Asked::Earlier => self.due.iter_mut().find(|due| due.is_none()),
            Asked::Now => {
                self.asked = Asked::Nothing;
                self.due.back_mut()
            }
            Asked::Nothing => None,
        };
        if let Some(due) = undecided {
            *due = Some(success);
        }
    }

    /// The next answer whose turn it is.
    pub(crate) fn next(&mut self) -> Option<bool> {
        let decided = (*self.due.front()?)?;
        self.due.pop_front();
        Some(decided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(replies: &mut Replies) -> Vec<bool> {
        std::iter::from_fn(|| replies.next()).collect()
    }

    #[test]
    fn answers_leave_in_the_order_of_their_requests() {
        let mut replies = Replies::default();
        replies.begin(true).unwrap();
        replies.end();
        replies.begin(true).unwrap();
        replies.answer(false);
        replies.answer(true);
        replies.end();
        assert_eq!(ready(&mut replies), []);
        replies.answer(true);
        assert_eq!(ready(&mut replies), [true, false]);
        replies.answer(true);
        assert_eq!(ready(&mut replies), []);
    }

    #[test]
    fn request_without_answer_does_not_use_up_that_of_another() {
        let mut replies = Replies::default();
        replies.begin(true).unwrap();
        replies.end();
        replies.begin(false).unwrap();
        assert!(!replies.wanted());
        replies.answer(false);
        replies.end();
        assert_eq!(ready(&mut replies), []);
        replies.answer(true);
        assert_eq!(ready(&mut replies), [true]);
    }

    #[test]
    fn requests_that_nobody_answers_are_bounded() {
        let mut replies = Replies::default();
        for _ in 0..WAITING {
            replies.begin(true).unwrap();
            replies.end();
        }
        assert!(matches!(replies.begin(true), Err(Error::ChannelFlood)));
    }
}
