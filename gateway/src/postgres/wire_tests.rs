//! Against `postgres-protocol`, an independent implementation, in both directions.

use std::collections::HashMap;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend as theirs;
use proptest::prelude::*;

use super::*;

fn made(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out);
    out.to_vec()
}

fn one(values: &[Option<&[u8]>], formats: &[i16], results: &[i16]) -> Vec<u8> {
    made(|out| {
        let each = |value: Option<&[u8]>, out: &mut BytesMut| {
            out.extend_from_slice(value.unwrap_or_default());
            Ok(if value.is_some() { IsNull::No } else { IsNull::Yes })
        };
        let done = theirs::bind(
            "p",
            "s",
            formats.iter().copied(),
            values.iter().copied(),
            each,
            results.iter().copied(),
            out,
        );
        assert!(done.is_ok());
    })
}

#[test]
fn a_clients_messages_are_read() {
    let frame = made(|out| theirs::parse("s", "SELECT $1", [23, 25], out).unwrap());
    assert_eq!(frontend(&frame), Ok(Some(Head { tag: b'P', len: frame.len() })));
    let read = Parse::read(&frame).unwrap();
    assert_eq!((read.name, read.text, read.types), (&b"s"[..], &b"SELECT $1"[..], &[0, 0, 0, 23, 0, 0, 0, 25][..]));

    let frame = one(&[Some(b"ab"), None, Some(b"")], &[0, 1, 1], &[1]);
    let read = Bind::read(&frame).unwrap();
    assert_eq!((read.portal, read.statement), (&b"p"[..], &b"s"[..]));
    let values: Vec<_> = read.values().collect();
    assert_eq!(values, [(Some(&b"ab"[..]), false), (None, true), (Some(&b""[..]), true)]);
    assert!(read.results.binary(0) && read.results.binary(7), "one format is for all");
    let mut again = Vec::new();
    write_bind(&mut again, |to| read.tail(to));
    assert_eq!(Bind::read(&again).unwrap().values().collect::<Vec<_>>(), values);

    let frame = made(|out| theirs::describe(b'S', "x", out).unwrap());
    assert!(matches!(Named::read(&frame), Ok(Named { portal: false, name: b"x" })));
    let frame = made(|out| theirs::close(b'P', "y", out).unwrap());
    assert!(matches!(Named::read(&frame), Ok(Named { portal: true, name: b"y" })));
    let frame = made(|out| theirs::execute("p", 7, out).unwrap());
    assert_eq!(execute(&frame), Ok(&b"p"[..]));
    let frame = made(|out| theirs::query("SELECT 1", out).unwrap());
    assert_eq!(query(&frame), Ok(&b"SELECT 1"[..]));
}

#[test]
fn what_we_write_is_what_they_write() {
    let mut ours = Vec::new();
    write_query(&mut ours, "SELECT 1");
    write_parse(&mut ours, "s", b"SELECT 2", &[0, 0, 0, 23]);
    write_describe(&mut ours, true, b"p");
    write_execute(&mut ours);
    write_sync(&mut ours);
    write_terminate(&mut ours);
    let theirs = made(|out| {
        theirs::query("SELECT 1", out).unwrap();
        theirs::parse("s", "SELECT 2", [23], out).unwrap();
        theirs::describe(b'P', "p", out).unwrap();
        theirs::execute("", 0, out).unwrap();
        theirs::sync(out);
        theirs::terminate(out);
    });
    assert_eq!(ours, theirs);
}

