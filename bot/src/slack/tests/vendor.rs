//! Slack's own models, in its client for Python, read every card and form.

use serde_json::json;

use super::super::page::{Charts, Look};
use super::super::{post, views};
use crate::{desk, samples};

#[test]
fn slacks_own_models_read_every_card_form_and_home_page() {
    let files = [Some("F0123456".to_owned()), Some("F0123457".to_owned())];
    let pictures = Look { charts: Charts::Pictures(&files), ..Look::MESSAGE };
    let (mut messages, mut shown) = (Vec::new(), Vec::new());
    for (name, card) in samples::cards() {
        for (way, look) in [("as it is best", Look::MESSAGE), ("with pictures", pictures), ("simply", Look::SIMPLE)] {
            messages.push(json!([format!("{name}, {way}"), post::content(&card, look)]));
        }
        // Somebody's own page is a card as well, and one with buttons between its parts.
        shown.push(json!([format!("{name}, as a page"), views::home(&card)]));
    }
    for form in desk::every_form() {
        shown.push(json!([format!("the form `{}`", form.title), views::modal(&form)]));
    }
    shown.push(json!(["words", views::saying("Not stored", "Try again")]));
    let asked = json!({ "messages": messages, "views": shown });
    let Some(read) = samples::read_by("read_slack.py", "slack_sdk", &asked) else { return };
    assert_eq!((&read["messages"], &read["views"]), (&json!(messages.len()), &json!(shown.len())));
    for kind in ["header", "rich_text", "context", "actions", "divider", "table", "image", "input", "section"] {
        assert!(read["blocks"][kind].as_u64() > Some(0), "no {kind} was read: {read}");
    }
    // It has no model of charts: that there is one is all that it says of them.
    assert_eq!(read["blocks"]["data_visualization"], 4, "{read}");
}
