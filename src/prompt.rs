//! Questions to whoever sits at the terminal.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::failure::Failure;
use crate::screen::Screen;

/// Echo is off as long as it lives; it comes back however the prompt ends.
struct NoEcho;

impl NoEcho {
    fn start() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode().map(|()| Self)
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _nothing_left_to_try = crossterm::terminal::disable_raw_mode();
    }
}

/// The longest line that is read, in bytes.
const LONGEST: u64 = 4096;

/// Reads a secret: from the terminal without echo, or a line of the standard input. Never from an argument, which other
/// users of the machine can see.
pub fn secret(screen: &Screen, question: &str) -> Result<String, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut line = String::new();
        stdin.lock().take(LONGEST).read_line(&mut line)?;
        return Ok(line.trim().to_owned());
    }
    screen.say(question);
    let typed = {
        let _quiet = NoEcho::start()?;
        keys(stdin.lock())
    };
    screen.say("\n");
    typed
}

/// In raw mode the terminal edits nothing and sends no signals, so the keys for that come here.
fn keys(input: impl BufRead) -> Result<String, Failure> {
    let mut typed: Vec<u8> = Vec::new();
    for byte in input.take(LONGEST).bytes() {
        match byte? {
            b'\r' | b'\n' => break,
            0x03 | 0x04 => return Err(Failure::new("given up")),
            0x08 | 0x7f => drop(typed.pop()),
            0x15 => typed.clear(),
            key if key.is_ascii_graphic() => typed.push(key),
            _ => {}
        }
    }
    Ok(String::from_utf8_lossy(&typed).into_owned())
}

/// Asks for a yes. Anything else is a no.
pub fn agreed(screen: &Screen, question: &str) -> Result<bool, Failure> {
    screen.say(&format!("{question} [y/N] "));
    io::stderr().flush()?;
    let mut line = String::new();
    io::stdin().lock().take(LONGEST).read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_edited_as_at_any_prompt() {
        assert_eq!(keys(&b"cst_ax\x7fb\r"[..]).expect("typed"), "cst_ab");
        assert_eq!(keys(&b"wrong\x15cst_ab\n"[..]).expect("typed"), "cst_ab");
        assert_eq!(keys(&b"cst_\x1bab"[..]).expect("typed"), "cst_ab");
        assert!(keys(&b"cst_\x03"[..]).is_err());
    }
}
