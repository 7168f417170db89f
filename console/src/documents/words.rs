//! How ids, times and what to type stand in listings: the same on a terminal and on a page.

use super::Action;

/// How many of an id's last characters are shown. The first ones are the time, and alike in all that is new.
const SHOWN: usize = 8;

/// The form of an id that listings show. The command line accepts it wherever an id is.
pub fn short(id: &impl ToString) -> String {
    let text = id.to_string();
    let Some((prefix, digits)) = text.split_once('_') else { return text };
    let from = digits.len().saturating_sub(SHOWN);
    format!("{prefix}_{}", digits.get(from..).unwrap_or(digits))
}

/// "2.5 h"; what is less than a tenth of an hour is told in minutes.
pub fn hours(seconds: u64) -> String {
    match seconds {
        0 => "-".to_owned(),
        1..360 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{}.{} h", seconds / 3_600, seconds % 3_600 / 360),
    }
}

impl Action {
    /// What to type for it, where a command does it; a proposal is a change of the file.
    pub fn command(&self) -> Option<String> {
        match self.verb.as_str() {
            "revoke" => Some(format!("countersign revoke {} --because 'not used'", short(&self.about))),
            "review" => Some(format!("countersign requests show {}", short(&self.about))),
            _ => None,
        }
    }
}
