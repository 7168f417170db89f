//! What is known about one program so far.

use std::collections::BTreeSet;

use workflows::operation::{Act, Kind, Object, Operation, Run};
use workflows::shown::visible;

use super::arg::{Arg, Feed};
use super::run::Call;
use super::secrets;

/// The longest argument that is kept whole in what rules see, in letters.
const LONGEST: usize = 4_096;

/// An operation, and what its program prints.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) operation: Operation,
    pub(super) prints: Feed,
}

impl Found {
    /// A text that nobody could read.
    pub(super) fn opaque(text: &str, why: impl Into<String>) -> Self {
        Self { operation: Operation::opaque(visible(text), why), prints: Feed::Program }
    }
}

/// What one program does. Facts only grow: nothing that was found is taken back.
#[derive(Debug)]
pub(super) struct Facts {
    act: Act,
    pub(super) verb: String,
    on: BTreeSet<Object>,
    writes: bool,
    bounded: bool,
    undoes: bool,
    opaque: Option<String>,
    pub(super) run: Run,
    pub(super) prints: Feed,
    shown: String,
}

impl Facts {
    /// What the command's surroundings tell, whatever the program is.
    pub(super) fn of(call: &Call) -> Self {
        let (path, args) = match call.words.split_first() {
            Some((path, args)) => (path.text.clone(), args),
            None => (String::new(), &[][..]),
        };
        let program = path.rsplit('/').next().unwrap_or_default().to_owned();
        let names = call.env.iter().map(|(name, _)| name.clone()).filter(|name| !name.is_empty());
        let run = Run {
            args: args.iter().map(|arg| short(&arg.text)).collect(),
            loose: args.iter().any(|arg| !arg.fixed),
            env: names.collect(),
            privileged: call.spot.privileged,
            user: call.spot.user.clone(),
            elsewhere: call.spot.elsewhere,
            program,
            path,
            ..Run::default()
        };
        let mut facts = Self {
            act: Act::Session,
            verb: if run.program.is_empty() { "SET".to_owned() } else { run.program.to_uppercase() },
            on: BTreeSet::new(),
            writes: false,
            bounded: true,
            undoes: call.spot.privileged,
            opaque: None,
            prints: Feed::Program,
            shown: visible(&call.shown),
            run,
        };
        facts.redirects(call);
        let values = call.env.iter().map(|(_, value)| value);
        if !secrets::is_blind(&facts.run.program) {
            values.chain(args).for_each(|arg| facts.secret(arg));
        }
        facts
    }

    fn redirects(&mut self, call: &Call) {
        for file in &call.redirects.reads {
            self.file(file, false);
            self.secret(file);
            self.act(Act::Read);
        }
        for file in &call.redirects.writes {
            self.file(file, true);
            self.run.redirects.push(short(&file.text));
            self.act(Act::Write);
            if is_system(&file.text) {
                self.destroys("what a device or a setting holds", false);
            }
        }
        if call.redirects.network {
            self.run.network = true;
            self.act(Act::Write);
        }
        if self.run.program.is_empty() && (self.writes || self.act == Act::Read) {
            "REDIRECT".clone_into(&mut self.verb);
        }
    }

    fn secret(&mut self, arg: &Arg) {
        for secret in secrets::find(&arg.text) {
            if !self.run.secrets.contains(&secret) {
                self.run.secrets.push(secret);
            }
        }
    }

    /// Whether nothing but reading was found.
    pub(super) fn only_reads(&self) -> bool {
        self.act == Act::Read && !self.writes
    }

    /// The program does at least this.
    pub(super) fn act(&mut self, act: Act) {
        self.act = self.act.max(act);
        self.writes |= matches!(act, Act::Write | Act::Define | Act::Administer | Act::Execute | Act::Opaque);
    }

    /// It only changes who runs what it starts; that is judged by itself.
    pub(super) fn becomes(&mut self) {
        self.act = self.act.max(Act::Administer);
        self.undoes = true;
        self.run.privileged = true;
    }

    /// Names what it does more closely: `SYSTEMCTL STOP`.
    pub(super) fn verb(&mut self, what: &str) {
        self.verb = format!("{} {}", self.verb, what.to_uppercase());
    }

    /// What it runs is judged beside it, so that running it is nothing of its own.
    pub(super) fn runs_others(&mut self) {
        if self.act == Act::Execute {
            self.act = Act::Read;
            self.writes = self.on.iter().any(|on| on.written) || self.run.destroys.is_some();
            if self.writes {
                self.act = Act::Write;
            }
        }
    }

    /// Nobody can say what this does; the first reason is the one that is shown.
    pub(super) fn opaque(&mut self, why: impl Into<String>) {
        self.opaque.get_or_insert_with(|| why.into());
    }

    /// It takes something away; `bounded` where the text tells exactly what.
    pub(super) fn destroys(&mut self, what: &str, bounded: bool) {
        self.run.destroys.get_or_insert_with(|| what.to_owned());
        self.bounded &= bounded;
    }

    /// Its arguments make it do what it is not for.
    pub(super) fn abuse(&mut self, form: impl Into<String>) {
        self.run.abuse.get_or_insert_with(|| form.into());
        self.act(Act::Execute);
    }

    /// It talks over a network, and what it prints may come from there.
    pub(super) fn network(&mut self) {
        self.run.network = true;
        self.prints = Feed::Network;
    }

    /// Its code comes from somewhere that nobody sees.
    pub(super) fn foreign(&mut self, from: &Feed) {
        if let Some(place) = from.foreign() {
            self.run.foreign_code.get_or_insert_with(|| place.to_owned());
        }
    }

    /// Notes a file that it is told to read or to write.
    pub(super) fn file(&mut self, file: &Arg, written: bool) {
        self.on.insert(Object { kind: Kind::File, schema: None, name: short(&file.text), written });
    }

    /// The files that it writes.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        self.on.iter().filter(|on| on.written && on.kind == Kind::File).map(|on| on.name.as_str())
    }

    /// Notes another thing by its name: a unit, a user, a container.
    pub(super) fn thing(&mut self, kind: Kind, name: &str, written: bool) {
        self.on.insert(Object { kind, schema: None, name: short(name), written });
    }

    /// A text in which nothing runs.
    pub(super) fn nothing(text: &str) -> Found {
        let mut facts = Self::of(&Call { shown: text.to_owned(), ..Call::default() });
        "EMPTY".clone_into(&mut facts.verb);
        facts.finish()
    }

    /// The finished operation.
    pub(super) fn finish(self) -> Found {
        let hidden = self.opaque.is_some();
        let operation = Operation {
            act: if hidden { Act::Opaque } else { self.act },
            verb: self.verb,
            on: self.on.into_iter().collect(),
            functions: Vec::new(),
            writes: self.writes || hidden,
            bounded: self.bounded && !hidden,
            undoes_read_only: self.undoes || hidden,
            opaque: self.opaque,
            stores: Vec::new(),
            run: Some(Box::new(self.run)),
            shown: self.shown,
        };
        Found { operation, prints: self.prints }
    }
}

/// Whether a file is a device or a setting.
pub(super) fn is_system(path: &str) -> bool {
    let socket = path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/");
    !socket && ["/dev/", "/etc/", "/proc/", "/sys/", "/boot/"].iter().any(|folder| path.starts_with(folder))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
