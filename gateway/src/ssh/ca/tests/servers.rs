//! A real sshd that trusts us, and a real ssh that signs in there with what we made.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use russh::keys::{Certificate, PrivateKey};
use tempfile::TempDir;

use super::openssh::{keep_private, real_now};
use super::*;

const SSHD: &str = "/usr/sbin/sshd";
const PATIENCE: Duration = Duration::from_secs(20);

/// Gone when it is dropped.
struct Server {
    child: Child,
    port: u16,
    log: Receiver<String>,
}

impl Server {
    /// Starts one on a free port, with these lines beyond the ones that every test needs; none if there is no sshd here.
    fn start(folder: &Path, more: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            eprintln!("skipped: there is no {SSHD}");
            return None;
        }
        // It is needed where sshd is started by root, and can't be made elsewhere.
        let _as_root = fs::create_dir_all("/run/sshd");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nUsePAM no\nStrictModes no\nPidFile none\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysFile none\nLogLevel VERBOSE\n{more}\n"
        );
        fs::write(folder.join("sshd_config"), config).unwrap();
        let mut command = Command::new(SSHD);
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config")).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let server = Self { child, port, log };
        server.says("Server listening");
        Some(server)
    }

    /// The next line of its log that has these words.
    fn says(&self, words: &str) -> String {
        let mut before = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return line;
            }
            before.push(line);
        }
        panic!("sshd did not say `{words}`: {before:#?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Who runs the tests, and so who may sign in.
fn login() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs `echo in` at the server, with nothing of whoever runs the tests.
fn ssh(folder: &Path, port: u16, host: &str, options: &[&str]) -> Output {
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-p", &port.to_string(), "-i"]).arg(folder.join("session"));
    command.args(["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"]);
    command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", "ConnectTimeout=20", "-o", "UpdateHostKeys=no"]);
    for option in options {
        command.args(["-o", option]);
    }
    command.arg(format!("{}@{host}", login())).arg("echo in").stdin(Stdio::null()).output().unwrap()
}

/// Signs in with a certificate at a server whose host key is not looked at.
fn sign_in(folder: &Path, port: u16, key: &PrivateKey, made: &Certificate) -> Output {
    keep_private(&folder.join("session"), key);
    fs::write(folder.join("session-cert.pub"), made.to_openssh().unwrap()).unwrap();
    ssh(folder, port, "127.0.0.1", &["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"])
}

fn is_in(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), said == "in\n", "{said} {told}");
    output.status.success()
}

/// A server that lets in whoever has a certificate of the target CA.
fn target(ca: &Authorities, more: &str) -> Option<(TempDir, Server)> {
    let folder = tempfile::tempdir().unwrap();
    keep_private(&folder.path().join("host"), &key());
    fs::write(folder.path().join("trusted"), ca.target.line().unwrap() + "\n").unwrap();
    let here = folder.path().display();
    let server =
        Server::start(folder.path(), &format!("HostKey {here}/host\nTrustedUserCAKeys {here}/trusted\n{more}"))?;
    Some((folder, server))
}

#[test]
fn a_target_lets_a_session_in_and_its_log_names_person_and_session() {
    let (_keys, ca) = authorities();
    let Some((folder, server)) = target(&ca, "") else { return };
    let login = login();
    let now = real_now();
    let wanted = ForSession { now, until: now + 3600, ..for_session(&login) };
    let (key, made) = ca.target.issue(&wanted).unwrap();
    let output = sign_in(folder.path(), server.port, &key, &made);
    assert!(is_in(&output), "{output:?}");
    let line = server.says("Accepted publickey");
    assert!(line.contains(" ID countersign:ada@example.com:ses_01JZ8Q4V7XK2M9T3B6N5R1C0DE (serial 0) "), "{line}");
    assert!(line.contains(&format!("CA ED25519 {}", fingerprint(ca.target.key.public_key()))), "{line}");

    let here = ["127.0.0.1".parse().unwrap()];
    let (key, made) = ca.target.issue(&ForSession { from: &here, ..wanted.clone() }).unwrap();
    assert!(is_in(&sign_in(folder.path(), server.port, &key, &made)), "from where the gateway is");
    let elsewhere = ["192.0.2.9".parse().unwrap()];
    let (key, made) = ca.target.issue(&ForSession { from: &elsewhere, ..wanted }).unwrap();
    assert!(!is_in(&sign_in(folder.path(), server.port, &key, &made)), "from elsewhere");
}

