//! Words, letter by letter: where one ends, what of it stands in the text, and which code it runs.
//!
//! A second reader beside the parser, and a stricter one. Both must agree on where a word ends, and what only one of them
//! understands is doubt. It never goes back, so that its time is linear in the text.

mod expansion;

/// Why a text cannot be read, in words for a person.
pub(super) type Doubt = String;

/// How deep quotes, substitutions and parameters may lie in each other.
pub(super) const DEEPEST: usize = 16;

/// A letter of a word, or a place that only running can fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Atom {
    Char { c: char, quoted: bool },
    Hole { shown: String, quoted: bool },
}

/// What one word holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) atoms: Vec<Atom>,
    /// Texts of `$(…)` and of back-quotes.
    pub(super) codes: Vec<String>,
    /// Names whose values arithmetic evaluates: a value may hold code in a subscript.
    pub(super) counted: Vec<String>,
    /// Names that `${name:=…}` sets.
    pub(super) sets: Vec<String>,
    /// Where it ends.
    pub(super) end: usize,
}

/// Reads the word at the beginning of a text.
pub(super) fn word(text: &[char], posix: bool) -> Result<Scan, Doubt> {
    let mut scanner = Scanner::new(text, posix);
    scanner.bare()?;
    Ok(scanner.finish())
}

/// Reads the body of a here-document whose delimiter is not quoted.
pub(super) fn body(text: &[char], posix: bool) -> Result<Scan, Doubt> {
    let mut scanner = Scanner::new(text, posix);
    while let Some(c) = scanner.peek(0) {
        match c {
            '\\' if scanner.peek(1) == Some('\n') => return Err("a line of a here-document is continued".to_owned()),
            '\\' if matches!(scanner.peek(1), Some('$' | '`' | '\\')) => scanner.escaped(),
            '$' => scanner.dollar(true)?,
            '`' => scanner.back_quote(true)?,
            c => scanner.letter(c, true),
        }
    }
    Ok(scanner.finish())
}

/// Reads an arithmetic expression that stands alone, as in `((…))`.
pub(super) fn arithmetic(text: &str) -> Result<Vec<String>, Doubt> {
    let text: Vec<char> = text.chars().chain([')', ')']).collect();
    let mut scanner = Scanner::new(&text, false);
    scanner.expression()?;
    if scanner.at != text.len() {
        return Err("arithmetic that ends early".to_owned());
    }
    Ok(scanner.out.counted)
}

/// Whether a letter ends a word that is not quoted.
pub(super) const fn ends_word(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>')
}

