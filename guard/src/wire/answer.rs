//! The gateway's word on a question, signed, since whatever carries it belongs to the user.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::bytes::{Reader, Writer};
use super::{Broken, Fingerprint, Nonce, REASON_MOST};

/// What the gateway decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may run.
    Go,
    /// It may not.
    Deny,
    /// People are asked; another answer follows.
    Hold,
}

impl Verdict {
    const fn code(self) -> u8 {
        match self {
            Self::Go => 1,
            Self::Deny => 2,
            Self::Hold => 3,
        }
    }

    const fn of(code: u8) -> Result<Self, Broken> {
        match code {
            1 => Ok(Self::Go),
            2 => Ok(Self::Deny),
            3 => Ok(Self::Hold),
            _ => Err(Broken::Unknown),
        }
    }
}

/// An answer whose signature nobody has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    nonce: Nonce,
    fingerprint: Fingerprint,
    verdict: Verdict,
    text: String,
    signature: [u8; 64],
}

/// What an answer says, once it was checked against the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What was decided.
    pub verdict: Verdict,
    /// The reason, or the line that tells of a hold. Written by the gateway; shown, never obeyed.
    pub text: String,
}

/// Why an answer counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// Another question's.
    #[error("the answer belongs to another question")]
    OtherQuestion,
    /// Not by the gateway's key.
    #[error("the answer is not signed by the gateway")]
    Signature,
}

impl Answer {
    /// Signs a verdict for this question. A text beyond the bound is cut at a character.
    pub fn sign(key: &SigningKey, session: &str, asked: (Nonce, Fingerprint), verdict: Verdict, text: &str) -> Self {
        let (nonce, fingerprint) = asked;
        let text = text.get(..text.floor_char_boundary(REASON_MOST)).unwrap_or_default().to_owned();
        let signature = key.sign(&signed(session, nonce, fingerprint, verdict, &text)).to_bytes();
        Self { nonce, fingerprint, verdict, text, signature }
    }

    /// The question that it names.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// Whether no other answer should follow. Unchecked like all of it: for whoever only carries it.
    pub fn is_last(&self) -> bool {
        self.verdict != Verdict::Hold
    }

    /// What it says, if it is the gateway's word on exactly this question of this session.
    pub fn check(self, key: &VerifyingKey, session: &str, asked: (Nonce, Fingerprint)) -> Result<Checked, Forged> {
        if (self.nonce, self.fingerprint) != asked {
            return Err(Forged::OtherQuestion);
        }
        let message = signed(session, self.nonce, self.fingerprint, self.verdict, &self.text);
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(&message, &signature).map_err(|_| Forged::Signature)?;
        Ok(Checked { verdict: self.verdict, text: self.text })
    }

    pub(super) fn write(&self, into: &mut Writer) {
        into.raw(&self.nonce.0).raw(&self.fingerprint.0).byte(self.verdict.code());
        into.text(self.text.as_bytes()).raw(&self.signature);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(Self {
            nonce: Nonce(from.array()?),
            fingerprint: Fingerprint(from.array()?),
            verdict: Verdict::of(from.byte()?)?,
            text: from.words(REASON_MOST)?,
            signature: from.array()?,
        })
    }
}

/// The bytes under the signature. The first words keep it apart from everything else that a key may sign.
fn signed(session: &str, nonce: Nonce, fingerprint: Fingerprint, verdict: Verdict, text: &str) -> Vec<u8> {
    let mut message = Writer::default();
    message.raw(b"countersign answer 1\0").text(session.as_bytes());
    message.raw(&nonce.0).raw(&fingerprint.0).byte(verdict.code()).text(text.as_bytes());
    message.into_body()
}
