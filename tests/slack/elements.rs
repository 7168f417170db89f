//! Block Kit as tables: what people press, choose and fill in, and how long each part may be.

use super::shapes::{Family, Is, Shape};

const ACTION: (&str, Is) = ("action_id", Is::Str(255));
const CONFIRM: (&str, Is) = ("confirm", Is::Like(&CONFIRMATION));
const HINT: (&str, Is) = ("placeholder", Is::Plain(150));
const FOCUS: (&str, Is) = ("focus_on_load", Is::Bool);
const MOST: (&str, Is) = ("max_selected_items", Is::Int(1, 100));
const QUERY: (&str, Is) = ("min_query_length", Is::Int(0, 100));
const OPTIONS: (&str, Is) = ("options", Is::Many(100, &Is::Choice(&OPTION)));
const GROUPS: (&str, Is) = ("option_groups", Is::Many(100, &Is::Like(&GROUP)));
const FIRST: (&str, Is) = ("initial_option", Is::Choice(&OPTION));
const FIRSTS: (&str, Is) = ("initial_options", Is::Many(100, &Is::Choice(&OPTION)));
const DISPATCH: (&str, Is) = ("dispatch_action_config", Is::Like(&DISPATCHING));

static CONFIRMATION: Shape = Shape {
    kind: "confirm",
    must: &[("title", Is::Plain(100)), ("text", Is::Text(300)), ("confirm", Is::Plain(30)), ("deny", Is::Plain(30))],
    may: &[("style", Is::OneOf(&["primary", "danger"]))],
};
static OPTION: Shape = Shape {
    kind: "option",
    must: &[("text", Is::Plain(75)), ("value", Is::Str(150))],
    may: &[("description", Is::Plain(75))],
};
static RICHER_OPTION: Shape = Shape {
    kind: "option",
    must: &[("text", Is::Text(75)), ("value", Is::Str(150))],
    may: &[("description", Is::Text(75))],
};
static MENU_OPTION: Shape = Shape {
    kind: "option",
    must: &[("text", Is::Plain(75)), ("value", Is::Str(150))],
    may: &[("description", Is::Plain(75)), ("url", Is::Url)],
};
static GROUP: Shape = Shape { kind: "option_group", must: &[("label", Is::Plain(75)), OPTIONS], may: &[] };
static DISPATCHING: Shape = Shape {
    kind: "dispatch_action_config",
    must: &[("trigger_actions_on", Is::Many(2, &Is::OneOf(&["on_enter_pressed", "on_character_entered"])))],
    may: &[],
};

static BUTTON: Shape = Shape {
    kind: "button",
    must: &[("text", Is::Plain(75))],
    may: &[
        ACTION,
        CONFIRM,
        ("url", Is::Url),
        ("value", Is::Str(2000)),
        ("style", Is::OneOf(&["primary", "danger"])),
        ("accessibility_label", Is::Str(75)),
    ],
};
static OVERFLOW: Shape =
    Shape { kind: "overflow", must: &[("options", Is::Many(5, &Is::Choice(&MENU_OPTION)))], may: &[ACTION, CONFIRM] };
static STATIC_SELECT: Shape =
    Shape { kind: "static_select", must: &[], may: &[ACTION, CONFIRM, HINT, FOCUS, OPTIONS, GROUPS, FIRST] };
static EXTERNAL_SELECT: Shape =
    Shape { kind: "external_select", must: &[], may: &[ACTION, CONFIRM, HINT, FOCUS, QUERY, FIRST] };
static USERS_SELECT: Shape =
    Shape { kind: "users_select", must: &[], may: &[ACTION, CONFIRM, HINT, FOCUS, ("initial_user", Is::Str(255))] };
static CONVERSATIONS_SELECT: Shape = Shape {
    kind: "conversations_select",
    must: &[],
    may: &[
        ACTION,
        CONFIRM,
        HINT,
        FOCUS,
        ("initial_conversation", Is::Str(255)),
        ("default_to_current_conversation", Is::Bool),
        ("response_url_enabled", Is::Bool),
    ],
};
static CHANNELS_SELECT: Shape = Shape {
    kind: "channels_select",
    must: &[],
    may: &[ACTION, CONFIRM, HINT, FOCUS, ("initial_channel", Is::Str(255)), ("response_url_enabled", Is::Bool)],
};
static MULTI_STATIC: Shape = Shape {
    kind: "multi_static_select",
    must: &[],
    may: &[ACTION, CONFIRM, HINT, FOCUS, OPTIONS, GROUPS, FIRSTS, MOST],
};
static MULTI_EXTERNAL: Shape =
    Shape { kind: "multi_external_select", must: &[], may: &[ACTION, CONFIRM, HINT, FOCUS, QUERY, FIRSTS, MOST] };
