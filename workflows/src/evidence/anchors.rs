//! What the audit log says of recordings, and whether the files are as it says.
//!
//! A recording's own chain shows damage; only the log shows that a file was made anew, cut short, exchanged or taken away.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::recording::{self, Ending};
use super::{Entry, Head};

/// What an entry about a session says of its recording, in its detail.
#[derive(Debug, Default, Deserialize)]
struct Said {
    /// Its path below the folder of recordings: said when the session begins.
    #[serde(default)]
    recording: Option<String>,
    /// How far it had come: said while the session goes on, and at its end.
    #[serde(default)]
    head: Option<Head>,
}

#[derive(Debug, Default)]
struct Anchored {
    path: Option<String>,
    heads: Vec<Head>,
    /// The log says how it ended.
    ended: bool,
    /// The log says something of it that can't be read.
    garbled: bool,
}

/// Everything that a log says of recordings, by session.
#[derive(Debug, Default)]
pub struct Anchors(BTreeMap<String, Anchored>);

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Recordings that are what the log says, as far as it says anything.
    pub sound: usize,
    /// Of these, those of which the log doesn't say how they ended: the session goes on, or its process was killed. They
    /// are compared up to where they were bound last.
    pub open: usize,
    /// What is wrong, a line each.
    pub faults: Vec<String>,
}

impl Anchors {
    /// Takes note of an entry. Others than those about sessions say nothing of recordings.
    pub fn note(&mut self, entry: &Entry) {
        if !matches!(entry.verb.as_str(), "begin" | "anchor" | "end") {
            return;
        }
        let Ok(said) = serde_json::from_str::<Said>(&entry.detail) else {
            self.0.entry(entry.about.clone()).or_default().garbled = true;
            return;
        };
        let path = said.recording.filter(|_| entry.verb == "begin");
        if path.is_none() && said.head.is_none() {
            return;
        }
        let anchored = self.0.entry(entry.about.clone()).or_default();
        anchored.path = path.or(anchored.path.take());
        anchored.ended |= entry.verb == "end" && said.head.is_some();
        anchored.heads.extend(said.head);
    }

    /// Compares with the files in these folders. Reads each of them once, in constant memory; no key is needed.
    pub fn compare(&self, folders: &[PathBuf]) -> Compared {
        let mut compared = Compared::default();
        // A session that never came to begin may have been bound all the same.
        for (session, anchored) in self.0.iter().filter(|(_, anchored)| anchored.path.is_some() || anchored.garbled) {
            match anchored.compare(session, folders) {
                Ok(()) => {
                    compared.sound += 1;
                    compared.open += usize::from(!anchored.ended);
                }
                Err(fault) => compared.faults.push(fault),
            }
        }
        compared
    }
}

impl Anchored {
    fn compare(&self, session: &str, folders: &[PathBuf]) -> Result<(), String> {
        let Some(path) = self.path.as_deref().filter(|_| !self.garbled).map(Path::new) else {
            return Err(format!("what the log says of the recording of `{session}` can't be read"));
        };
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(format!("the recording of `{session}` is said to be outside of its folder"));
        }
        let missing = || Err(format!("the recording of `{session}` is missing: {}", path.display()));
        // One sound copy is enough, whichever folder it is in.
        let copies = folders.iter().map(|folder| folder.join(path)).filter(|path| path.try_exists().unwrap_or(true));
        copies.fold(missing(), |so_far, path| so_far.or_else(|_| self.compare_file(session, &path)))
    }

    fn compare_file(&self, session: &str, path: &Path) -> Result<(), String> {
        let checked = recording::verify_against(path, &self.heads)
            .map_err(|error| format!("the recording of `{session}` can't be read: {error}"))?;
        if checked.header.session != session {
            return Err(format!(
                "in the place of the recording of `{session}` is that of `{}`",
                checked.header.session
            ));
        }
        match checked.ending {
            Ending::Complete | Ending::Torn { .. } => Ok(()),
            Ending::Tampered { frame } => {
                Err(format!("the recording of `{session}` is not what was recorded, from frame {frame} on"))
            }
        }
    }
}
