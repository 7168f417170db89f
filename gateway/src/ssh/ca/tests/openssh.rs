//! Certificates that go to and come from OpenSSH's own `ssh-keygen`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Certificate, PrivateKey, PublicKey};

use super::*;

/// Runs it in `folder`; none if it is not installed, which is said.
pub(super) fn keygen(folder: &Path, args: &[&str]) -> Option<Output> {
    match Command::new("ssh-keygen").current_dir(folder).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: ssh-keygen can't be run: {error}");
            None
        }
    }
}

/// The clock of this machine, which is that of its sshd and ssh.
#[expect(clippy::disallowed_methods, reason = "other programs look at the real clock")]
pub(super) fn real_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub(super) fn keep_private(path: &Path, key: &PrivateKey) {
    let folder = path.parent().unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    fs::write(folder.join(format!("{name}.pub")), key.public_key().to_openssh().unwrap() + "\n").unwrap();
    fs::write(path, key.to_openssh(LineEnding::LF).unwrap()).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// What `ssh-keygen -L` says of a certificate, line by line.
fn shown(folder: &Path, made: &Certificate) -> Option<Vec<String>> {
    fs::write(folder.join("shown-cert.pub"), made.to_openssh().unwrap()).unwrap();
    let output = keygen(folder, &["-L", "-f", "shown-cert.pub"])?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap().lines().skip(1).map(|line| line.trim().to_owned()).collect())
}

#[test]
fn ssh_keygen_reads_what_we_make() {
    let (folder, ca) = authorities();
    let key = key();
    let own = fingerprint(key.public_key());
    let of = |ca: &PrivateKey| fingerprint(ca.public_key());
    let person = ForPerson { permits: &[Permit::Ports], target: Some("web-1"), ..for_ada(key.public_key()) };
    let Some(lines) = shown(folder.path(), &ca.user.issue(&person).unwrap()) else { return };
    assert_eq!(lines[0], "Type: ssh-ed25519-cert-v01@openssh.com user certificate");
    assert_eq!(lines[1], format!("Public key: ED25519-CERT {own}"));
    assert_eq!(lines[2], format!("Signing CA: ED25519 {} (using ssh-ed25519)", of(&ca.user.key)));
    assert_eq!(lines[3], "Key ID: \"countersign:ada@example.com:tok_01JZ8Q4V7XK2M9T3B6N5R1C0DE\"");
    assert_eq!(lines[4], "Serial: 7");
    assert!(lines[5].starts_with("Valid: from 2027-01-15T"), "{}", lines[5]);
    assert_eq!(lines[6..8], ["Principals:", ADA]);
    assert_eq!(lines[8], "Critical Options:");
    assert!(lines[9].starts_with("target@countersign UNKNOWN OPTION"), "{}", lines[9]);
    assert_eq!(lines[10..], ["Extensions:", "permit-port-forwarding", "permit-pty"]);

    let from = ["10.0.0.5".parse().unwrap()];
    let (_, session) = ca.target.issue(&ForSession { from: &from, ..for_session("deploy") }).unwrap();
    let lines = shown(folder.path(), &session).unwrap();
    assert_eq!(lines[3], "Key ID: \"countersign:ada@example.com:ses_01JZ8Q4V7XK2M9T3B6N5R1C0DE\"");
    assert_eq!(lines[6..8], ["Principals:", "deploy"]);
    assert_eq!(lines[8..], ["Critical Options:", "source-address 10.0.0.5", "Extensions:", "permit-pty"]);

    let host = ca.host.issue(key.public_key(), &["gw.example", "192.0.2.1"], super::NOW).unwrap();
    let lines = shown(folder.path(), &host).unwrap();
    assert_eq!(lines[0], "Type: ssh-ed25519-cert-v01@openssh.com host certificate");
    assert_eq!(lines[2], format!("Signing CA: ED25519 {} (using ssh-ed25519)", of(&ca.host.key)));
    assert_eq!(
        lines[6..],
        ["Principals:", "gw.example", "192.0.2.1", "Critical Options: (none)", "Extensions: (none)"]
    );

    let Some(same) = keygen(folder.path(), &["-y", "-f", "ssh_user_ca_ed25519_key"]) else { return };
    let same: PublicKey = String::from_utf8(same.stdout).unwrap().parse().unwrap();
    assert_eq!(same.key_data(), ca.user.key.public_key().key_data(), "and our keys");
}

