//! Scripts of `sed` and programs of `awk`: whether they surely only print.

/// Whether a script of `sed` neither writes a file nor runs a program.
pub(super) fn sed(script: &str) -> bool {
    let letters: Vec<char> = script.chars().collect();
    let mut rest = letters.as_slice();
    while !rest.is_empty() {
        rest = match command(rest) {
            Some(rest) => rest,
            None => return false,
        };
    }
    true
}

/// One command with its addresses; `None` where it is none of the plain ones.
fn command(mut rest: &[char]) -> Option<&[char]> {
    // Addresses: numbers, `$`, patterns, and what joins them.
    loop {
        match rest {
            [] => return Some(rest),
            [' ' | '\t' | '\n' | ';' | ',' | '!' | '$' | '~' | '+' | '{' | '}', tail @ ..] => rest = tail,
            [digit, tail @ ..] if digit.is_ascii_digit() => rest = tail,
            ['/', tail @ ..] => {
                rest = until(tail, '/')?;
                while let ['I' | 'M', tail @ ..] = rest {
                    rest = tail;
                }
            }
            ['\\', delimiter, tail @ ..] => rest = until(tail, *delimiter)?,
            _ => break,
        }
    }
    match rest {
        [
            'p' | 'P' | 'd' | 'D' | 'g' | 'G' | 'h' | 'H' | 'n' | 'N' | 'x' | '=' | 'l' | 'q' | 'Q' | 'z',
            tail @ ..,
        ] => ended(tail),
        ['s', delimiter, tail @ ..] if plain(*delimiter) => {
            let mut rest = until(until(tail, *delimiter)?, *delimiter)?;
            while let ['g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9', tail @ ..] = rest {
                rest = tail;
            }
            ended(rest)
        }
        ['y', delimiter, tail @ ..] if plain(*delimiter) => ended(until(until(tail, *delimiter)?, *delimiter)?),
        ['b' | 't' | 'T' | ':', tail @ ..] => {
            let end = tail.iter().position(|c| matches!(c, '\n' | ';')).unwrap_or(tail.len());
            tail.get(end..)
        }
        _ => None,
    }
}

/// A delimiter that cannot be mistaken for anything else.
const fn plain(c: char) -> bool {
    matches!(c, '/' | '|' | ',' | '#' | '@' | ':' | '%' | '!' | '~' | '_' | '+')
}

/// Behind the next delimiter that is not escaped. A newline inside is unusual enough.
fn until(rest: &[char], delimiter: char) -> Option<&[char]> {
    let mut bracket = false;
    let mut at = 0;
    while let Some(&c) = rest.get(at) {
        match c {
            '\n' => return None,
            '\\' => at += 1,
            // Inside brackets a delimiter is a letter for some versions: doubt.
            '[' => bracket = true,
            ']' => bracket = false,
            c if c == delimiter => return if bracket { None } else { rest.get(at + 1..) },
            _ => {}
        }
        at += 1;
    }
    None
}

/// A command ends here.
fn ended(rest: &[char]) -> Option<&[char]> {
    match rest {
        [] | [';' | '\n' | '}', ..] => Some(rest),
        [' ' | '\t', tail @ ..] => ended(tail),
        _ => None,
    }
}

/// Whether a program of `awk` neither writes a file nor runs a program.
pub(super) fn awk(program: &str) -> bool {
    if ["system", "@", "getline", "print -", "ENVIRON", "\\\n"].iter().any(|word| program.contains(word)) {
        return false;
    }
    // With both kinds of quoting, which letters are quoted is a matter of the grammar.
    let bare = if program.contains('"') && program.contains('/') { program.to_owned() } else { unquoted(program) };
    let bare = bare.replace("||", "  ");
    if bare.contains('|') && !only_in_patterns(&bare) {
        return false;
    }
    bare.split(['{', '}', ';', '\n']).all(|part| match part.find("print") {
        Some(at) => !part.get(at..).unwrap_or_default().contains('>'),
        None => true,
    })
}

/// Whether each `|` stands between two slashes.
fn only_in_patterns(program: &str) -> bool {
    let mut inside = false;
    if program.contains('"') || program.contains("\\/") || program.matches('/').count() != 2 {
        return false;
    }
    for c in program.chars() {
        match c {
            '/' => inside = !inside,
            '|' if !inside => return false,
            _ => {}
        }
    }
    true
}

/// The program without what stands in double quotes.
fn unquoted(program: &str) -> String {
    let mut out = String::new();
    let mut letters = program.chars();
    let mut inside = false;
    while let Some(c) = letters.next() {
        match c {
            '\\' if inside => {
                letters.next();
            }
            '"' => inside = !inside,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    if inside { program.to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_writes_or_runs_is_never_taken_for_a_plain_one() {
        for plain in [
            "s/a/b/",
            "s/a/b/g;p",
            "1,5p",
            "/x/d",
            "$!N;s/\\n/ /",
            "s|/a|/b|",
            "y/ab/cd/",
            "/a/,/b/{p;q}",
            "n;d",
            ":a;s/x/y/;ta",
        ] {
            assert!(sed(plain), "{plain}");
        }
        for not in [
            "1e rm x",
            "s/a/b/e",
            "s/a/b/w out",
            "w out",
            "s/a/b/ge",
            "r /etc/shadow",
            "1{e",
            "s[a[b[e",
            "/[/]/e",
            "a\\\ntext",
            "s/a/b/\ne x",
            "W f",
            "s/[/]/x/;e rm",
        ] {
            assert!(!sed(not), "{not}");
        }
    }

    #[test]
    fn a_program_that_writes_or_runs_is_never_taken_for_a_plain_one() {
        for plain in [
            "{print $1}",
            "$3 > 100",
            "$1 == \"a|b\" {print $2}",
            "BEGIN{FS=\":\"} {print $1}",
            "/a|b/",
            "NR>1{s+=$2} END{print s}",
        ] {
            assert!(awk(plain), "{plain}");
        }
        for not in [
            "BEGIN{system(\"sh\")}",
            "{print > \"f\"}",
            "{print | \"sh\"}",
            "{\"ls\" | getline}",
            "/\"/ {print | \"sh\"} /\"/",
            "{printf \"%s\", $1 >> \"f\"}",
            "@load \"x\"",
            "/a/{print}/b/|\"sh\"",
        ] {
            assert!(!awk(not), "{not}");
        }
    }
}
