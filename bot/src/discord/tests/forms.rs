//! Any form fits.

use proptest::prelude::*;
use serde_json::json;

use super::rules::{faults, harmless, list, size};
use super::{button, buttons, hostile, much, part, press};
use crate::card::{Part, Verb, Weight};
use crate::discord::modal::{modal, pages};
use crate::form::{Field, FieldKind, Form, FormName, Need};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_form_to_read_fits(parts in prop::collection::vec(part(), 0..12), all in prop::collection::vec(button(), 0..30), title in hostile()) {
        let form = Form { name: FormName::Read, key: "crd_1".to_owned(), title, submit: None, parts, fields: Vec::new(), buttons: all };
        let shown = pages(&form);
        prop_assert!((1..=10).contains(&shown.len()));
        for page in &shown {
            prop_assert_eq!(faults(&page.body), Vec::<String>::new());
            harmless(&page.body);
        }
    }

    #[test]
    fn any_modal_fits(title in hostile(), label in much(), hint in much(), value in much(), key in much(), at in 0..5_usize) {
        let choice = FieldKind::Choice(vec![(value.clone(), hint.clone()); 25]);
        let kind = [FieldKind::Line, FieldKind::Lines, choice, FieldKind::Search, FieldKind::Person][at].clone();
        let names = ["a", "b", "c", "d", "e", "f"];
        let field = |name| Field { name, label: label.clone(), hint: hint.clone(), value: value.clone(), need: Need::Required, kind: kind.clone() };
        let form = Form { name: FormName::Deny, key, title, submit: None, parts: Vec::new(), fields: names.map(field).to_vec(), buttons: Vec::new() };
        let shown = modal(&form);
        prop_assert!((1..=45).contains(&size(&shown["title"])));
        prop_assert!((1..=100).contains(&size(&shown["custom_id"])));
        prop_assert_eq!(list(&shown["components"]).len(), 5);
        for row in list(&shown["components"]) {
            let input = &row["components"][0];
            prop_assert!((1..=45).contains(&size(&input["label"])));
            prop_assert!(size(&input["placeholder"]) <= 100);
            prop_assert!(size(&input["value"]) as u64 <= input["max_length"].as_u64().unwrap());
        }
    }
}

#[test]
fn a_long_text_goes_over_several_messages() {
    let text = "SELECT 1;\n".repeat(500);
    let form = |text: String| Form {
        name: FormName::Read,
        key: "crd_1".to_owned(),
        title: "The held command".to_owned(),
        submit: None,
        parts: vec![Part::Quote("Command", text)],
        fields: Vec::new(),
        buttons: vec![press(Verb::Approve, "Run", Weight::Primary)],
    };
    let shown = pages(&form(text));
    assert_eq!(shown.len(), 4);
    assert_eq!(shown.iter().map(|page| buttons(page).len()).collect::<Vec<_>>(), [0, 0, 0, 1]);
    let shown = pages(&form("y".repeat(50_000)));
    assert_eq!((shown.len(), buttons(&shown[9]).len()), (10, 0), "nobody agrees to what is not shown whole");
    // What the messages have no room for can be read all the same.
    assert!(shown[..9].iter().all(|page| page.files.is_empty()));
    assert_eq!(shown[9].body["attachments"], json!([{ "id": 0, "filename": "text.txt" }]));
    let whole = format!("Command\n\n{}\n\n", "y".repeat(50_000));
    assert_eq!(shown[9].files, [("text.txt".to_owned(), whole.into_bytes())]);
    let shown = pages(&form("ü".repeat(5 << 20)));
    assert!(shown[9].files.is_empty() && shown[9].body["attachments"] == json!([]));
}
