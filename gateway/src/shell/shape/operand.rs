//! Which paths a shape covers: plain names in places where one file is like another.

use super::super::secrets::{find, normal};

/// The longest path, in bytes.
const LONGEST: usize = 1_024;
/// How deep a path lies at least: what stands at the top is more than an operand.
const DEEP: usize = 2;
/// And where what happens to it reaches as far as the file system does.
const DEEPER: usize = 3;

/// Folders at the top in which every file is different: what programs are, what they are told, who may do what.
const SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "snap", "sys",
    "usr",
];
/// And below them.
const SPECIAL: &[&str] = &["/var/run", "/var/spool", "/var/lib/dpkg", "/var/lib/systemd", "/var/lib/sudo"];

/// What of a path belongs to the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// It begins at the root.
    pub(super) absolute: bool,
    /// It ends in `/`.
    pub(super) folder: bool,
}

/// Looks at an operand. `below` is where a path that is not absolute begins, where that is known; `broad` where what happens
/// to it is not bounded by the text. Nothing where it is not covered by any shape.
pub(super) fn operand(text: &str, below: Option<&str>, broad: bool) -> Option<Path> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._/@%+:,=-".contains(c);
    if text.is_empty() || text.len() > LONGEST || text.starts_with(['-', '+']) || !text.chars().all(fits) {
        return None;
    }
    let absolute = text.starts_with('/');
    let whole = match below {
        _ if absolute => text.to_owned(),
        Some(below) if below.starts_with('/') => format!("{below}/{text}"),
        Some(_) | None => return None,
    };
    let parts: Vec<&str> = whole.split('/').filter(|part| !part.is_empty()).collect();
    // `.`, `..`, and the hidden files in which programs keep what they are told.
    if parts.iter().any(|part| part.starts_with('.')) {
        return None;
    }
    let path = normal(&whole);
    let special =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if parts.len() < if broad { DEEPER } else { DEEP }
        || parts.first().is_some_and(|first| SYSTEM.contains(first))
        || SPECIAL.iter().any(|folder| special(folder))
        || !find(text).is_empty()
        || !find(&whole).is_empty()
    {
        return None;
    }
    Some(Path { absolute, folder: text.ends_with('/') })
}
