//! Who signs in at the gateway: each way in which a certificate can be wrong.

use std::net::IpAddr;

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, PublicKey};

use super::craft::Craft;
use super::*;

#[test]
fn a_certificate_that_we_made_says_who_and_which() {
    let (_folder, ca) = authorities();
    let made = ca.user.issue(&for_ada(key().public_key())).unwrap();
    let proved: Proved = ca.user.check(&made, visit()).unwrap();
    assert_eq!(proved.identity(), ADA);
    assert_eq!(proved.serial(), 7);
    assert_eq!(proved.key_id(), "countersign:ada@example.com:tok_01JZ8Q4V7XK2M9T3B6N5R1C0DE");
    assert_eq!(proved.permits(), [Permit::Pty]);
    assert_eq!(made.valid_principals(), [ADA]);
    assert!(made.critical_options().is_empty());
    let again = ca.user.issue(&for_ada(key().public_key())).unwrap();
    assert_ne!(made.nonce(), again.nonce());
}

#[test]
fn only_what_was_asked_for_is_permitted() {
    let (_folder, ca) = authorities();
    let key = key();
    let tables: [(&[Permit], &[&str]); 4] = [
        (&[], &["permit-pty"]),
        (&[Permit::Pty, Permit::Pty], &["permit-pty"]),
        (&[Permit::Ports], &["permit-port-forwarding", "permit-pty"]),
        (&[Permit::Agent, Permit::Ports], &["permit-agent-forwarding", "permit-port-forwarding", "permit-pty"]),
    ];
    for (permits, extensions) in tables {
        let made = ca.user.issue(&ForPerson { permits, ..for_ada(key.public_key()) }).unwrap();
        assert!(made.extensions().keys().eq(extensions), "{permits:?}");
        let proved = ca.user.check(&made, visit()).unwrap();
        assert!(permits.iter().all(|one| proved.permits().contains(one)));
        assert_eq!(proved.permits().len(), extensions.len());
    }
}

#[test]
fn a_certificate_for_one_target_opens_no_other() {
    let (_folder, ca) = authorities();
    let key = key();
    let made = ca.user.issue(&ForPerson { target: Some("prod"), ..for_ada(key.public_key()) }).unwrap();
    let to = |target| ca.user.check(&made, Visit { target, ..visit() }).map(|_| ());
    assert_eq!(to("prod"), Ok(()));
    for other in ["prod-admin", "pro", "Prod", "prod ", ""] {
        assert_eq!(to(other), Err(Refused::Target("prod".into())), "{other}");
    }
    let nowhere = ca.user.issue(&ForPerson { target: Some(""), ..for_ada(key.public_key()) });
    assert!(matches!(nowhere, Err(IssueError::Principal(_))));
}

#[test]
fn nothing_is_made_that_would_be_refused() {
    let (_folder, ca) = authorities();
    let key = key();
    let good = for_ada(key.public_key());
    for (from, until) in [(NOW, NOW), (NOW + 1, NOW), (NOW, NOW + 86_401), (0, u64::MAX), (NOW, u64::MAX)] {
        let made = ca.user.issue(&ForPerson { valid: from..until, ..good.clone() });
        assert!(matches!(made, Err(IssueError::Window { .. })), "{from} to {until}");
    }
    let longest = ca.user.issue(&ForPerson { valid: NOW..NOW + 86_400, ..good.clone() }).unwrap();
    assert!(ca.user.check(&longest, visit()).is_ok());
    let ids = [
        "",
        "root",
        "idn_",
        &ADA.to_lowercase(),
        "idn_01JZ8Q4V7XK2M9T3B6N5R1C0D",
        &format!("{ADA}0"),
        "idn_01JZ8Q4V7XK2M9T3B6N5R1C0D,",
    ];
    for identity in ids {
        let made = ca.user.issue(&ForPerson { identity, ..good.clone() });
        assert!(matches!(made, Err(IssueError::Principal(_))), "{identity}");
    }
    let inner = ca.user.issue(&good).unwrap();
    let nested = PublicKey::from(KeyData::from(inner));
    assert!(matches!(ca.user.issue(&for_ada(&nested)), Err(IssueError::Key(Unfit::Certificate))));
}

