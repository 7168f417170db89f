//! The world of the demo: a real PostgreSQL with made-up data, Countersign beside it, and people who are signed in.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use sandbox::Postgres;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workflows::clock::Span;

use crate::config::Config;
use crate::serve::{Parts, Ready, serve};

/// Everybody in the demo.
const PEOPLE: [&str; 5] = ["ada", "alan", "grace", "linus", "audrey"];

/// The running world. What it made is gone when it is closed.
pub struct Stage {
    /// The target's server.
    pub postgres: Postgres,
    /// Where everything listens.
    pub ready: Ready,
    folder: TempDir,
    serving: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Stage {
    /// Builds the world.
    pub async fn build() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("countersign-demo-").tempdir()?;
        let postgres = tokio::task::spawn_blocking(Postgres::start).await??;
        let (read, write) = (RandomWord::new()?, RandomWord::new()?);
        let roles = format!(
            "CREATE ROLE cs_read LOGIN PASSWORD '{}'; CREATE ROLE cs_write LOGIN PASSWORD '{}';",
            read.0, write.0
        );
        postgres.sql("postgres", &roles)?;
        postgres.sql("postgres", "CREATE DATABASE orders")?;
        postgres.sql("orders", include_str!("data.sql"))?;
        fs::create_dir(folder.path().join("secrets"))?;
        write_private(&folder.path().join("secrets/read"), &read.0)?;
        write_private(&folder.path().join("secrets/write"), &write.0)?;
        let path = folder.path().join("countersign.toml");
        fs::write(&path, policy(folder.path(), postgres.port()))?;
        let config = Config::load(&path)?;

        let stop = CancellationToken::new();
        let (tell, told) = oneshot::channel();
        let mut serving = JoinSet::new();
        let parts = Parts { ready: Some(tell), ..Parts::real() };
        serving.spawn(serve(config, parts, stop.clone()));
        let ready = tokio::select! {
            ready = told => ready.map_err(|_| anyhow!("Countersign did not start")),
            failed = serving.join_next() => match failed {
                Some(Ok(Err(failure))) => Err(failure),
                _ => Err(anyhow!("Countersign did not start")),
            },
        }?;
        let stage = Self { postgres, ready, folder, serving, stop };
        stage.sign_everybody_in().await?;
        Ok(stage)
    }

    async fn sign_everybody_in(&self) -> anyhow::Result<()> {
        for person in PEOPLE {
            let name = format!("{person}@example.com");
            let issued = self.ready.workflows.issue("demo", &name, Span::hours(12), "demo").await?;
            let text = format!("url = \"{}\"\ntoken = \"{}\"\n", self.url(), issued.token.reveal());
            write_private(&self.credentials(person), &text)?;
        }
        Ok(())
    }

    /// The API's address.
    pub fn url(&self) -> String {
        format!("http://{}", self.ready.console)
    }

    /// The file with which somebody is signed in.
    pub fn credentials(&self, person: &str) -> PathBuf {
        self.folder.path().join(format!("{person}.toml"))
    }

    /// The demo's configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("countersign.toml")
    }

    /// A client of the target's own version.
    pub fn psql(&self) -> PathBuf {
        self.postgres.program("psql")
    }

    /// Waits until Countersign ends by itself, which it should not.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        self.serving.join_next().await.context("nothing runs")??
    }

    /// Ends everything, in order, and removes the folder.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.serving.join_next().await {
            ended??;
        }
        Ok(())
    }
}

/// A password that nobody knows.
struct RandomWord(String);

impl RandomWord {
    fn new() -> anyhow::Result<Self> {
        let mut bytes = [0_u8; 18];
        fs::File::open("/dev/urandom").and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes))?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()))
    }
}

fn policy(folder: &Path, port: u16) -> String {
    let zone = jiff::tz::TimeZone::system();
    let zone = zone.iana_name().filter(|name| *name != "Etc/Unknown").unwrap_or("UTC").to_owned();
    include_str!("demo.toml")
        .replace("@ZONE@", &zone)
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@PORT@", &port.to_string())
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
