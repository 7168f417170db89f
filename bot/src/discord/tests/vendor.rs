//! discord.py, a client that nobody here wrote, reads every card and form.

use serde_json::json;

use super::components::message;
use super::modal::{modal, pages};
use crate::card::Part;
use crate::form::{Form, FormName};
use crate::render::tests::{program, request_for};
use crate::{desk, render, samples};

#[test]
fn discord_py_reads_every_card_and_form() {
    let (mut messages, mut modals) = (Vec::new(), Vec::new());
    for (name, card) in samples::cards() {
        messages.push(json!([name, message(&card).body]));
    }
    for form in desk::every_form() {
        modals.push(json!([form.title, modal(&form)]));
    }
    let long = "DELETE FROM orders; -- <@1> `@everyone`\n".repeat(400);
    let form = Form {
        name: FormName::Read,
        key: "KEY".to_owned(),
        title: "The held command".to_owned(),
        submit: None,
        parts: vec![Part::Quote("Command", long)],
        fields: Vec::new(),
        buttons: render::run("KEY", &request_for(program("rm -r /srv/app/a", "rm -r …"), "removals")),
    };
    let shown = pages(&form);
    assert!(shown.len() > 1, "it goes over several messages");
    messages.extend(shown.iter().map(|page| json!(["a page", page.body])));
    let asked = json!({ "messages": messages, "modals": modals });
    let Some(read) = samples::read_by("read_discord.py", "discord", &asked) else { return };
    assert_eq!((&read["messages"], &read["modals"]), (&json!(messages.len()), &json!(modals.len())));
    assert!(read["parts"]["button"].as_u64() > Some(100), "{read}");
    assert!(read["parts"]["text"].as_u64() > Some(10), "{read}");
}
