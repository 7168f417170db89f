//! A real PostgreSQL in a temporary folder, for the demo and the tests. It is gone when it is dropped.
//!
//! The server comes from the machine's own packages. PostgreSQL refuses to run as root, so root starts it as `nobody`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

mod sshd;

pub use sshd::Sshd;

/// Why there is no PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It is not installed.
    #[error("PostgreSQL's server is not installed; `apt-get install postgresql` brings it")]
    Missing,
    /// No SSH server either.
    #[error("OpenSSH's server is not installed; `apt-get install openssh-server` brings it")]
    NoSshd,
    /// A file or process failed.
    #[error("{0}")]
    Io(String, #[source] std::io::Error),
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: String,
        /// What it said.
        said: String,
    },
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> SandboxError {
    let what = what.into();
    move |source| SandboxError::Io(what, source)
}

/// `nobody` and `nogroup` on Debian and Ubuntu.
const NOBODY: u32 = 65_534;
/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// A server's certificate and key, as PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate chain.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// What a server is started with, where the defaults do not serve.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Lines of `postgresql.conf`.
    pub settings: String,
    /// The whole of `pg_hba.conf`. The default wants SCRAM over TCP and trusts the socket.
    pub sign_in: Option<String>,
    /// The server offers TLS with this.
    pub tls: Option<Certificate>,
}

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    folder: TempDir,
    child: Child,
    port: u16,
}

/// The folder with PostgreSQL's programs: of the newest version that is installed.
pub fn binaries() -> Result<PathBuf, SandboxError> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<PathBuf> =
        versions.map(|entry| entry.path()).filter(|path| path.join("bin/postgres").exists()).collect();
    found.sort_by_key(|path| number(path));
    found.pop().map(|path| path.join("bin")).ok_or(SandboxError::Missing)
}

/// A port that nobody listened on a moment ago.
pub fn free_port() -> Result<u16, SandboxError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io("no free port"))?;
    Ok(listener.local_addr().map_err(io("no free port"))?.port())
}

/// Whether this runs as root, who may start servers as somebody else.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A command that runs as somebody whom PostgreSQL accepts.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("PGPASSWORD").env("LC_ALL", "C.UTF-8").current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn give_away(path: &Path) -> Result<(), SandboxError> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).map_err(io(format!("{} can't be given away", path.display())))?;
    }
    Ok(())
}

