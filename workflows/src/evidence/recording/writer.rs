//! The writing side as the gateway sees it: one [`Recorder`], which begins the recording of each session.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::codec::{self, Bracket};
use super::format::{FORMAT, Header, first_head, opening};
use super::lock::Locked;
use super::seal::{Recipients, SealError};
use super::session::{Chunk, Press, RecordError, Session, Sink};
use super::tape::{MAX_RECORD, Tape};
use super::thread::{Desk, Shared};

/// Whatever is configured, a record waits no longer for a sweep.
const MAX_FLUSH_EVERY: Duration = Duration::from_hours(1);

/// Reads the gateway's clock: microseconds since 1970 (UTC). Called once per record, so keep it cheap.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How recordings are written.
#[derive(Clone)]
pub struct RecorderConfig {
    /// Folder of the recordings; made with mode 0700 if it is not there. Below it is a folder for each day (UTC).
    pub dir: PathBuf,
    /// age X25519 recipients (`age1…`) that recordings are sealed to; empty: not sealed.
    pub recipients: Vec<String>,
    /// A record reaches the file at most this long after it was put, as long as the disk keeps up.
    pub flush_every: Duration,
    /// How many bytes of all sessions together may wait for the disk before [`Tape::ready`] waits.
    pub queue_bytes: usize,
    /// The clock of the records.
    pub now: Now,
}

impl fmt::Debug for RecorderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecorderConfig")
            .field("dir", &self.dir)
            .field("recipients", &self.recipients)
            .field("flush_every", &self.flush_every)
            .field("queue_bytes", &self.queue_bytes)
            .finish_non_exhaustive()
    }
}

