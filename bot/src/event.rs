//! What people did, as every platform tells it.

use serde::{Deserialize, Serialize};
use workflows::identity::ChatUser;

use crate::card::Verb;
use crate::form::{FormName, Values};

/// Somewhere that cards are posted: a channel, or the conversation with one person. The platform's own id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place(pub String);

/// A message that was posted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageRef {
    /// Where.
    pub place: Place,
    /// The platform's own id: Slack's `ts`, Discord's snowflake, Matrix' event id.
    pub message: String,
}

/// The way back to somebody who did something: where an answer for them alone goes, and what opens a form. What is in it
/// is short-lived, and of no use to anybody who cannot speak as the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// Who did it.
    pub who: ChatUser,
    /// Where, if it was somewhere.
    pub place: Option<Place>,
    /// The message whose button was pressed, or in whose thread it was said.
    pub message: Option<MessageRef>,
    /// What opens a form: valid for seconds, once.
    pub trigger: Option<String>,
    /// What answers: Slack's `response_url`, Discord's interaction token.
    pub token: Option<String>,
    /// The platform's id of what happened (Discord's interaction id).
    pub id: Option<String>,
    /// The form in which a button was pressed: it can be replaced by another.
    pub view: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Something was typed for us: behind a command, after our name, or in the conversation with us. The text begins with
    /// the command's name where there was one (`access orders-prod 1h because INC-42`), without a slash or a mention.
    Said {
        /// What.
        text: String,
    },
    /// A button was pressed, or an entry of a menu chosen.
    Pressed {
        /// Which.
        verb: Verb,
        /// What it is about, as the card said.
        key: String,
        /// Which of several, as the card said.
        choice: String,
    },
    /// A form was sent.
    Submitted {
        /// Which.
        form: FormName,
        /// What it is about, as the form said.
        key: String,
        /// What was filled in.
        values: Values,
    },
    /// Somebody wants to ask for access because of a message.
    About {
        /// What the message says.
        text: String,
        /// Where it is.
        link: Option<String>,
    },
    /// Somebody opened our page in the platform.
    Home,
    /// A place changed: nothing more of what is secret is to be posted there until it was looked at again.
    PlaceChanged {
        /// Which.
        place: Place,
    },
    /// What the platform says of a person changed, such as that they were deactivated.
    PersonChanged,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who, and how they are answered.
    pub back: Back,
    /// What.
    pub what: Action,
}
