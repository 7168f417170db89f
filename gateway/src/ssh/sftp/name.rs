//! Names: where they lead as far as their text tells, and how a person may see them.

use std::fmt::Write as _;

/// A path from the root: `.` and `..` are resolved in the text, as the target does where there are no links. A folder
/// that is a link leads elsewhere, and only the target knows.
pub(crate) fn absolute(home: &[u8], path: &[u8]) -> Vec<u8> {
    let base = if path.starts_with(b"/") { b"" } else { home };
    let mut parts = Vec::new();
    for part in base.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let mut whole = parts.iter().fold(Vec::new(), |mut whole, part| {
        whole.push(b'/');
        whole.extend_from_slice(part);
        whole
    });
    if whole.is_empty() {
        whole.push(b'/');
    }
    whole
}

/// The folder that a path from the root is in.
pub(super) fn folder(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or_default();
    path.get(..end).unwrap_or_default()
}

/// The bytes as a person may see them: what is not text, moves the cursor, turns the direction of the line or can't
/// be seen is written as an escape, and what could be taken for two names is in quotes.
pub(crate) fn shown(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for (at, part) in chunk.valid().split('\'').enumerate() {
            if at > 0 {
                text.push('\'');
            }
            text.extend(part.escape_debug());
        }
        for byte in chunk.invalid() {
            // Writing into a text can't fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if text.is_empty() || text.contains([' ', '"']) { format!("\"{text}\"") } else { text }
}