const fn names(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

struct Scanner<'t> {
    text: &'t [char],
    at: usize,
    depth: usize,
    posix: bool,
    out: Scan,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t [char], posix: bool) -> Self {
        Self { text, at: 0, depth: 0, posix, out: Scan::default() }
    }

    fn finish(mut self) -> Scan {
        self.out.end = self.at;
        self.out
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn letter(&mut self, c: char, quoted: bool) {
        self.out.atoms.push(Atom::Char { c, quoted });
        self.at += 1;
    }

    /// A backslash and what it quotes.
    fn escaped(&mut self) {
        self.at += 1;
        if let Some(c) = self.peek(0) {
            self.letter(c, true);
        }
    }

    fn hole(&mut self, from: usize, quoted: bool) {
        let shown = self.text.get(from..self.at).unwrap_or_default().iter().collect();
        self.out.atoms.push(Atom::Hole { shown, quoted });
    }

    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Doubt>) -> Result<T, Doubt> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let done = work(self)?;
        self.depth -= 1;
        Ok(done)
    }

    /// Runs over something whose letters belong to no word; what it counts and sets stays.
    fn past(&mut self, keep_codes: bool, work: impl FnOnce(&mut Self) -> Result<(), Doubt>) -> Result<(), Doubt> {
        let (atoms, codes) = (self.out.atoms.len(), self.out.codes.len());
        let (counted, sets) = (self.out.counted.len(), self.out.sets.len());
        self.deeper(work)?;
        self.out.atoms.truncate(atoms);
        if !keep_codes {
            // It lies inside code, which is read again by itself.
            self.out.codes.truncate(codes);
            self.out.counted.truncate(counted);
            self.out.sets.truncate(sets);
        }
        Ok(())
    }

    fn bare(&mut self) -> Result<(), Doubt> {
        while let Some(c) = self.peek(0) {
            match c {
                c if ends_word(c) => break,
                '\\' => match self.peek(1) {
                    None => return Err("it ends in a backslash".to_owned()),
                    Some('\n') => self.at += 2,
                    Some(_) => self.escaped(),
                },
                '\'' => self.single()?,
                '"' => self.double()?,
                '$' => self.dollar(false)?,
                '`' => self.back_quote(false)?,
                c => self.letter(c, false),
            }
        }
        Ok(())
    }

    fn single(&mut self) -> Result<(), Doubt> {
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return Err("a quote is open".to_owned()),
                Some('\'') => break,
                Some(c) => self.letter(c, true),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn double(&mut self) -> Result<(), Doubt> {
        self.at += 1;
        self.deeper(|it| {
            loop {
                match it.peek(0) {
                    None => return Err("a quote is open".to_owned()),
                    Some('"') => break,
                    Some('\\') => match it.peek(1) {
                        Some('\n') => it.at += 2,
                        Some('$' | '`' | '"' | '\\') => it.escaped(),
                        _ => it.letter('\\', true),
                    },
                    Some('$') => it.dollar(true)?,
                    Some('`') => it.back_quote(true)?,
                    Some(c) => it.letter(c, true),
                }
            }
            Ok(())
        })?;
        self.at += 1;
        Ok(())
    }

    fn dollar(&mut self, quoted: bool) -> Result<(), Doubt> {
        let from = self.at;
        match self.peek(1) {
            Some('(') if self.peek(2) == Some('(') => {
                self.at += 3;
                self.expression()?;
            }
            Some('(') => {
                self.at += 2;
                let begin = self.at;
                self.past(false, Self::code)?;
                let code = self.text.get(begin..self.at - 1).unwrap_or_default().iter().collect();
                self.out.codes.push(code);
            }
            Some('{') => self.past(true, |it| it.parameter(quoted))?,
            // bash joins the lines first, and then `$` may begin anything.
            Some('\\') if self.peek(2) == Some('\n') => return Err("a line is continued behind `$`".to_owned()),
            Some('[') => return Err("arithmetic in the old form `$[…]`".to_owned()),
            Some('\'' | '"') if !quoted && self.posix => {
                return Err("`$` before a quote is read differently by different shells".to_owned());
            }
            Some('\'') if !quoted => return self.ansi(),
            Some('"') if !quoted => {
                self.at += 1;
                return self.double();
            }
            Some(c) if c == '_' || c.is_ascii_alphabetic() => {
                self.at += 1;
                while self.peek(0).is_some_and(names) {
                    self.at += 1;
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!' | '0'..='9') => self.at += 2,
            _ => {
                self.letter('$', quoted);
                return Ok(());
            }
        }
        self.hole(from, quoted);
        Ok(())
    }

    /// `$'…'`, decoded.
    fn ansi(&mut self) -> Result<(), Doubt> {
        self.at += 2;
        loop {
            let Some(c) = self.peek(0) else { return Err("a quote is open".to_owned()) };
            match c {
                '\'' => break,
                '\\' => {
                    let (c, length) = super::ansi::escape(self.text.get(self.at + 1..).unwrap_or_default())?;
                    self.out.atoms.push(Atom::Char { c, quoted: true });
                    self.at += 1 + length;
                }
                c => self.letter(c, true),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn back_quote(&mut self, quoted: bool) -> Result<(), Doubt> {
        let from = self.at;
        self.at += 1;
        let mut code = String::new();
        loop {
            match self.peek(0) {
                None => return Err("a back-quote is open".to_owned()),
                Some('`') => break,
                Some('\\') => match self.peek(1) {
                    Some(c) if matches!(c, '$' | '`' | '\\') || (quoted && c == '"') => {
                        code.push(c);
                        self.at += 2;
                    }
                    _ => {
                        code.push('\\');
                        self.at += 1;
                    }
                },
                Some(c) => {
                    code.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        self.out.codes.push(code);
        self.hole(from, quoted);
        Ok(())
    }

    /// To behind the parenthesis that closes a substitution.
    fn code(&mut self) -> Result<(), Doubt> {
        let mut open = 1_usize;
        // The letters of a bare word so far: `case` has parentheses that close nothing.
        let mut bare = String::new();
        let mut begins = true;
        while let Some(c) = self.peek(0) {
            if ends_word(c) {
                if bare == "case" || bare == "esac" {
                    return Err("a `case` inside a substitution".to_owned());
                }
                bare.clear();
                begins = true;
            }
            match c {
                ')' => {
                    self.at += 1;
                    open -= 1;
                    if open == 0 {
                        return Ok(());
                    }
                    continue;
                }
                '(' => open += 1,
                '#' if begins => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                    continue;
                }
                '<' if self.peek(1) == Some('<') => {
                    if self.peek(2) != Some('<') {
                        return Err("a here-document inside a substitution".to_owned());
                    }
                    self.at += 2;
                }
                '\\' => {
                    bare.push(c);
                    begins = false;
                    self.at += 1;
                }
                '\'' => {
                    self.past(false, Self::single)?;
                    begins = false;
                    continue;
                }
                '"' => {
                    self.past(false, Self::double)?;
                    begins = false;
                    continue;
                }
                '$' => {
                    self.past(false, |it| it.dollar(false))?;
                    begins = false;
                    continue;
                }
                '`' => {
                    self.past(false, |it| it.back_quote(false))?;
                    begins = false;
                    continue;
                }
                c if !ends_word(c) => {
                    begins = false;
                    bare.push(c);
                }
                _ => {}
            }
            self.at += 1;
        }
        Err("a substitution is open".to_owned())
    }
}
