//! Private keys that are made on the first start and kept from then on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};

/// Bytes of a file that are read: a key has about 400.
const LIMIT: u64 = 16 * 1024;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The file or its folder.
    #[error("the SSH key `{path}` can't be read or made")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else could sign in our place.
    #[error("others can read the SSH key `{0}`; run `chmod 600 {0}`, and make a new one if they may have")]
    Open(PathBuf),
    /// Somebody else could put theirs in its place.
    #[error("others can write to `{0}`, where SSH keys are kept; run `chmod 700 {0}`")]
    Folder(PathBuf),
    /// Not a key.
    #[error("`{0}` is no Ed25519 key in OpenSSH's format without a passphrase; move it away and a new one is made")]
    Form(PathBuf),
    /// One authority would be another.
    #[error("two SSH authorities in `{0}` have the same key; move one away and a new one is made")]
    Same(PathBuf),
}

/// Reads the key `name` in `folder`, or makes it there: Ed25519, readable by nobody else, with `comment` in its public
/// line. A key that somebody put there is taken if it is of that kind.
pub(crate) fn keep(folder: &Path, name: &str, comment: &str) -> Result<PrivateKey, KeepError> {
    let path = folder.join(name);
    let at = |source| KeepError::File { path: path.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at)?;
    if fs::metadata(folder).map_err(at)?.mode() & 0o022 != 0 {
        return Err(KeepError::Folder(folder.to_owned()));
    }
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(folder, &path, comment).and_then(|()| File::open(&path))
        }
        opened => opened,
    };
    let file = file.map_err(at)?;
    if file.metadata().map_err(at)?.mode() & 0o077 != 0 {
        return Err(KeepError::Open(path));
    }
    let mut text = Vec::new();
    file.take(LIMIT).read_to_end(&mut text).map_err(at)?;
    let key = PrivateKey::from_openssh(&text).ok();
    // RSA would do, but its private operations here are not in constant time (RUSTSEC-2023-0071).
    let fits = |key: &PrivateKey| !key.is_encrypted() && key.algorithm() == Algorithm::Ed25519;
    key.filter(fits).ok_or(KeepError::Form(path))
}

/// Whole or not at all; of two processes that start at once, one makes it and both read the same.
fn make(folder: &Path, path: &Path, comment: &str) -> io::Result<()> {
    let mut key =
        PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
    key.set_comment(comment);
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    // A name that nobody else takes. Not the process's id: in a container it is always the same, and one that was killed
    // here would keep every later one from making the file.
    let print = key.fingerprint(HashAlg::Sha256);
    let unique = print.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let new = path.with_extension(format!("{unique:016x}.new"));
    let written = write(&new, text.as_bytes()).and_then(|()| match fs::hard_link(&new, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    });
    let removed = fs::remove_file(&new);
    // The name is on the disk as well before anybody is told to trust the key.
    written.and(removed).and_then(|()| File::open(folder)?.sync_all())
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