#[test]
fn they_read_what_we_say() {
    use fallible_iterator_as_std::fields;
    let mut out = Vec::new();
    let words =
        Words { severity: "ERROR", code: "42501", message: "no\0pe", detail: "", hint: "ask", position: Some(7) };
    say(&mut out, words);
    write_ready(&mut out, b'T');
    let mut bytes = BytesMut::from(&out[..]);
    let Some(Message::ErrorResponse(body)) = Message::parse(&mut bytes).unwrap() else { panic!("no error") };
    let all = fields(&body);
    let expected = [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', "42501"), (b'M', "no pe"), (b'H', "ask"), (b'P', "7")];
    assert_eq!(all, expected.map(|(tag, text)| (tag, text.to_owned())).into());
    let Some(Message::ReadyForQuery(ready)) = Message::parse(&mut bytes).unwrap() else { panic!("not ready") };
    assert_eq!(ready.status(), b'T');
    assert_eq!(error_field(&out, b'C'), Some(&b"42501"[..]));
    assert_eq!(error_field(&out, b'D'), None);
}

mod fallible_iterator_as_std {
    use super::{HashMap, Message};

    pub(super) fn fields(body: &postgres_protocol::message::backend::ErrorResponseBody) -> HashMap<u8, String> {
        let _kind: Option<Message> = None;
        let mut all = HashMap::new();
        let mut fields = body.fields();
        while let Ok(Some(field)) = postgres_protocol_next(&mut fields) {
            all.insert(field.0, field.1);
        }
        all
    }

    fn postgres_protocol_next(
        fields: &mut postgres_protocol::message::backend::ErrorFields<'_>,
    ) -> Result<Option<(u8, String)>, std::io::Error> {
        use tokio_postgres::fallible_iterator::FallibleIterator as _;
        Ok(fields.next()?.map(|field| (field.type_(), String::from_utf8_lossy(field.value_bytes()).into_owned())))
    }
}

#[test]
fn rows_and_their_columns_are_read() {
    let mut frame_bytes = Vec::new();
    frame(&mut frame_bytes, b'T', |to| {
        to.extend_from_slice(&[0, 1]);
        to.extend_from_slice(b"id\0\0\0\x40\0\0\x03\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01");
    });
    let field = Field { name: b"id", table: 0x4000, column: 3, kind: 23, binary: true };
    assert_eq!(row_description(&frame_bytes), Ok(vec![field]));
    let mut row = Vec::new();
    frame(&mut row, b'D', |to| to.extend_from_slice(&[0, 2, 0, 0, 0, 2, b'a', b'b', 0xff, 0xff, 0xff, 0xff]));
    let mut cells = Cells::of(&row, HEAD).unwrap();
    assert_eq!(cells.next(&row).unwrap().unwrap().range(), Some(11..13));
    assert_eq!(cells.next(&row).unwrap().unwrap().range(), None);
    assert_eq!((cells.next(&row), cells.end()), (Ok(None), row.len()));
}

#[test]
fn lengths_are_checked_before_anything_is_made_of_them() {
    assert_eq!(frontend(b"Q\0\0\0\x03"), Err(Malformed::Length(3)));
    assert_eq!(frontend(b"Q\xff\xff\xff\xff"), Err(Malformed::Length(u32::MAX)));
    assert_eq!(frontend(b"Q\x05\0\0\0"), Err(Malformed::Length(5 << 24)));
    assert!(frontend(b"d\x05\0\0\0").is_ok(), "COPY data may be long");
    assert_eq!(frontend(b"Q\0\0\0"), Ok(None));
    let mut claims = Vec::new();
    frame(&mut claims, b'T', |to| to.extend_from_slice(&[0xff, 0xff]));
    assert_eq!(row_description(&claims), Err(Malformed::Fields));
}

#[test]
fn rows_are_counted_by_the_tag() {
    for (tag, rows) in [("DELETE 3", 3), ("INSERT 0 12", 12), ("BEGIN", 0), ("COPY 99999999999999999999", 0), ("", 0)]
    {
        assert_eq!(rows_of(tag.as_bytes()), rows, "{tag}");
    }
}

/// Every reader, on whatever comes.
fn read_all(bytes: &[u8]) {
    let mut at = 0;
    while let Ok(Some(head)) = frontend(&bytes[at..]) {
        let Some(frame) = bytes.get(at..at + head.len) else { break };
        let _ = Parse::read(frame);
        let _ = Bind::read(frame).map(|bind| bind.values().count());
        let _ =
            (Named::read(frame).is_ok(), execute(frame).is_ok(), query(frame).is_ok(), function_call(frame).is_ok());
        let _ = (row_description(frame).is_ok(), ready_for_query(frame).is_ok(), parameter_status(frame).is_ok());
        let _ = error_field(frame, b'M');
        if let Ok(mut cells) = Cells::of(frame, HEAD) {
            while let Ok(Some(cell)) = cells.next(frame) {
                let _ = cell.range().map(|range| frame.get(range).is_some());
            }
        }
        at += head.len;
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), tag in any::<u8>()) {
        let mut framed = Vec::new();
        frame(&mut framed, tag, |to| to.extend_from_slice(&bytes));
        read_all(&framed);
        read_all(&bytes);
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_frames(
        bodies in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..8),
        cuts in proptest::collection::vec(1..9usize, 1..100),
    ) {
        let mut all = Vec::new();
        for (tag, body) in &bodies {
            frame(&mut all, *tag, |to| to.extend_from_slice(body));
        }
        let (mut held, mut found, mut from) = (Vec::new(), Vec::new(), 0);
        for cut in cuts.iter().cycle() {
            let to = (from + cut).min(all.len());
            held.extend_from_slice(&all[from..to]);
            from = to;
            while let Some(head) = backend(&held).unwrap().filter(|head| held.len() >= head.len) {
                let frame: Vec<u8> = held.drain(..head.len).collect();
                found.push((head.tag, frame[HEAD..].to_vec()));
            }
            if from == all.len() {
                break;
            }
        }
        prop_assert_eq!(found, bodies);
        prop_assert!(held.is_empty());
    }
}