fn run(mut command: Command) -> Result<String, SandboxError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(io(format!("{program} could not be started")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(SandboxError::Failed { program, said })
}

/// The files of an empty cluster. Making them takes a second or two, so they are made once and copied.
fn template(bin: &Path) -> Result<PathBuf, SandboxError> {
    let version = bin.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let owner = fs::metadata("/proc/self").map_err(io("/proc is missing"))?.uid();
    let ready = std::env::temp_dir().join(format!("countersign-sandbox-{owner}-{version}"));
    if ready.join("done").exists() {
        return Ok(ready);
    }
    let making =
        tempfile::Builder::new().prefix("countersign-initdb-").tempdir().map_err(io("no temporary folder"))?;
    fs::set_permissions(making.path(), fs::Permissions::from_mode(0o755)).map_err(io("no temporary folder"))?;
    let data = making.path().join("data");
    fs::create_dir(&data).map_err(io("no data folder"))?;
    give_away(&data)?;
    let mut initdb = command(&bin.join("initdb"));
    initdb.arg("-D").arg(&data).args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
    initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    run(initdb)?;
    File::create(making.path().join("done")).map_err(io("the template can't be marked"))?;
    // Whoever is first wins; the others' work is thrown away.
    match fs::rename(making.path(), &ready) {
        Ok(()) => drop(making.keep()),
        Err(_) if ready.join("done").exists() => {}
        Err(error) => return Err(io("the template can't be moved")(error)),
    }
    Ok(ready)
}

const SETTINGS: &str = "
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_connections = 300
shared_buffers = 64MB
password_encryption = 'scram-sha-256'
logging_collector = off
log_min_messages = fatal
";

impl Postgres {
    /// Starts a server on a free port of 127.0.0.1; sign-in is by SCRAM over TCP, and free for the superuser
    /// `postgres` over the socket in its folder.
    pub fn start() -> Result<Self, SandboxError> {
        Self::start_with(&Setup::default())
    }

    /// Starts a server that differs from the usual.
    pub fn start_with(setup: &Setup) -> Result<Self, SandboxError> {
        let bin = binaries()?;
        let template = template(&bin)?;
        let folder =
            tempfile::Builder::new().prefix("countersign-pg-").tempdir().map_err(io("no temporary folder"))?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).map_err(io("no temporary folder"))?;
        let data = folder.path().join("data");
        let mut copy = Command::new("cp");
        copy.args(["-a", "--reflink=auto"]).arg(template.join("data")).arg(&data);
        run(copy)?;
        let mut text = format!("{SETTINGS}\n{}\n", setup.settings);
        if let Some(sign_in) = &setup.sign_in {
            write_private(&data.join("pg_hba.conf"), sign_in)?;
        }
        if let Some(tls) = &setup.tls {
            text.push_str("ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n");
            write_private(&data.join("server.crt"), &tls.certificate)?;
            write_private(&data.join("server.key"), &tls.key)?;
        }
        write_private(&data.join("postgresql.auto.conf"), &text)?;
        give_away(folder.path())?;
        let (child, port) = launch(&bin, folder.path())?;
        Ok(Self { bin, folder, child, port })
    }

    /// The port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A program of PostgreSQL's, by name: `psql`, `pgbench`, `pg_dump`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The folder with the socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Runs SQL as the superuser, unaligned and without headers; gives what it printed.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, SandboxError> {
        let mut psql = command(&self.bin.join("psql"));
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database]);
        psql.arg("-h").arg(self.folder.path()).args(["-p", &self.port.to_string()]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().map_err(io("psql could not be started"))?;
        let mut input = child.stdin.take();
        let text = sql.to_owned();
        // Written beside reading: a long script and a long answer would otherwise wait for each other.
        let writer = thread::spawn(move || input.as_mut().map_or(Ok(()), |input| input.write_all(text.as_bytes())));
        let output = child.wait_with_output().map_err(io("psql could not be read"))?;
        drop(writer.join());
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(SandboxError::Failed { program: "psql".to_owned(), said })
    }

    /// Stops the server at once, as if the power had failed.
    pub fn stop(&mut self) {
        let mut stop = command(&self.bin.join("pg_ctl"));
        stop.arg("-D").arg(self.folder.path().join("data")).args(["stop", "-m", "immediate", "-s"]);
        // Dropping must not fail; what is left over is killed with the parent's folder gone.
        drop(run(stop));
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts a stopped server again, on the same port and data.
    pub fn restart(&mut self) -> Result<(), SandboxError> {
        self.child = spawn(&self.bin, self.folder.path(), self.port)?;
        wait_until_up(&self.bin, self.folder.path(), self.port, &mut self.child)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn write_private(path: &Path, text: &str) -> Result<(), SandboxError> {
    let what = || format!("{} can't be written", path.display());
    fs::write(path, text).map_err(io(what()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io(what()))?;
    give_away(path)
}

/// Starts on a free port; somebody else may take it in between, so it is tried a few times.
fn launch(bin: &Path, folder: &Path) -> Result<(Child, u16), SandboxError> {
    let mut last = SandboxError::Missing;
    for _try in 0..5 {
        let port = free_port()?;
        let mut child = spawn(bin, folder, port)?;
        match wait_until_up(bin, folder, port, &mut child) {
            Ok(()) => return Ok((child, port)),
            Err(error) => last = error,
        }
        drop(child.kill());
        drop(child.wait());
    }
    Err(last)
}

fn spawn(bin: &Path, folder: &Path, port: u16) -> Result<Child, SandboxError> {
    let mut server = command(&bin.join("postgres"));
    server.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    server.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
    server.args(["-c", "listen_addresses=127.0.0.1"]);
    // A group of its own: Ctrl-C in the demo's terminal must not take the database away under it.
    server.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    server.spawn().map_err(io("postgres could not be started"))
}

fn wait_until_up(bin: &Path, folder: &Path, port: u16, child: &mut Child) -> Result<(), SandboxError> {
    let pause = Duration::from_millis(25);
    for _try in 0..START.as_millis() / pause.as_millis() {
        if matches!(child.try_wait(), Ok(Some(_))) {
            let mut said = String::new();
            if let Some(stderr) = child.stderr.as_mut() {
                drop(stderr.read_to_string(&mut said));
            }
            return Err(SandboxError::Failed { program: "postgres".to_owned(), said });
        }
        let mut ready = command(&bin.join("pg_isready"));
        ready.arg("-q").arg("-h").arg(folder).args(["-p", &port.to_string(), "-d", "postgres"]);
        if ready.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        thread::sleep(pause);
    }
    Err(SandboxError::Failed { program: "postgres".to_owned(), said: "it did not start in time".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_answers_stops_and_starts_again() {
        let mut postgres = Postgres::start().expect("a server");
        assert_eq!(postgres.sql("postgres", "SELECT 1 + 1").expect("an answer"), "2");
        postgres.stop();
        assert!(postgres.sql("postgres", "SELECT 1").is_err());
        postgres.restart().expect("a server");
        assert_eq!(postgres.sql("postgres", "SELECT 'again'").expect("an answer"), "again");
    }
}
