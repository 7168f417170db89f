//! What a request would do, for whoever judges it.

use std::fmt;

use super::name::{absolute, folder, shown};
use super::request::{Call, Flags};
use super::wire::Attrs;

/// What is asked for, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A file is opened.
    Open,
    /// A folder is opened, to list it.
    Opendir,
    /// Attributes of a path.
    Stat,
    /// A path from the root.
    Realpath,
    /// Where a link leads.
    Readlink,
    /// The file system of a path.
    Statvfs,
    /// Names of users and groups, or somebody's home.
    Users,
    /// Attributes are set.
    Setstat,
    /// A file is deleted.
    Remove,
    /// A folder is made.
    Mkdir,
    /// A folder is deleted.
    Rmdir,
    /// A path gets another name.
    Rename,
    /// A link is made.
    Symlink,
    /// A file gets a second name.
    Hardlink,
    /// One open file is copied into another.
    Copy,
    /// An extension that is not known.
    Extended,
}

impl Verb {
    /// The word that rules, the recording and people use.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Opendir => "opendir",
            Self::Stat => "stat",
            Self::Realpath => "realpath",
            Self::Readlink => "readlink",
            Self::Statvfs => "statvfs",
            Self::Users => "users",
            Self::Setstat => "setstat",
            Self::Remove => "remove",
            Self::Mkdir => "mkdir",
            Self::Rmdir => "rmdir",
            Self::Rename => "rename",
            Self::Symlink => "symlink",
            Self::Hardlink => "hardlink",
            Self::Copy => "copy",
            Self::Extended => "extended",
        }
    }
}

/// What happens to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is looked at: that it is there, its attributes, the names in a folder.
    Look,
    /// What is in it is read.
    Read,
    /// What is in it is changed.
    Write,
    /// It is written behind what is there.
    Append,
    /// It is made where there is none.
    Create,
    /// What is in it is lost, all or what lies behind a size.
    Truncate,
    /// What has that name is lost, on servers that allow it.
    Replace,
    /// It is gone afterwards.
    Delete,
    /// It is somewhere else afterwards.
    Move,
    /// It can be reached, read and written under another name afterwards.
    Link,
    /// Its mode, owner or times are changed.
    Change,
}

impl Effect {
    /// The word for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Read => "read",
            Self::Write => "write",
            Self::Append => "append",
            Self::Create => "create",
            Self::Truncate => "truncate",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Link => "link",
            Self::Change => "change",
        }
    }

    /// Whether something is different afterwards.
    pub(crate) const fn writes(self) -> bool {
        match self {
            Self::Look | Self::Read => false,
            Self::Write
            | Self::Append
            | Self::Create
            | Self::Truncate
            | Self::Replace
            | Self::Delete
            | Self::Move
            | Self::Link
            | Self::Change => true,
        }
    }

    /// Whether data can be lost.
    pub(crate) const fn destroys(self) -> bool {
        match self {
            Self::Truncate | Self::Replace | Self::Delete => true,
            Self::Look
            | Self::Read
            | Self::Write
            | Self::Append
            | Self::Create
            | Self::Link
            | Self::Change
            | Self::Move => false,
        }
    }
}

/// A path that a request touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    /// As it was written.
    pub(crate) name: Vec<u8>,
    /// From the root; `None` for a relative one while the target has not told where it stands.
    pub(crate) absolute: Option<Vec<u8>>,
    /// What happens to it.
    pub(crate) effects: Vec<Effect>,
}

impl Touched {
    /// Whether it is different afterwards.
    pub(crate) fn written(&self) -> bool {
        self.effects.iter().any(|effect| effect.writes())
    }
}

/// What a request would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// In one word.
    pub(crate) verb: Verb,
    /// To which paths; a rename has the old one first, a link what it leads to.
    pub(crate) paths: Vec<Touched>,
    /// What it sets.
    pub(crate) attrs: Attrs,
    /// The name of an extension that is not known, or the user who is asked about.
    pub(crate) about: Option<Vec<u8>>,
    /// Whether it works on files that are open, so that what may be done with them was judged before.
    pub(crate) on_open: bool,
    /// Why nobody can tell what it does.
    pub(crate) opaque: Option<&'static str>,
}

