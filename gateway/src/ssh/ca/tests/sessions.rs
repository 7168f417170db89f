//! What targets let in.

use super::*;

#[test]
fn a_session_has_a_key_of_its_own_and_five_minutes() {
    let (_folder, ca) = authorities();
    let (key, made) = ca.target.issue(&for_session("deploy")).unwrap();
    let (other, _) = ca.target.issue(&for_session("deploy")).unwrap();
    assert_ne!(key.public_key().key_data(), other.public_key().key_data());
    assert_eq!(made.public_key(), key.public_key().key_data());
    assert_eq!(made.valid_principals(), ["deploy"]);
    assert_eq!((made.valid_after(), made.valid_before()), (NOW - 30, NOW + 300));
    assert_eq!(made.key_id(), "countersign:ada@example.com:ses_01JZ8Q4V7XK2M9T3B6N5R1C0DE");
    assert!(made.cert_type().is_user());
    assert!(made.critical_options().is_empty());
    assert!(made.extensions().keys().eq(["permit-pty"]));
    assert_eq!(made.signature_key(), ca.target.key.public_key().key_data());
}

#[test]
fn it_ends_with_the_grant() {
    let (_folder, ca) = authorities();
    for (until, end) in [(NOW + 10, NOW + 10), (NOW + 300, NOW + 300), (NOW + 301, NOW + 300), (u64::MAX, NOW + 300)]
    {
        let (_, made) = ca.target.issue(&ForSession { until, ..for_session("deploy") }).unwrap();
        assert_eq!(made.valid_before(), end);
    }
    for until in [NOW, NOW - 1, 0] {
        let made = ca.target.issue(&ForSession { until, ..for_session("deploy") });
        assert!(matches!(made, Err(IssueError::Window { .. })), "a grant that is over opens nothing");
    }
    let (_, first) = ca.target.issue(&ForSession { now: 1, until: 5, ..for_session("deploy") }).unwrap();
    assert_eq!((first.valid_after(), first.valid_before()), (0, 5));
    let last = ForSession { now: u64::MAX - 1, until: u64::MAX, ..for_session("deploy") };
    assert!(ca.target.issue(&last).is_ok());
}

#[test]
fn nobody_writes_into_the_log_of_a_target() {
    let (_folder, ca) = authorities();
    let id = |person: &str, session: &str| {
        let wanted = ForSession { person, session, ..for_session("deploy") };
        ca.target.issue(&wanted).unwrap().1.key_id().to_owned()
    };
    assert_eq!(id("ada (serial 1) CA", "s"), "countersign:ada__serial_1__CA:s");
    assert_eq!(id("ada:root", "s:t"), "countersign:ada_root:s_t");
    assert_eq!(id("a\nb\r\u{1b}[2J\0\u{202e}\u{e9}", "s\t\u{7f}"), "countersign:a_b___2J___:s__");
    assert_eq!(id("", ""), "countersign:_:_");
    assert_eq!(
        id(&"é".repeat(5000), &"x".repeat(5000)),
        format!("countersign:{}:{}", "_".repeat(128), "x".repeat(64))
    );
}

#[test]
fn a_principal_is_one_word() {
    let (_folder, ca) = authorities();
    for principal in ["", " ", "a b", "a,b", "root\n", "\u{e9}ve", "a\0", &"x".repeat(256)] {
        let made = ca.target.issue(&for_session(principal));
        assert!(matches!(made, Err(IssueError::Principal(_))), "{principal:?}");
    }
    for principal in ["root", "web-1:deploy", r"CORP\ada", "ada@corp"] {
        assert!(ca.target.issue(&for_session(principal)).is_ok(), "{principal:?}");
    }
}

#[test]
fn it_may_name_where_the_gateway_is() {
    let (_folder, ca) = authorities();
    let from = ["10.0.0.5", "::ffff:10.0.0.6", "2001:db8::5"].map(|text| text.parse().unwrap());
    let (_, made) = ca.target.issue(&ForSession { from: &from, ..for_session("deploy") }).unwrap();
    assert_eq!(made.critical_options().get("source-address").unwrap(), "10.0.0.5,10.0.0.6,2001:db8::5");
    assert_eq!(made.critical_options().len(), 1);
}

#[test]
fn a_target_is_told_one_line() {
    let (_folder, ca) = authorities();
    let line = ca.target.line().unwrap();
    assert!(line.starts_with("ssh-ed25519 AAAA") && line.ends_with(" countersign target CA"), "{line}");
    assert_eq!(&line.parse::<russh::keys::PublicKey>().unwrap(), ca.target.key.public_key());
}
