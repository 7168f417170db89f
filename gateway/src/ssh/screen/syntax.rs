//! The little of shell syntax that has to be known here: whether a command goes on, and whether earlier lines are put in.

use std::collections::VecDeque;

/// Whether bash or zsh would replace a part of `line` by earlier lines. Where the line begins within quotes (`goes_on`),
/// quotes say nothing. Which characters do it can be set, and so can whether they do; this is what they are unless set.
pub(super) fn expands(line: &str, goes_on: bool) -> bool {
    if line.starts_with('^') {
        return true;
    }
    let (mut single, mut double) = (false, false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' if !double && !goes_on => single = !single,
            '"' if !single => double = !double,
            '\\' if !single => {
                chars.next();
            }
            '!' if !single => match chars.peek() {
                None | Some(' ' | '\t' | '=' | '(') => {}
                Some('"') if double && !goes_on => {}
                Some(_) => return true,
            },
            _ => {}
        }
    }
    false
}

/// Whether readline may show a control character as two: `^A`.
pub(super) fn has_carets(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| matches!(pair, [b'^', b'?'..=b'_']))
}

/// Whether a shell would ask for more lines. A guess: it decides together with the prompt, and where they differ is doubt.
pub(super) fn is_open(text: &str) -> bool {
    let mut scan = Scan { command: true, ..Scan::default() };
    for line in text.split('\n') {
        scan.line(line);
    }
    scan.quote.is_some() || scan.depth > 0 || scan.joined || !scan.documents.is_empty()
}

/// What is open at a place in a text.
#[derive(Default)]
struct Scan {
    quote: Option<char>,
    depth: usize,
    joined: bool,
    command: bool,
    documents: VecDeque<String>,
}

impl Scan {
    fn line(&mut self, line: &str) {
        if self.quote.is_none()
            && let Some(end) = self.documents.front()
        {
            if line.trim_start_matches('\t') == end {
                self.documents.pop_front();
            }
            return;
        }
        self.command |= !self.joined;
        self.joined = false;
        let mut word = String::new();
        let mut chars = line.chars().peekable();
        while let Some(char) = chars.next() {
            if let Some(quote) = self.quote {
                match char {
                    '\\' if quote != '\'' => self.joined = chars.next().is_none(),
                    char if char == quote => self.quote = None,
                    _ => {}
                }
                continue;
            }
            match char {
                '\\' => {
                    self.joined = chars.next().is_none();
                    word.push('\\');
                }
                '\'' | '"' | '`' => {
                    self.quote = Some(char);
                    word.push(char);
                }
                '#' if word.is_empty() => break,
                '<' if chars.next_if_eq(&'<').is_some() => {
                    self.word(&mut word);
                    if chars.next_if_eq(&'<').is_none() {
                        self.document(&mut chars);
                    }
                }
                ' ' | '\t' => self.word(&mut word),
                ';' | '&' | '|' | '(' | ')' => {
                    self.word(&mut word);
                    self.command = true;
                    match char {
                        '(' => self.depth += 1,
                        ')' => self.depth = self.depth.saturating_sub(1),
                        _ => self.joined = char == '|' || (char == '&' && chars.next_if_eq(&'&').is_some()),
                    }
                    continue;
                }
                char => word.push(char),
            }
            self.joined &= matches!(char, ' ' | '\t' | '\\');
        }
        self.word(&mut word);
    }

    /// A word where a command may stand opens or closes something.
    fn word(&mut self, word: &mut String) {
        if word.is_empty() {
            return;
        }
        if std::mem::take(&mut self.command) {
            match word.as_str() {
                "for" | "select" | "case" => self.depth += 1,
                "while" | "until" | "if" | "{" => {
                    self.depth += 1;
                    self.command = true;
                }
                "done" | "fi" | "esac" | "}" => self.depth = self.depth.saturating_sub(1),
                "do" | "then" | "else" | "elif" | "!" | "time" => self.command = true,
                _ => {}
            }
        }
        word.clear();
    }

    /// The word that ends a here-document.
    fn document(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        chars.next_if_eq(&'-');
        while chars.next_if(|char| matches!(char, ' ' | '\t')).is_some() {}
        let mut end = String::new();
        while let Some(char) = chars.next_if(|char| !" \t;&|<>()".contains(*char)) {
            if !matches!(char, '\'' | '"' | '\\') {
                end.push(char);
            }
        }
        self.documents.push_back(end);
    }
}
