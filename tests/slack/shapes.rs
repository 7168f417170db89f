//! Block Kit as tables: which parts a block has, and how long each may be. `limits` walks them.

use super::elements::{ACCESSORY, ACTIONS, CONTEXT, INPUTS};

/// What a field may hold.
pub(super) enum Is {
    /// A `plain_text` object of at most so many characters.
    Plain(usize),
    /// `plain_text` or `mrkdwn`.
    Text(usize),
    /// A bare string, not empty.
    Str(usize),
    /// A bare string, perhaps empty.
    Blank(usize),
    Bool,
    Int(i64, i64),
    Number,
    OneOf(&'static [&'static str]),
    Url,
    /// An uploaded file, by id or URL.
    SlackFile,
    /// One to so many of these.
    Many(usize, &'static Is),
    /// An object with exactly these fields and no type.
    Like(&'static Shape),
    /// An object whose `type` names one of these.
    Tagged(Family),
    /// `text` is judged by the element around it: choices of radio buttons may be mrkdwn.
    Choice(&'static Shape),
}

pub(super) struct Shape {
    pub(super) kind: &'static str,
    pub(super) must: &'static [(&'static str, Is)],
    pub(super) may: &'static [(&'static str, Is)],
}

pub(super) type Family = &'static [&'static Shape];

const BLOCK: (&str, Is) = ("block_id", Is::Str(255));
const STYLE: (&str, Is) = ("style", Is::Like(&RICH_STYLE));

static RICH_STYLE: Shape = Shape {
    kind: "style",
    must: &[],
    may: &[
        ("bold", Is::Bool),
        ("italic", Is::Bool),
        ("strike", Is::Bool),
        ("code", Is::Bool),
        ("underline", Is::Bool),
        ("highlight", Is::Bool),
        ("client_highlight", Is::Bool),
        ("unlink", Is::Bool),
    ],
};
static RICH_TEXT: Shape = Shape { kind: "text", must: &[("text", Is::Str(40_000))], may: &[STYLE] };
static RICH_LINK: Shape =
    Shape { kind: "link", must: &[("url", Is::Url)], may: &[STYLE, ("text", Is::Blank(3000)), ("unsafe", Is::Bool)] };
static RICH_USER: Shape = Shape { kind: "user", must: &[("user_id", Is::Str(255))], may: &[STYLE] };
static RICH_CHANNEL: Shape = Shape { kind: "channel", must: &[("channel_id", Is::Str(255))], may: &[STYLE] };
static RICH_GROUP: Shape = Shape { kind: "usergroup", must: &[("usergroup_id", Is::Str(255))], may: &[STYLE] };
static RICH_EMOJI: Shape = Shape {
    kind: "emoji",
    must: &[("name", Is::Str(255))],
    may: &[("unicode", Is::Str(255)), ("skin_tone", Is::Int(1, 6))],
};
static RICH_DATE: Shape = Shape {
    kind: "date",
    must: &[("timestamp", Is::Int(0, 9_999_999_999)), ("format", Is::Str(255))],
    may: &[STYLE, ("url", Is::Url), ("fallback", Is::Str(255))],
};
static RICH_BROADCAST: Shape =
    Shape { kind: "broadcast", must: &[("range", Is::OneOf(&["here", "channel", "everyone"]))], may: &[STYLE] };
static RICH_COLOR: Shape = Shape { kind: "color", must: &[("value", Is::Str(7))], may: &[] };
static INLINE: Family = &[
    &RICH_TEXT,
    &RICH_LINK,
    &RICH_USER,
    &RICH_CHANNEL,
    &RICH_GROUP,
    &RICH_EMOJI,
    &RICH_DATE,
    &RICH_BROADCAST,
    &RICH_COLOR,
];
static SECTION_ELEMENT: Shape =
    Shape { kind: "rich_text_section", must: &[("elements", Is::Many(1000, &Is::Tagged(INLINE)))], may: &[] };
static LIST_ELEMENT: Shape = Shape {
    kind: "rich_text_list",
    must: &[
        ("style", Is::OneOf(&["bullet", "ordered"])),
        ("elements", Is::Many(1000, &Is::Tagged(&[&SECTION_ELEMENT]))),
    ],
    may: &[("indent", Is::Int(0, 8)), ("offset", Is::Int(0, 1000)), ("border", Is::Int(0, 1))],
};
static PREFORMATTED_ELEMENT: Shape = Shape {
    kind: "rich_text_preformatted",
    must: &[("elements", Is::Many(1000, &Is::Tagged(&[&RICH_TEXT, &RICH_LINK])))],
    may: &[("border", Is::Int(0, 1)), ("language", Is::Str(50))],
};
static QUOTE_ELEMENT: Shape = Shape {
    kind: "rich_text_quote",
    must: &[("elements", Is::Many(1000, &Is::Tagged(INLINE)))],
    may: &[("border", Is::Int(0, 1))],
};
static RICH: Family = &[&SECTION_ELEMENT, &LIST_ELEMENT, &PREFORMATTED_ELEMENT, &QUOTE_ELEMENT];

static RAW_TEXT: Shape = Shape { kind: "raw_text", must: &[("text", Is::Str(3000))], may: &[] };
static RAW_NUMBER: Shape =
    Shape { kind: "raw_number", must: &[("value", Is::Number), ("text", Is::Str(3000))], may: &[] };
