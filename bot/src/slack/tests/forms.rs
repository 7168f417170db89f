//! Any form is taken by Slack, and what comes back from it is what was filled in.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{read, views};
use super::{hostile, long, rules};
use crate::card::{Part, Text};
use crate::event::Action;
use crate::form::{Field, FieldKind, Form, FormName, Need};

fn field(name: &'static str) -> impl Strategy<Value = Field> {
    let options = prop::collection::vec(("[a-z0-9]{0,60}", hostile()), 0..25);
    let kind = prop_oneof![
        Just(FieldKind::Line),
        Just(FieldKind::Lines),
        options.prop_map(FieldKind::Choice),
        Just(FieldKind::Search),
        Just(FieldKind::Person),
    ];
    (hostile(), hostile(), long(), any::<bool>(), kind).prop_map(move |(label, hint, value, required, kind)| {
        let need = if required { Need::Required } else { Need::Optional };
        let value = match &kind {
            FieldKind::Choice(options) if required => options.last().map_or(value, |(value, _)| value.clone()),
            FieldKind::Line | FieldKind::Lines | FieldKind::Choice(_) | FieldKind::Search | FieldKind::Person => {
                value
            }
        };
        Field { name, label, hint, value, need, kind }
    })
}

fn form() -> impl Strategy<Value = Form> {
    let fields =
        prop::option::of((field("target"), field("span"), field("because"), field("level"), field("person")));
    let parts = prop::collection::vec(
        prop_oneof![
            long().prop_map(|text| Part::Quote("Command", text)),
            long().prop_map(|text| Part::Say(Text::plain(text))),
        ],
        0..30,
    );
    (prop::sample::select(FormName::ALL.to_vec()), hostile(), prop::option::of(hostile()), parts, fields).prop_map(
        |(name, title, submit, parts, fields)| Form {
            name,
            key: "crd_1".to_owned(),
            title,
            submit,
            parts,
            fields: fields.map(|(a, b, c, d, e)| vec![a, b, c, d, e]).unwrap_or_default(),
            buttons: Vec::new(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_form_is_taken_by_slack(form in form()) {
        let view = views::modal(&form);
        prop_assert_eq!(rules::of_view(&view), Vec::<String>::new());
        prop_assert_eq!(view["blocks"].as_array().unwrap().iter().filter(|block| block["type"] == "input").count(), form.fields.len());
        let mut found = rules::Active::default();
        rules::active(&view, &mut found);
        prop_assert_eq!(found, rules::Active::default());
    }
}

fn fields() -> Form {
    let field = |name, kind, need, value: &str| Field {
        name,
        label: name.to_owned(),
        hint: String::new(),
        value: value.to_owned(),
        need,
        kind,
    };
    let levels = vec![("read".to_owned(), "Read".to_owned()), ("write".to_owned(), "Write".to_owned())];
    Form {
        name: FormName::Request,
        key: "crd_1".to_owned(),
        title: "Ask for access".to_owned(),
        submit: Some("Ask".to_owned()),
        parts: Vec::new(),
        fields: vec![
            field("target", FieldKind::Search, Need::Required, "orders-prod"),
            field("level", FieldKind::Choice(levels), Need::Required, "write"),
            field("span", FieldKind::Line, Need::Required, "1h"),
            field("because", FieldKind::Lines, Need::Required, ""),
            field("person", FieldKind::Person, Need::Optional, "U0ANN"),
        ],
        buttons: Vec::new(),
    }
}

#[test]
fn a_form_is_filled_in_and_comes_back() {
    let view = views::modal(&fields());
    assert_eq!(view["callback_id"], "request");
    assert_eq!(view["private_metadata"], "crd_1");
    let elements: Vec<&Value> = view["blocks"].as_array().unwrap().iter().map(|block| &block["element"]).collect();
    let plain = |text: &str| json!({ "type": "plain_text", "text": text, "emoji": false });
    assert_eq!(elements[0]["initial_option"], json!({ "text": plain("orders-prod"), "value": "orders-prod" }));
    assert_eq!((elements[0]["min_query_length"].as_i64(), &elements[1]["type"]), (Some(0), &json!("radio_buttons")));
    assert_eq!(elements[1]["initial_option"]["value"], "write");
    assert_eq!((&elements[2]["initial_value"], elements[3].get("initial_value")), (&json!("1h"), None));
    assert_eq!(elements[4]["initial_user"], "U0ANN");
    let mut sent = view.clone();
    sent["id"] = json!("V1");
    sent["state"] = json!({ "values": {
        "target": { "target": { "type": "external_select", "selected_option": { "text": plain("orders-prod"), "value": "orders-prod" } } },
        "level": { "level": { "type": "radio_buttons", "selected_option": { "text": plain("Write"), "value": "write" } } },
        "span": { "span": { "type": "plain_text_input", "value": "1h" } },
        "because": { "because": { "type": "plain_text_input", "value": null } },
        "person": { "person": { "type": "users_select", "selected_user": null } },
    } });
    let payload = json!({ "type": "view_submission", "team": null, "user": { "id": "U1", "team_id": "T1" }, "view": sent, "trigger_id": "1.2" });
    let event = read::event(&payload, None).unwrap();
    let Action::Submitted { form, key, values } = event.what else { panic!("{event:?}") };
    assert_eq!((form, key.as_str()), (FormName::Request, "crd_1"));
    let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(values, [("level", "write"), ("span", "1h"), ("target", "orders-prod")]);
}
