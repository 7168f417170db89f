//! A digest as CSV (RFC 4180), for whoever keeps it in a spreadsheet.

use super::{Digest, Item};

const HEADER: [&str; 11] = [
    "section",
    "person",
    "target",
    "id",
    "count",
    "seconds held",
    "seconds in session",
    "operations",
    "rows",
    "words",
    "quote",
];

/// The whole digest, one thing a line, each line ending in CR LF.
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe instead: names, reasons and commands are
/// written by others.
pub fn csv(digest: &Digest) -> String {
    let mut text = String::new();
    line(&mut text, &HEADER.map(str::to_owned));
    let week = format!("week {}", digest.week);
    line(&mut text, &row("summary", "", "", &week, "", &digest.summary, ""));
    for action in &digest.actions {
        let target = action.target.as_ref().map(ToString::to_string).unwrap_or_default();
        let verb = format!("action: {}", action.verb.as_str());
        line(&mut text, &row(&verb, &action.person, &target, &action.about, "", &action.words, ""));
    }
    for change in &digest.changes {
        let count = change.now.n.to_string();
        line(&mut text, &row(&format!("change: {}", change.measure.as_str()), "", "", "", &count, &change.words, ""));
    }
    for one in &digest.table {
        let mut cells =
            row("table", &one.person, one.target.as_str(), "", &one.sessions.n.to_string(), &one.words, "");
        let numbers = [one.held_seconds, one.session_seconds, one.operations, one.rows];
        for (cell, number) in cells.iter_mut().skip(5).zip(numbers) {
            *cell = number.to_string();
        }
        line(&mut text, &cells);
    }
    line(&mut text, &row("waits", "", "", "", &digest.waits.decided.n.to_string(), &digest.waits.words, ""));
    for section in &digest.sections {
        for item in &section.items {
            line(&mut text, &of(section.about.as_str(), item));
        }
    }
    text
}

fn of(section: &str, item: &Item) -> [String; 11] {
    let target = item.target.as_ref().map(ToString::to_string).unwrap_or_default();
    let (id, quote) = (item.id.as_deref().unwrap_or_default(), item.quote.as_deref().unwrap_or_default());
    row(section, &item.person, &target, id, &item.count.n.to_string(), &item.words, quote)
}

fn row(section: &str, person: &str, target: &str, id: &str, count: &str, words: &str, quote: &str) -> [String; 11] {
    let none = String::new;
    let text = str::to_owned;
    [
        text(section),
        text(person),
        text(target),
        text(id),
        text(count),
        none(),
        none(),
        none(),
        none(),
        text(words),
        text(quote),
    ]
}

fn line(to: &mut String, cells: &[String; 11]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    to.push_str(&cells.join(","));
    to.push_str("\r\n");
}

fn cell(text: &str) -> String {
    // Spreadsheets skip what they don't show before they look for a formula.
    let shown = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    let safe = if shown.starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if safe.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            (" \t=cmd|' /C calc'!A0", "' \t=cmd|' /C calc'!A0"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("a=1", "a=1"),
            ("two, parts", "\"two, parts\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_stays_in_its_cell_and_is_no_formula(text in "[=+@\\-\"', \r\n\ta-z]{0,12}") {
            let cell = cell(&text);
            let inner = cell.strip_prefix('"').map_or(cell.as_str(), |rest| rest.strip_suffix('"').unwrap());
            prop_assert!(!inner.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{cell:?}");
            if cell.starts_with('"') {
                prop_assert!(!inner.replace("\"\"", "").contains('"'), "{cell:?}");
            } else {
                prop_assert!(!cell.contains(['"', ',', '\r', '\n']), "{cell:?}");
            }
        }
    }
}
