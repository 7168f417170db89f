//! What every shell reads alike: words of plain letters, simple quotes, and what joins commands.

use super::word::Doubt;

/// Words with a meaning of their own in some shell, at a command's beginning.
const MEANT: &[&str] = &[
    "-",
    "@",
    "!",
    "alias",
    "and",
    "begin",
    "break",
    "builtin",
    "case",
    "coproc",
    "do",
    "else",
    "end",
    "eval",
    "exec",
    "for",
    "foreach",
    "function",
    "if",
    "nocorrect",
    "noglob",
    "not",
    "or",
    "repeat",
    "select",
    "source",
    "switch",
    "time",
    "until",
    "while",
    ".",
];

/// Refuses what some shell could read in another way.
pub(super) fn check(text: &str) -> Result<(), Doubt> {
    let mut quoted = false;
    let mut before = ' ';
    for c in text.chars() {
        let fits = match c {
            '\'' => {
                quoted = !quoted;
                true
            }
            '\\' | '!' | '\n' => false,
            _ if quoted => c.is_ascii_graphic() || c == ' ',
            '=' => before != ' ',
            _ => c.is_ascii_alphanumeric() || " _./:@%+,-|&;".contains(c),
        };
        if !fits {
            return Err(format!("the login's shell may read `{}` in its own way", c.escape_debug()));
        }
        before = c;
    }
    let commands = text.split(['|', '&', ';']);
    let firsts = commands.filter_map(|command| command.split_whitespace().next());
    match firsts.into_iter().find(|first| MEANT.contains(first) || first.contains(['=', '\'', '%'])) {
        Some(first) => Err(format!("the login's shell may read `{first}` in its own way")),
        None => Ok(()),
    }
}
