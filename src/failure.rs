//! Why a command was not done: one line what, one line what to do, and the exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use console::Problem;

use crate::plain;

/// What kind of failure it is; it chooses the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It was refused, or it failed: 1.
    Failed,
    /// It was asked in a wrong way: 2.
    WrongUse,
    /// Whoever read the output has read enough: 0.
    PipeClosed,
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    what: String,
    /// Lines that follow the first one, such as the mistakes of a file.
    lines: Option<String>,
    hint: Option<String>,
    passing: bool,
}

impl Failure {
    /// It was refused, or it failed.
    pub fn new(what: impl Into<String>) -> Self {
        Self::of(Kind::Failed, what)
    }

    /// It was asked in a wrong way.
    pub fn wrong_use(what: impl Into<String>) -> Self {
        Self::of(Kind::WrongUse, what)
    }

    fn of(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), lines: None, hint: None, passing: false }
    }

    /// It may go well in a moment: the server restarts, or its store is gone for a minute.
    #[must_use]
    pub fn passing(self) -> Self {
        Self { passing: true, ..self }
    }

    /// Whether it may go well in a moment.
    pub const fn is_passing(&self) -> bool {
        self.passing
    }

    /// With lines that belong to it.
    #[must_use]
    pub fn lines(mut self, lines: impl Into<String>) -> Self {
        self.lines = Some(lines.into());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// 0 done, 1 refused or failed, 2 wrong use.
    pub fn code(&self) -> ExitCode {
        match self.kind {
            Kind::Failed => ExitCode::from(1),
            Kind::WrongUse => ExitCode::from(2),
            Kind::PipeClosed => ExitCode::SUCCESS,
        }
    }

    /// Whether there is anything to say: nobody is left to read it after a closed pipe.
    pub fn is_silent(&self) -> bool {
        self.kind == Kind::PipeClosed
    }
}

impl fmt::Display for Failure {
    /// One line what, one line what to do. What others wrote is shown, never obeyed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", plain::line(&self.what))?;
        if let Some(lines) = &self.lines {
            write!(f, "\n{}", plain::block(lines))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n       {}", plain::line(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::of(Kind::PipeClosed, String::new());
        }
        Self::new(error.to_string())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        // 400 means that the question made no sense; all else is an answer that one did not want.
        let kind = if problem.status == 400 { Kind::WrongUse } else { Kind::Failed };
        Self { kind, what: problem.detail, lines: None, hint: problem.hint, passing: problem.status == 503 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_line_what_and_a_line_what_to_do() {
        let failure = Failure::new("no grant on `orders\u{1b}[2J`").hint("ask for one");
        assert_eq!(failure.to_string(), "no grant on `orders\\u{1b}[2J`\n       ask for one");
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(failure.is_silent());
        assert_eq!(format!("{:?}", failure.code()), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn exit_codes_tell_refusals_from_wrong_use() {
        let problem = |status| Problem {
            kind: "about:blank".to_owned(),
            title: String::new(),
            status,
            detail: "no".to_owned(),
            hint: None,
        };
        let code = |status| format!("{:?}", Failure::from(problem(status)).code());
        assert_eq!(code(400), format!("{:?}", ExitCode::from(2)));
        for status in [401, 403, 404, 409, 503] {
            assert_eq!(code(status), format!("{:?}", ExitCode::from(1)));
        }
    }
}
