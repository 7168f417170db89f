//! What sudo calls, and how its structures lie in memory (`sudo_plugin.h` of sudo 1.9). The test compares them with the
//! header that the distribution ships.
#![expect(unsafe_code, reason = "sudo is C: it hands over pointers, and looks for a symbol by its name")]

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::asking::{Refused, ask};
use crate::lists::{List, Words};
use crate::settings::Opened;

/// The type of an approval plugin.
const APPROVAL: c_uint = 4;
/// 1.15 brought approval plugins, with sudo 1.9.0.
const VERSION: c_uint = (1 << 16) | 15;

const YES: c_int = 1;
const NO: c_int = 0;
const ERROR: c_int = -1;

const ERROR_MESSAGE: c_int = 3;
const INFO_MESSAGE: c_int = 4;
/// The terminal if there is one, even where the error stream goes elsewhere.
const PREFER_TERMINAL: c_int = 0x2000;

/// `struct sudo_conv_message`
#[repr(C)]
pub(crate) struct Message {
    kind: c_int,
    timeout: c_int,
    text: *const c_char,
}

/// `struct sudo_conv_reply`
#[repr(C)]
pub(crate) struct Reply {
    text: *mut c_char,
}

type Conversation = unsafe extern "C" fn(c_int, *const Message, *mut Reply, *mut c_void) -> c_int;
/// Never called: its other arguments depend on a format.
type Print = unsafe extern "C" fn(c_int, *const c_char, ...) -> c_int;
type Why = *mut *const c_char;

/// `struct approval_plugin`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct ApprovalPlugin {
    kind: c_uint,
    version: c_uint,
    open: unsafe extern "C" fn(
        c_uint,
        Option<Conversation>,
        Option<Print>,
        List,
        List,
        c_int,
        List,
        List,
        List,
        Why,
    ) -> c_int,
    close: extern "C" fn(),
    check: unsafe extern "C" fn(List, List, List, Why) -> c_int,
    show_version: extern "C" fn(c_int) -> c_int,
}

/// What `sudo.conf` names.
// SAFETY: the name is this project's own, and no other symbol has it.
#[unsafe(no_mangle)]
pub(crate) static countersign_approval: ApprovalPlugin =
    ApprovalPlugin { kind: APPROVAL, version: VERSION, open, close, check, show_version };

/// What lasts from `open` to `close`. sudo has no other place for it.
static STATE: Mutex<Option<State>> = Mutex::new(None);
/// How many programs this sudo has asked about: the first is its command, what follows is started by that.
static ASKED: Mutex<u32> = Mutex::new(0);

struct State {
    opened: Opened,
    talk: Option<Conversation>,
    /// sudo reads it after the call that set it has returned.
    why: Option<CString>,
}

unsafe extern "C" fn open(
    _version: c_uint,
    talk: Option<Conversation>,
    _print: Option<Print>,
    _settings: List,
    user_info: List,
    _submit_optind: c_int,
    _submit_argv: List,
    submit_envp: List,
    plugin_options: List,
    why: Why,
) -> c_int {
    let outcome = catch_unwind(|| {
        // SAFETY: sudo's lists are valid for the length of the call, and end with a null pointer.
        let user = unsafe { Words::of(user_info) };
        // SAFETY: as above.
        let env = unsafe { Words::of(submit_envp) };
        // SAFETY: as above.
        let options = unsafe { Words::of(plugin_options) };
        Opened::read(&user, &env, &options)
    });
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let (opened, told, answer) = match outcome {
        Ok(Ok(opened)) => (Some(opened), None, YES),
        Ok(Err(mistake)) => (None, Some(mistake.to_string()), ERROR),
        Err(_) => (None, Some("countersign: the plugin failed".to_owned()), ERROR),
    };
    let opened = opened.unwrap_or_else(Opened::closed);
    let state = state.insert(State { opened, talk, why: None });
    // SAFETY: sudo's pointer, valid for the call; what it is set to lives until `close`.
    unsafe { tell(state, told, why) };
    answer
}

extern "C" fn close() {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

unsafe extern "C" fn check(command_info: List, run_argv: List, run_envp: List, why: Why) -> c_int {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(state) = state.as_mut() else { return ERROR };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: sudo's lists are valid for the length of the call, and end with a null pointer.
        let info = unsafe { Words::of(command_info) };
        // SAFETY: as above.
        let argv = unsafe { Words::of(run_argv) };
        // SAFETY: as above.
        let env = unsafe { Words::of(run_envp) };
        let inside = {
            let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
            *asked = asked.saturating_add(1);
            *asked > 1
        };
        let talk = state.talk;
        ask(&state.opened, &info, &argv, &env, inside, &|words| say(talk, ERROR_MESSAGE, words))
    }));
    let (told, answer) = match outcome {
        Ok(Ok(())) => return YES,
        Ok(Err(Refused::Denied(reason))) => (reason, NO),
        Ok(Err(refused)) => (refused.to_string(), NO),
        Err(_) => ("the plugin failed".to_owned(), ERROR),
    };
    let told = format!("refused: {told}");
    say(state.talk, ERROR_MESSAGE, &told);
    // SAFETY: sudo's pointer, valid for the call; what it is set to lives until `close`.
    unsafe { tell(state, Some(told), why) };
    answer
}

