//! Brace expansion, bounded: `{rm,-rf}` is two words.

use super::word::{Atom, Doubt};

/// The most words that one word may become.
const MOST: usize = 64;

/// The most letters that all of them may have.
const LONGEST: usize = 128 * 1024;

/// The words that a word becomes.
pub(super) fn expand(atoms: Vec<Atom>, posix: bool) -> Result<Vec<Vec<Atom>>, Doubt> {
    let opens = atoms.iter().filter(|atom| is(atom, '{')).count();
    if opens == 0 {
        return Ok(vec![atoms]);
    }
    if opens > 16 {
        return Err("too many braces".to_owned());
    }
    let words = several(&atoms)?;
    if posix && words.len() > 1 {
        return Err("braces are read differently by different shells".to_owned());
    }
    Ok(words)
}

fn is(atom: &Atom, wanted: char) -> bool {
    matches!(atom, Atom::Char { c, quoted: false } if *c == wanted)
}

fn several(atoms: &[Atom]) -> Result<Vec<Vec<Atom>>, Doubt> {
    for (open, _) in atoms.iter().enumerate().filter(|(_, atom)| is(atom, '{')) {
        let (before, rest) = atoms.split_at(open);
        let Some((inner, after)) = group(rest.get(1..).unwrap_or_default()) else { continue };
        let Some(middle) = choices(inner)? else { continue };
        let ends = several(after)?;
        let words = middle.len() * ends.len();
        if words > MOST || (words > 1 && words * atoms.len() > LONGEST) {
            return Err(format!("braces that make more than {MOST} words, or long ones"));
        }
        let joined = middle
            .iter()
            .flat_map(|middle| ends.iter().map(move |end| before.iter().chain(middle).chain(end).cloned().collect()));
        return Ok(joined.collect());
    }
    Ok(vec![atoms.to_vec()])
}

/// What is inside the brace that is open, and what is behind it.
fn group(atoms: &[Atom]) -> Option<(&[Atom], &[Atom])> {
    let mut open = 1;
    for (at, atom) in atoms.iter().enumerate() {
        if is(atom, '{') {
            open += 1;
        } else if is(atom, '}') {
            open -= 1;
        }
        if open == 0 {
            return Some((atoms.get(..at)?, atoms.get(at + 1..)?));
        }
    }
    None
}

/// The alternatives inside a pair of braces; `None` where they are only letters.
fn choices(inner: &[Atom]) -> Result<Option<Vec<Vec<Atom>>>, Doubt> {
    let mut parts: Vec<Vec<Atom>> = vec![Vec::new()];
    let mut open = 0;
    for atom in inner {
        if is(atom, ',') && open == 0 {
            parts.push(Vec::new());
            continue;
        }
        if is(atom, '{') {
            open += 1;
        } else if is(atom, '}') {
            open -= 1;
        }
        if let Some(part) = parts.last_mut() {
            part.push(atom.clone());
        }
    }
    if parts.len() == 1 {
        return sequence(inner);
    }
    let mut all = Vec::new();
    for part in parts {
        all.extend(several(&part)?);
        if all.len() > MOST {
            return Err(format!("braces that make more than {MOST} words, or long ones"));
        }
    }
    Ok(Some(all))
}

/// `1..5`, `a..e`, `0..20..5`.
fn sequence(inner: &[Atom]) -> Result<Option<Vec<Vec<Atom>>>, Doubt> {
    let mut text = String::new();
    for atom in inner {
        match atom {
            Atom::Char { c, quoted: false } => text.push(*c),
            Atom::Char { .. } | Atom::Hole { .. } => return Ok(None),
        }
    }
    if !text.contains("..") {
        return Ok(None);
    }
    let parts: Vec<&str> = text.split("..").collect();
    let step = match parts.get(2).map(|step| step.parse::<i32>()) {
        None => 1,
        Some(Ok(step)) => i64::from(step).abs().max(1),
        Some(Err(_)) => return Ok(None),
    };
    let (Some(first), Some(last), true) = (parts.first(), parts.get(1), parts.len() <= 3) else { return Ok(None) };
    let letter = |part: &str| match part.as_bytes() {
        [one] if one.is_ascii_alphabetic() => Some(i64::from(*one)),
        _ => None,
    };
    let (from, to, letters) = match (first.parse::<i32>(), last.parse::<i32>(), letter(first), letter(last)) {
        (Ok(from), Ok(to), ..) => (i64::from(from), i64::from(to), false),
        (_, _, Some(from), Some(to)) => (from, to, true),
        _ => return Ok(None),
    };
    if (from - to).abs() / step >= MOST as i64 {
        return Err(format!("braces that make more than {MOST} words"));
    }
    let width = [first, last].iter().map(|part| if padded(part) { part.len() } else { 0 }).max().unwrap_or(0);
    let mut words = Vec::new();
    let mut at = from;
    loop {
        let word = match u8::try_from(at) {
            Ok(byte) if letters => char::from(byte).to_string(),
            _ => format!("{at:0width$}"),
        };
        words.push(word.chars().map(|c| Atom::Char { c, quoted: true }).collect());
        at += if from <= to { step } else { -step };
        if (from <= to && at > to) || (from > to && at < to) {
            return Ok(Some(words));
        }
    }
}

fn padded(part: &str) -> bool {
    part.trim_start_matches('-').starts_with('0') && part.trim_start_matches('-').len() > 1
}