static CELL: Family = &[&RAW_TEXT, &RAW_NUMBER, &RICH_BLOCK];
static COLUMN: Shape = Shape {
    kind: "column",
    must: &[],
    may: &[("align", Is::OneOf(&["left", "center", "right"])), ("is_wrapped", Is::Bool)],
};

static POINT: Shape = Shape { kind: "point", must: &[("label", Is::Str(20)), ("value", Is::Number)], may: &[] };
static SERIES: Shape =
    Shape { kind: "series", must: &[("name", Is::Str(20)), ("data", Is::Many(20, &Is::Like(&POINT)))], may: &[] };
static AXES: Shape = Shape {
    kind: "axis_config",
    must: &[("categories", Is::Many(20, &Is::Str(20)))],
    may: &[("x_label", Is::Str(50)), ("y_label", Is::Str(50))],
};
static PIE: Shape = Shape { kind: "pie", must: &[("segments", Is::Many(12, &Is::Like(&POINT)))], may: &[] };
static BAR: Shape = Shape { kind: "bar", must: SERIES_CHART, may: &[] };
static LINE: Shape = Shape { kind: "line", must: SERIES_CHART, may: &[] };
static AREA: Shape = Shape { kind: "area", must: SERIES_CHART, may: &[] };
const SERIES_CHART: &[(&str, Is)] = &[("series", Is::Many(12, &Is::Like(&SERIES))), ("axis_config", Is::Like(&AXES))];

static SECTION: Shape = Shape {
    kind: "section",
    must: &[],
    may: &[
        BLOCK,
        ("text", Is::Text(3000)),
        ("fields", Is::Many(10, &Is::Text(2000))),
        ("accessory", Is::Tagged(ACCESSORY)),
        ("expand", Is::Bool),
    ],
};
static HEADER: Shape =
    Shape { kind: "header", must: &[("text", Is::Plain(150))], may: &[BLOCK, ("level", Is::Int(1, 4))] };
static DIVIDER: Shape = Shape { kind: "divider", must: &[], may: &[BLOCK] };
static IMAGE: Shape = Shape {
    kind: "image",
    must: &[("alt_text", Is::Str(2000))],
    may: &[BLOCK, ("title", Is::Plain(2000)), ("image_url", Is::Url), ("slack_file", Is::SlackFile)],
};
static ACTIONS_BLOCK: Shape =
    Shape { kind: "actions", must: &[("elements", Is::Many(25, &Is::Tagged(ACTIONS)))], may: &[BLOCK] };
static CONTEXT_BLOCK: Shape =
    Shape { kind: "context", must: &[("elements", Is::Many(10, &Is::Tagged(CONTEXT)))], may: &[BLOCK] };
static INPUT: Shape = Shape {
    kind: "input",
    must: &[("label", Is::Plain(2000)), ("element", Is::Tagged(INPUTS))],
    may: &[BLOCK, ("hint", Is::Plain(2000)), ("optional", Is::Bool), ("dispatch_action", Is::Bool)],
};
static MARKDOWN: Shape = Shape { kind: "markdown", must: &[("text", Is::Str(12_000))], may: &[BLOCK] };
static RICH_BLOCK: Shape =
    Shape { kind: "rich_text", must: &[("elements", Is::Many(1000, &Is::Tagged(RICH)))], may: &[BLOCK] };
static TABLE: Shape = Shape {
    kind: "table",
    must: &[("rows", Is::Many(100, &Is::Many(20, &Is::Tagged(CELL))))],
    may: &[BLOCK, ("column_settings", Is::Many(20, &Is::Like(&COLUMN)))],
};
static CHART: Shape = Shape {
    kind: "data_visualization",
    must: &[("title", Is::Str(50)), ("chart", Is::Tagged(&[&PIE, &BAR, &LINE, &AREA]))],
    may: &[BLOCK],
};

/// What may stand in a message.
pub(super) static IN_MESSAGES: Family =
    &[&SECTION, &HEADER, &DIVIDER, &IMAGE, &ACTIONS_BLOCK, &CONTEXT_BLOCK, &MARKDOWN, &RICH_BLOCK, &TABLE, &CHART];
/// What may stand in a modal or on the Home tab.
pub(super) static IN_VIEWS: Family =
    &[&SECTION, &HEADER, &DIVIDER, &IMAGE, &ACTIONS_BLOCK, &CONTEXT_BLOCK, &INPUT, &RICH_BLOCK];
/// A modal around its blocks.
pub(super) static MODAL: Shape = Shape {
    kind: "modal",
    must: &[("title", Is::Plain(24))],
    may: &[
        ("submit", Is::Plain(24)),
        ("close", Is::Plain(24)),
        ("private_metadata", Is::Blank(3000)),
        ("callback_id", Is::Blank(255)),
        ("external_id", Is::Blank(255)),
        ("clear_on_close", Is::Bool),
        ("notify_on_close", Is::Bool),
    ],
};
/// The Home tab around its blocks.
pub(super) static HOME: Shape = Shape {
    kind: "home",
    must: &[],
    may: &[("private_metadata", Is::Blank(3000)), ("callback_id", Is::Blank(255)), ("external_id", Is::Blank(255))],
};
