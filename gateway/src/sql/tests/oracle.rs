//! The oracle: a real server must agree that what is classed as reading can run in a read-only transaction.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;

/// What the corpus names, so that statements fail for being writes and not for missing tables.
const SCHEMA: &str = "
    CREATE TABLE t (id int PRIMARY KEY, x int, y int, name text, active bool, balance int, customer_id int, created timestamptz,
        deleted_at timestamptz);
    CREATE TABLE u (id int PRIMARY KEY, x int);
    CREATE TABLE customers (id int PRIMARY KEY, name text, email text);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total int, email text);
    CREATE SEQUENCE s;
    CREATE SCHEMA \"Order\"; CREATE TABLE \"Order\".\"Items\" (id int);
    CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
    CREATE ROLE admin; CREATE ROLE bob;
    INSERT INTO t (id, x) SELECT g, g FROM generate_series(1, 5) g;";

struct Server {
    child: Child,
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Server {
    /// Starts a server as `nobody`; the reason why not otherwise.
    fn start() -> Result<Self, String> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").map_err(|_| "no PostgreSQL server is installed")?;
        let bin = versions
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .filter(|bin| bin.join("initdb").exists() && bin.join("postgres").exists() && bin.join("psql").exists())
            .max()
            .ok_or("no PostgreSQL server is installed")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().display().to_string();
        Self::run(&format!("chmod 755 '{path}' && mkdir '{path}/run' && (chown -R nobody '{path}/run' || true)"))?;
        let data = format!("'{path}/run/data'");
        Self::run(&as_nobody(&format!(
            "'{}/initdb' -D {data} -U postgres -A trust -E UTF8 --no-sync",
            bin.display()
        )))?;
        let start = format!(
            "exec '{}/postgres' -D {data} -k '{path}/run' -c listen_addresses= -c fsync=off -c statement_timeout=5s \
             -c default_transaction_read_only=off",
            bin.display()
        );
        let child = Command::new("sh")
            .args(["-c", &format!("exec {}", as_nobody(&start))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let server = Self { child, folder, bin };
        let deadline = Instant::now() + Duration::from_secs(30);
        while server.psql("SELECT 1").1.contains("connection to server") {
            if Instant::now() > deadline {
                return Err("the server did not start".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn run(script: &str) -> Result<(), String> {
        let output = Command::new("sh").args(["-c", script]).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// Runs statements, each in a message of its own; what came out and the errors.
    fn psql(&self, script: &str) -> (String, String) {
        use std::io::Write as _;
        let mut child = Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(Path::new(&self.socket()))
            .args(["-v", "VERBOSITY=verbose", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The shell became `runuser`, and that passes the signal on; `pg_ctl` waits until the server is gone.
        let data = format!("'{}/run/data'", self.folder.path().display());
        let _ = Self::run(&as_nobody(&format!("'{}/pg_ctl' -D {data} -m immediate -w stop", self.bin.display())));
        let _ = self.child.wait();
    }
}

/// The server refuses to run as root.
fn as_nobody(command: &str) -> String {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if root {
        format!("setpriv --reuid nobody --regid nogroup --clear-groups sh -c \"{command}\"")
    } else {
        format!("sh -c \"{command}\"")
    }
}

#[test]
fn what_is_classed_as_reading_runs_in_a_read_only_transaction() {
    let server = match Server::start() {
        Ok(server) => server,
        Err(why) => {
            eprintln!("skipped: {why}");
            return;
        }
    };
    let (_, errors) = server.psql(SCHEMA);
    assert!(!errors.contains("ERROR"), "{errors}");
    let mut wrong = String::new();
    let (mut asked, mut ran) = (0, 0);
    for case in corpus() {
        let sql = case.sql.clone();
        let operations = deep(move || read(&sql)).operations;
        let reads = operations.iter().all(|operation| {
            matches!(operation.act, Act::Read | Act::Session | Act::Transaction)
                && !operation.writes
                && !operation.undoes_read_only
                && operation.opaque.is_none()
        });
        // Ending the transaction leaves it; parameters need a client; COPY reads from psql's own input.
        let leaves = operations.iter().any(|operation| operation.act == Act::Transaction);
        if !reads || leaves || case.sql.contains('$') && case.sql.contains("$1") {
            continue;
        }
        asked += 1;
        let (_, errors) = server.psql(&format!(
            "\\set ON_ERROR_STOP on\nBEGIN READ ONLY;\nPREPARE p AS SELECT 1;\n{}\n;ROLLBACK;\n",
            case.sql
        ));
        ran += usize::from(!errors.contains("ERROR"));
        if errors.contains("25006") {
            writeln!(wrong, "{}: {}\n  {errors}", case.place, case.sql).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(asked > 80, "only {asked} lines were asked about");
    eprintln!("the server agrees on {asked} lines; {ran} of them ran without any error");
}