extern "C" fn show_version(_verbose: c_int) -> c_int {
    let state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    say(
        state.as_ref().and_then(|state| state.talk),
        INFO_MESSAGE,
        concat!("approval plugin ", env!("CARGO_PKG_VERSION")),
    );
    YES
}

/// Keeps the words, and shows sudo where they are.
///
/// # Safety
/// `why` is null or a place that may be written to.
unsafe fn tell(state: &mut State, words: Option<String>, why: Why) {
    state.why = words.map(plain);
    if let (Some(words), false) = (&state.why, why.is_null()) {
        // SAFETY: not null, and the caller vouches for the rest.
        unsafe { *why = words.as_ptr() };
    }
}

/// Without anything that would act on a terminal.
fn plain(words: String) -> CString {
    let shown: String = words.chars().flat_map(guard::visible).filter(|letter| *letter != '\0').collect();
    CString::new(shown).unwrap_or_default()
}

/// One line for the person.
fn say(talk: Option<Conversation>, kind: c_int, words: &str) {
    let Some(talk) = talk else { return };
    let text = plain(format!("countersign: {words}"));
    let line = [text.as_bytes(), b"\n\0"].concat();
    let Ok(line) = CString::from_vec_with_nul(line) else { return };
    let message = Message { kind: kind | PREFER_TERMINAL, timeout: 0, text: line.as_ptr() };
    let mut reply = Reply { text: std::ptr::null_mut() };
    // SAFETY: one message and one reply, both alive during the call; no callback is given.
    unsafe { talk(1, &raw const message, &raw mut reply, std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;
    use std::process::Command;

    use super::*;

    /// Compiled against the distribution's header: `name offset` lines.
    const PROGRAM: &str = r#"
#include <stddef.h>
#include <stdio.h>
#include <sudo_plugin.h>
#define AT(type, field) printf(#field " %zu\n", offsetof(struct type, field))
int main(void) {
    AT(approval_plugin, type); AT(approval_plugin, version); AT(approval_plugin, open);
    AT(approval_plugin, close); AT(approval_plugin, check); AT(approval_plugin, show_version);
    printf("plugin %zu\n", sizeof(struct approval_plugin));
    AT(sudo_conv_message, msg_type); AT(sudo_conv_message, timeout); AT(sudo_conv_message, msg);
    printf("message %zu\nreply %zu\n", sizeof(struct sudo_conv_message), sizeof(struct sudo_conv_reply));
    printf("kind %d\nmajor %d\nnew-enough %d\n", SUDO_APPROVAL_PLUGIN, SUDO_API_VERSION_MAJOR, SUDO_API_VERSION_MINOR >= 15);
    printf("error %d\ninfo %d\ntty %d\n", SUDO_CONV_ERROR_MSG, SUDO_CONV_INFO_MSG, SUDO_CONV_PREFER_TTY);
    return 0;
}"#;

    #[test]
    fn structures_lie_as_the_header_says() {
        if !std::fs::exists("/usr/include/sudo_plugin.h").unwrap() {
            eprintln!("LEFT OUT: sudo's header is not installed (Debian has it in the package sudo)");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (source, program) = (folder.path().join("layout.c"), folder.path().join("layout"));
        std::fs::write(&source, PROGRAM).unwrap();
        let compiler = Command::new("cc").arg("-o").arg(&program).arg(&source).output().unwrap();
        assert!(compiler.status.success(), "{}", String::from_utf8_lossy(&compiler.stderr));
        let theirs = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
        let ours = [
            ("type", offset_of!(ApprovalPlugin, kind)),
            ("version", offset_of!(ApprovalPlugin, version)),
            ("open", offset_of!(ApprovalPlugin, open)),
            ("close", offset_of!(ApprovalPlugin, close)),
            ("check", offset_of!(ApprovalPlugin, check)),
            ("show_version", offset_of!(ApprovalPlugin, show_version)),
            ("plugin", size_of::<ApprovalPlugin>()),
            ("msg_type", offset_of!(Message, kind)),
            ("timeout", offset_of!(Message, timeout)),
            ("msg", offset_of!(Message, text)),
            ("message", size_of::<Message>()),
            ("reply", size_of::<Reply>()),
            ("kind", APPROVAL as usize),
            ("major", VERSION as usize >> 16),
            ("new-enough", 1),
            ("error", ERROR_MESSAGE as usize),
            ("info", INFO_MESSAGE as usize),
            ("tty", PREFER_TERMINAL as usize),
        ];
        let ours: Vec<String> = ours.iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(theirs.lines().collect::<Vec<_>>(), ours);
    }
}
