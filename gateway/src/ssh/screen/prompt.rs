//! Prompts: whether one is the shell's, and whether it asks for the rest of a command.

/// Whether a prompt is `known` again, somewhere else: directories and branches come and go, who and where stay.
pub(super) fn resembles(known: &str, prompt: &str) -> bool {
    if known == prompt {
        return true;
    }
    let (Some(end), Some(other)) = (end(known), end(prompt)) else { return false };
    let times = |text: &str| text.matches(end.trim_end()).count();
    let ahead = known.chars().zip(prompt.chars()).take_while(|(a, b)| a == b).count();
    let behind = known.chars().rev().zip(prompt.chars().rev()).take_while(|(a, b)| a == b).count();
    // A second `$` in it may be a prompt, a line and the end of that line.
    end == other
        && times(known) == times(prompt)
        && host(known) == host(prompt)
        && ahead + behind > end.chars().count()
}

/// Its last visible character, and the blanks after it.
fn end(prompt: &str) -> Option<&str> {
    let (at, _) = prompt.trim_end().char_indices().next_back()?;
    prompt.get(at..)
}

/// The word with an `@` in it.
fn host(prompt: &str) -> Option<&str> {
    prompt.split(|char: char| !char.is_alphanumeric() && !"@-_.".contains(char)).find(|word| word.contains('@'))
}

/// Whether it looks like one for the rest of a command: `> `, and zsh's `quote> `, `for then> `.
pub(super) fn continues(prompt: &str) -> bool {
    prompt
        .trim_end()
        .strip_suffix('>')
        .is_some_and(|words| words.chars().all(|char| char.is_ascii_lowercase() || char == ' '))
}

/// The line that Ctrl-R found, if the row is readline's and looks for `sought`.
pub(super) fn found<'a>(row: &'a str, sought: &str) -> Option<&'a str> {
    let rest = row.strip_prefix("(reverse-i-search)`").or_else(|| row.strip_prefix("(i-search)`"))?;
    rest.strip_prefix(sought)?.strip_prefix("': ")
}
