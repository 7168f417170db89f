//! What is in files, kept from the beginning and in order, or not at all.

use super::super::content::{Content, ROOM};
use super::*;
use crate::record::{Extent, Kept};

const PUT: u32 = 0x1a;
const GET: u32 = 0x01;

fn keeping(most: u64) -> Talk {
    let mut talk = Talk(Transfers::keeping(most));
    talk.ask(&INIT).unwrap();
    talk.answer(&framed(b"\x02\0\0\0\x03")).unwrap();
    talk
}

fn kept(bytes: &[u8]) -> Content {
    Content::Kept(Kept { bytes: bytes.to_vec(), extent: Extent::Whole })
}

fn part(bytes: &[u8]) -> Content {
    Content::Kept(Kept { bytes: bytes.to_vec(), extent: Extent::Part })
}

#[test]
fn a_part_is_never_taken_for_the_whole() {
    let mut talk = keeping(100);
    // Its end was never seen.
    talk.open(1, b"down", GET, b"h");
    talk.read(2, b"h", 0, 20);
    talk.data(2, b"0123456789");
    assert_eq!(talk.close(3, b"h").content, [part(b"0123456789"), Content::Unwanted]);
    // Something else may be in it, since it was not emptied.
    talk.open(4, b"up", 0x02, b"h");
    talk.write(5, b"h", 0, b"hello");
    talk.status(5, Code::OK);
    assert_eq!(talk.close(6, b"h").content, [Content::Unwanted, part(b"hello")]);
}

#[test]
fn both_ways_are_kept_up_to_the_size_and_not_beyond() {
    let mut talk = keeping(10);
    talk.open(1, b"up", PUT, b"h");
    talk.write(2, b"h", 0, b"hello");
    talk.write(3, b"h", 5, b"world");
    talk.status(2, Code::OK);
    talk.status(3, Code::OK);
    assert_eq!(talk.close(4, b"h").content, [Content::Unwanted, kept(b"helloworld")]);
    talk.open(5, b"down", GET, b"h");
    talk.read(6, b"h", 0, 20);
    talk.data(6, b"0123456789");
    talk.read(7, b"h", 10, 20);
    talk.status(7, Code::EOF);
    assert_eq!(talk.close(8, b"h").content, [kept(b"0123456789"), Content::Unwanted]);
    talk.open(9, b"large", PUT, b"h");
    talk.write(10, b"h", 0, b"0123456789a");
    talk.status(10, Code::OK);
    assert_eq!(talk.close(11, b"h").content, [Content::Unwanted, Content::TooLarge(10)]);
    talk.open(12, b"empty", PUT, b"h");
    assert_eq!(talk.close(13, b"h").content, [Content::Unwanted, kept(b"")]);
}

#[test]
fn what_was_not_taken_or_came_out_of_order_is_not_kept() {
    let mut talk = keeping(100);
    talk.open(1, b"refused", PUT, b"h");
    talk.write(2, b"h", 0, b"hello");
    talk.write(3, b"h", 5, b"world");
    talk.status(2, Code::OK);
    talk.status(3, Code::FAILURE);
    assert_eq!(talk.close(4, b"h").content, [Content::Unwanted, Content::Jumbled]);
    talk.open(5, b"middle", PUT, b"h");
    talk.write(6, b"h", 7, b"hello");
    talk.status(6, Code::OK);
    assert_eq!(talk.close(7, b"h").content, [Content::Unwanted, Content::Jumbled]);
}

#[test]
fn nothing_is_kept_where_nobody_wants_it() {
    let mut talk = Talk::greeted();
    talk.open(1, b"up", PUT, b"h");
    talk.write(2, b"h", 0, b"hello");
    talk.status(2, Code::OK);
    assert_eq!(talk.close(3, b"h").content, [Content::Unwanted, Content::Unwanted]);
}

#[test]
fn many_open_files_take_no_more_room_than_there_is() {
    const SIZE: usize = 1 << 20;
    let count = u32::try_from(ROOM >> 20).unwrap();
    let mut talk = keeping(SIZE as u64);
    let data = vec![7; SIZE / 8];
    let handle = |number: u32| number.to_be_bytes();
    let mut id = 0;
    let mut next = || {
        id += 1;
        id
    };
    for number in 0..=count {
        talk.open(next(), b"x", PUT, &handle(number));
        for part in 0..8 {
            let at = next();
            talk.write(at, &handle(number), part * data.len() as u64, &data);
            talk.status(at, Code::OK);
        }
    }
    let all: Vec<Content> =
        (0..=count).map(|number| talk.close(next(), &handle(number)).content[1].clone()).collect();
    assert_eq!(all.iter().filter(|content| matches!(content, Content::Kept(_))).count(), count as usize);
    assert_eq!(all.last(), Some(&Content::NoRoom));
    // Closed files give their room back.
    talk.open(next(), b"x", PUT, b"h");
    let at = next();
    talk.write(at, b"h", 0, b"again");
    talk.status(at, Code::OK);
    assert_eq!(talk.close(next(), b"h").content[1], kept(b"again"));
}

#[test]
fn the_content_of_a_file_is_in_no_log() {
    assert_eq!(format!("{:?}", kept(b"secret")), "Kept(6 bytes, Whole)");
}
