//! What Slack says of people and places at this moment (G10). An error is an error: nobody passes because of one.

use serde::Deserialize;

use super::Slack;
use crate::event::Place;
use crate::platform::{Fitness, PlatformError, Standing};

#[derive(Debug, Deserialize)]
struct Answer<T> {
    #[serde(alias = "user", alias = "channel")]
    about: T,
}

/// A person. The crate's model lacks two of these.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Person {
    team_id: Option<String>,
    deleted: Option<bool>,
    is_bot: Option<bool>,
    is_app_user: Option<bool>,
    is_workflow_bot: Option<bool>,
    is_connector_bot: Option<bool>,
    is_restricted: Option<bool>,
    is_ultra_restricted: Option<bool>,
    is_stranger: Option<bool>,
}

impl Person {
    /// The worst that can be said. Who does not say where they belong to does not belong to us.
    fn standing(&self, ours: &str) -> Standing {
        let any = |flags: &[Option<bool>]| flags.contains(&Some(true));
        if any(&[self.deleted]) {
            Standing::Gone
        } else if any(&[self.is_bot, self.is_app_user, self.is_workflow_bot, self.is_connector_bot]) {
            Standing::Bot
        } else if any(&[self.is_stranger]) || self.team_id.as_deref() != Some(ours) {
            Standing::Stranger
        } else if any(&[self.is_restricted, self.is_ultra_restricted]) {
            Standing::Guest
        } else {
            Standing::Member
        }
    }
}

/// A channel or conversation.
#[expect(clippy::struct_field_names, reason = "the names are Slack's")]
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Channel {
    is_im: Option<bool>,
    is_member: Option<bool>,
    is_archived: Option<bool>,
    is_shared: Option<bool>,
    is_org_shared: Option<bool>,
    is_ext_shared: Option<bool>,
    is_pending_ext_shared: Option<bool>,
    is_user_deleted: Option<bool>,
}

impl Channel {
    /// Several workspaces of one company may share it; whatever else shares it is somebody else.
    fn fitness(&self) -> Fitness {
        let is = |flag: Option<bool>| flag == Some(true);
        let shared = is(self.is_ext_shared)
            || is(self.is_pending_ext_shared)
            || (is(self.is_shared) && !is(self.is_org_shared));
        if is(self.is_archived) {
            Fitness::Archived
        } else if shared {
            Fitness::Shared
        } else if is(self.is_user_deleted) || !(is(self.is_im) || is(self.is_member)) {
            Fitness::NotThere
        } else {
            Fitness::Fit
        }
    }
}

impl Slack {
    /// What somebody is at this moment.
    pub(super) async fn ask_standing(&self, user: &str) -> Result<Standing, PlatformError> {
        let Some(asked) = self.0.members.ask(user) else { return Ok(Standing::Member) };
        let ours = self.me().await?.team.clone();
        let answer: Answer<Person> = match self.api().get("users.info", &[("user", user)], user).await {
            // Nobody of this id is visible to us.
            Err(PlatformError::PersonGone(why)) if why == "user_not_found" => return Ok(Standing::Gone),
            other => other?,
        };
        let standing = answer.about.standing(&ours);
        if standing == Standing::Member {
            self.0.members.keep(user, &asked);
        }
        Ok(standing)
    }

    /// Asks anew the next time.
    pub(super) fn forget_standing(&self, user: &str) {
        self.0.members.forget(user);
    }

    /// Whether a place may be posted in. Never remembered: a channel becomes shared from one moment to the next.
    pub(super) async fn look_at(&self, place: &Place) -> Result<Fitness, PlatformError> {
        let asked = [("channel", place.0.as_str())];
        match self.api().get::<Answer<Channel>>("conversations.info", &asked, &place.0).await {
            Ok(answer) => Ok(answer.about.fitness()),
            Err(PlatformError::PlaceGone(_, why)) if why == "is_archived" => Ok(Fitness::Archived),
            Err(PlatformError::PlaceGone(..)) => Ok(Fitness::NotThere),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn standing(fields: Value) -> Standing {
        let mut person = json!({ "id": "U1", "team_id": "T1", "name": "ann", "deleted": false, "is_bot": false });
        person.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value::<Person>(person).unwrap().standing("T1")
    }

    #[test]
    fn only_a_full_member_of_our_own_workspace_is_one() {
        for (fields, expected) in [
            (json!({}), Standing::Member),
            (json!({ "is_stranger": null, "is_restricted": null }), Standing::Member),
            (json!({ "deleted": true, "is_bot": true }), Standing::Gone),
            (json!({ "is_bot": true }), Standing::Bot),
            (json!({ "is_app_user": true }), Standing::Bot),
            (json!({ "is_workflow_bot": true }), Standing::Bot),
            (json!({ "is_connector_bot": true }), Standing::Bot),
            (json!({ "is_restricted": true }), Standing::Guest),
            (json!({ "is_ultra_restricted": true }), Standing::Guest),
            (json!({ "is_stranger": true }), Standing::Stranger),
            (json!({ "team_id": "T2" }), Standing::Stranger),
            (json!({ "team_id": null }), Standing::Stranger),
        ] {
            assert_eq!(standing(fields.clone()), expected, "{fields}");
        }
    }

    #[test]
    fn a_place_that_others_read_is_not_fit() {
        for (fields, expected) in [
            (json!({ "is_member": true }), Fitness::Fit),
            (json!({ "is_im": true }), Fitness::Fit),
            (json!({ "is_member": true, "is_shared": true, "is_org_shared": true }), Fitness::Fit),
            (json!({ "is_member": true, "is_shared": true, "is_ext_shared": true }), Fitness::Shared),
            (
                json!({ "is_member": true, "is_org_shared": true, "is_shared": true, "is_ext_shared": true }),
                Fitness::Shared,
            ),
            (json!({ "is_member": true, "is_pending_ext_shared": true }), Fitness::Shared),
            (json!({ "is_member": true, "is_shared": true }), Fitness::Shared),
            (json!({ "is_member": true, "is_archived": true }), Fitness::Archived),
            (json!({ "is_member": false }), Fitness::NotThere),
            (json!({ "is_im": true, "is_user_deleted": true }), Fitness::NotThere),
            (json!({}), Fitness::NotThere),
        ] {
            let channel: Channel = serde_json::from_value(fields.clone()).unwrap();
            assert_eq!(channel.fitness(), expected, "{fields}");
        }
    }
}
