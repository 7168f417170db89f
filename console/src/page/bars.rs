//! Bars, drawn into the page. The numbers stand beside them as text, so they need no axis; held and used differ by
//! height as well as by colour.

use super::html::{Html, html};

/// `part` of `most` in per cent with one decimal, as an attribute holds it; whatever there is can be seen.
fn share(part: u64, most: u64) -> String {
    if part == 0 || most == 0 {
        return "0".to_owned();
    }
    let tenths = (u128::from(part.min(most)) * 1_000 / u128::from(most)).max(8);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// One bar in the other: how much of what was held was used.
pub(super) fn inside(held: u64, used: u64, most: u64, words: &str) -> Html {
    html!(
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"" {words} "\">"
        "<rect class=\"rail\" width=\"100\" height=\"10\"/>"
        "<rect class=\"held\" width=\"" {share(held, most)} "\" height=\"10\"/>"
        "<rect class=\"used\" y=\"3\" width=\"" {share(used, most)} "\" height=\"4\"/></svg>"
    )
}

/// Two bars, one above the other: this week, and the week before.
pub(super) fn pair(now: u64, before: u64, words: &str) -> Html {
    let most = now.max(before);
    html!(
        "<svg class=\"pair\" viewBox=\"0 0 100 14\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"" {words} "\">"
        "<rect class=\"used\" width=\"" {share(now, most)} "\" height=\"6\"/>"
        "<rect class=\"held\" y=\"8\" width=\"" {share(before, most)} "\" height=\"6\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_number_says() {
        for (part, most, expected) in [
            (0, 10, "0"),
            (5, 0, "0"),
            (10, 10, "100.0"),
            (1, 3, "33.3"),
            (1, 1_000_000, "0.8"),
            (11, 10, "100.0"),
            (u64::MAX, u64::MAX, "100.0"),
        ] {
            assert_eq!(share(part, most), expected, "{part} of {most}");
        }
    }
}