impl Fact {
    /// What a call would do; `None` for one that needs nobody's judgement: what was opened was judged then. `opened`
    /// knows under which name that was.
    pub(super) fn of<'a>(
        call: &Call<'_>,
        home: Option<&[u8]>,
        opened: impl Fn(&[u8]) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        let at = |name, effects: &[Effect]| touched(name, home, effects);
        let one = |verb, name, effects: &[Effect]| Self::new(verb, vec![at(name, effects)]);
        let moved = |from, to| {
            let paths = vec![at(from, &[Effect::Move]), at(to, &[Effect::Create, Effect::Replace])];
            Self::new(Verb::Rename, paths)
        };
        let look = [Effect::Look].as_slice();
        Some(match *call {
            Call::Open { path, flags, attrs } => one(Verb::Open, path, &effects(flags)).set(attrs).doubt(flags),
            Call::Opendir { path } => one(Verb::Opendir, path, look),
            Call::Lstat { path } | Call::Stat { path } => one(Verb::Stat, path, look),
            Call::Realpath { path } | Call::ExpandPath { path } => one(Verb::Realpath, path, look),
            Call::Readlink { path } => one(Verb::Readlink, path, look),
            Call::Statvfs { path } => one(Verb::Statvfs, path, look),
            Call::Setstat { path, attrs } | Call::Lsetstat { path, attrs } => {
                one(Verb::Setstat, path, setting(attrs)).set(attrs)
            }
            Call::Fsetstat { handle, attrs } => {
                one(Verb::Setstat, opened(handle)?, setting(attrs)).set(attrs).on_open()
            }
            Call::CopyData { from, to, .. } => {
                let paths = vec![at(opened(from)?, &[Effect::Read]), at(opened(to)?, &[Effect::Write])];
                Self::new(Verb::Copy, paths).on_open()
            }
            Call::Remove { path } => one(Verb::Remove, path, &[Effect::Delete]),
            Call::Rmdir { path } => one(Verb::Rmdir, path, &[Effect::Delete]),
            Call::Mkdir { path, attrs } => one(Verb::Mkdir, path, &[Effect::Create]).set(attrs),
            Call::Rename { from, to } | Call::PosixRename { from, to } => moved(from, to),
            Call::Hardlink { from, to } => {
                Self::new(Verb::Hardlink, vec![at(from, &[Effect::Link]), at(to, &[Effect::Create])])
            }
            Call::Symlink { target, link } => {
                let link = at(link, &[Effect::Create]);
                // What a link leads to is found from the folder that it is in.
                let beside = link.absolute.as_deref().map(folder);
                let target = touched(target, beside, &[Effect::Link]);
                Self::new(Verb::Symlink, vec![target, link])
            }
            Call::HomeDirectory { user } => Self { about: Some(user.to_vec()), ..Self::new(Verb::Users, Vec::new()) },
            Call::UsersGroups { .. } => Self::new(Verb::Users, Vec::new()),
            Call::Unknown { name, .. } => Self {
                about: Some(name.to_vec()),
                opaque: Some("an extension that is not known"),
                ..Self::new(Verb::Extended, Vec::new())
            },
            Call::Close { .. }
            | Call::Read { .. }
            | Call::Write { .. }
            | Call::Fstat { .. }
            | Call::Readdir { .. }
            | Call::Fsync { .. }
            | Call::Fstatvfs { .. }
            | Call::Limits => return None,
        })
    }

    const fn new(verb: Verb, paths: Vec<Touched>) -> Self {
        let attrs = Attrs { size: None, owner: None, mode: None, times: None, extended: 0 };
        Self { verb, paths, attrs, about: None, on_open: false, opaque: None }
    }

    /// The same, of files that are open.
    fn on_open(self) -> Self {
        Self { on_open: true, ..self }
    }

    /// With what it sets.
    fn set(self, attrs: Attrs) -> Self {
        let opaque = (attrs.extended > 0).then_some("it sets attributes that are not known");
        Self { attrs, opaque: self.opaque.or(opaque), ..self }
    }

    /// With what can't be told of its flags.
    fn doubt(self, flags: Flags) -> Self {
        let opaque = flags.unknown().then_some("it is opened in a way that is not known");
        Self { opaque: self.opaque.or(opaque), ..self }
    }
}

/// A path, from the root if it is written so or if it is known where a relative one begins.
fn touched(name: &[u8], base: Option<&[u8]>, effects: &[Effect]) -> Touched {
    let base = if name.starts_with(b"/") { Some(b"".as_slice()) } else { base };
    Touched { name: name.to_vec(), absolute: base.map(|base| absolute(base, name)), effects: effects.to_vec() }
}

/// Whether a size cuts something off depends on the file, so every size may.
const fn setting(attrs: Attrs) -> &'static [Effect] {
    if attrs.size.is_some() { &[Effect::Change, Effect::Truncate] } else { &[Effect::Change] }
}

/// What happens to a file that is opened so.
fn effects(flags: Flags) -> Vec<Effect> {
    let all = [
        (flags.reads(), Effect::Read),
        (flags.writes(), Effect::Write),
        (flags.appends(), Effect::Append),
        (flags.creates(), Effect::Create),
        (flags.truncates(), Effect::Truncate),
    ];
    all.into_iter().filter_map(|(has, effect)| has.then_some(effect)).collect()
}

impl fmt::Display for Fact {
    /// One line, such as `rename a -> b`, or `open x (write, create, mode 0644)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.paths.iter().map(|path| shown(&path.name)).collect();
        let between = match self.verb {
            Verb::Symlink | Verb::Hardlink => " as ",
            Verb::Open
            | Verb::Opendir
            | Verb::Stat
            | Verb::Realpath
            | Verb::Readlink
            | Verb::Statvfs
            | Verb::Users
            | Verb::Setstat
            | Verb::Remove
            | Verb::Mkdir
            | Verb::Rmdir
            | Verb::Rename
            | Verb::Copy
            | Verb::Extended => " -> ",
        };
        let about = self.about.as_deref().map(shown);
        let what = names.into_iter().chain(about).collect::<Vec<_>>().join(between);
        f.write_str(self.verb.as_str())?;
        if !what.is_empty() {
            write!(f, " {what}")?;
        }
        // Of the other verbs, the word itself tells what happens.
        let opened = self.paths.iter().filter(|_| self.verb == Verb::Open).flat_map(|path| &path.effects);
        let attrs = Some(self.attrs.to_string()).filter(|words| !words.is_empty());
        let more: Vec<_> = opened
            .map(|effect| effect.as_str().to_owned())
            .chain(attrs)
            .chain(self.opaque.map(str::to_owned))
            .collect();
        if more.is_empty() { Ok(()) } else { write!(f, " ({})", more.join(", ")) }
    }
}
