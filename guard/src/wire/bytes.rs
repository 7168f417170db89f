//! Numbers and strings of bytes, one after the other. Every length is compared with a bound before it is believed.

use super::Broken;

/// Appends fields to a body.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn with(kind: u8) -> Self {
        Self { bytes: vec![0, 0, 0, 0, kind] }
    }

    pub(super) fn byte(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    pub(super) fn number(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn long(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(super) fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(value);
        self
    }

    pub(super) fn text(&mut self, value: &[u8]) -> &mut Self {
        self.number(value.len() as u32).raw(value)
    }

    /// The fields alone, for hashing.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.bytes
    }

    /// The frame, with its length in front.
    pub(super) fn into_frame(mut self) -> Vec<u8> {
        let length = (self.bytes.len() - 4) as u32;
        if let Some(head) = self.bytes.first_chunk_mut::<4>() {
            *head = length.to_be_bytes();
        }
        self.bytes
    }
}

/// Takes fields off a body.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Broken::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Broken> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn number(&mut self) -> Result<u32, Broken> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn long(&mut self) -> Result<u64, Broken> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A string of at most `most` bytes.
    pub(super) fn text(&mut self, most: usize) -> Result<&'a [u8], Broken> {
        let length = self.number()? as usize;
        if length > most {
            return Err(Broken::TooLong);
        }
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Broken::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// A string of at most `most` bytes that is UTF-8.
    pub(super) fn words(&mut self, most: usize) -> Result<String, Broken> {
        String::from_utf8(self.text(most)?.to_vec()).map_err(|_| Broken::Unknown)
    }

    /// How many entries follow, each of at least `least` bytes: more than the rest can hold is a lie.
    pub(super) fn count(&mut self, most: usize, least: usize) -> Result<usize, Broken> {
        let count = self.number()? as usize;
        if count > most || count.saturating_mul(least) > self.rest.len() {
            return Err(Broken::TooLong);
        }
        Ok(count)
    }

    pub(super) fn end(self) -> Result<(), Broken> {
        if self.rest.is_empty() { Ok(()) } else { Err(Broken::Rest) }
    }
}