/// A way to be wrong, and what it is called.
type Case = (&'static str, fn(&mut Craft), Refused);

#[test]
fn each_thing_that_can_be_wrong_with_a_certificate_is_refused() {
    const DAY: u64 = 24 * 60 * 60;
    let (_folder, ca) = authorities();
    let key = key();
    assert!(
        ca.user.check(&Craft::good(key.public_key()).sign(&ca.user.key), visit()).is_ok(),
        "the crafted one is good"
    );
    let option = |name: &str| Refused::Option(name.to_owned());
    let elsewhere = || Refused::Elsewhere(visit().peer);
    let cases: &[Case] = &[
        ("a host's", |it| it.kind = 2, Refused::Type),
        ("nobody", |it| it.principals = vec![], Refused::Nobody),
        ("an empty name", |it| it.principals = vec![""], Refused::Foreign(String::new())),
        ("a login", |it| it.principals = vec!["root"], Refused::Foreign("root".into())),
        ("another kind of id", |it| it.principals = vec!["tok_01JZ8Q4V7XK2M9T3B6N5R1C0DE"], {
            Refused::Foreign("tok_01JZ8Q4V7XK2M9T3B6N5R1C0DE".into())
        }),
        ("two", |it| it.principals = vec![ADA, "root"], Refused::Several(2)),
        ("the same twice", |it| it.principals = vec![ADA, ADA], Refused::Several(2)),
        ("over", |it| (it.from, it.until) = (NOW - 60, NOW), Refused::Late(NOW)),
        ("over by a second", |it| (it.from, it.until) = (NOW - 60, NOW - 1), Refused::Late(NOW - 1)),
        ("not yet", |it| it.from = NOW + 1, Refused::Early(NOW + 1)),
        ("too long", |it| it.until = NOW + 86_401, Refused::Lifetime(DAY + 1)),
        ("too long since long ago", |it| it.from = NOW - DAY, Refused::Lifetime(DAY + 3600)),
        ("for ever", |it| (it.from, it.until) = (0, u64::MAX), Refused::Lifetime(u64::MAX)),
        ("never", |it| (it.from, it.until) = (NOW + 9, NOW - 9), Refused::Early(NOW + 9)),
        ("a command", |it| it.critical = vec![("force-command", "id")], option("force-command")),
        ("a touch", |it| it.critical = vec![("verify-required", "")], option("verify-required")),
        ("what nobody knows", |it| it.critical = vec![("x@y.z", "1")], option("x@y.z")),
        ("what breaks a line", |it| it.critical = vec![("a\nb c", "1")], option("a_b_c")),
        ("one known, one not", |it| it.critical = vec![("source-address", "0.0.0.0/0"), ("x", "")], option("x")),
        ("another place", |it| it.critical = vec![("source-address", "192.0.2.8")], elsewhere()),
        ("another block", |it| it.critical = vec![("source-address", "192.0.3.0/24,2001:db8::/32")], elsewhere()),
        ("no place", |it| it.critical = vec![("source-address", "")], Refused::Source),
        ("no address", |it| it.critical = vec![("source-address", "192.0.2.7,example.com")], Refused::Source),
    ];
    for (what, spoil, refused) in cases {
        let mut craft = Craft::good(key.public_key());
        spoil(&mut craft);
        assert_eq!(ca.user.check(&craft.sign(&ca.user.key), visit()).unwrap_err(), *refused, "{what}");
    }
    for list in ["192.0.2.7", "10.0.0.0/8,192.0.2.0/24", "::ffff:192.0.2.7", "0.0.0.0/0"] {
        let craft = Craft { critical: vec![("source-address", list)], ..Craft::good(key.public_key()) };
        let from = |peer: IpAddr| ca.user.check(&craft.sign(&ca.user.key), Visit { peer, ..visit() }).is_ok();
        assert!(from("192.0.2.7".parse().unwrap()) && from("::ffff:192.0.2.7".parse().unwrap()), "{list}");
        assert!(!from("2001:db8::7".parse().unwrap()), "{list}");
    }
}

#[test]
fn its_seconds_are_counted_by_our_clock_and_to_the_last() {
    let (_folder, ca) = authorities();
    let made = ca.user.issue(&for_ada(key().public_key())).unwrap();
    let at = |now| ca.user.check(&made, Visit { now, ..visit() }).map(|_| ());
    assert_eq!(at(NOW - 1), Err(Refused::Early(NOW)));
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW + 3599), Ok(()));
    assert_eq!(at(NOW + 3600), Err(Refused::Late(NOW + 3600)));
    assert_eq!(at(0), Err(Refused::Early(NOW)));
    assert_eq!(at(u64::MAX), Err(Refused::Late(NOW + 3600)));
}

