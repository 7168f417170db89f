//! Who a client is: its token, its key or its certificate, and the target that it names in the place of a user.

use russh::server::{Auth, Response};
use russh::{MethodKind, MethodSet};
use std::borrow::Cow;
use std::net::IpAddr;

use russh::keys::{Certificate, PublicKey};
use workflows::engine::Workflows;
use workflows::identity::Authenticated;
use workflows::secret::Secret;
use workflows::told::{Fault, Told as _};

use super::ca::{Visit, fingerprint};
use super::certify::Certifier;

/// The name of a user as SSH clients send it: `target`, or `person+target`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) person: Option<&'a str>,
    pub(super) target: &'a str,
}

impl<'a> Named<'a> {
    /// A person's name may have a `+` in it, a target's never has.
    pub(super) fn read(user: &'a str) -> Self {
        match user.rsplit_once('+') {
            Some((person, target)) => Self { person: Some(person), target },
            None => Self { person: None, target: user },
        }
    }

    /// The same inside another connection, which says which target it is. A name without a person is one for the host, whose login the
    /// file chooses.
    pub(super) fn inside(&self, proved: &SignedIn, target: &str) -> Option<SignedIn> {
        let person = &proved.who.identity().name;
        let same = self.person.is_none_or(|named| named == person && self.target == target);
        if same { proved.at(target) } else { None }
    }

    /// What they come for, if they are the person that was named.
    fn by(&self, who: Authenticated) -> Option<SignedIn> {
        let same = self.person.is_none_or(|person| person == who.identity().name);
        same.then(|| SignedIn { who, target: self.target.to_owned(), only: None })
    }
}

/// Somebody who proved who they are, and the target that they named when they did.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) who: Authenticated,
    pub(super) target: String,
    /// The one target that what they showed is good for, if it is for one alone.
    pub(super) only: Option<String>,
}

impl SignedIn {
    /// The same person, at another target. Nobody where what they showed is not good for it.
    pub(super) fn at(&self, target: &str) -> Option<Self> {
        let good = self.only.as_deref().is_none_or(|only| only == target);
        good.then(|| Self { who: self.who.clone(), target: target.to_owned(), only: self.only.clone() })
    }
}

/// What clients may try: a certificate, or a token as the answer to a question or as a password.
pub(super) fn methods() -> MethodSet {
    [MethodKind::PublicKey, MethodKind::KeyboardInteractive, MethodKind::Password].as_slice().into()
}

/// No, and they may try again.
pub(super) fn no() -> Auth {
    Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false }
}

/// The question for a token (RFC 4256).
pub(super) fn question() -> Auth {
    Auth::Partial {
        name: Cow::Borrowed(""),
        instructions: Cow::Borrowed(""),
        prompts: Cow::Owned(vec![(Cow::Borrowed("Countersign token: "), false)]),
    }
}

/// The answer to the one question.
pub(super) fn answer(response: Option<Response<'_>>) -> Option<Secret<String>> {
    let first = response?.next()?;
    String::from_utf8(first.to_vec()).ok().map(Secret::new)
}

/// Words for whoever was asked, before they are refused: a question of no parts.
pub(super) fn words(words: String) -> Auth {
    Auth::Partial { name: Cow::Borrowed(""), instructions: Cow::Owned(words), prompts: Cow::Borrowed(&[]) }
}

/// Why nobody is proved to be there.
pub(super) enum Unproved {
    /// One answer for all that is wrong: whoever guesses learns nothing.
    Wrong,
    /// It could not be found out; what may be said of that.
    Unknown(String),
}

/// Whose token it is, if they are who the client said.
pub(super) async fn prove(workflows: &Workflows, user: &str, token: Secret<String>) -> Result<SignedIn, Unproved> {
    let named = Named::read(user);
    let token = Secret::new(token.reveal().trim().to_owned());
    let who = match workflows.authenticate(&token).await {
        Ok(who) => who,
        Err(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "a token was refused over SSH");
            return Err(match error.fault() {
                Fault::Ours => Unproved::Unknown(error.told()),
                Fault::Asker | Fault::Refused | Fault::Missing | Fault::Conflict => Unproved::Wrong,
            });
        }
    };
    named.by(who).ok_or(Unproved::Wrong)
}

/// Whether a key is bound to anybody, for an offer of it. A store that is away knows none.
pub(super) async fn is_known(workflows: &Workflows, key: &PublicKey) -> bool {
    let known = workflows.knows_key(&fingerprint(key)).await;
    known.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "keys can't be looked up");
        false
    })
}

/// Whose key it is, if they are who the client said. Its signature was checked.
pub(super) async fn keyed(workflows: &Workflows, user: &str, key: &PublicKey) -> Option<SignedIn> {
    let named = Named::read(user);
    match workflows.authenticate_key(&fingerprint(key)).await {
        Ok(who) => named.by(who),
        Err(error) => {
            tracing::info!(error = &error as &dyn std::error::Error, "a key was refused over SSH");
            None
        }
    }
}

/// Whose certificate it is, if it counts on this visit and what it was made of still does. One answer for all that is wrong.
pub(super) async fn certified(
    (workflows, certifier): (&Workflows, &Certifier),
    user: &str,
    certificate: &Certificate,
    peer: IpAddr,
) -> Option<SignedIn> {
    let named = Named::read(user);
    let now = u64::try_from(workflows.clock().now().micros() / 1_000_000).unwrap_or_default();
    let proved = match certifier.0.user.check(certificate, Visit { now, peer, target: named.target }) {
        Ok(proved) => proved,
        Err(refused) => {
            tracing::info!(%refused, %peer, "a certificate was refused over SSH");
            return None;
        }
    };
    let (serial, permits) = (proved.serial(), proved.permits());
    tracing::debug!(serial, ?permits, key_id = proved.key_id(), "a certificate was shown over SSH");
    // The last part of the key id, which we signed, is the token.
    let token = proved.key_id().rsplit(':').next().unwrap_or_default();
    match workflows.authenticate_certified(proved.identity(), token).await {
        // It was made for one target, which was compared with the one that was named.
        Ok(who) => named.by(who).map(|signed_in| SignedIn { only: Some(named.target.to_owned()), ..signed_in }),
        Err(error) => {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                "what a certificate was made of is no longer good"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_after_the_last_plus() {
        let read = |user| Named::read(user);
        assert_eq!(read("web-1"), Named { person: None, target: "web-1" });
        assert_eq!(read("ada@example.com+web-1"), Named { person: Some("ada@example.com"), target: "web-1" });
        assert_eq!(read("ada+x@example.com+web-1"), Named { person: Some("ada+x@example.com"), target: "web-1" });
        assert_eq!(read("+web-1"), Named { person: Some(""), target: "web-1" });
    }
}
