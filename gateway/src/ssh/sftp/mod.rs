//! SFTP version 3 (draft-ietf-secsh-filexfer-02, with OpenSSH's extensions) as it passes through: what each request
//! would do, and what was moved in the end. It knows neither sockets nor people, so that a fuzzer can own it.
//!
//! Bytes are cut into packets ([`cut`]), a client's packet is read ([`Request`]) and looked at ([`Transfers::look`]):
//! it passes, it is judged by its [`Fact`], or it is refused in the target's place ([`status`]). What passes is told
//! to [`Transfers::sent`] and what the target answers to [`Transfers::reply`], which hands back finished transfers.
//!
//! Names are bytes, and stay what was written. Whether a name is a link on the target is not known here.

mod broken;
mod content;
mod extended;
mod fact;
mod handles;
mod name;
mod reply;
mod request;
mod transfer;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use content::Content;
pub(crate) use fact::{Effect, Fact, Touched, Verb};
pub(crate) use handles::{Look, Transfers};
pub(crate) use reply::Reply;
pub(crate) use request::Request;
pub(crate) use transfer::Transfer;
pub(crate) use wire::{Code, INIT, ask_home, cut, status};
