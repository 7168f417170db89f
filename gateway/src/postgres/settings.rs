//! Which of a client's startup parameters reach the target. A parameter is a `SET` that no rule sees, so that only those
//! that change nothing but the client's own comfort pass.

use super::dial_error::DialError;

/// What passes, in lower case as the server compares names. `options` is taken apart, and its parts are judged alike.
const PASSED: &[&str] = &[
    "application_name",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "lock_timeout",
    "search_path",
    "statement_timeout",
    "timezone",
    "transaction_timeout",
];

/// The server cuts names here (`NAMEDATALEN` less one), in bytes.
const NAME: usize = 63;

/// Encodings in which every ASCII byte stands for itself, by how their names begin without punctuation.
const SAFE: &[&str] = &[
    "utf8",
    "unicode",
    "sqlascii",
    "latin",
    "iso8859",
    "win125",
    "windows125",
    "win866",
    "win874",
    "koi8",
    "euc",
    "muleinternal",
];

/// Whether statements in this encoding can be read as they are. In the others (SJIS, BIG5, GBK, GB18030, UHC, JOHAB) a
/// quote or a backslash may be the second half of a letter, so that the target would see other statements than we do.
/// Ask it of every `SET client_encoding` and of every ParameterStatus as well.
pub fn is_safe_encoding(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SAFE.iter().any(|safe| plain.starts_with(safe))
}

/// What is sent to the target at the start, besides user and database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Names in lower case, and values; each name once.
    pub passed: Vec<(String, String)>,
    /// Names that the client gave and that were left out.
    pub dropped: Vec<String>,
}

impl Settings {
    /// Sorts a client's parameters. Unknown ones are left out; unknown ones within `options` are an error, since who
    /// writes options means them.
    pub fn choose(params: &[(String, String)], read_only: bool) -> Result<Self, DialError> {
        let mut settings = Self::default();
        // As in the server, a parameter of its own wins over one within `options`, so that those come first.
        for (_, options) in params.iter().filter(|(name, _)| name == "options") {
            for (name, value) in parse_options(options)? {
                if !settings.take(&name, &value)? {
                    return Err(DialError::Setting(name));
                }
            }
        }
        for (name, value) in params.iter().filter(|(name, _)| name != "options") {
            if !settings.take(name, value)? {
                settings.dropped.push(name.clone());
            }
        }
        if read_only {
            // Not on the list above, so that nothing of the client's can be in its way.
            settings.passed.push(("default_transaction_read_only".to_owned(), "on".to_owned()));
        }
        Ok(settings)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<bool, DialError> {
        let name = name.to_ascii_lowercase();
        if !PASSED.contains(&name.as_str()) {
            return Ok(false);
        }
        if name == "client_encoding" && !is_safe_encoding(value) {
            return Err(DialError::Encoding(value.to_owned()));
        }
        let value = if name == "application_name" { cut(value) } else { value };
        self.passed.retain(|(before, _)| *before != name);
        self.passed.push((name, value.to_owned()));
        Ok(true)
    }
}

/// The beginning of a text, as long as the server keeps it.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(NAME)).unwrap_or(text)
}

/// Splits `options` as the server does (`pg_split_opts`: white space, with a backslash before what is meant as it is)
/// and reads `-c name=value` and `--name=value`. Anything else that a server's command line knows is an error.
fn parse_options(options: &str) -> Result<Vec<(String, String)>, DialError> {
    let mut found = Vec::new();
    let mut words = split(options).into_iter();
    while let Some(word) = words.next() {
        let pair = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(pair), _) => pair.to_owned(),
            (None, Some("")) => words.next().unwrap_or_default(),
            (None, Some(pair)) => pair.to_owned(),
            (None, None) => return Err(DialError::Setting(word)),
        };
        let Some((name, value)) = pair.split_once('=') else { return Err(DialError::Setting(pair)) };
        found.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(found)
}

