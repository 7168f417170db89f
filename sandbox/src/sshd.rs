//! A real OpenSSH server on a free port. It is gone when it is dropped.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use tempfile::TempDir;

use crate::{START, SandboxError, free_port, io, is_root, run};

/// A running sshd.
#[derive(Debug)]
pub struct Sshd {
    folder: TempDir,
    child: Child,
    port: u16,
    user: String,
    host_key: String,
}

impl Sshd {
    /// Starts one that accepts one key, with more lines for `sshd_config` if there are any.
    pub fn start(more: &str) -> Result<Self, SandboxError> {
        Self::start_below(&[], more)
    }

    /// The same, started by another program, which must become it: the words before sshd's own.
    pub fn start_below(below: &[String], more: &str) -> Result<Self, SandboxError> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            return Err(SandboxError::NoSshd);
        }
        if is_root() {
            fs::create_dir_all("/run/sshd").map_err(io("/run/sshd can't be made"))?;
        }
        let folder = tempfile::Builder::new().prefix("countersign-sshd-").tempdir().map_err(io("no folder"))?;
        let at = |name: &str| folder.path().join(name);
        let user = login();
        // Somebody else reads the public key there.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).map_err(io("no folder"))?;
        for name in ["host", "login"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(at(name));
            run(keygen)?;
        }
        let port = free_port()?;
        let here = folder.path().display();
        // Without it, sshd lets nobody in whose password is locked, as those of servers are.
        let pam = if is_root() { "yes" } else { "no" };
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nAuthorizedKeysFile {here}/login.pub\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM {pam}\nStrictModes no\nPidFile none\n\
             PermitRootLogin yes\nAcceptEnv LANG LC_*\nSubsystem sftp internal-sftp\nLogLevel VERBOSE\n{more}\n"
        );
        fs::write(at("config"), config).map_err(io("no configuration"))?;
        let words: Vec<&OsStr> = below.iter().map(OsStr::new).chain([program.as_os_str()]).collect();
        let Some((first, rest)) = words.split_first() else { return Err(SandboxError::NoSshd) };
        let mut command = Command::new(first);
        command.args(rest).args(["-D", "-e", "-f"]).arg(at("config")).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(io("sshd could not be started"))?;
        let log = child.stderr.take();
        let (ready, is_ready) = mpsc::channel();
        let into = at("log");
        thread::spawn(move || {
            let mut all = String::new();
            for line in log.into_iter().flat_map(|log| BufReader::new(log).lines()).map_while(Result::ok) {
                if line.contains("Server listening") {
                    let _nobody_waits = ready.send(());
                }
                all = all + &line + "\n";
                let _gone_with_the_folder = fs::write(&into, &all);
            }
        });
        let host_key = fs::read_to_string(at("host.pub")).map_err(io("no host key"))?;
        let server = Self { port, user, host_key: host_key.trim().to_owned(), folder, child };
        if is_ready.recv_timeout(START).is_err() {
            return Err(SandboxError::Failed { program: "sshd".to_owned(), said: server.log() });
        }
        Ok(server)
    }

    /// Where it listens, on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Who may sign in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Its host key, as `known_hosts` has it, with a comment.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// The private key that it accepts.
    pub fn login_key(&self) -> PathBuf {
        self.folder.path().join("login")
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Who signs in: whoever runs this, and for root, whom sshd treats otherwise in many ways, a user with a shell who is there with
/// PostgreSQL. Root itself where there is none.
fn login() -> String {
    if !is_root() {
        let who = Command::new("id").arg("-un").output().map(|output| output.stdout).unwrap_or_default();
        return String::from_utf8_lossy(&who).trim().to_owned();
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has_shell = users.lines().any(|line| line.starts_with("postgres:") && line.ends_with("/bash"));
    if has_shell { "postgres" } else { "root" }.to_owned()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