/// The recorder cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A recipient is none.
    #[error("recordings cannot be sealed")]
    Seal(#[source] SealError),
    /// The folder cannot be made or opened.
    #[error("the folder for recordings `{dir}` cannot be used", dir = dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The writer's thread cannot be started.
    #[error("the recorder's thread cannot be started")]
    Thread(#[source] io::Error),
}

/// Writes the recordings of all sessions, by one thread. Clones share it; it ends with the last clone and tape.
#[derive(Clone)]
pub struct Recorder(Arc<Owner>);

/// Ends the thread when the last recorder and the last tape are gone.
pub(super) struct Owner {
    pub(super) shared: Arc<Shared>,
    dir: PathBuf,
    recipients: Recipients,
    /// Today's folder, open, so that file names in it can be synced.
    day: Locked<Option<(PathBuf, Arc<File>)>>,
    /// For the first frame of the next recording: making a compressor takes longer than using it.
    press: Locked<Option<Press>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Recorder");
        f.field("dir", &self.0.dir).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Makes the folder and starts the thread.
    ///
    /// # Errors
    ///
    /// If a recipient is malformed, or the folder or the thread cannot be had.
    pub fn start(config: RecorderConfig) -> Result<Self, StartError> {
        let recipients = Recipients::parse(&config.recipients).map_err(StartError::Seal)?;
        let dir = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.dir)
            .and_then(|()| config.dir.canonicalize())
            .map_err(|source| StartError::Folder { dir: config.dir.clone(), source })?;
        let flush_every = config.flush_every.min(MAX_FLUSH_EVERY);
        let shared = Shared::new(config.queue_bytes.max(1), flush_every, config.now);
        let shared = Arc::new(shared);
        let desk = Desk::new(Press::new().map_err(StartError::Thread)?);
        let its = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || desk.run(&its))
            .map_err(StartError::Thread)?;
        Ok(Self(Arc::new(Owner { shared, dir, recipients, day: Locked::default(), press: Locked::default() })))
    }

    /// The folder of all recordings, as the system itself calls it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.dir
    }

    /// Begins the recording of a session: `<dir>/<day>/<session id>.csr`, mode 0600, with the header and a `Begin`
    /// record that holds `begin_json`. Both are in the file when this returns (not yet synced: see
    /// [`Tape::flush`]). Blocks for a file creation and one small write, and a key exchange per recipient.
    ///
    /// A success also ends the state in which every `put` fails after a full disk.
    ///
    /// # Errors
    ///
    /// If the id is no file name or already used, the file cannot be written, or sealing fails.
    pub fn open(&self, session_id: &str, begin_json: &str) -> Result<Tape, RecordError> {
        if !is_name(session_id) {
            return Err(RecordError::Name(session_id.to_owned()));
        }
        if begin_json.len() > MAX_RECORD {
            return Err(RecordError::TooLarge(begin_json.len()));
        }
        let started = (self.0.shared.now)();
        let (folder, handle) = self.day(started)?;
        let key = self.0.recipients.new_key();
        let (sealer, sealed) = key.map_err(|e| RecordError::Seal(Arc::new(e)))?.unzip();
        let header = Header { format: FORMAT, session: session_id.to_owned(), started, sealed };
        let opening = opening(&header).map_err(|e| RecordError::from(io::Error::from(e)))?;
        let path = folder.join(format!("{session_id}.csr"));
        let mut file = create(&path, session_id).inspect_err(|error| {
            // The day's folder may have been moved away: look again next time.
            *self.0.day.lock() = None;
            self.failed(error);
        })?;
        let head = first_head(&opening);
        let begun = file
            .write_all(&opening)
            .map_err(RecordError::from)
            .and_then(|()| {
                let mut sink = Sink::new(file, Some(handle), sealer, head);
                let mut chunk = Chunk::default();
                codec::encode_bracket(&mut chunk.bytes, 0, started, Bracket::Begin, begin_json);
                chunk.records = 1;
                let spare = self.0.press.lock().take();
                let mut press = spare.map_or_else(Press::new, Ok)?;
                let written = sink.batch(&chunk, &mut press);
                press.relax();
                *self.0.press.lock() = Some(press);
                written?;
                Ok(sink)
            })
            .inspect_err(|error| {
                // Nobody was let in on it, so half a beginning is worth nothing.
                let _ = fs::remove_file(&path);
                self.failed(error);
            })?;
        self.0.shared.recover();
        Ok(self.tape(begun, path))
    }

    /// Resolves when everything put before is in the files (not synced). For the end of the process.
    ///
    /// # Errors
    ///
    /// If a write failed and no recording could be begun since, or the thread is gone.
    pub async fn settle(&self) -> Result<(), RecordError> {
        let settled = self.0.shared.settle().await;
        self.0.shared.sound()?;
        settled.map_err(|_| RecordError::Stopped)
    }

    pub(super) fn tape(&self, sink: Sink, path: PathBuf) -> Tape {
        Tape::new(Arc::clone(&self.0), Arc::new(Session::new(sink)), path)
    }

    /// A full disk is everyone's trouble. A name in use, or no file handle left, is only that of the new session.
    fn failed(&self, error: &RecordError) {
        if matches!(error, RecordError::Full) {
            self.0.shared.trouble(error);
        }
    }

    fn day(&self, at: i64) -> Result<(PathBuf, Arc<File>), RecordError> {
        let out_of_range = |_| RecordError::Io(io::ErrorKind::InvalidInput);
        let day = jiff::Timestamp::from_microsecond(at).map_err(out_of_range)?;
        let path = self.0.dir.join(day.strftime("%Y-%m-%d").to_string());
        let mut cached = self.0.day.lock();
        if let Some((known, handle)) = &*cached
            && *known == path
        {
            return Ok((path, Arc::clone(handle)));
        }
        let handle =
            open_day(&self.0.dir, &path).map_err(RecordError::from).inspect_err(|error| self.failed(error))?;
        let handle = Arc::new(handle);
        *cached = Some((path.clone(), Arc::clone(&handle)));
        Ok((path, handle))
    }
}

fn open_day(dir: &Path, day: &Path) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(day) {
        Ok(()) => File::open(dir)?.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    if fs::symlink_metadata(day)?.is_dir() { File::open(day) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// `create_new` is O_EXCL, which fails on anything that has the name, a symlink included.
fn create(path: &Path, session_id: &str) -> Result<File, RecordError> {
    let mut options = OpenOptions::new();
    let created = options.append(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            RecordError::Exists(session_id.to_owned())
        } else {
            error.into()
        }
    })
}

fn is_name(id: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    (1..=64).contains(&id.len()) && id.bytes().all(good)
}
