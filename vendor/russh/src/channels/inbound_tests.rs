use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

const WINDOW: u32 = 1 << 20;

fn connected() -> (InboundSender, InboundReceiver, UnboundedReceiver<ChannelId>) {
    let (sender, receiver) = inbound();
    let (credit, credits) = unbounded_channel();
    sender.connect(ChannelId(3), WINDOW, credit);
    (sender, receiver, credits)
}

fn data(len: usize) -> ChannelMsg {
    ChannelMsg::Data { data: vec![b'd'; len].into() }
}

fn stderr(ext: u32, bytes: &'static [u8]) -> ChannelMsg {
    ChannelMsg::ExtendedData { ext, data: Bytes::from_static(bytes) }
}

fn waiting(sender: &InboundSender) -> usize {
    lock(&sender.shared).queue.len()
}

#[tokio::test]
async fn a_window_of_single_bytes_waits_as_few_messages_and_arrives_whole() {
    let (sender, mut receiver, _credits) = connected();
    for at in 0..WINDOW {
        let byte = Bytes::copy_from_slice(&[at as u8]);
        assert!(sender.send(ChannelMsg::Data { data: byte }).unwrap());
    }
    assert!(waiting(&sender) <= WINDOW as usize / (JOINED / 2), "{}", waiting(&sender));
    drop(sender);
    let mut all = Vec::new();
    while let Some(ChannelMsg::Data { data }) = receiver.recv().await {
        all.extend_from_slice(&data);
    }
    assert!(all == (0..WINDOW).map(|at| at as u8).collect::<Vec<_>>());
}

#[tokio::test]
async fn streams_in_turn_keep_their_order_until_the_reader_is_far_behind() {
    let (sender, mut receiver, _credits) = connected();
    for _ in 0..100_000 {
        sender.send(data(1)).unwrap();
        sender.send(stderr(1, b"e")).unwrap();
    }
    assert!(waiting(&sender) < CROWDED + 32, "{}", waiting(&sender));
    for at in 0..CROWDED - 2 {
        let expected = if at % 2 == 0 { "Data" } else { "ExtendedData" };
        let msg = format!("{:?}", receiver.recv().await.unwrap());
        assert!(msg.starts_with(expected), "{at}: {msg}");
    }
}

#[test]
fn data_does_not_pass_a_request() {
    let (sender, _receiver, _credits) = connected();
    sender.send(data(1)).unwrap();
    sender.send(ChannelMsg::RequestShell { want_reply: true }).unwrap();
    sender.send(data(1)).unwrap();
    assert_eq!(waiting(&sender), 3);
}

#[test]
fn many_streams_in_turn_are_refused_and_empty_data_costs_nothing() {
    let (sender, _receiver, _credits) = connected();
    for _ in 0..10_000 {
        sender.send(stderr(7, b"")).unwrap();
    }
    assert_eq!(waiting(&sender), 0);
    let flood = (0..10_000).find_map(|at| sender.send(stderr(at % 100, b"x")).err());
    assert!(matches!(flood, Some(Error::ChannelFlood)));
}

#[test]
fn requests_are_bounded_by_number_and_by_size() {
    let (sender, _receiver, _credits) = connected();
    for _ in 0..CONTROLS {
        sender.send(ChannelMsg::Success).unwrap();
    }
    assert!(matches!(sender.send(ChannelMsg::Success), Err(Error::ChannelFlood)));

    let (sender, _receiver, _credits) = connected();
    let exec = || ChannelMsg::Exec { want_reply: true, command: vec![0; CONTROL_BYTES / 2] };
    sender.send(exec()).unwrap();
    sender.send(exec()).unwrap();
    assert!(matches!(sender.send(exec()), Err(Error::ChannelFlood)));
}

#[tokio::test]
async fn requests_that_were_read_do_not_count() {
    let (sender, mut receiver, _credits) = connected();
    for _ in 0..3 * CONTROLS {
        sender.send(ChannelMsg::Success).unwrap();
        receiver.recv().await.unwrap();
    }
}

#[test]
fn window_sizes_replace_each_other() {
    let (sender, _receiver, _credits) = connected();
    for size in 0..10_000 {
        sender
            .send(ChannelMsg::WindowChange { col_width: size, row_height: 1, pix_width: 0, pix_height: 0 })
            .unwrap();
        sender.send(ChannelMsg::WindowAdjusted { new_size: size }).unwrap();
    }
    assert_eq!(waiting(&sender), 1);
}

#[tokio::test]
async fn session_hears_once_when_half_a_window_was_taken() {
    let (sender, mut receiver, mut credits) = connected();
    for _ in 0..4 {
        sender.send(data(WINDOW as usize / 4)).unwrap();
    }
    receiver.recv().await.unwrap();
    assert!(credits.try_recv().is_err(), "a quarter is not enough");
    receiver.recv().await.unwrap();
    receiver.recv().await.unwrap();
    assert_eq!(credits.try_recv().ok(), Some(ChannelId(3)));
    assert!(credits.try_recv().is_err());
    assert_eq!(sender.take_credit(WINDOW), WINDOW as usize / 4, "what is unread");
    drop(receiver);
    assert!(credits.try_recv().is_err(), "the last quarter is no half");
    assert!(!sender.send(data(1)).unwrap(), "no reader any more");
}
