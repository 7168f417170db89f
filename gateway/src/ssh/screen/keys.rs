//! What a client types, as keys. Nothing is concluded from it alone: a line is what the screen shows.

use super::decode::Utf8;

/// How much of a sequence is remembered. Longer ones are no key that matters here.
const SEQUENCE: usize = 16;
/// Enter, Ctrl-J, Ctrl-M, Ctrl-O and Ctrl-D as programs get them that asked for keys as numbers.
const NUMBERED: [&[u8]; 10] =
    [b"13u", b"13;1u", b"13;2u", b"13;5u", b"106;5u", b"109;5u", b"111;5u", b"100;5u", b"27;2;13~", b"27;5;13~"];

/// A key that may hand a line to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enter {
    /// Return, also with Alt, and on the number pad.
    Return,
    /// Ctrl-J.
    LineFeed,
    /// Ctrl-O: bash runs the line and loads the next one of its history.
    Next,
    /// Ctrl-D: a terminal without an editor hands over what was typed so far.
    EndOfFile,
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Text(char),
    Enter(Enter),
    /// Backspace.
    Erase,
    /// Ctrl-U.
    Kill,
    /// Ctrl-L.
    Repaint,
    /// Left and right, to the beginning and the end.
    Move,
    /// Tab.
    Complete,
    /// Ctrl-R.
    Search,
    /// Ctrl-V and Ctrl-Q: the next key is text, whatever it is.
    Quote,
    /// Ctrl-C, Ctrl-Z and Ctrl-\.
    Break,
    PasteBegins,
    PasteEnds,
    /// Escape, or Alt with a letter: in pieces the two look alike.
    Escape,
    /// All else may do anything to the line.
    Other,
}

/// Where in a sequence the scanner is.
#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Control(Vec<u8>),
    Single,
}

/// The scanner of what is typed. Sequences may come in pieces.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: State,
    utf8: Utf8,
}

impl Keys {
    /// Whether the next byte belongs to a sequence that has begun.
    pub(super) fn inside(&self) -> bool {
        !matches!(self.state, State::Ground)
    }

    /// The next byte, and the keys that it ends.
    pub(super) fn push(&mut self, byte: u8, out: &mut impl FnMut(Key)) {
        match std::mem::take(&mut self.state) {
            State::Escape if byte == b'[' => self.state = State::Control(Vec::new()),
            State::Escape if byte == b'O' => self.state = State::Single,
            State::Control(mut sequence) if (0x20..=0x3f).contains(&byte) => {
                if sequence.len() < SEQUENCE {
                    sequence.push(byte);
                }
                self.state = State::Control(sequence);
            }
            State::Control(mut sequence) if (0x40..=0x7e).contains(&byte) => {
                sequence.push(byte);
                out(named(&sequence));
            }
            State::Single if (0x40..=0x7e).contains(&byte) => out(application(byte)),
            State::Escape if (0x20..=0x7f).contains(&byte) => out(Key::Escape),
            State::Escape => {
                out(Key::Escape);
                self.ground(byte, out);
            }
            State::Control(_) | State::Single => {
                out(Key::Other);
                self.ground(byte, out);
            }
            State::Ground => self.ground(byte, out),
        }
    }

    fn ground(&mut self, byte: u8, out: &mut impl FnMut(Key)) {
        let state = &mut self.state;
        self.utf8.push(byte, &mut |char| match char {
            '\u{1b}' => *state = State::Escape,
            '\r' => out(Key::Enter(Enter::Return)),
            '\n' => out(Key::Enter(Enter::LineFeed)),
            '\u{f}' => out(Key::Enter(Enter::Next)),
            '\u{4}' => out(Key::Enter(Enter::EndOfFile)),
            '\u{8}' | '\u{7f}' => out(Key::Erase),
            '\u{15}' => out(Key::Kill),
            '\u{c}' => out(Key::Repaint),
            '\u{1}' | '\u{2}' | '\u{5}' | '\u{6}' => out(Key::Move),
            '\t' => out(Key::Complete),
            '\u{12}' => out(Key::Search),
            '\u{16}' | '\u{11}' => out(Key::Quote),
            '\u{3}' | '\u{1a}' | '\u{1c}' => out(Key::Break),
            char if char.is_control() => out(Key::Other),
            char => out(Key::Text(char)),
        });
    }
}

/// A sequence after `ESC [`.
fn named(sequence: &[u8]) -> Key {
    match sequence {
        b"200~" => Key::PasteBegins,
        b"201~" => Key::PasteEnds,
        b"C" | b"D" | b"H" | b"F" | b"1~" | b"4~" => Key::Move,
        sequence if NUMBERED.contains(&sequence) => Key::Enter(Enter::Return),
        _ => Key::Other,
    }
}

/// A sequence after `ESC O`.
fn application(byte: u8) -> Key {
    match byte {
        b'M' => Key::Enter(Enter::Return),
        b'C' | b'D' | b'H' | b'F' => Key::Move,
        _ => Key::Other,
    }
}
