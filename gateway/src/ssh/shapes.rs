//! Which of what is asked for inside a session has a shape, so that people may allow it with other operands.
//!
//! What a channel is opened for has none: a channel is a session, and begins once.

use guard::wire::{Origin, Question};
use workflows::operation::Fingerprint;

use super::guarded;
use crate::seams::Classified;
use crate::shell::{self, Login, Shape, Shell, classify, shape_exec};

/// A program that a guarded session wants to run: in the same folder, as the same user, with the same variables.
pub(super) fn program(question: &Question) -> Option<Shape> {
    let folder = std::str::from_utf8(&question.cwd).ok()?;
    let Shape { digest, shown } = shape_exec(guarded::exec(question), folder)?;
    let origin: &[u8] = match question.origin {
        Origin::Guard => b"guard",
        Origin::Sudo => b"sudo",
        Origin::SudoInside => b"inside sudo",
    };
    let ids = [question.uid.to_be_bytes(), question.gid.to_be_bytes()].concat();
    let around = [digest.bytes().as_slice(), origin, &ids, &question.cwd];
    let digest = Fingerprint::of(around.into_iter().chain(question.env.iter().map(Vec::as_slice)));
    Some(Shape { digest, shown })
}

/// A line of a watched shell: nobody knows in which folder, so that only absolute paths are operands. `read` is how it was judged.
pub(super) fn line(text: &[u8], shell: Shell, read: &Classified) -> Option<Shape> {
    let login = Login { shell, terminal: true, interactive: true };
    // What was doubted on the screen, or is shown otherwise than it was read, is not the line that this is the shape of.
    let same = classify(text, login).operations == read.operations;
    if same { shell::shape(text, login, None) } else { None }
}
