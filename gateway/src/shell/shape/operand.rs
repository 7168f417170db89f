//! Which paths a shape covers: plain names in places of a short list, where one file is like another.

use super::super::secrets::find;

/// The longest path, in bytes.
const LONGEST: usize = 1_024;
/// Folders that hold what people and services put there, and how many names a path has below them at least. Programs, settings,
/// logs, and what a system keeps for itself are elsewhere: `/opt` and all else of `/var` is left out for that.
const PLACES: &[(&[&str], usize)] = &[
    (&["srv"], 1),
    (&["data"], 1),
    (&["tmp"], 1),
    (&["var", "tmp"], 1),
    (&["var", "www"], 1),
    // The first name is a person's whole home.
    (&["home"], 2),
];
/// And where what happens to it reaches as far as the file system does: what stands at the top is more than an operand.
const DEEPER: usize = 2;

/// Names of folders in which every file is different: what programs are, what they are told, who may do what. Nothing below
/// one of them is an operand, wherever it lies: a whole system may lie below `/srv`.
const SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "snap", "spool",
    "sys", "usr",
];

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
    let deep = PLACES.iter().any(|(place, least)| {
        let least = if broad { DEEPER.max(*least) } else { *least };
        parts.strip_prefix(*place).is_some_and(|below| below.len() >= least)
    });
    if !deep || parts.iter().any(|part| SYSTEM.contains(part)) || !find(text).is_empty() || !find(&whole).is_empty() {
        return None;
    }
    Some(Path { absolute, folder: text.ends_with('/') })
}
