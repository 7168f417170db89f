//! What shows that a host is itself.

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, PublicKey};

use super::craft::Craft;
use super::*;

#[test]
fn the_gateway_is_known_by_its_names_for_a_week() {
    let (_folder, ca) = authorities();
    let made = ca.host.issue(key().public_key(), &["GW.example", "gw", "192.0.2.1", "2001:db8::1"], NOW).unwrap();
    assert!(made.cert_type().is_host());
    assert_eq!(made.valid_principals(), ["gw.example", "gw", "192.0.2.1", "2001:db8::1"]);
    assert_eq!((made.valid_after(), made.valid_before()), (NOW - 3600, NOW + 7 * 86_400));
    assert_eq!(made.key_id(), "countersign:gateway:gw.example");
    assert!(made.critical_options().is_empty() && made.extensions().is_empty());
    let pinned = [ca.host.key.public_key().clone()];
    assert_eq!(check_host(&made, &pinned, &["gw"], NOW), Ok(()));
    assert_eq!(check_host(&made, &pinned, &["gw"], NOW + 7 * 86_400), Err(Refused::Late(NOW + 7 * 86_400)));
}

#[test]
fn a_host_has_names_that_are_no_patterns() {
    let (_folder, ca) = authorities();
    let key = key();
    let lists: [&[&str]; 9] = [
        &[],
        &[""],
        &["gw", ""],
        &["*"],
        &["gw,evil"],
        &["gw evil"],
        &["gw\n@cert-authority *"],
        &["!gw"],
        &["|1|x"],
    ];
    for names in lists {
        assert!(ca.host.issue(key.public_key(), names, NOW).is_err(), "{names:?}");
        assert!(ca.host.known_hosts_line(names, 6022).is_err(), "{names:?}");
    }
}

#[test]
fn one_line_for_clients_holds_names_and_port() {
    let (_folder, ca) = authorities();
    let own = ca.host.key.public_key().to_openssh().unwrap();
    assert!(own.ends_with(" countersign host CA"));
    let line = |names: &[&str], port| ca.host.known_hosts_line(names, port).unwrap();
    assert_eq!(line(&["gw"], 6022), format!("@cert-authority [gw]:6022 {own}"));
    assert_eq!(line(&["Gw.example", "::1"], 6022), format!("@cert-authority [gw.example]:6022,[::1]:6022 {own}"));
    assert_eq!(line(&["gw", "192.0.2.1"], 22), format!("@cert-authority gw,192.0.2.1 {own}"));
}

/// A way to be wrong, and what it is called.
type Case = (&'static str, fn(&mut Craft), Refused);

#[test]
fn each_thing_that_can_be_wrong_with_a_hosts_certificate_is_refused() {
    let (_folder, ca) = authorities();
    let pinned = [key().public_key().clone(), ca.host.key.public_key().clone()];
    let key = key();
    let good = || Craft { kind: 2, principals: vec!["db-1", "web-1.example"], ..Craft::good(key.public_key()) };
    let check = |craft: &Craft, names: &[&str]| check_host(&craft.sign(&ca.host.key), &pinned, names, NOW);
    assert_eq!(check(&good(), &["web-1.example"]), Ok(()));
    assert_eq!(check(&good(), &["WEB-1.Example"]), Ok(()), "names of hosts have no case");
    assert_eq!(check(&good(), &["other", "db-1"]), Ok(()));
    assert_eq!(check(&Craft { until: u64::MAX, ..good() }, &["db-1"]), Ok(()), "how long is theirs to say");
    let cases: &[Case] = &[
        ("a person's", |it| it.kind = 1, Refused::Type),
        ("nobody", |it| it.principals = vec![], Refused::Nobody),
        ("an empty name", |it| it.principals = vec![""], Refused::Foreign(String::new())),
        ("another", |it| it.principals = vec!["web-2.example"], Refused::Foreign("web-2.example".into())),
        (
            "a longer one",
            |it| it.principals = vec!["web-1.example.evil"],
            Refused::Foreign("web-1.example.evil".into()),
        ),
        ("a pattern", |it| it.principals = vec!["*"], Refused::Foreign("*".into())),
        ("an option", |it| it.critical = vec![("force-command", "id")], Refused::Option("force-command".into())),
        (
            "a place",
            |it| it.critical = vec![("source-address", "0.0.0.0/0")],
            Refused::Option("source-address".into()),
        ),
        ("over", |it| (it.from, it.until) = (0, NOW), Refused::Late(NOW)),
        ("not yet", |it| it.from = NOW + 1, Refused::Early(NOW + 1)),
    ];
    for (what, spoil, refused) in cases {
        let mut craft = good();
        spoil(&mut craft);
        assert_eq!(check(&craft, &["web-1.example"]), Err(refused.clone()), "{what}");
    }
    for names in [&[][..], &[""], &["web-1"], &["web-1.example "]] {
        assert_eq!(check(&good(), names), Err(Refused::Foreign("db-1".into())), "{names:?}");
    }
    let empty = Craft { principals: vec![""], ..good() };
    assert_eq!(check(&empty, &[""]), Err(Refused::Foreign(String::new())));
}

#[test]
fn only_the_pinned_authority_counts() {
    let (_folder, ca) = authorities();
    let key = key();
    let good = Craft { kind: 2, principals: vec!["web-1"], ..Craft::good(key.public_key()) };
    let check = |made: &Certificate, pinned: &[PublicKey]| check_host(made, pinned, &["web-1"], NOW);
    let theirs = || Refused::Authority(fingerprint(ca.host.key.public_key()));
    let made = good.sign(&ca.host.key);
    assert_eq!(check(&made, &[]), Err(theirs()));
    assert_eq!(check(&made, &[ca.user.key.public_key().clone(), ca.target.key.public_key().clone()]), Err(theirs()));
    // A host's key, pinned as a key, vouches for no other.
    let made = good.sign(&key);
    assert!(matches!(check(&made, &[ca.host.key.public_key().clone()]), Err(Refused::Authority(_))));
    let held = ca.host.issue(key.public_key(), &["web-1"], NOW).unwrap();
    let nested = Craft { signer: Some(held.to_bytes().unwrap()), ..good }.sign(&key);
    let pinned = [ca.host.key.public_key().clone(), PublicKey::from(KeyData::from(held))];
    assert_eq!(check(&nested, &pinned), Err(Refused::SignedByCertificate));
    // Ours can't be used as a person's at a target, nor the other way round.
    let (_, session) = ca.target.issue(&for_session("web-1")).unwrap();
    assert_eq!(check(&session, &[ca.target.key.public_key().clone()]), Err(Refused::Type));
}
