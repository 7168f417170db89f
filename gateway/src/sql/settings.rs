//! What a change of a setting does: to the session, to who one is, and to how later statements are read.

use workflows::operation::Act;

use super::objects::boolean;

/// How a change of one setting is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) act: Act,
    pub(super) undoes: bool,
    pub(super) opaque: Option<String>,
}

/// Settings that decide whether the session may write.
const READ_ONLY: &[&str] = &["transaction_read_only", "default_transaction_read_only"];

/// Settings that say who one is.
const IDENTITY: &[&str] = &["role", "session_authorization"];

/// Settings that switch checks of the server off, or load code.
#[rustfmt::skip]
const POWER: &[&str] = &[
    "session_replication_role", "allow_system_table_mods", "zero_damaged_pages", "ignore_system_indexes",
    "ignore_checksum_failure", "local_preload_libraries", "session_preload_libraries", "dynamic_library_path",
    "jit_provider", "log_statement", "log_min_duration_statement", "log_min_error_statement", "log_min_messages",
    "track_activities", "lo_compat_privileges", "client_connection_check_interval",
];

/// Client encodings in which every byte below 0x80 is ASCII, wherever it stands. In the others (SJIS, BIG5, GBK,
/// GB18030, JOHAB, UHC) a backslash can be the second half of a character: the server and we would see different
/// strings in the same bytes.
const SAFE_ENCODINGS: &[&str] = &["utf8", "unicode", "sqlascii", "latin", "iso8859", "win12", "windows12", "koi8"];

/// Judges a change of `name`; `value` is `None` where it is reset or not constant.
pub(super) fn change(name: &str, value: Option<&str>) -> Change {
    let name = name.to_ascii_lowercase();
    let name = name.as_str();
    let session = Change { act: Act::Session, undoes: false, opaque: None };
    if IDENTITY.contains(&name) {
        return Change { act: Act::Administer, undoes: true, opaque: None };
    }
    if READ_ONLY.contains(&name) {
        // A reset goes back to a default that this text does not show.
        return Change { undoes: value.and_then(boolean) != Some(true), ..session };
    }
    if POWER.contains(&name) {
        return Change { act: Act::Administer, ..session };
    }
    if name == "standard_conforming_strings" && value.and_then(boolean) != Some(true) {
        // Statements of the same pipeline are read before the server reports the change.
        return Change { opaque: Some("it changes where strings end in later statements".to_owned()), ..session };
    }
    if name == "client_encoding" && value.is_none_or(|value| !safe_encoding(value)) {
        return Change {
            opaque: Some("it changes how the bytes of later statements are read".to_owned()),
            ..session
        };
    }
    session
}

fn safe_encoding(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    plain == "default" || SAFE_ENCODINGS.iter().any(|safe| plain.starts_with(safe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_on_keeps_a_session_read_only() {
        assert!(!change("default_transaction_read_only", Some("on")).undoes);
        assert!(change("default_transaction_read_only", Some("off")).undoes);
        assert!(change("Transaction_Read_Only", None).undoes);
        assert!(change("transaction_read_only", Some("perhaps")).undoes);
    }

    #[test]
    fn settings_that_change_how_text_is_read_are_held() {
        assert!(change("standard_conforming_strings", Some("off")).opaque.is_some());
        assert!(change("standard_conforming_strings", Some("on")).opaque.is_none());
        assert!(change("client_encoding", Some("GBK")).opaque.is_some());
        assert!(change("client_encoding", None).opaque.is_some(), "a value that nobody sees");
        assert!(change("client_encoding", Some("UTF-8")).opaque.is_none());
        assert!(change("client_encoding", Some("iso-8859-1")).opaque.is_none());
    }

    #[test]
    fn who_one_is_is_no_session_setting() {
        assert_eq!(change("ROLE", Some("x")).act, Act::Administer);
        assert_eq!(change("search_path", Some("x")).act, Act::Session);
    }
}
