//! What a text sets: later words may evaluate it, and some names change what later words run.

use brush_parser::ast::Word;

use super::arg::{Arg, Feed, args, one};
use super::read::{Reader, Spot};
use super::run::Call;
use super::walk::letters;
use super::word::{Doubt, word};

impl Reader {
    /// `name=value` before or instead of a command.
    pub(super) fn assignment(&mut self, of: &Word, source: &[char], spot: &Spot) -> Result<(String, Arg), Doubt> {
        let letters = letters(of, source).ok_or("an assignment without a place")?;
        let length = letters.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
        let name: String = letters.get(..length).unwrap_or_default().iter().collect();
        let rest = letters.get(length..).unwrap_or_default();
        let value = match rest {
            ['=', value @ ..] => value,
            ['+', '=', value @ ..] => {
                spot.bash_only("assignments that append")?;
                value
            }
            _ => return Err("an assignment to a part of a variable".to_owned()),
        };
        if let ['(', inner @ .., ')'] = value {
            spot.bash_only("arrays")?;
            let plain = self.elements(inner, spot)?;
            self.assign(&name, plain)?;
            return Ok((name, Arg::unknown("(…)")));
        }
        let (scan, feed) = self.scan(value, spot)?;
        let value = one(&scan, &feed);
        // What arithmetic may evaluate later: a number or a sum.
        let sum = value.text.starts_with("$((") && scan.codes.is_empty() && scan.atoms.len() == 1;
        self.assign(&name, sum || value.known().is_some_and(is_number))?;
        Ok((name, value))
    }

    /// The elements of an array.
    fn elements(&mut self, mut letters: &[char], spot: &Spot) -> Result<bool, Doubt> {
        let mut plain = true;
        loop {
            while let [' ' | '\t' | '\n', rest @ ..] = letters {
                letters = rest;
            }
            match letters.first() {
                None => return Ok(plain),
                Some('[' | '#') => return Err("an array with subscripts or comments".to_owned()),
                Some(_) => {}
            }
            self.node()?;
            let scan = word(letters, spot.posix)?;
            if scan.end == 0 {
                return Err("an unusual array".to_owned());
            }
            letters = letters.get(scan.end..).unwrap_or_default();
            self.codes(&scan, spot)?;
            plain &= args(&scan, &Feed::Client, spot.posix)?.iter().all(|arg| arg.known().is_some_and(is_number));
        }
    }

    /// Notes that a name is set.
    pub(super) fn assign(&mut self, name: &str, plain: bool) -> Result<(), Doubt> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err("an unusual variable".to_owned());
        }
        let known = self.values.entry(name.to_owned()).or_insert(true);
        *known &= plain;
        Ok(())
    }
}

/// Whether a command takes assignments as its arguments.
pub(super) fn declares(call: &Call) -> bool {
    let names = ["declare", "typeset", "local", "export", "readonly"];
    call.words.first().is_some_and(|first| names.iter().any(|name| first.is(name)))
}

/// Whether a value holds no code and no name, whoever evaluates it.
pub(super) fn is_number(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_digit() || c == '-')
}
