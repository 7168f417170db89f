//! Escapes of `$'…'`.

use super::word::Doubt;

/// The letter behind a backslash, and how many letters it took. What gives no plain letter is doubt.
pub(super) fn escape(text: &[char]) -> Result<(char, usize), Doubt> {
    let doubt = || Err("an unusual escape in `$'…'`".to_owned());
    let Some(&first) = text.first() else { return doubt() };
    let plain = match first {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'e' | 'E' => '\u{1b}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '\'' | '"' | '?' => first,
        'x' => return coded(text, 1, 2, 16),
        'u' => return coded(text, 1, 4, 16),
        'U' => return coded(text, 1, 8, 16),
        '0'..='7' => return coded(text, 0, 3, 8),
        _ => return doubt(),
    };
    Ok((plain, 1))
}

/// A letter by its number. Bytes beyond ASCII depend on the other side's character set.
fn coded(text: &[char], from: usize, most: usize, base: u32) -> Result<(char, usize), Doubt> {
    let digits: String = text.iter().skip(from).take(most).take_while(|c| c.is_digit(base)).collect();
    match u32::from_str_radix(&digits, base) {
        Ok(number @ 1..=0x7f) => Ok((char::from_u32(number).unwrap_or(' '), from + digits.len())),
        _ => Err("a letter beyond ASCII by its number".to_owned()),
    }
}
