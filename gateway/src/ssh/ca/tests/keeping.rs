//! The three keys: made once, read by nobody else, never two the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;

use super::*;

const FILES: [&str; 3] = ["ssh_user_ca_ed25519_key", "ssh_host_ca_ed25519_key", "ssh_target_ca_ed25519_key"];

fn keys(of: &Authorities) -> [String; 3] {
    [&of.user.key, &of.host.key, &of.target.key].map(|key: &PrivateKey| fingerprint(key.public_key()))
}

#[test]
fn three_keys_are_made_once_and_read_by_nobody_else() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("made/ssh");
    let first = Authorities::open(&folder).unwrap();
    assert_eq!(keys(&first), keys(&Authorities::open(&folder).unwrap()));
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let mut found: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let mut wanted = FILES.map(std::ffi::OsString::from).to_vec();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted, "and nothing is left over");
    for file in FILES {
        assert_eq!(fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(first.user.key.comment().as_str_lossy(), "countersign user CA");
}

#[test]
fn many_that_start_at_once_read_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let seen: Vec<_> = std::thread::scope(|scope| {
        let open = || keys(&Authorities::open(folder.path()).unwrap());
        let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|one| *one == seen[0]));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn what_a_killed_process_left_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let left = format!("{}.{}.new", FILES[0], std::process::id());
    fs::write(folder.path().join(left), "half a k").unwrap();
    Authorities::open(folder.path()).unwrap();
}

#[test]
fn a_key_that_others_can_read_or_replace_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    Authorities::open(folder.path()).unwrap();
    let refused = || Authorities::open(folder.path()).unwrap_err().to_string();
    for file in FILES {
        for mode in [0o640, 0o604, 0o666, 0o620] {
            fs::set_permissions(folder.path().join(file), Permissions::from_mode(mode)).unwrap();
            assert!(refused().contains("chmod 600"), "{file} {mode:o}");
        }
        fs::set_permissions(folder.path().join(file), Permissions::from_mode(0o400)).unwrap();
        Authorities::open(folder.path()).unwrap();
    }
    for mode in [0o777, 0o720, 0o702] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        assert!(refused().contains("chmod 700"), "{mode:o}");
    }
}

#[test]
fn one_key_can_not_be_two_authorities() {
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let folder = tempfile::tempdir().unwrap();
        Authorities::open(folder.path()).unwrap();
        fs::copy(folder.path().join(FILES[from]), folder.path().join(FILES[to])).unwrap();
        assert!(matches!(Authorities::open(folder.path()), Err(KeepError::Same(_))), "{from} as {to}");
    }
}

#[test]
fn what_is_no_plain_ed25519_key_is_refused_and_left_alone() {
    let plain = super::key();
    let encrypted = plain.encrypt(&mut russh::keys::key::safe_rng(), "secret").unwrap();
    let p256 = russh::keys::Algorithm::Ecdsa { curve: russh::keys::EcdsaCurve::NistP256 };
    let ecdsa = PrivateKey::random(&mut russh::keys::key::safe_rng(), p256).unwrap();
    let texts = [
        String::new(),
        "nonsense".to_owned(),
        plain.public_key().to_openssh().unwrap(),
        encrypted.to_openssh(LineEnding::LF).unwrap().to_string(),
        ecdsa.to_openssh(LineEnding::LF).unwrap().to_string(),
        "x".repeat(1 << 20),
    ];
    for text in texts {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILES[1]);
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(Authorities::open(folder.path()).unwrap_err().to_string().contains("move it away"));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = Authorities::open(&folder.path().join("file/ssh")).unwrap_err();
    assert!(matches!(error, KeepError::File { .. }));
    assert!(error.to_string().contains("file/ssh"));
}

#[test]
fn nothing_that_is_printed_carries_a_private_key() {
    let (folder, made) = super::authorities();
    let printed = format!("{made:?} {made:#?}");
    for (file, key) in FILES.iter().zip([&made.user.key, &made.host.key, &made.target.key]) {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(!text.lines().filter(|line| !line.starts_with("---")).any(|line| printed.contains(line)));
        let secret = key.key_data().ed25519().unwrap().private.to_bytes();
        assert!(!printed.contains(&format!("{secret:?}")) && !printed.contains(&format!("{secret:#?}")));
        let hex = secret.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert!(!printed.to_lowercase().contains(&hex));
    }
}
