//! Frames that we write ourselves, on either side.

use super::HEAD;

/// Writes one frame: tag, length, and what `body` adds.
pub(crate) fn frame(to: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&[tag, 0, 0, 0, 0]);
    body(to);
    let length = (to.len() - start - 1) as u32;
    if let Some(field) = to.get_mut(start + 1..start + HEAD) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// A text and its zero byte. A zero inside would end it early, so it becomes a space.
fn text(to: &mut Vec<u8>, text: &[u8]) {
    to.extend(text.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }));
    to.push(0);
}

/// What an ErrorResponse or a NoticeResponse says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    /// `ERROR`, `FATAL` or `NOTICE`.
    pub(crate) severity: &'a str,
    /// The SQLSTATE.
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) hint: &'a str,
    /// In the text of the statement, in characters from 1.
    pub(crate) position: Option<u32>,
}

/// `E` of a server, or `N` where the severity is a notice.
pub(crate) fn say(to: &mut Vec<u8>, words: Words<'_>) {
    let tag = if words.severity == "NOTICE" { b'N' } else { b'E' };
    frame(to, tag, |to| {
        let position = words.position.map(|position| position.to_string()).unwrap_or_default();
        let fields = [
            (b'S', words.severity),
            (b'V', words.severity),
            (b'C', words.code),
            (b'M', words.message),
            (b'D', words.detail),
            (b'H', words.hint),
            (b'P', &position),
        ];
        for (letter, field) in fields.into_iter().filter(|(_, field)| !field.is_empty()) {
            to.push(letter);
            text(to, field.as_bytes());
        }
        to.push(0);
    });
}

/// `Z`.
pub(crate) fn write_ready(to: &mut Vec<u8>, status: u8) {
    frame(to, b'Z', |to| to.push(status));
}

/// `Q`.
pub(crate) fn write_query(to: &mut Vec<u8>, query: &str) {
    frame(to, b'Q', |to| text(to, query.as_bytes()));
}

/// `P`; `types` are raw oids.
pub(crate) fn write_parse(to: &mut Vec<u8>, name: &str, query: &[u8], types: &[u8]) {
    frame(to, b'P', |to| {
        text(to, name.as_bytes());
        text(to, query);
        to.extend_from_slice(&(types.len() as u16 / 4).to_be_bytes());
        to.extend_from_slice(types);
    });
}

/// `B` of unnamed portal and statement; `tail` gives formats and values; the results are text.
pub(crate) fn write_bind(to: &mut Vec<u8>, tail: impl FnOnce(&mut Vec<u8>)) {
    frame(to, b'B', |to| {
        to.extend_from_slice(&[0, 0]);
        tail(to);
        to.extend_from_slice(&[0, 0]);
    });
}

/// `D`: describe a portal or a statement.
pub(crate) fn write_describe(to: &mut Vec<u8>, portal: bool, name: &[u8]) {
    frame(to, b'D', |to| {
        to.push(if portal { b'P' } else { b'S' });
        text(to, name);
    });
}

/// `E`: run the unnamed portal to its end.
pub(crate) fn write_execute(to: &mut Vec<u8>) {
    frame(to, b'E', |to| to.extend_from_slice(&[0; 5]));
}

/// `S`: Sync.
pub(crate) fn write_sync(to: &mut Vec<u8>) {
    frame(to, b'S', |_| {});
}

/// `X`: goodbye.
pub(crate) fn write_terminate(to: &mut Vec<u8>) {
    frame(to, b'X', |_| {});
}