static MULTI_USERS: Shape = Shape {
    kind: "multi_users_select",
    must: &[],
    may: &[ACTION, CONFIRM, HINT, FOCUS, MOST, ("initial_users", Is::Many(100, &Is::Str(255)))],
};
static DATE: Shape =
    Shape { kind: "datepicker", must: &[], may: &[ACTION, CONFIRM, HINT, FOCUS, ("initial_date", Is::Str(10))] };
static TIME: Shape = Shape {
    kind: "timepicker",
    must: &[],
    may: &[ACTION, CONFIRM, HINT, FOCUS, ("initial_time", Is::Str(5)), ("timezone", Is::Str(100))],
};
static MOMENT: Shape = Shape {
    kind: "datetimepicker",
    must: &[],
    may: &[ACTION, CONFIRM, FOCUS, ("initial_date_time", Is::Int(1_000_000_000, 9_999_999_999))],
};
static RADIO: Shape = Shape {
    kind: "radio_buttons",
    must: &[("options", Is::Many(10, &Is::Choice(&RICHER_OPTION)))],
    may: &[ACTION, CONFIRM, FOCUS, ("initial_option", Is::Choice(&RICHER_OPTION))],
};
static CHECKBOXES: Shape = Shape {
    kind: "checkboxes",
    must: &[("options", Is::Many(10, &Is::Choice(&RICHER_OPTION)))],
    may: &[ACTION, CONFIRM, FOCUS, ("initial_options", Is::Many(10, &Is::Choice(&RICHER_OPTION)))],
};
static TEXT_INPUT: Shape = Shape {
    kind: "plain_text_input",
    must: &[],
    may: &[
        ACTION,
        HINT,
        FOCUS,
        DISPATCH,
        ("initial_value", Is::Blank(3000)),
        ("multiline", Is::Bool),
        ("min_length", Is::Int(0, 3000)),
        ("max_length", Is::Int(1, 3000)),
    ],
};
static NUMBER_INPUT: Shape = Shape {
    kind: "number_input",
    must: &[("is_decimal_allowed", Is::Bool)],
    may: &[
        ACTION,
        HINT,
        FOCUS,
        DISPATCH,
        ("initial_value", Is::Str(100)),
        ("min_value", Is::Str(100)),
        ("max_value", Is::Str(100)),
    ],
};
static EMAIL_INPUT: Shape = Shape {
    kind: "email_text_input",
    must: &[],
    may: &[ACTION, HINT, FOCUS, DISPATCH, ("initial_value", Is::Str(3000))],
};
static URL_INPUT: Shape = Shape {
    kind: "url_text_input",
    must: &[],
    may: &[ACTION, HINT, FOCUS, DISPATCH, ("initial_value", Is::Str(3000))],
};
static PICTURE: Shape = Shape {
    kind: "image",
    must: &[("alt_text", Is::Str(2000))],
    may: &[("image_url", Is::Url), ("slack_file", Is::SlackFile)],
};

pub(super) static ACCESSORY: Family = &[
    &BUTTON,
    &OVERFLOW,
    &STATIC_SELECT,
    &EXTERNAL_SELECT,
    &USERS_SELECT,
    &CONVERSATIONS_SELECT,
    &CHANNELS_SELECT,
    &MULTI_STATIC,
    &MULTI_EXTERNAL,
    &MULTI_USERS,
    &DATE,
    &TIME,
    &RADIO,
    &CHECKBOXES,
    &PICTURE,
];
pub(super) static ACTIONS: Family = &[
    &BUTTON,
    &OVERFLOW,
    &STATIC_SELECT,
    &EXTERNAL_SELECT,
    &USERS_SELECT,
    &CONVERSATIONS_SELECT,
    &CHANNELS_SELECT,
    &DATE,
    &TIME,
    &MOMENT,
    &RADIO,
    &CHECKBOXES,
];
pub(super) static INPUTS: Family = &[
    &STATIC_SELECT,
    &EXTERNAL_SELECT,
    &USERS_SELECT,
    &CONVERSATIONS_SELECT,
    &CHANNELS_SELECT,
    &MULTI_STATIC,
    &MULTI_EXTERNAL,
    &MULTI_USERS,
    &DATE,
    &TIME,
    &MOMENT,
    &RADIO,
    &CHECKBOXES,
    &TEXT_INPUT,
    &NUMBER_INPUT,
    &EMAIL_INPUT,
    &URL_INPUT,
];
static PLAIN_TEXT: Shape =
    Shape { kind: "plain_text", must: &[("text", Is::Str(2000))], may: &[("emoji", Is::Bool)] };
static MRKDWN: Shape = Shape { kind: "mrkdwn", must: &[("text", Is::Str(2000))], may: &[("verbatim", Is::Bool)] };
pub(super) static CONTEXT: Family = &[&PICTURE, &PLAIN_TEXT, &MRKDWN];
