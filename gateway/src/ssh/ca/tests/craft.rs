//! Certificates that neither the library nor ssh-keygen would make, byte by byte (PROTOCOL.certkeys).

use russh::keys::signature::Signer;
use russh::keys::ssh_key::Signature;
use russh::keys::{Certificate, PrivateKey, PublicKey};

use super::{ADA, NOW};

/// What will be in it.
pub(super) struct Craft {
    pub(super) subject: PublicKey,
    pub(super) kind: u32,
    pub(super) principals: Vec<&'static str>,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) critical: Vec<(&'static str, &'static str)>,
    /// What it says that signed it; with none, what did.
    pub(super) signer: Option<Vec<u8>>,
}

impl Craft {
    /// A person's, with nothing wrong.
    pub(super) fn good(subject: &PublicKey) -> Self {
        Self {
            subject: subject.clone(),
            kind: 1,
            principals: vec![ADA],
            from: NOW,
            until: NOW + 3600,
            critical: vec![],
            signer: None,
        }
    }

    pub(super) fn sign(&self, with: &PrivateKey) -> Certificate {
        Certificate::from_bytes(&self.bytes(with)).unwrap()
    }

    pub(super) fn bytes(&self, with: &PrivateKey) -> Vec<u8> {
        let mut out = Vec::new();
        string(&mut out, self.subject.algorithm().to_certificate_type().as_bytes());
        string(&mut out, &[7; 32]);
        // The key without the name of its algorithm.
        let key = self.subject.to_bytes().unwrap();
        out.extend(&key[4 + self.subject.algorithm().as_str().len()..]);
        out.extend(7_u64.to_be_bytes());
        out.extend(self.kind.to_be_bytes());
        string(&mut out, b"crafted");
        let mut principals = Vec::new();
        self.principals.iter().for_each(|one| string(&mut principals, one.as_bytes()));
        string(&mut out, &principals);
        out.extend(self.from.to_be_bytes());
        out.extend(self.until.to_be_bytes());
        let mut critical = Vec::new();
        for (name, value) in &self.critical {
            string(&mut critical, name.as_bytes());
            let mut inner = Vec::new();
            if !value.is_empty() {
                string(&mut inner, value.as_bytes());
            }
            string(&mut critical, &inner);
        }
        string(&mut out, &critical);
        string(&mut out, b"");
        string(&mut out, b"");
        string(&mut out, &self.signer.clone().unwrap_or_else(|| with.public_key().to_bytes().unwrap()));
        let signature: Signature = with.try_sign(&out).unwrap();
        string(&mut out, &Vec::try_from(signature).unwrap());
        out
    }
}

/// RFC 4251, section 5.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}
