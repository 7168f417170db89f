//! What a client wants of a channel: the requests up to the one that starts something (RFC 4254, section 6).

use bytes::Bytes;
use russh::{ChannelMsg, ChannelReadHalf, Pty};
use workflows::shown::visible;

/// The longest command line, in bytes.
const LONGEST: usize = 128 << 10;
/// A request to send a break (RFC 4335).
pub(super) const BREAK: &str = "break";
/// How many variables a channel may set.
const VARIABLES: usize = 64;

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An interactive shell.
    Shell,
    /// A command line.
    Exec(Bytes),
    /// A service by name.
    Subsystem(String),
    /// A port that leads to somewhere behind the target (RFC 4254, section 7.2), as `host:port`.
    Port(String),
}

impl What {
    /// As it is shown, and told apart from others of its kind.
    pub(super) fn text(&self) -> Bytes {
        match self {
            Self::Exec(line) => line.clone(),
            Self::Shell => Bytes::from_static(b"shell"),
            Self::Subsystem(name) => Bytes::from(format!("subsystem {name}")),
            Self::Port(to) => Bytes::from(format!("a port to {to}")),
        }
    }
}

/// A terminal, as the client described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terminal {
    pub(super) term: String,
    pub(super) size: [u32; 4],
    pub(super) modes: Vec<(Pty, u32)>,
}

/// A channel that is ready to start something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) what: What,
    pub(super) terminal: Option<Terminal>,
    pub(super) variables: Vec<(String, String)>,
    /// The client lends its agent, where the file lets it.
    pub(super) agent: bool,
}

impl Start {
    /// What else whoever decides should know.
    pub(super) fn around(&self) -> Vec<String> {
        let terminal = self.terminal.iter().map(|terminal| format!("on a terminal ({})", visible(&terminal.term)));
        let variable = |(name, value): &(String, String)| format!("with {}={}", visible(name), visible(value));
        let agent = self.agent.then(|| "with the person's agent".to_owned());
        terminal.chain(self.variables.iter().map(variable)).chain(agent).collect()
    }
}

/// Variables that change no more than the language of messages. Others can change what a program does.
pub(super) fn may_be_set(name: &str) -> bool {
    name == "LANG" || name.starts_with("LC_")
}

/// Services that are known.
pub(super) fn is_subsystem(name: &str) -> bool {
    name == "sftp"
}

/// Reads on until something is to be started, or can't be; `None` if the client leaves before. Cancel-safe but for what was read.
pub(super) async fn read(from: &mut ChannelReadHalf) -> Option<Result<Start, &'static str>> {
    let (mut terminal, mut variables, mut agent) = (None, Vec::new(), false);
    loop {
        let what = match from.wait().await? {
            ChannelMsg::RequestPty { term, col_width, row_height, pix_width, pix_height, terminal_modes, .. } => {
                // The library hands on modes that it does not know under this name.
                let modes = terminal_modes.into_iter().filter(|(mode, _)| *mode != Pty::TTY_OP_END).collect();
                let size = [col_width, row_height, pix_width, pix_height];
                terminal = Some(Terminal { term, size, modes });
                continue;
            }
            ChannelMsg::WindowChange { col_width, row_height, pix_width, pix_height } => {
                if let Some(terminal) = &mut terminal {
                    terminal.size = [col_width, row_height, pix_width, pix_height];
                }
                continue;
            }
            ChannelMsg::SetEnv { variable_name, variable_value, .. } => {
                let short = variable_name.len() <= 64 && variable_value.len() <= 1024;
                if short && may_be_set(&variable_name) && variables.len() < VARIABLES {
                    variables.push((variable_name, variable_value));
                }
                continue;
            }
            ChannelMsg::AgentForward { .. } => {
                agent = true;
                continue;
            }
            ChannelMsg::RequestShell { .. } => What::Shell,
            ChannelMsg::Exec { command, .. } if command.len() <= LONGEST => What::Exec(command.into()),
            ChannelMsg::Exec { .. } => return Some(Err("a command line of more than 128 KiB is not taken")),
            ChannelMsg::RequestSubsystem { name, .. } if is_subsystem(&name) => What::Subsystem(name),
            ChannelMsg::Close => return None,
            // What belongs to something that has started, or was refused by the door.
            ChannelMsg::Open { .. }
            | ChannelMsg::Data { .. }
            | ChannelMsg::ExtendedData { .. }
            | ChannelMsg::Eof
            | ChannelMsg::Signal { .. }
            | ChannelMsg::RequestSubsystem { .. }
            | ChannelMsg::RequestX11 { .. }
            | ChannelMsg::Request { .. }
            | ChannelMsg::XonXoff { .. }
            | ChannelMsg::ExitStatus { .. }
            | ChannelMsg::ExitSignal { .. }
            | ChannelMsg::WindowAdjusted { .. }
            | ChannelMsg::Success
            | ChannelMsg::Failure
            | ChannelMsg::OpenFailure(_)
            | _ => continue,
        };
        return Some(Ok(Start { what, terminal, variables, agent }));
    }
}
