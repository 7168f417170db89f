use super::inbound::{CreditSender, InboundReceiver, InboundSender, inbound};
use super::WindowSizeRef;
use crate::{ChannelId, ChannelMsg, Error};

/// A handle to the [`super::Channel`]'s to be able to transmit messages
/// to it and update it's `window_size`.
#[derive(Debug)]
pub struct ChannelRef {
    pub(super) sender: InboundSender,
    pub(super) window_size: WindowSizeRef,
}

impl ChannelRef {
    pub(crate) fn new() -> (Self, InboundReceiver) {
        let (sender, receiver) = inbound();
        let channel_ref = Self {
            sender,
            window_size: WindowSizeRef::new(0),
        };
        (channel_ref, receiver)
    }

    pub(crate) fn window_size(&self) -> &WindowSizeRef {
        &self.window_size
    }

    /// See [`InboundSender::connect`].
    pub(crate) fn connect(self, id: ChannelId, target: u32, sender: &CreditSender) -> Self {
        self.sender.connect(id, target, sender.clone());
        self
    }

    /// Never waits. True if a reader has it, false if there is none any more.
    pub(crate) fn send(&self, msg: ChannelMsg) -> Result<bool, Error> {
        self.sender.send(msg)
    }

    /// See [`InboundSender::take_credit`].
    pub(crate) fn take_credit(&self, target: u32) -> usize {
        self.sender.take_credit(target)
    }
}
