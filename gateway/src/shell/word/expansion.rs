//! `${…}` and `$((…))`: which forms are plain, and which may run what is in a value.

use super::{Doubt, Scanner, names};

impl Scanner<'_> {
    /// To behind the brace that closes a parameter.
    pub(super) fn parameter(&mut self, quoted: bool) -> Result<(), Doubt> {
        self.at += 2;
        if self.peek(0) == Some('#') && self.peek(1) != Some('}') {
            self.at += 1;
        }
        let from = self.at;
        match self.peek(0) {
            Some(c) if names(c) => {
                while self.peek(0).is_some_and(names) {
                    self.at += 1;
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$') => self.at += 1,
            Some('!') => return Err("a variable is named by another one".to_owned()),
            _ => return Err("an unusual form of `${…}`".to_owned()),
        }
        let name: String = self.text.get(from..self.at).unwrap_or_default().iter().collect();
        if self.peek(0) == Some('[') {
            self.subscript()?;
        }
        let Some(c) = self.peek(0) else { return Err("a parameter is open".to_owned()) };
        match c {
            '}' => {
                self.at += 1;
                return Ok(());
            }
            ':' if matches!(self.peek(1), Some('-' | '=' | '?' | '+')) => {
                if self.peek(1) == Some('=') {
                    self.out.sets.push(name);
                }
                self.at += 2;
            }
            ':' => return self.slice(),
            '-' | '?' | '+' | '#' | '%' => self.at += 1,
            '=' => {
                self.out.sets.push(name);
                self.at += 1;
            }
            '/' | '^' | ',' if !self.posix => self.at += 1,
            '@' if self.peek(1) == Some('Q') && self.peek(2) == Some('}') => {
                self.at += 3;
                return Ok(());
            }
            _ => return Err("an unusual form of `${…}`".to_owned()),
        }
        self.operand(quoted)
    }

    /// `[3]`, `[@]`: any other subscript is computed.
    fn subscript(&mut self) -> Result<(), Doubt> {
        self.at += 1;
        let from = self.at;
        while self.peek(0).is_some_and(|c| c.is_ascii_digit() || c == '@' || c == '*') {
            self.at += 1;
        }
        if self.posix || from == self.at || self.peek(0) != Some(']') {
            return Err("a subscript is computed".to_owned());
        }
        self.at += 1;
        Ok(())
    }

    /// `:2:5`.
    fn slice(&mut self) -> Result<(), Doubt> {
        self.at += 1;
        while self.peek(0).is_some_and(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | ':')) {
            self.at += 1;
        }
        if self.posix || self.peek(0) != Some('}') {
            return Err("a part of a variable is computed".to_owned());
        }
        self.at += 1;
        Ok(())
    }

    fn operand(&mut self, quoted: bool) -> Result<(), Doubt> {
        loop {
            match self.peek(0) {
                None => return Err("a parameter is open".to_owned()),
                Some('}') => break,
                Some('\\') => self.at += 2,
                Some('\'' | '"') if quoted => return Err("quotes inside a quoted parameter".to_owned()),
                Some('\'') => self.single()?,
                Some('"') => self.double()?,
                Some('$') => self.dollar(quoted)?,
                Some('`') => self.back_quote(quoted)?,
                Some('<' | '>') if self.peek(1) == Some('(') => {
                    return Err("a process inside a parameter".to_owned());
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// To behind the `))` of an arithmetic expression. Only plain sums: what else may stand there can be told neither from
    /// a subshell nor from a value with code in it.
    pub(super) fn expression(&mut self) -> Result<(), Doubt> {
        let doubt = || "arithmetic that is more than a sum".to_owned();
        let mut open = 0_usize;
        loop {
            let Some(c) = self.peek(0) else { return Err("arithmetic is open".to_owned()) };
            match c {
                ')' if open == 0 => {
                    if self.peek(1) != Some(')') {
                        return Err(doubt());
                    }
                    self.at += 2;
                    return Ok(());
                }
                ')' => open -= 1,
                '(' => open += 1,
                '$' => match (self.peek(1), self.peek(2)) {
                    (Some(c), _) if c == '_' || c.is_ascii_alphabetic() => {}
                    (Some('#' | '?' | '$'), _) => self.at += 1,
                    _ => return Err(doubt()),
                },
                c if c == '_' || c.is_ascii_alphanumeric() => {
                    let from = self.at;
                    while self.peek(0).is_some_and(names) {
                        self.at += 1;
                    }
                    if !c.is_ascii_digit() {
                        let name = self.text.get(from..self.at).unwrap_or_default().iter().collect();
                        self.out.counted.push(name);
                    }
                    continue;
                }
                ' ' | '\t' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '&' | '|' | '^' | '!' | '~' | '?'
                | ':' | ',' => {}
                _ => return Err(doubt()),
            }
            self.at += 1;
        }
    }
}
