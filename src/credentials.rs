//! Where the command line keeps its address and token: one file, readable by its owner only.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use workflows::secret::Secret;

use crate::failure::Failure;

/// The address of the API if nothing else was said.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8420";

/// Where the API is, and the proof of who asks.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The address of the API.
    pub url: String,
    /// The token.
    pub token: Secret<String>,
}

/// The file's form.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    url: String,
    token: String,
}

/// `~/.config/countersign/credentials.toml`, or under `XDG_CONFIG_HOME`.
pub fn default_path() -> Result<PathBuf, Failure> {
    let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = configured.or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    let folder = folder.ok_or_else(|| Failure::new("you have no home folder").hint("give --credentials FILE"))?;
    Ok(folder.join("countersign").join("credentials.toml"))
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be used: {error}", path.display()))
}

impl Credentials {
    /// Reads them. A file that others can read is refused, as a key file of OpenSSH is.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::new("you are not signed in").hint("run `countersign login`"));
            }
            Err(error) => return Err(at(path, &error)),
        };
        let mode = std::fs::metadata(path).map_err(|error| at(path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            let words = format!("others can read your token in `{}`", path.display());
            return Err(Failure::new(words).hint(format!("run `chmod 600 {}`", path.display())));
        }
        // The parser's message would repeat the line, and with it the token.
        let OnDisk { url, token } = toml::from_str(&text).map_err(|_| {
            Failure::new(format!("`{}` is damaged", path.display())).hint("run `countersign login` again")
        })?;
        Ok(Self { url, token: Secret::new(token) })
    }

    /// Writes them, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| at(folder, &error))?;
        let text = toml::to_string(&OnDisk { url: self.url.clone(), token: self.token.reveal().clone() })
            .map_err(|_| Failure::new("the token cannot be written as TOML"))?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let written = write(&new, &text).and_then(|()| std::fs::rename(&new, path));
        written.map_err(|error| {
            let _may_not_be_there = std::fs::remove_file(&new);
            at(path, &error)
        })
    }

    /// Forgets them. Whether there were any.
    pub fn forget(path: &Path) -> Result<bool, Failure> {
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(path, &error)),
        }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // `create_new` follows no link that somebody else has put there.
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_read_back_and_nobody_else_can_read_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a").join("credentials.toml");
        let credentials =
            Credentials { url: DEFAULT_URL.to_owned(), token: Secret::new("cst_not_a_real_token".to_owned()) };
        credentials.save(&path).expect("saved");
        credentials.save(&path).expect("saved again");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let read = Credentials::load(&path).expect("loaded");
        assert_eq!((read.url.as_str(), read.token.reveal().as_str()), (DEFAULT_URL, "cst_not_a_real_token"));
        assert!(!format!("{read:?}").contains("not_a_real"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("opened up");
        assert!(Credentials::load(&path).expect_err("refused").to_string().contains("chmod 600"));
        assert!(Credentials::forget(&path).expect("forgotten"));
        assert!(!Credentials::forget(&path).expect("nothing there"));
        assert!(Credentials::load(&path).expect_err("gone").to_string().contains("countersign login"));
    }

    #[test]
    fn a_damaged_file_is_not_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("credentials.toml");
        write(&path, "token = cst_not_a_real_token").expect("written");
        let words = Credentials::load(&path).expect_err("damaged").to_string();
        assert!(words.contains("damaged") && !words.contains("cst_"), "{words}");
    }
}