#[test]
fn a_target_lets_in_nobody_else() {
    let (_keys, ca) = authorities();
    let Some((folder, server)) = target(&ca, "") else { return };
    let (login, now) = (login(), real_now());
    let wanted = ForSession { now, until: now + 3600, ..for_session(&login) };
    let refused = |key: &PrivateKey, made: &Certificate, why: &str| {
        assert!(!is_in(&sign_in(folder.path(), server.port, key, made)), "{why}");
        server.says(why);
    };
    let (key, made) = ca.target.issue(&ForSession { now: now - 600, ..wanted.clone() }).unwrap();
    refused(&key, &made, "Certificate invalid: expired");
    let (key, made) = ca.target.issue(&ForSession { now: now + 600, ..wanted.clone() }).unwrap();
    refused(&key, &made, "Certificate invalid: not yet valid");
    let (key, made) = ca.target.issue(&ForSession { principal: "somebody-else", ..wanted.clone() }).unwrap();
    refused(&key, &made, "Certificate invalid: name is not a listed principal");
    // The right key with a certificate for another.
    let (_, made) = ca.target.issue(&wanted).unwrap();
    assert!(!is_in(&sign_in(folder.path(), server.port, &super::key(), &made)));
    // What people sign in with at the gateway.
    let person = super::key();
    let made = ca.user.issue(&ForPerson { valid: now - 30..now + 600, ..for_ada(person.public_key()) }).unwrap();
    assert!(!is_in(&sign_in(folder.path(), server.port, &person, &made)));
    server.says(&format!("CA ED25519 {}", fingerprint(ca.user.key.public_key())));
    // A session's certificate, if its key were an authority's name for another.
    let (held, _) = ca.target.issue(&wanted).unwrap();
    let made = super::craft::Craft {
        principals: vec!["root"],
        from: now - 30,
        until: now + 300,
        ..{ super::craft::Craft::good(person.public_key()) }
    };
    assert!(!is_in(&sign_in(folder.path(), server.port, &person, &made.sign(&held))));
}

#[test]
fn a_target_may_map_principals_to_its_logins() {
    let (_keys, ca) = authorities();
    let list = tempfile::tempdir().unwrap();
    fs::write(list.path().join("principals"), "web-1:deploy\n").unwrap();
    let more = format!("AuthorizedPrincipalsFile {}/principals", list.path().display());
    let Some((folder, server)) = target(&ca, &more) else { return };
    let now = real_now();
    let sign_in = |principal: &str| {
        let wanted = ForSession { now, until: now + 60, ..for_session(principal) };
        let (key, made) = ca.target.issue(&wanted).unwrap();
        is_in(&sign_in(folder.path(), server.port, &key, &made))
    };
    assert!(sign_in("web-1:deploy"));
    assert!(!sign_in(&login()), "then the login's own name opens nothing");
    // Even an sshd that trusts the wrong authority for people finds no login in their certificates.
    assert!(!sign_in(ADA));
}

#[test]
fn clients_know_the_gateway_by_one_line() {
    let (keys, ca) = authorities();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let host = keep(keys.path(), "ssh_host_ed25519_key", "").unwrap();
    keep_private(&here.join("host"), &host);
    let now = real_now();
    let (session, person) = {
        let (key, made) = ca.target.issue(&ForSession { now, until: now + 3600, ..for_session(&login()) }).unwrap();
        (key, made)
    };
    keep_private(&here.join("session"), &session);
    fs::write(here.join("session-cert.pub"), person.to_openssh().unwrap()).unwrap();
    fs::write(here.join("trusted"), ca.target.line().unwrap()).unwrap();
    let at = here.display();
    let config = format!("HostKey {at}/host\nHostCertificate {at}/host-cert.pub\nTrustedUserCAKeys {at}/trusted");
    // A certificate of the gateway's key, and whether a client that has our line accepts it.
    let knows = |made: Certificate, line: &dyn Fn(u16) -> String| {
        fs::write(here.join("host-cert.pub"), made.to_openssh().unwrap()).unwrap();
        let server = Server::start(here, &config)?;
        fs::write(here.join("known"), line(server.port) + "\n").unwrap();
        let known = format!("UserKnownHostsFile={at}/known");
        let output = ssh(here, server.port, "localhost", &["StrictHostKeyChecking=yes", &known]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        Some(is_in(&output)).map(|is_in| (is_in, told))
    };
    let line = |port| ca.host.known_hosts_line(&["localhost"], port).unwrap();
    let good = || ca.host.issue(host.public_key(), &["gw.example", "localhost"], now).unwrap();
    let Some((is_known, told)) = knows(good(), &line) else { return };
    assert!(is_known, "{told}");
    // And it is the certificate that convinced it.
    let other = |made: Certificate| knows(made, &line).unwrap();
    let (is_known, told) = other(ca.host.issue(host.public_key(), &["gw.example"], now).unwrap());
    assert!(!is_known && told.contains("Certificate invalid: name is not a listed principal"), "{told}");
    let (is_known, told) = other(ca.host.issue(host.public_key(), &["localhost"], now - 8 * 86_400).unwrap());
    assert!(!is_known && told.contains("Certificate invalid: expired"), "{told}");
    // Another authority's.
    let theirs =
        |key: &PrivateKey| HostCa { key: key.clone() }.issue(host.public_key(), &["localhost"], now).unwrap();
    for key in [&ca.user.key, &ca.target.key] {
        let (is_known, told) = other(theirs(key));
        assert!(!is_known && told.contains("Host key verification failed"), "{told}");
    }
    // The line of another port, and none.
    let (is_known, told) = knows(good(), &|port| line(port.wrapping_add(1).max(1))).unwrap();
    assert!(!is_known && told.contains("Host key verification failed"), "{told}");
    assert!(!knows(good(), &|_| String::new()).unwrap().0);
}
