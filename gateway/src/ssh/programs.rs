//! The programs of a session that are asked about: which wait to be judged, which are being judged, and what became of them.
//!
//! INVARIANT: an answer is signed for the question that was judged, and never for another one that came under its number.

use std::collections::{HashMap, VecDeque};

use guard::wire::{Fingerprint, Nonce, Outcome, Question, Verdict};

use crate::dialect::Broken;

/// So many programs may wait to be judged. The kernel stops the others.
const WAITING: usize = 1_024;
/// And so many bytes of their arguments and variables.
const WAITING_BYTES: usize = 8 << 20;

/// Those of one session.
#[derive(Debug, Default)]
pub(super) struct Programs {
    waiting: VecDeque<Box<Question>>,
    bytes: usize,
    judged: HashMap<Nonce, Program>,
    /// The one that words are about.
    about: Option<Nonce>,
    /// Somebody waits no longer for one of them.
    news: bool,
}

/// A program that is being judged.
#[derive(Debug)]
struct Program {
    fingerprint: Fingerprint,
    /// The last answer was given.
    settled: bool,
    withdrawn: bool,
    followed: Option<Outcome>,
}

fn size(question: &Question) -> usize {
    question.argv.iter().chain(&question.env).map(Vec::len).sum()
}

impl Programs {
    /// One more is asked about. A number that is in use is no new question: whoever sends it means to have one answered for another.
    pub(super) fn ask(&mut self, question: Box<Question>) -> Result<(), Broken> {
        let nonce = question.nonce;
        if self.judged.contains_key(&nonce) || self.waiting.iter().any(|other| other.nonce == nonce) {
            return Err(Broken::protocol("a program is asked about under the number of another one"));
        }
        self.bytes += size(&question);
        if self.waiting.len() >= WAITING || self.bytes > WAITING_BYTES {
            return Err(Broken::too_large("too many programs wait to be judged", ""));
        }
        self.waiting.push_back(question);
        Ok(())
    }

    /// Nobody waits for the answer any more.
    pub(super) fn withdraw(&mut self, nonce: Nonce) {
        if let Some(at) = self.waiting.iter().position(|question| question.nonce == nonce)
            && let Some(question) = self.waiting.remove(at)
        {
            self.bytes -= size(&question);
        }
        if let Some(program) = self.judged.get_mut(&nonce) {
            program.withdrawn = true;
            self.news = true;
        }
    }

    /// What became of one.
    pub(super) fn follow(&mut self, nonce: Nonce, outcome: Outcome) {
        if let Some(program) = self.judged.get_mut(&nonce) {
            program.followed = Some(outcome);
        }
    }

    /// The next one to judge.
    pub(super) fn next(&mut self) -> Option<Box<Question>> {
        let question = self.waiting.pop_front()?;
        self.bytes -= size(&question);
        let program =
            Program { fingerprint: question.fingerprint(), settled: false, withdrawn: false, followed: None };
        self.judged.insert(question.nonce, program);
        self.about = Some(question.nonce);
        Some(question)
    }

    /// What is said from here on is about this one, or about none.
    pub(super) const fn about(&mut self, nonce: Option<Nonce>) {
        self.about = nonce;
    }

    /// The one that words are about, if it waits for its answer.
    pub(super) fn asking(&self) -> Option<Nonce> {
        self.about.filter(|nonce| self.judged.get(nonce).is_some_and(|program| !program.settled))
    }

    /// The question that an answer is for, unless it had its last one.
    pub(super) fn answer(&mut self, nonce: Nonce, verdict: Verdict) -> Option<(Nonce, Fingerprint)> {
        let program = self.judged.get_mut(&nonce).filter(|program| !program.settled)?;
        program.settled = verdict != Verdict::Hold;
        Some((nonce, program.fingerprint))
    }

    /// Whether nobody waits for its answer any more.
    pub(super) fn is_withdrawn(&self, nonce: Nonce) -> bool {
        self.judged.get(&nonce).is_some_and(|program| program.withdrawn)
    }

    /// Whether somebody has stopped waiting since this was asked last.
    pub(super) const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.news, false)
    }

    /// What became of it, once that is known.
    pub(super) fn followed(&self, nonce: Nonce) -> Option<Outcome> {
        let program = self.judged.get(&nonce)?;
        program.followed.or(program.withdrawn.then_some(Outcome::Gone))
    }

    /// Nothing more is to be known of it.
    pub(super) fn forget(&mut self, nonce: Nonce) {
        self.judged.remove(&nonce);
    }
}

#[cfg(test)]
mod tests {
    use guard::wire::{Doubts, Origin};

    use super::*;

    fn question(number: u8, program: &str) -> Box<Question> {
        Box::new(Question {
            origin: Origin::Sudo,
            doubts: Doubts::default(),
            session: "ses".to_owned(),
            nonce: Nonce([number; 32]),
            pid: 1,
            ppid: 1,
            by: 0,
            uid: 0,
            gid: 0,
            program: program.as_bytes().to_vec(),
            interpreter: Vec::new(),
            cwd: b"/".to_vec(),
            tty: Vec::new(),
            argv: vec![program.as_bytes().to_vec(), vec![b'x'; 1_000]],
            env: Vec::new(),
            env_hash: [0; 32],
        })
    }

    #[test]
    fn one_number_stands_for_one_question_as_long_as_it_is_in_use() {
        let mut programs = Programs::default();
        let (held, evil) = (question(1, "/bin/true"), question(1, "/bin/evil"));
        programs.ask(held.clone()).unwrap();
        assert!(programs.ask(evil.clone()).is_err(), "while it waits");
        assert_eq!(programs.next().unwrap().program, held.program);
        assert!(programs.ask(evil.clone()).is_err(), "while people are asked");
        // Taken back and asked anew in one breath: the first one is still what people are asked about.
        programs.withdraw(held.nonce);
        assert!(programs.ask(evil.clone()).is_err(), "until it was taken up that it was withdrawn");
        assert!(programs.is_withdrawn(held.nonce) && programs.take_news() && !programs.take_news());
        assert_eq!(programs.answer(held.nonce, Verdict::Deny), Some((held.nonce, held.fingerprint())));
        assert_eq!(programs.answer(held.nonce, Verdict::Go), None, "it had its last answer");
        programs.forget(held.nonce);
        programs.ask(evil.clone()).unwrap();
        assert_eq!(programs.answer(evil.nonce, Verdict::Go), None, "it was not judged");
        assert_eq!(programs.next().unwrap().fingerprint(), evil.fingerprint());
        assert_eq!(programs.answer(evil.nonce, Verdict::Go), Some((evil.nonce, evil.fingerprint())));
    }

    #[test]
    fn what_has_been_judged_or_withdrawn_takes_no_room() {
        let mut programs = Programs::default();
        for round in 0..20_000_u32 {
            let number = u8::try_from(round % 250).unwrap();
            programs.ask(question(number, "/bin/true")).unwrap();
            programs.ask(question(250, "/bin/true")).unwrap();
            programs.withdraw(Nonce([250; 32]));
            programs.ask(question(251, "/bin/true")).unwrap();
            while let Some(next) = programs.next() {
                programs.forget(next.nonce);
            }
        }
        assert_eq!(programs.bytes, 0);
        let most = (0..=u8::MAX).flat_map(|number| programs.ask(question(number, "/bin/true"))).count();
        assert_eq!(most, 256);
    }
}
