//! Words that assign: `name=value`, `name[index]+=value`, `name=(…)`. Written anew and without recursion; upstream
//! reads them with its grammar of words.

use crate::ast::{Assignment, AssignmentName, AssignmentValue, Word};
use crate::source::SourceSpan;

pub(crate) fn parse_assignment_word(word: &str) -> Result<Assignment, &'static str> {
    let (name, append, value) = split(word).ok_or("not assignment word")?;
    let value = AssignmentValue::Scalar(Word::new(value));
    Ok(Assignment { name, value, append, loc: SourceSpan::default() })
}

pub(crate) fn parse_array_assignment(word: &str, elements: &[&String]) -> Result<Assignment, &'static str> {
    let (name, append, "") = split(word).ok_or("not array assignment word")? else {
        return Err("not array assignment word");
    };
    let elements = elements.iter().map(|element| match keyed(element) {
        Some((key, value)) => (Some(Word::new(key)), Word::new(value)),
        None => (None, Word::new(element)),
    });
    let value = AssignmentValue::Array(elements.collect());
    Ok(Assignment { name, value, append, loc: SourceSpan::default() })
}

fn keyed(element: &str) -> Option<(&str, &str)> {
    element.strip_prefix('[')?.split_once("]=")
}

/// The name, whether the value is appended, and the value.
fn split(word: &str) -> Option<(AssignmentName, bool, &str)> {
    let length = word.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (name, rest) = word.split_at(length);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (name, rest) = match rest.strip_prefix('[') {
        Some(inner) => {
            let end = closing(inner)?;
            let (index, rest) = inner.split_at(end);
            (AssignmentName::ArrayElementName(name.to_owned(), index.to_owned()), rest.strip_prefix(']')?)
        }
        None => (AssignmentName::VariableName(name.to_owned()), rest),
    };
    match rest.strip_prefix("+=") {
        Some(value) => Some((name, true, value)),
        None => Some((name, false, rest.strip_prefix('=')?)),
    }
}

/// Where the bracket that is open before this text closes.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    for (at, c) in text.char_indices() {
        match c {
            '[' => open += 1,
            ']' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(at);
        }
    }
    None
}
