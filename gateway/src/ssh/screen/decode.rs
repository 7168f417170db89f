//! Bytes as characters, over any split, and the characters that terminals disagree about.

/// A decoder of UTF-8. What is none becomes U+FFFD, as terminals show it.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    code: u32,
    missing: u8,
    low: u8,
    high: u8,
}

impl Utf8 {
    /// The next byte. It may end two characters: one that is cut off, and itself.
    pub(super) fn push(&mut self, byte: u8, out: &mut impl FnMut(char)) {
        if self.missing > 0 {
            if (self.low..=self.high).contains(&byte) {
                self.code = (self.code << 6) | u32::from(byte & 0x3f);
                (self.low, self.high) = (0x80, 0xbf);
                self.missing -= 1;
                if self.missing == 0 {
                    out(char::from_u32(self.code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                return;
            }
            self.missing = 0;
            out(char::REPLACEMENT_CHARACTER);
        }
        match byte {
            0..=0x7f => out(char::from(byte)),
            0xc2..=0xdf => self.begin(byte & 0x1f, 1, (0x80, 0xbf)),
            0xe0 => self.begin(byte & 0x0f, 2, (0xa0, 0xbf)),
            0xed => self.begin(byte & 0x0f, 2, (0x80, 0x9f)),
            0xe1..=0xef => self.begin(byte & 0x0f, 2, (0x80, 0xbf)),
            0xf0 => self.begin(byte & 0x07, 3, (0x90, 0xbf)),
            0xf4 => self.begin(byte & 0x07, 3, (0x80, 0x8f)),
            0xf1..=0xf3 => self.begin(byte & 0x07, 3, (0x80, 0xbf)),
            0x80..=0xc1 | 0xf5..=0xff => out(char::REPLACEMENT_CHARACTER),
        }
    }

    /// Whether a character has begun and not ended.
    pub(super) const fn is_inside(&self) -> bool {
        self.missing > 0
    }

    /// Overlong forms and surrogates are refused by the range of the second byte.
    fn begin(&mut self, bits: u8, missing: u8, (low, high): (u8, u8)) {
        *self = Self { code: u32::from(bits), missing, low, high };
    }
}

/// Characters of no width: they join the one before. The emulator would give each a cell, the target's editor gives none.
pub(super) fn has_no_width(char: char) -> bool {
    matches!(u32::from(char),
        0xad | 0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f | 0x6d6..=0x6dc
        | 0x900..=0x902 | 0x93c | 0x941..=0x948 | 0x94d | 0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e | 0x1160..=0x11ff
        | 0x180b..=0x180f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
        | 0x20d0..=0x20ff | 0x3099..=0x309a | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xfeff | 0x1_f3fb..=0x1_f3ff
        | 0xe_0000..=0xe_0fff)
}

/// Characters whose width differs between versions of Unicode: pictures, and what lies beyond the first plane.
pub(super) fn has_disputed_width(char: char) -> bool {
    matches!(u32::from(char), 0x2300..=0x2bff | 0x1_0000..)
}
