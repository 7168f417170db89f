//! The key that signs heads, and the text form of its public half (C2SP signed-note).
//!
//! The key's name is the log's origin: a head that is signed for one log is worthless for another.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::secrecy::zeroize::Zeroizing;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};

/// The signed-note number of Ed25519.
const ED25519: u8 = 1;
/// What a key file begins with, as in Go's `sumdb/note`.
const PRIVATE: &str = "PRIVATE+KEY+";
/// No key file is longer, in bytes.
const MAX_FILE: u64 = 4096;

/// The signing key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name cannot stand in a signed note.
    #[error("`{0}` cannot name a log: use no spaces, no `+` and no control characters")]
    Name(String),
    /// The key file was made for another log.
    #[error("the key in `{path}` belongs to the log `{found}`, not to `{wanted}`", path = path.display())]
    OtherLog {
        /// The key file.
        path: PathBuf,
        /// The name in the file.
        found: String,
        /// The name that was asked for.
        wanted: String,
    },
    /// Others than the owner may read or write the key file.
    #[error("the key file `{path}` is open to others (mode {mode:o}): chmod it to 0600", path = path.display())]
    Open {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else, or was damaged.
    #[error("`{path}` does not hold a signing key", path = .0.display())]
    Malformed(PathBuf),
    /// The system gave no random bytes.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// The file could not be read or written.
    #[error("the key file `{path}` cannot be used", path = path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Signs heads. Neither `Debug` nor any other form shows the secret; memory is cleared when it is dropped.
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl SigningKey {
    /// Reads the key file at `path`, or makes it (mode 0600) with a new key for the log called `name`.
    ///
    /// Two processes that start at once end up with the same key, and a crash leaves either a whole file or
    /// none: the file is written under another name first, then linked. The folder's file system must
    /// therefore know hard links.
    ///
    /// # Errors
    ///
    /// If the file is for another log, is open to other users, or cannot be read, written or understood.
    pub fn load_or_create(path: &Path, name: &str) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let file = |source| KeyError::File { path: path.to_owned(), source };
        match File::open(path) {
            Ok(opened) => Self::load(path, opened, name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut seed = Zeroizing::new([0; 32]);
                getrandom::fill(seed.as_mut()).map_err(KeyError::Random)?;
                let key = Self::from_seed(name, &seed);
                match place(path, key.to_private_text().as_bytes()) {
                    Ok(()) => Ok(key),
                    // Another process was faster: its key is the key.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        Self::load(path, File::open(path).map_err(file)?, name)
                    }
                    Err(error) => Err(file(error)),
                }
            }
            Err(error) => Err(file(error)),
        }
    }

    fn load(path: &Path, file: File, name: &str) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(256));
        file.take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
        let key = Self::from_private_text(&text).ok_or_else(|| KeyError::Malformed(path.to_owned()))?;
        if key.public.name == name {
            Ok(key)
        } else {
            Err(KeyError::OtherLog { path: path.to_owned(), found: key.public.name, wanted: name.to_owned() })
        }
    }

    fn from_seed(name: &str, seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey { name: name.to_owned(), key: secret.verifying_key() };
        Self { secret, public }
    }

    fn from_private_text(text: &str) -> Option<Self> {
        let (name, rest) = text.trim_end_matches('\n').strip_prefix(PRIVATE)?.split_once('+')?;
        let (id, secret) = rest.split_once('+')?;
        let secret = Zeroizing::new(STANDARD.decode(secret).ok()?);
        let (&algorithm, seed) = secret.split_first()?;
        let key = Self::from_seed(name, seed.try_into().ok()?);
        let same = algorithm == ED25519 && is_name(name) && hex(key.public.id()) == id;
        same.then_some(key)
    }

    fn to_private_text(&self) -> Zeroizing<String> {
        let mut secret = Zeroizing::new(vec![ED25519]);
        secret.extend_from_slice(self.secret.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(&*secret));
        let VerifyingKey { name, .. } = &self.public;
        Zeroizing::new(format!("{PRIVATE}{name}+{}+{}\n", hex(self.public.id()), *encoded))
    }

    /// The public half: what an auditor needs.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The signature line of a signed note over `text`, newline included.
    pub(super) fn signature_line(&self, text: &str) -> String {
        let mut bytes = self.public.id().to_vec();
        bytes.extend_from_slice(&self.secret.sign(text.as_bytes()).to_bytes());
        format!("— {} {}\n", self.public.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.public.name).finish_non_exhaustive()
    }
}

/// Writes a file of mode 0600 as a whole or not at all; fails with `AlreadyExists` if there is one.
fn place(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut unique = [0; 8];
    getrandom::fill(&mut unique).map_err(io::Error::other)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}", u64::from_be_bytes(unique)));
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    linked.and(removed)?;
    sync_folder(path)
}

/// Makes a new name in `path`'s folder survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Verifies heads. As text it is a C2SP vkey: `name+id in hexadecimal+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// The key's name, which is the origin of the log that it signs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a signature line's content (4 bytes of key id, 64 of signature) is ours, and good.
    ///
    /// `None` means that another key made it.
    pub(super) fn accepts(&self, text: &str, line: &str) -> Option<bool> {
        let (name, content) = line.split_once(' ')?;
        let bytes = STANDARD.decode(content).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if name != self.name || *id != self.id() {
            return None;
        }
        let good = Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok());
        Some(good)
    }

    fn id(&self) -> [u8; 4] {
        let mut hasher = Sha256::new_with_prefix(self.name.as_bytes());
        hasher.update([b'\n', ED25519]);
        hasher.update(self.key.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hasher.finalize().into();
        [a, b, c, d]
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        let (id, key) = (hex(self.id()), STANDARD.encode(key));
        write!(f, "{}+{id}+{key}", self.name)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a verifying key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a verifying key reads `name+id+key`: a log's name, 8 hexadecimal digits, an Ed25519 key in base64")]
pub struct ParseVkeyError;

impl FromStr for VerifyingKey {
    type Err = ParseVkeyError;

    fn from_str(text: &str) -> Result<Self, ParseVkeyError> {
        parse_vkey(text).ok_or(ParseVkeyError)
    }
}

fn parse_vkey(text: &str) -> Option<VerifyingKey> {
    // The base64 of the key may hold a `+` itself: only the first two separate.
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let key = STANDARD.decode(key).ok()?;
    let (&algorithm, key) = key.split_first()?;
    let vkey = VerifyingKey {
        name: name.to_owned(),
        key: ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?,
    };
    let sound = algorithm == ED25519 && is_name(name) && !vkey.key.is_weak();
    (sound && hex(vkey.id()) == id).then_some(vkey)
}

fn is_name(name: &str) -> bool {
    let bad = |c: char| c == '+' || c.is_whitespace() || c.is_control();
    !name.is_empty() && name.len() <= 255 && !name.contains(bad)
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}
