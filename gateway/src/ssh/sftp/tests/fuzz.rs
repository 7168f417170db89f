//! Noise: whatever arrives, nothing panics, and what is read is bounded by what arrived.

use super::*;

/// Marsaglia's xorshift: the same numbers each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    fn mutate(&mut self, packet: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(packet.len() + 1);
            let byte = [0, 1, 3, 7, 0x7f, 0x80, 0xff, self.next().to_le_bytes()[0]][self.below(8)];
            match self.below(4) {
                0 if at < packet.len() => packet[at] = byte,
                1 => packet.insert(at, byte),
                2 if at < packet.len() => drop(packet.remove(at)),
                _ => packet.truncate(at.max(1)),
            }
        }
        // Mostly the length is right, so that the fields are reached.
        if self.below(8) > 0 {
            let body = packet.get(4..).unwrap_or_default().to_vec();
            *packet = framed(&body);
        }
    }
}

/// A conversation that is going on, with a file open each way, and packets that could come next.
fn seeds() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (handle, other, path) = (text(b"h"), text(b"w"), text(b"x"));
    let mut asked = vec![
        INIT.to_vec(),
        packet(3, 1, &[&path, &[0, 0, 0, 0x1b], &[0, 0, 0, 5], &[0; 8], &[0, 0, 1, 0xa4]]),
        packet(5, 2, &[&handle, &[0; 8], &[0, 0, 0, 9]]),
        packet(6, 3, &[&other, &[0; 8], &text(b"data")]),
        packet(10, 4, &[&other, &[0, 0, 0, 1], &[0; 8]]),
        packet(18, 5, &[&path, &path]),
        packet(16, 6, &[&text(b".")]),
        packet(200, 7, &[&text(b"copy-data"), &handle, &[0; 16], &other, &[0; 8]]),
        packet(200, 8, &[&text(b"users-groups-by-id@openssh.com"), &text(&[0; 8]), &text(&[0; 4])]),
    ];
    asked.extend([4, 8, 12].map(|kind| packet(kind, 9, &[&handle])));
    let answered = vec![
        framed(b"\x02\0\0\0\x03\0\0\0\x01a\0\0\0\x01b"),
        status(3, Code::OK, "done"),
        status(2, Code::EOF, ""),
        packet(102, 1, &[&handle]),
        packet(102, 1, &[&other]),
        packet(103, 2, &[&text(b"some data")]),
        packet(104, 6, &[&[0, 0, 0, 1], &text(b"/home"), &text(b"/home"), &[0; 4]]),
        packet(105, 9, &[&[0, 0, 0, 1], &[0; 8]]),
    ];
    (asked, answered)
}

#[test]
fn nothing_panics_whatever_arrives() {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let (asked, answered) = seeds();
    let mut talk = Talk::greeted();
    let (mut ids, mut passed, mut broken) = (0u32, 0, 0);
    for round in 0..200_000 {
        if round % 64 == 0 {
            let old = std::mem::replace(&mut talk, Talk::greeted());
            old.0.end().iter().for_each(|done| assert!(!done.to_string().is_empty()));
            talk.open(1, b"r", 0x01, b"h");
            talk.open(1, b"w", 0x1a, b"w");
        }
        let ours = noise.below(2) == 0;
        let from = if ours { &asked } else { &answered };
        let mut bytes = from[noise.below(from.len())].clone();
        // Ids that mostly fit: a few, over and over.
        if noise.below(4) > 0 && bytes.len() > 9 {
            ids = ids.wrapping_add(1) % 8;
            bytes[5..9].copy_from_slice(&ids.to_be_bytes());
        }
        noise.mutate(&mut bytes);
        let _ = cut(&bytes);
        let _ = (Request::read(&bytes), Reply::read(&bytes));
        let fine = if ours {
            talk.ask(&bytes).map(|look| {
                if let Look::Judge(fact) = look {
                    assert!(!fact.to_string().chars().any(char::is_control));
                }
            })
        } else {
            talk.answer(&bytes).map(drop)
        };
        if fine.is_ok() { passed += 1 } else { broken += 1 }
    }
    assert!(
        passed > 20_000 && broken > 20_000,
        "{passed} passed, {broken} did not: the noise is too weak or too strong"
    );
}
