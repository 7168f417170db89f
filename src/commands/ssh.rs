//! `connect` for hosts: a certificate for OpenSSH's own clients, and the few lines that they read.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use console::documents::CertificateBody;
use workflows::target::TargetName;

use super::Desk;
use super::connect::Way;
use crate::client::Client;
use crate::failure::Failure;

/// The files of one target, beside the credentials: `web-1` (the private key), `web-1.pub`, `web-1-cert.pub`,
/// `web-1.known_hosts` and `web-1.conf`.
struct Files {
    folder: PathBuf,
    name: String,
}

impl Files {
    fn of(desk: &Desk<'_>, target: &TargetName) -> Result<Self, Failure> {
        let credentials = desk.path()?;
        let folder = credentials.parent().unwrap_or(Path::new(".")).join("ssh");
        let folder = std::path::absolute(&folder).map_err(|error| cannot(&folder, &error))?;
        Ok(Self { folder, name: target.to_string() })
    }

    fn at(&self, end: &str) -> PathBuf {
        self.folder.join(format!("{}{end}", self.name))
    }

    /// Whole or not at all, and readable by nobody else.
    fn write(&self, end: &str, text: &str) -> Result<(), Failure> {
        let (path, new) = (self.at(end), self.at(&format!("{end}.{}.new", std::process::id())));
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| cannot(&path, &error))
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be written: {error}", path.display()))
}

/// Gets a certificate for the target and writes down how to use it. Gives the file for `ssh -F`.
pub(super) async fn prepare(
    desk: &Desk<'_>,
    client: &Client,
    (way, user): (&Way, &str),
    target: &TargetName,
) -> Result<PathBuf, Failure> {
    let files = Files::of(desk, target)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&files.folder);
    made.map_err(|error| cannot(&files.folder, &error))?;
    let key = files.at("");
    if !key.exists() {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "countersign", "-f"]).arg(&key);
        let made = keygen.status().is_ok_and(|status| status.success());
        if !made {
            return Err(Failure::new("`ssh-keygen` made no key").hint("is OpenSSH's client installed?"));
        }
    }
    let public = files.at(".pub");
    let public_key = fs::read_to_string(&public).map_err(|error| cannot(&public, &error))?;
    let made = client.certificate(&CertificateBody { target: target.clone(), public_key }).await?;
    files.write("-cert.pub", &format!("{}\n", made.certificate.trim()))?;
    files.write(".known_hosts", &format!("{}\n", made.known_hosts.trim()))?;
    let quoted = |end: &str| format!("\"{}\"", files.at(end).display());
    let lines = [
        format!("HostName {}", way.host),
        format!("Port {}", way.port),
        format!("User {user}+{target}"),
        format!("HostKeyAlias {}", gateway::ssh::HOST),
        format!("UserKnownHostsFile {}", quoted(".known_hosts")),
        "GlobalKnownHostsFile none".to_owned(),
        "StrictHostKeyChecking yes".to_owned(),
        format!("IdentityFile {}", quoted("")),
        format!("CertificateFile {}", quoted("-cert.pub")),
        "IdentitiesOnly yes".to_owned(),
    ];
    let text = lines.iter().fold(format!("# Written by `countersign connect`.\nHost {target}\n"), |all, line| {
        all + "    " + line + "\n"
    });
    files.write(".conf", &text)?;
    Ok(files.at(".conf"))
}

/// The two lines for `~/.ssh/config`. The first one gets a fresh certificate whenever somebody connects.
pub(super) fn lines(desk: &Desk<'_>, target: &TargetName) -> Result<String, Failure> {
    let files = Files::of(desk, target)?;
    let which = match &desk.credentials {
        Some(path) => {
            let path = std::path::absolute(path).map_err(|error| cannot(path, &error))?;
            format!("--credentials '{}' ", path.display())
        }
        None => String::new(),
    };
    Ok(format!(
        "Match originalhost {target} exec \"countersign {which}connect {target} --certificate\"\n    Include \"{}\"\n",
        files.at(".conf").display()
    ))
}

/// Becomes a client of OpenSSH's family that reads this file. Returns only if that failed.
pub(super) fn replace(config: &Path, program: &OsString, rest: &[OsString]) -> Failure {
    let mut command = Command::new(program);
    let ssh = format!("ssh -F '{}'", config.display());
    match Path::new(program).file_name().and_then(|name| name.to_str()) {
        Some("ssh" | "scp" | "sftp") => command.arg("-F").arg(config),
        _ => command
            .env("GIT_SSH_COMMAND", &ssh)
            .env("RSYNC_RSH", &ssh)
            .env("ANSIBLE_SSH_ARGS", format!("-F '{}'", config.display())),
    };
    let error = command.args(rest).exec();
    Failure::new(format!("`{}` cannot be started: {error}", program.to_string_lossy())).hint("is it installed?")
}
