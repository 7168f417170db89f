//! Reading a held text that is longer than a card: page by page, and only the last page offers to agree (G8).

use workflows::id::RequestId;
use workflows::request::{State, What};

use super::{Answer, Desk, DeskError, Known};
use crate::card::{Button, Part, Text, Verb, Weight};
use crate::form::{Form, FormName};
use crate::render::{self, button};

impl Desk {
    /// Opens a page. `choice` is its number as the page before said; nothing is the first.
    pub(super) async fn open_text(&self, known: &Known<'_>, id: RequestId, key: &str, choice: &str) -> Answer {
        let request =
            self.courier.workflows.show_request(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        let What::Operation { shown, .. } = &request.what else { return Err(DeskError::missing()) };
        let pages = render::pages(shown);
        let at = choice.parse::<usize>().unwrap_or(0).min(pages.len().saturating_sub(1));
        let page = pages.get(at).cloned().unwrap_or_default();
        let last = at + 1 >= pages.len();
        let (mut buttons, mut decides) = (Vec::new(), false);
        if !last {
            let next = button(Verb::Next, "Next page", "The next page of the command", key);
            buttons.push(Button { weight: Weight::Primary, choice: (at + 1).to_string(), ..next });
        } else if let State::Pending { .. } = request.state
            && self.courier.workflows.may_decide(known.name(), &request)
        {
            decides = true;
            buttons.extend(render::run(key, &request));
            let deny = button(Verb::Deny, "Deny…", "Deny the request, with a reason", key);
            buttons.push(Button { weight: Weight::Danger, ..deny });
        }
        let counted = format!("Page {} of {} · {} characters in all", at + 1, pages.len(), shown.chars().count());
        let form = Form {
            name: FormName::Read,
            key: key.to_owned(),
            title: "The held command".to_owned(),
            submit: None,
            parts: vec![Part::Note(Text::plain(counted)), Part::Quote("Command", page)],
            fields: Vec::new(),
            buttons,
        };
        known.post.platform.open(&known.back, &form).await?;
        if decides {
            // Pages follow each other, so whoever sees the last has seen them all; and it is on their screen by now.
            self.courier.workflows.has_read(&known.who, id).await.map_err(|error| DeskError::of(&error))?;
        }
        Ok(None)
    }
}
