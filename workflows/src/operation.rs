//! One classified command: what a protocol folder says about the bytes that it read.
//!
//! An operation is made by a classifier and judged by the policy. It carries facts only; whether something
//! is allowed is never decided here.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What an operation does. The names are what rules compare `op.act` with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Changes nothing that lasts: transaction control.
    Transaction,
    /// Changes the session only: SET, SHOW, LISTEN, cursors, prepared statements.
    Session,
    /// Reads data.
    Read,
    /// Changes data.
    Write,
    /// Changes the schema: CREATE, ALTER, DROP, TRUNCATE is a write.
    Define,
    /// Changes roles, rights, settings of the server, or who one is: GRANT, SET ROLE, ALTER SYSTEM.
    Administer,
    /// Runs a program or reaches files on the server: COPY … PROGRAM, COPY … 'file', LOAD.
    Execute,
    /// Could not be read, or hides what it does.
    Opaque,
}

impl Act {
    /// The name that rules, the recording and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Session => "session",
            Self::Read => "read",
            Self::Write => "write",
            Self::Define => "define",
            Self::Administer => "administer",
            Self::Execute => "execute",
            Self::Opaque => "opaque",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of thing an operation touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A table, view, sequence or anything that a FROM may name.
    Relation,
    /// A function or procedure.
    Function,
    /// A role or user.
    Role,
    /// A configuration setting.
    Setting,
    /// A file or a program on the server.
    File,
    /// A large object.
    LargeObject,
    /// Schemas, databases, types, extensions and all the rest.
    Other,
}

/// A thing that an operation touches, by the name that was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// The schema, where one was written.
    pub schema: Option<String>,
    /// The name, folded as the server folds it.
    pub name: String,
    /// Whether the operation changes it.
    pub written: bool,
}

impl Object {
    /// The name as rules see it: `schema.name` where a schema was written, else `name`.
    pub fn path(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// What a command stores of what it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stored {
    /// The schema of the relation that it is stored in, where one was written.
    pub schema: Option<String>,
    /// That relation.
    pub relation: Option<String>,
    /// The column, where the text tells.
    pub column: Option<String>,
    /// Columns whose values may be in it: the relation, where it can be told, and the column.
    pub from: Vec<(Option<String>, String)>,
    /// Relations of which any column may be in it: a star or a whole row stands for them.
    pub all_of: Vec<String>,
    /// Something that is not in the text may be in it.
    pub anything: bool,
    /// It comes from the row that it goes into.
    pub in_place: bool,
}

/// A program that a command line starts, as far as its text tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// The program's name without its folder; empty where only variables or files change.
    pub program: String,
    /// The program as it was written, with its folder.
    pub path: String,
    /// Its arguments after quoting and braces; what only running can tell stands there as it was written.
    pub args: Vec<String>,
    /// Whether an argument is a variable, a substitution or a pattern, so that its value is not in the text.
    pub loose: bool,
    /// Variables that are set for it.
    pub env: Vec<String>,
    /// Whether it runs with other rights than the login's: below sudo, su, chroot and their like.
    pub privileged: bool,
    /// Whom it runs as, where the text names somebody.
    pub user: Option<String>,
    /// Whether it runs somewhere else: on a host behind this one, or in a container.
    pub elsewhere: bool,
    /// Whether it talks over a network.
    pub network: bool,
    /// Files among what it is given that hold secrets.
    pub secrets: Vec<String>,
    /// Where its code comes from, if that is a network, a decoder or a file that the same text makes.
    pub foreign_code: Option<String>,
    /// The form of its arguments that makes it run or write something else, in words.
    pub abuse: Option<String>,
    /// Files that its output or errors are redirected to.
    pub redirects: Vec<String>,
    /// What it deletes, overwrites, stops or cuts off, in words.
    pub destroys: Option<String>,
}

/// One classified command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What it does; the strongest act where it does several things.
    pub act: Act,
    /// The command's name in upper case, as in its command tag: `DELETE`, `COPY`, `CREATE TABLE`.
    pub verb: String,
    /// What it touches, sorted, without doubles.
    pub on: Vec<Object>,
    /// Functions that it calls, by the name that was written.
    pub functions: Vec<String>,
    /// Whether it changes data, schema, rights or the server (as far as its text tells).
    pub writes: bool,
    /// False for an UPDATE or DELETE without a WHERE that narrows it, for TRUNCATE, and for whatever is opaque.
    pub bounded: bool,
    /// Whether it could turn off the read-only default of a read session, or change who the session is.
    pub undoes_read_only: bool,
    /// Why it could not be read, in words for a person; `Some` exactly when `act` is [`Act::Opaque`].
    pub opaque: Option<String>,
    /// What it stores of what it reads: where a hidden value may come to stand where nothing hides it.
    #[serde(default)]
    pub stores: Vec<Stored>,
    /// The program that runs, where it is a command of a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<Run>>,
    /// The statement's own text.
    pub shown: String,
}

impl Operation {
    /// An operation that nobody could read. It counts as an unbounded write.
    pub fn opaque(shown: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            act: Act::Opaque,
            verb: "OPAQUE".to_owned(),
            on: Vec::new(),
            functions: Vec::new(),
            writes: true,
            bounded: false,
            undoes_read_only: true,
            opaque: Some(why.into()),
            stores: Vec::new(),
            run: None,
            shown: shown.into(),
        }
    }

    /// Whether it changes the schema.
    pub fn ddl(&self) -> bool {
        self.act == Act::Define
    }
}

/// What surrounds an operation in its message, for the judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// How many statements the message carries.
    pub statements: usize,
    /// The bound parameters as text; `None` is NULL, binary values are shown as `\x…`.
    pub params: Vec<Option<String>>,
    /// Whether the session is inside a transaction block.
    pub in_transaction: bool,
}

/// A hash of the exact bytes that were approved, and of everything that gives them their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Starts one. Each part is length-prefixed, so that no two different lists of parts hash alike.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign fingerprint 1\n");
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The raw hash.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_where_one_part_ends() {
        let one = Fingerprint::of([b"ab".as_slice(), b"c"]);
        let two = Fingerprint::of([b"a".as_slice(), b"bc"]);
        assert_ne!(one, two);
        assert_eq!(one, Fingerprint::of([b"ab".as_slice(), b"c"]));
        assert_eq!(one.to_string().len(), 64);
    }
}