#[test]
fn what_ssh_keygen_signs_with_our_keys_is_judged_like_ours() {
    let (folder, ca) = authorities();
    let here = folder.path();
    let Some(_) = keygen(here, &["-q", "-t", "ed25519", "-N", "", "-f", "subject"]) else { return };
    let user = "ssh_user_ca_ed25519_key";
    let sign = |ca: &str, args: &[&str]| {
        let output = keygen(here, &[&["-q", "-s", ca, "-I", "by hand", "-z", "9"], args, &["subject.pub"]].concat());
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Certificate::read_file(&here.join("subject-cert.pub")).unwrap()
    };
    let visit = Visit { now: real_now(), ..visit() };
    let judge = |made: &Certificate| ca.user.check(made, visit);

    let proved = judge(&sign(user, &["-n", ADA, "-V", "+1h"])).unwrap();
    assert_eq!((proved.identity(), proved.serial(), proved.key_id()), (ADA, 9, "by_hand"));
    assert_eq!(proved.permits(), Permit::ALL, "ssh-keygen permits all unless told otherwise");
    assert!(judge(&sign(user, &["-n", ADA, "-V", "+1h", "-O", "source-address=192.0.2.0/24"])).is_ok());
    assert_eq!(judge(&sign(user, &["-n", ADA, "-V", "+1h", "-O", "clear"])).unwrap().permits(), []);

    let option = |name: &str| Refused::Option(name.into());
    let cases: &[(&[&str], Refused)] = &[
        (&["-V", "+1h"], Refused::Nobody),
        (&["-h", "-n", ADA, "-V", "+1h"], Refused::Type),
        (&["-n", "root", "-V", "+1h"], Refused::Foreign("root".into())),
        (&["-n", "idn_01JZ8Q4V7XK2M9T3B6N5R1C0DE,root", "-V", "+1h"], Refused::Several(2)),
        (&["-n", ADA, "-V", "always:forever"], Refused::Lifetime(u64::MAX)),
        (&["-n", ADA], Refused::Lifetime(u64::MAX)),
        (&["-n", ADA, "-V", "+1h", "-O", "force-command=id"], option("force-command")),
        (&["-n", ADA, "-V", "+1h", "-O", "verify-required"], option("verify-required")),
        (&["-n", ADA, "-V", "+1h", "-O", "critical:x@y.z=1"], option("x@y.z")),
        (&["-n", ADA, "-V", "+1h", "-O", "source-address=10.0.0.0/8"], Refused::Elsewhere(visit.peer)),
    ];
    for (args, refused) in cases {
        assert_eq!(judge(&sign(user, args)).unwrap_err(), *refused, "{args:?}");
    }
    assert!(matches!(judge(&sign(user, &["-n", ADA, "-V", "-2h:-1h"])), Err(Refused::Late(_))));
    assert!(matches!(judge(&sign(user, &["-n", ADA, "-V", "+1h:+2h"])), Err(Refused::Early(_))));
    assert!(matches!(judge(&sign(user, &["-n", ADA, "-V", "+2d"])), Err(Refused::Lifetime(_))));
    for other in ["ssh_host_ca_ed25519_key", "ssh_target_ca_ed25519_key", "subject"] {
        assert!(matches!(judge(&sign(other, &["-n", ADA, "-V", "+1h"])), Err(Refused::Authority(_))), "{other}");
    }
    let host = sign("ssh_host_ca_ed25519_key", &["-h", "-n", "web-1,web-1.example", "-V", "+1h"]);
    let pinned = [ca.host.key.public_key().clone()];
    assert_eq!(check_host(&host, &pinned, &["web-1.example"], visit.now), Ok(()));
}