fn split(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = options.chars();
    while let Some(letter) = letters.next() {
        // What `isspace` knows in the C locale.
        if matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') {
            words.extend(word.take());
            continue;
        }
        let meant = if letter == '\\' { letters.next() } else { Some(letter) };
        word.get_or_insert_default().extend(meant);
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(params: &[(&str, &str)], read_only: bool) -> Result<Settings, DialError> {
        let params: Vec<_> = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::choose(&params, read_only)
    }

    fn passed(params: &[(&str, &str)]) -> Vec<(String, String)> {
        choose(params, false).unwrap().passed
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn only_what_is_on_the_list_passes() {
        let chosen = choose(
            &[
                ("DateStyle", "ISO"),
                ("role", "postgres"),
                ("session_authorization", "postgres"),
                ("standard_conforming_strings", "off"),
                ("default_transaction_read_only", "off"),
                ("TimeZone", "UTC"),
            ],
            true,
        )
        .unwrap();
        let read_only = pair("default_transaction_read_only", "on");
        assert_eq!(chosen.passed, [pair("datestyle", "ISO"), pair("timezone", "UTC"), read_only]);
        let dropped =
            ["role", "session_authorization", "standard_conforming_strings", "default_transaction_read_only"];
        assert_eq!(chosen.dropped, dropped);
    }

    #[test]
    fn options_are_read_as_the_server_reads_them() {
        for (options, expected) in [
            ("-c search_path=a,b", vec![pair("search_path", "a,b")]),
            (
                "  -cstatement_timeout=5s\t--lock-timeout=1s ",
                vec![pair("statement_timeout", "5s"), pair("lock_timeout", "1s")],
            ),
            (r"-c search_path=a\ b\\c", vec![pair("search_path", r"a b\c")]),
            ("-c search_path=", vec![pair("search_path", "")]),
            ("-c search_path=a -c SEARCH_PATH=b", vec![pair("search_path", "b")]),
            ("", vec![]),
        ] {
            assert_eq!(passed(&[("options", options)]), expected, "{options}");
        }
        assert_eq!(passed(&[("search_path", "b"), ("options", "-c search_path=a")]), [pair("search_path", "b")]);
    }

    #[test]
    fn an_option_that_is_not_on_the_list_is_refused_by_name() {
        for (options, name) in [
            ("-c role=postgres", "role"),
            ("--role=postgres", "role"),
            ("-c default_transaction_read_only=off", "default_transaction_read_only"),
            ("--default-transaction-read-only=off", "default_transaction_read_only"),
            ("-c search_path=a -c standard_conforming_strings=off", "standard_conforming_strings"),
            (r"-\c role=postgres", "role"),
            ("-e", "-e"),
            ("-O", "-O"),
            ("-d 5", "-d"),
            ("search_path=a", "search_path=a"),
            ("-c", ""),
            ("-c search_path", "search_path"),
            ("-c options=x", "options"),
        ] {
            let error = choose(&[("options", options)], false).unwrap_err();
            assert!(matches!(&error, DialError::Setting(named) if named == name), "{options}: {error:?}");
        }
    }

    #[test]
    fn an_encoding_that_hides_quotes_is_refused() {
        for safe in ["UTF8", "utf-8", "UNICODE", "SQL_ASCII", "LATIN1", "ISO-8859-15", "WIN1252", "EUC_JP", "KOI8R"] {
            assert!(is_safe_encoding(safe), "{safe}");
        }
        for unsafe_one in ["SJIS", "BIG5", "GBK", "GB18030", "UHC", "JOHAB", "SHIFT_JIS_2004", "WIN932", "WIN949", ""]
        {
            assert!(!is_safe_encoding(unsafe_one), "{unsafe_one}");
            assert!(choose(&[("client_encoding", unsafe_one)], false).is_err());
        }
    }

    #[test]
    fn a_long_application_name_is_cut_between_letters() {
        let name = passed(&[("application_name", &"ü".repeat(40))]);
        assert_eq!(name, [pair("application_name", &"ü".repeat(31))]);
    }
}
