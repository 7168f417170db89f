//! COPY … TO STDOUT: what the stream holds and how it is written, so that columns in it can be masked.

use pg_query::protobuf::{CopyStmt, Token};

use super::objects::{definitions, option, strings, truth};

/// How the rows of a COPY stream are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// Tab-separated with backslash escapes, unless said otherwise.
    Text,
    /// Comma-separated with quotes, unless said otherwise.
    Csv,
    /// PostgreSQL's binary format.
    Binary,
}

/// A table that is copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTable {
    /// The schema, where one was written.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
    /// The columns that were written; empty means all, in the table's order.
    pub columns: Vec<String>,
}

/// One COPY … TO STDOUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOut {
    /// The table, for `COPY t TO STDOUT`.
    pub relation: Option<CopyTable>,
    /// The query's own text, for `COPY (query) TO STDOUT`.
    pub query: Option<String>,
    /// How rows are written.
    pub format: CopyFormat,
    /// Between columns.
    pub delimiter: String,
    /// What stands for NULL.
    pub null: String,
    /// Whether the first line is a header.
    pub header: bool,
    /// The quote of CSV.
    pub quote: String,
    /// The escape of CSV.
    pub escape: String,
    /// The encoding, where one was written.
    pub encoding: Option<String>,
}

/// The stream of a COPY; `None` if it does not go to the client. `text` is the statement's own text.
pub(super) fn out(copy: &CopyStmt, text: &str) -> Option<CopyOut> {
    if copy.is_from || copy.is_program || !copy.filename.is_empty() {
        return None;
    }
    let mut format = CopyFormat::Text;
    let (mut delimiter, mut null, mut quote, mut escape, mut encoding) = (None, None, None, None, None);
    let mut header = false;
    for element in definitions(&copy.options) {
        let value = option(element);
        match element.defname.to_ascii_lowercase().as_str() {
            "format" => {
                format = match value.as_deref() {
                    Some("csv") => CopyFormat::Csv,
                    Some("binary") => CopyFormat::Binary,
                    _ => CopyFormat::Text,
                }
            }
            "delimiter" => delimiter = value,
            "null" => null = value,
            "quote" => quote = value,
            "escape" => escape = value,
            // A value that cannot be told is one that nobody can read.
            "encoding" => encoding = Some(value.unwrap_or_default()),
            "header" => header = truth(element).unwrap_or(true),
            _ => {}
        }
    }
    let csv = format == CopyFormat::Csv;
    let quote = quote.unwrap_or_else(|| "\"".to_owned());
    Some(CopyOut {
        relation: copy.relation.as_ref().map(|range| CopyTable {
            schema: Some(range.schemaname.clone()).filter(|schema| !schema.is_empty()),
            name: range.relname.clone(),
            columns: strings(&copy.attlist),
        }),
        query: copy.query.as_ref().and_then(|_| bracketed(text)),
        format,
        delimiter: delimiter.unwrap_or_else(|| if csv { "," } else { "\t" }.to_owned()),
        null: null.unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned()),
        header,
        escape: escape.unwrap_or_else(|| quote.clone()),
        quote,
        encoding,
    })
}

/// The text between the first bracket and the one that closes it: `COPY (…) TO STDOUT`.
#[expect(clippy::wildcard_enum_match_arm, reason = "other tokens do not matter here")]
fn bracketed(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut start = None;
    for token in pg_query::scan_tokens(text).ok()? {
        match token.token() {
            Token::Ascii40 => {
                depth += 1;
                start = start.or(usize::try_from(token.end).ok());
            }
            Token::Ascii41 => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return text.get(start?..usize::try_from(token.start).ok()?).map(|query| query.trim().to_owned());
                }
            }
            _ => {}
        }
    }
    None
}

/// The text behind AS: `PREPARE name (types) AS …`.
#[expect(clippy::wildcard_enum_match_arm, reason = "other tokens do not matter here")]
pub(super) fn prepared(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    for token in pg_query::scan_tokens(text).ok()? {
        match token.token() {
            Token::Ascii40 => depth += 1,
            Token::Ascii41 => depth = depth.checked_sub(1)?,
            Token::As if depth == 0 => {
                return text.get(usize::try_from(token.end).ok()?..).map(|query| query.trim().to_owned());
            }
            _ => {}
        }
    }
    None
}