#[test]
fn keys_and_authorities_of_other_kinds_are_judged_by_their_strength() {
    let (folder, ca) = authorities();
    let here = folder.path();
    let now = real_now();
    let kinds: &[(&str, &[&str], Result<(), Unfit>)] = &[
        ("dsa", &["-t", "dsa"], Err(Unfit::Dsa)),
        ("short", &["-t", "rsa", "-b", "1024"], Err(Unfit::Rsa(1024))),
        ("nearly", &["-t", "rsa", "-b", "2047"], Err(Unfit::Rsa(2047))),
        ("rsa", &["-t", "rsa", "-b", "2048"], Ok(())),
        ("ecdsa", &["-t", "ecdsa", "-b", "384"], Ok(())),
    ];
    for (name, args, wanted) in kinds {
        let Some(made) = keygen(here, &[&["-q", "-N", "", "-f", name], *args].concat()) else { return };
        if !made.status.success() {
            eprintln!("skipped: this ssh-keygen makes no {name}: {}", String::from_utf8_lossy(&made.stderr));
            continue;
        }
        let public = format!("{name}.pub");
        let key: PublicKey = fs::read_to_string(here.join(&public)).unwrap().parse().unwrap();
        assert_eq!(acceptable(&key), *wanted, "{name}");
        let line = keygen(here, &["-l", "-f", &public]).unwrap();
        assert!(String::from_utf8(line.stdout).unwrap().contains(&format!(" {} ", fingerprint(&key))), "{name}");

        let signed = |args: &[&str], at: &str| {
            let output = keygen(here, &[&["-q", "-I", "x", "-V", "+1h"], args].concat()).unwrap();
            if !output.status.success() {
                eprintln!("skipped: this ssh-keygen does not {args:?}: {}", String::from_utf8_lossy(&output.stderr));
                return None;
            }
            Some(Certificate::read_file(&here.join(at)).unwrap())
        };
        let args = ["-s", "ssh_user_ca_ed25519_key", "-n", ADA, &public];
        if let Some(made) = signed(&args, &format!("{name}-cert.pub")) {
            let judged = ca.user.check(&made, Visit { now, ..visit() }).map(|_| ());
            assert_eq!(judged, wanted.clone().map_err(Refused::Key), "a certificate for {name}");
        }
        // The same key as an authority of somebody's hosts.
        keep_private(&here.join("host"), &super::key());
        let hashes: &[&[&str]] = if key.algorithm().is_rsa() {
            &[&["-t", "ssh-rsa"], &["-t", "rsa-sha2-256"], &["-t", "rsa-sha2-512"]]
        } else {
            &[&[]]
        };
        for hash in hashes {
            let args = [&["-h", "-s", name, "-n", "web-1"], *hash, &["host.pub"]].concat();
            let Some(made) = signed(&args, "host-cert.pub") else { continue };
            let wanted = match wanted {
                Ok(()) if *hash == ["-t", "ssh-rsa"] => Err(Refused::Sha1),
                wanted => wanted.clone().map_err(Refused::Key),
            };
            assert_eq!(check_host(&made, std::slice::from_ref(&key), &["web-1"], now), wanted, "{name} {hash:?}");
        }
    }
}

#[test]
fn a_key_is_proved_by_what_ssh_keygen_signs_with_it_and_nothing_else() {
    let (folder, _) = authorities();
    let certifier = crate::ssh::Certifier::open(folder.path()).unwrap();
    let (mine, stranger) = (key(), key());
    keep_private(&folder.path().join("mine"), &mine);
    keep_private(&folder.path().join("stranger"), &stranger);
    fs::write(folder.path().join("words"), "these words\n").unwrap();
    let sign = |who: &str, space: &str| {
        let _old = fs::remove_file(folder.path().join("words.sig"));
        let made = keygen(folder.path(), &["-q", "-Y", "sign", "-n", space, "-f", who, "words"])?;
        assert!(made.status.success(), "{made:?}");
        Some(fs::read_to_string(folder.path().join("words.sig")).unwrap())
    };
    let public = mine.public_key().to_openssh().unwrap();
    let Some(good) = sign("mine", "countersign") else { return };
    assert_eq!(certifier.proved(&public, "these words\n", &good), Ok(fingerprint(mine.public_key())));
    let (others, elsewhere) = (sign("stranger", "countersign").unwrap(), sign("mine", "file").unwrap());
    for (words, signature) in [
        ("other words\n", good.as_str()),
        ("these words\n", &others),
        ("these words\n", &elsewhere),
        ("these words\n", ""),
        ("these words\n", &good.replace('A', "B")),
    ] {
        assert!(certifier.proved(&public, words, signature).is_err(), "{words} {signature}");
    }
    assert!(certifier.proved("ssh-dss AAAA", "these words\n", &good).is_err());
}
