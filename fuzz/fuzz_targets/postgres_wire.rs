//! Any bytes, read as a client's and as a server's frames. Nothing may panic, and no cell may lie outside its frame.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub, reason = "the file as it is, without the crate around it")]
#[path = "../../gateway/src/postgres/wire.rs"]
mod wire;

fuzz_target!(|bytes: &[u8]| {
    walk(bytes, wire::frontend, |frame| {
        let _ = wire::Parse::read(frame);
        if let Ok(bind) = wire::Bind::read(frame) {
            let mut again = Vec::new();
            wire::write_bind(&mut again, |to| bind.tail(to));
            let same = wire::Bind::read(&again).is_ok_and(|again| again.values().eq(bind.values()));
            assert!(same, "values bound once more are the same values");
        }
        let _ = wire::Named::read(frame);
        let _ = wire::execute(frame);
        let _ = wire::query(frame);
        let _ = wire::function_call(frame);
    });
    walk(bytes, wire::backend, |frame| {
        let _ = wire::row_description(frame);
        let _ = wire::command_complete(frame).map(wire::rows_of);
        let _ = wire::ready_for_query(frame);
        let _ = wire::parameter_status(frame);
        let _ = wire::error_field(frame, b'M');
        if let Ok(mut cells) = wire::Cells::of(frame, wire::HEAD) {
            while let Ok(Some(cell)) = cells.next(frame) {
                assert!(cell.range().is_none_or(|range| frame.get(range).is_some()), "a cell lies in its frame");
            }
        }
    });
});

/// Cuts frames off the front until there is no whole one.
fn walk(
    mut bytes: &[u8],
    head: impl Fn(&[u8]) -> Result<Option<wire::Head>, wire::Malformed>,
    mut read: impl FnMut(&[u8]),
) {
    while let Ok(Some(head)) = head(bytes) {
        let Some((frame, rest)) = bytes.split_at_checked(head.len) else { return };
        read(frame);
        bytes = rest;
    }
}
