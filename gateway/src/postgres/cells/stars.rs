//! What stands in the place of a hidden value: as long as it, and read by a client as what it was.

/// Stars; of an e-mail address its first letter, the `@`, and the last label stay.
pub(super) fn star(value: &mut [u8]) {
    let keep = mail(value);
    let last = value.len();
    for (at, byte) in value.iter_mut().enumerate() {
        let stays = keep.is_some_and(|(sign, dot)| at == 0 || at == sign || (at >= dot && at < last));
        if !stays {
            *byte = b'*';
        }
    }
}

/// Where the `@` and the last dot of an address are, if the whole value looks like one.
fn mail(value: &[u8]) -> Option<(usize, usize)> {
    let sign = value.iter().position(|byte| *byte == b'@').filter(|at| *at > 0)?;
    let dot = value.iter().rposition(|byte| *byte == b'.').filter(|at| *at > sign + 1)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-@".contains(byte);
    let label = value.get(dot + 1..)?;
    let fits = value.iter().all(plain) && value.iter().rposition(|byte| *byte == b'@') == Some(sign);
    (fits && (2..=10).contains(&label.len()) && label.iter().all(u8::is_ascii_alphabetic)).then_some((sign, dot))
}

/// Stars between quotes, so that a client can still read it.
pub(super) fn json(value: &mut [u8]) {
    match value {
        [] => {}
        [one] => *one = b'0',
        [first, middle @ .., last] => {
            (*first, *last) = (b'"', b'"');
            middle.fill(b'*');
        }
    }
}

/// Stars inside the braces, parentheses, commas and quotes of an array or a composite, so that a client can still take it
/// apart; NULL in an array stays. What is neither becomes stars as a whole.
///
/// See <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO> and
/// <https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX>.
pub(super) fn nested(value: &mut [u8]) {
    if !matches!(value, [b'{', .., b'}'] | [b'(', .., b')']) {
        return star(value);
    }
    let (mut at, mut quoted) = (0, false);
    while let Some(byte) = value.get(at).copied() {
        let next = value.get(at + 1).copied();
        let len = match (byte, quoted) {
            // An escaped letter, or a quote that was doubled.
            (b'\\', _) => 2,
            (b'"', true) if next == Some(b'"') => 2,
            (b'"', _) => {
                quoted = !quoted;
                0
            }
            (b'{' | b'}' | b'(' | b')' | b',', false) => 0,
            (_, false) => match value.iter().skip(at).take_while(|byte| !b"{}(),\"\\".contains(byte)).count() {
                4 if value.get(at..at + 4).is_some_and(|word| word.eq_ignore_ascii_case(b"NULL")) => {
                    at += 4;
                    continue;
                }
                len => len,
            },
            (_, true) => 1,
        };
        let end = (at + len).min(value.len());
        value.get_mut(at..end).unwrap_or_default().fill(b'*');
        at += len.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_composites_stay_what_they_are() {
        for (value, shown) in [
            ("{}", "{}"),
            ("{a@b.de,c}", "{******,*}"),
            ("{NULL,null,nullx,\"NULL\"}", "{NULL,null,*****,\"****\"}"),
            (r#"{"a, b","c\"d","\\"}"#, r#"{"****","****","**"}"#),
            ("{{a,b},{c,NULL}}", "{{*,*},{*,NULL}}"),
            (r#"(1,"a ""b"" c",)"#, r#"(*,"*********",)"#),
            (r#"("{a,""b,c""}",x)"#, r#"("***********",*)"#),
            // Cut off, out of order, or no structure at all: nothing is shown, whatever becomes of the form.
            (r#"{"a}"#, r#"{"**"#),
            (r"{a\}", r"{***"),
            ("[0:1]={a,b}", "***********"),
            ("plain, text", "***********"),
            ("{", "*"),
            ("", ""),
        ] {
            let mut bytes = value.as_bytes().to_vec();
            nested(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), shown, "{value}");
        }
    }

    #[test]
    fn nothing_but_form_is_left() {
        let pieces = ["{", "}", "(", ")", ",", "\"", "\\", "secret", "NULL", "é", " ", "\"\""];
        // Every text of five pieces, between braces and parentheses.
        for number in 0..pieces.len().pow(5) {
            let mut rest = number;
            let mut inside = String::new();
            for _ in 0..5 {
                inside.push_str(pieces[rest % pieces.len()]);
                rest /= pieces.len();
            }
            for whole in [format!("{{{inside}}}"), format!("({inside})")] {
                let mut bytes = whole.clone().into_bytes();
                nested(&mut bytes);
                assert_eq!(bytes.len(), whole.len());
                let shown = String::from_utf8(bytes).unwrap().replace("NULL", "");
                assert!(shown.chars().all(|c| "{}(),\"*".contains(c)), "{whole} became {shown}");
            }
        }
    }
}
