//! Keys, addresses and names: the small parts.

use std::net::IpAddr;

use russh::keys::ssh_key::Mpint;
use russh::keys::ssh_key::public::{DsaPublicKey, KeyData, RsaPublicKey};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey, PublicKey};

use super::craft::{Craft, string};
use super::*;

#[test]
fn addresses_are_read_as_openssh_reads_them() {
    let cases: &[(&str, &str, Option<bool>)] = &[
        ("10.0.0.5", "10.0.0.5", Some(true)),
        ("10.0.0.5", "10.0.0.6", Some(false)),
        ("10.0.0.5/32", "10.0.0.5", Some(true)),
        ("10.0.0.0/8", "10.255.255.255", Some(true)),
        ("10.0.0.0/8", "11.0.0.0", Some(false)),
        ("10.0.0.128/25", "10.0.0.127", Some(false)),
        ("0.0.0.0/0", "203.0.113.9", Some(true)),
        ("0.0.0.0/0", "2001:db8::1", Some(false)),
        ("::/0", "2001:db8::1", Some(true)),
        ("::/0", "203.0.113.9", Some(false)),
        ("::/0", "::ffff:203.0.113.9", Some(false)),
        ("::/96", "0.0.0.1", Some(false)),
        ("2001:db8::/32", "2001:db8:ffff::1", Some(true)),
        ("2001:db8::/32", "2001:db9::1", Some(false)),
        ("2001:db8::1", "2001:DB8:0:0::1", Some(true)),
        ("10.0.0.0/8", "::ffff:10.1.2.3", Some(true)),
        ("::ffff:10.0.0.0/104", "10.1.2.3", Some(true)),
        ("::ffff:10.0.0.0/104", "::ffff:11.1.2.3", Some(false)),
        ("::ffff:0.0.0.0/96", "10.1.2.3", Some(true)),
        ("::ffff:0.0.0.0/96", "2001:db8::1", Some(false)),
        ("192.0.2.0/24,10.0.0.5,2001:db8::/64", "10.0.0.5", Some(true)),
        ("192.0.2.0/24,2001:db8::/64", "10.0.0.5", Some(false)),
        // One bad part spoils the list, wherever it stands.
        ("10.0.0.5,", "10.0.0.5", None),
        (",10.0.0.5", "10.0.0.5", None),
        ("10.0.0.5, 10.0.0.6", "10.0.0.5", None),
        ("10.0.0.5,host", "10.0.0.5", None),
        ("10.0.0.5/8", "10.0.0.5", None),
        ("2001:db8::1/32", "2001:db8::1", None),
        ("::ffff:10.0.0.5/95", "10.0.0.5", None),
        ("10.0.0.0/33", "10.0.0.0", None),
        ("::/129", "::1", None),
        ("10.0.0.0/", "10.0.0.0", None),
        ("10.0.0.0/+8", "10.0.0.0", None),
        ("10.0.0.0/-1", "10.0.0.0", None),
        ("10.0.0.0/8/8", "10.0.0.0", None),
        ("10.0.0.0/99999999999999999999", "10.0.0.0", None),
        ("10.*", "10.0.0.5", None),
        ("!10.0.0.5", "10.0.0.6", None),
        ("010.0.0.5", "10.0.0.5", None),
        ("10.5", "10.0.0.5", None),
        ("fe80::1%eth0", "fe80::1", None),
        ("", "10.0.0.5", None),
    ];
    for (list, peer, wanted) in cases {
        let peer: IpAddr = peer.parse().unwrap();
        assert_eq!(source::contains(list, peer), *wanted, "{list} {peer}");
    }
}

fn rsa(bits: usize) -> PublicKey {
    let mut modulus = vec![0xFF; bits.div_ceil(8)];
    modulus[0] = 0xFF >> (8 * modulus.len() - bits);
    let modulus = Mpint::from_positive_bytes(&modulus);
    KeyData::from(RsaPublicKey::new(Mpint::from_positive_bytes(&[1, 0, 1]), modulus).unwrap()).into()
}

#[test]
fn a_key_that_can_be_broken_stands_for_nobody() {
    assert_eq!(acceptable(key().public_key()), Ok(()));
    for curve in [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521] {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ecdsa { curve }).unwrap();
        assert_eq!(acceptable(key.public_key()), Ok(()));
    }
    for bits in [2048, 3072, 4096, 8192] {
        assert_eq!(acceptable(&rsa(bits)), Ok(()));
    }
    for bits in [1, 7, 8, 512, 1024, 2040, 2041, 2047, 8193, 16_384] {
        assert_eq!(acceptable(&rsa(bits)), Err(Unfit::Rsa(bits)));
    }
    let one = || Mpint::from_positive_bytes(&[1; 128]);
    let dsa = DsaPublicKey::new(one(), one(), one(), one()).unwrap();
    assert_eq!(acceptable(&KeyData::from(dsa).into()), Err(Unfit::Dsa));
}

#[test]
fn a_certificate_under_the_name_of_a_key_is_refused() {
    let (_folder, ca) = authorities();
    let made = ca.user.issue(&for_ada(key().public_key())).unwrap();
    // As the library reads such a blob, whatever the request calls it.
    let key = russh::keys::key::parse_public_key(&made.to_bytes().unwrap()).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Ed25519);
    assert_eq!(acceptable(&key), Err(Unfit::Certificate));
}

#[test]
fn a_kind_of_key_that_nobody_knows_is_refused() {
    let mut blob = Vec::new();
    string(&mut blob, b"x@countersign.example");
    string(&mut blob, b"key");
    assert_eq!(acceptable(&PublicKey::from_bytes(&blob).unwrap()), Err(Unfit::Unknown));
}

#[test]
fn a_certificate_for_a_weak_key_is_neither_made_nor_taken() {
    let (_folder, ca) = authorities();
    let weak = rsa(1024);
    assert!(matches!(ca.user.issue(&for_ada(&weak)), Err(IssueError::Key(Unfit::Rsa(1024)))));
    assert!(matches!(ca.host.issue(&weak, &["gw"], NOW), Err(IssueError::Key(Unfit::Rsa(1024)))));
    let made = Craft::good(&weak).sign(&ca.user.key);
    assert_eq!(ca.user.check(&made, visit()).unwrap_err(), Refused::Key(Unfit::Rsa(1024)));
    let host = Craft { kind: 2, principals: vec!["web-1"], ..Craft::good(&weak) };
    let pinned = [ca.host.key.public_key().clone()];
    let judged = check_host(&host.sign(&ca.host.key), &pinned, &["web-1"], NOW);
    assert_eq!(judged, Err(Refused::Key(Unfit::Rsa(1024))));
    let strong = Craft::good(&rsa(2048)).sign(&ca.user.key);
    assert!(ca.user.check(&strong, visit()).is_ok());
}

#[test]
fn refusals_are_sentences_for_a_log() {
    let all = [
        Refused::Authority("SHA256:x".into()).to_string(),
        Refused::Early(NOW).to_string(),
        Refused::Several(2).to_string(),
        Refused::Key(Unfit::Dsa).to_string(),
        IssueError::Window { from: 2, until: 1 }.to_string(),
        IssueError::Principal("a_b".into()).to_string(),
    ];
    assert_eq!(
        all,
        [
            "the certificate is signed by another authority, SHA256:x",
            "the certificate is not valid before 1800000000",
            "the certificate names 2 principals",
            "DSA keys are not safe; make one with `ssh-keygen -t ed25519`",
            "a certificate can't be valid from 2 until 1",
            "`a_b` can't be who or what a certificate is for",
        ]
    );
}