#[test]
fn a_type_that_does_not_exist_is_not_even_read() {
    for kind in [0, 3, u32::MAX] {
        let craft = Craft { kind, ..Craft::good(key().public_key()) };
        assert!(Certificate::from_bytes(&craft.bytes(&key())).is_err());
    }
}

#[test]
fn no_authority_can_stand_in_for_another() {
    let (_folder, ca) = authorities();
    let (_other_folder, other) = authorities();
    let key = key();
    let theirs = |of: &russh::keys::PrivateKey| Refused::Authority(fingerprint(of.public_key()));
    // Everything but the signer is as the gateway wants it.
    for signer in [&ca.host.key, &ca.target.key, &other.user.key, &key] {
        let made = Craft::good(key.public_key()).sign(signer);
        assert_eq!(ca.user.check(&made, visit()).unwrap_err(), theirs(signer));
    }
    // What each really signs.
    let (_, session) = ca.target.issue(&for_session("root")).unwrap();
    assert_eq!(ca.user.check(&session, visit()).unwrap_err(), theirs(&ca.target.key));
    let host = ca.host.issue(key.public_key(), &["web-1"], NOW).unwrap();
    assert_eq!(ca.user.check(&host, visit()).unwrap_err(), theirs(&ca.host.key));
    let pinned = [ca.host.key.public_key().clone()];
    let person = ca.user.issue(&for_ada(key.public_key())).unwrap();
    assert_eq!(check_host(&person, &pinned, &[ADA], NOW), Err(theirs(&ca.user.key)));
    assert_eq!(check_host(&session, &pinned, &["root"], NOW), Err(theirs(&ca.target.key)));
}

#[test]
fn a_certificate_signed_by_a_certificate_is_refused() {
    let (_folder, ca) = authorities();
    let holder = key();
    let held = ca.user.issue(&for_ada(holder.public_key())).unwrap();
    // Whoever holds a certificate signs another one with its key: as that key, and as the certificate.
    let made = Craft::good(key().public_key()).sign(&holder);
    assert_eq!(ca.user.check(&made, visit()).unwrap_err(), Refused::Authority(fingerprint(holder.public_key())));
    let as_certificate = |held: &Certificate| Some(held.to_bytes().unwrap());
    let made = Craft { signer: as_certificate(&held), ..Craft::good(key().public_key()) }.sign(&holder);
    assert!(made.signature_key().is_certificate());
    assert_eq!(ca.user.check(&made, visit()).unwrap_err(), Refused::SignedByCertificate);
    // Even the authority's own key, once it is in a certificate.
    let own = ca.user.issue(&for_ada(ca.user.key.public_key())).unwrap();
    let made = Craft { signer: as_certificate(&own), ..Craft::good(key().public_key()) }.sign(&ca.user.key);
    assert_eq!(ca.user.check(&made, visit()).unwrap_err(), Refused::SignedByCertificate);
    let pinned = [PublicKey::from(KeyData::from(own)), ca.user.key.public_key().clone()];
    assert_eq!(check_host(&made, &pinned, &[ADA], NOW), Err(Refused::SignedByCertificate));
    // A signature by somebody else under the authority's name.
    let name = Some(ca.user.key.public_key().to_bytes().unwrap());
    let made = Craft { signer: name, ..Craft::good(key().public_key()) }.sign(&holder);
    assert_eq!(ca.user.check(&made, visit()).unwrap_err(), Refused::Signature);
    // Of what is forged, nothing is believed.
    let made = Craft { until: NOW - 9, from: 0, signer: as_certificate(&held), ..Craft::good(key().public_key()) };
    assert_eq!(ca.user.check(&made.sign(&holder), visit()).unwrap_err(), Refused::SignedByCertificate);
}

#[test]
fn a_certificate_with_one_bit_changed_is_refused() {
    let (_folder, ca) = authorities();
    let whole = ca.user.issue(&ForPerson { target: Some("web-1"), ..for_ada(key().public_key()) }).unwrap();
    let bytes = whole.to_bytes().unwrap();
    assert!(ca.user.check(&Certificate::from_bytes(&bytes).unwrap(), visit()).is_ok());
    let mut read = 0;
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(damaged) = Certificate::from_bytes(&damaged) {
            read += 1;
            assert!(ca.user.check(&damaged, visit()).is_err(), "byte {at}");
        }
        assert!(Certificate::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(read > 200, "most are still read as certificates: {read}");
    assert!(Certificate::from_bytes(&[bytes, vec![0]].concat()).is_err());
}
