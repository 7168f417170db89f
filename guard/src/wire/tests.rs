use ed25519_dalek::SigningKey;

use super::*;

fn question() -> Question {
    Question {
        nonce: Nonce([7; 32]),
        origin: Origin::Guard,
        session: "ses_1".into(),
        pid: 41,
        ppid: 40,
        by: 1000,
        uid: 1000,
        gid: 1000,
        program: b"/usr/bin/rm".to_vec(),
        interpreter: Vec::new(),
        doubts: Doubts { writable: false, nameless: true },
        argv: vec![b"rm".to_vec(), b"-rf".to_vec(), vec![0xff, b'\n']],
        cwd: b"/srv".to_vec(),
        tty: b"/dev/pts/3".to_vec(),
        env: vec![b"PATH=/bin".to_vec()],
        env_hash: Question::hash_env(&[b"PATH=/bin"]),
    }
}

fn frames() -> Vec<Frame> {
    let key = SigningKey::from_bytes(&[3; 32]);
    let asked = (question().nonce, question().fingerprint());
    let mut frames = vec![
        Frame::Hello { version: VERSION, session: "ses_1".into(), ptrace_scope: 1 },
        Frame::Question(Box::new(question())),
        Frame::Withdrawn(Nonce([9; 32])),
        Frame::Refused { pid: 9, program: b"/bin/x".to_vec(), reason: "cannot be read".into() },
        Frame::Ended(130),
        Frame::Ping(1),
        Frame::Pong(u64::MAX),
        Frame::End("the grant ended".into()),
    ];
    for outcome in [Outcome::Started, Outcome::Failed, Outcome::Altered, Outcome::Gone] {
        frames.push(Frame::Followed(Nonce([1; 32]), outcome));
    }
    for verdict in [Verdict::Go, Verdict::Deny, Verdict::Hold] {
        frames.push(Frame::Answer(Answer::sign(&key, "ses_1", asked, verdict, "why")));
    }
    frames
}

#[test]
fn every_frame_comes_back_as_it_went_however_the_bytes_are_split() {
    for frame in frames() {
        let bytes = frame.encode();
        for cut in 0..bytes.len() {
            assert_eq!(Frame::decode(&bytes[..cut]), Ok(None), "{frame:?} at {cut}");
        }
        assert_eq!(Frame::decode(&bytes), Ok(Some((frame, bytes.len()))));
    }
}

#[test]
fn no_changed_byte_makes_a_frame_that_reads_the_same() {
    for frame in frames() {
        let bytes = frame.encode();
        for place in 4..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x41;
            // Whatever comes out, it is not what was sent, and nothing panics.
            assert_ne!(Frame::decode(&changed), Ok(Some((frame.clone(), bytes.len()))), "{frame:?} at {place}");
        }
    }
}

#[test]
fn lengths_are_bounded_before_anything_is_kept() {
    assert_eq!(Frame::decode(&[0xff, 0xff, 0xff, 0xff, 0x02]), Err(Broken::TooLong));
    let mut body = vec![0x02];
    body.extend([7; 32]);
    body.extend([1, 0, 0, 0, 0, 0]);
    body.extend([0; 20]);
    body.extend([0; 16]);
    body.extend(u32::MAX.to_be_bytes());
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend(&body);
    assert_eq!(Frame::decode(&frame), Err(Broken::TooLong), "four milliard arguments in no bytes");

    let mut long = question();
    long.argv = vec![vec![b'x'; WORDS_BYTES]];
    assert!(!long.fits());
    assert_eq!(Frame::decode(&Frame::Question(Box::new(long)).encode()), Err(Broken::TooLong));
}

#[test]
fn the_fingerprint_covers_every_field_but_the_nonce() {
    let base = question();
    let changes: [fn(&mut Question); 16] = [
        |q| q.origin = Origin::Sudo,
        |q| q.session.push('x'),
        |q| q.pid += 1,
        |q| q.ppid += 1,
        |q| q.by += 1,
        |q| q.uid = 0,
        |q| q.gid = 0,
        |q| q.program.push(b'x'),
        |q| q.interpreter.push(b'x'),
        |q| q.doubts.writable = true,
        |q| q.argv[1].push(b'x'),
        |q| q.argv.push(Vec::new()),
        |q| q.cwd.push(b'x'),
        |q| q.tty.push(b'x'),
        |q| q.env.push(b"LD_PRELOAD=x".to_vec()),
        |q| q.env_hash[0] ^= 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(other.fingerprint(), base.fingerprint(), "change {number}");
    }
    let mut moved = base.clone();
    moved.argv = vec![b"rm".to_vec(), b"-rf\xff\n".to_vec()];
    assert_ne!(moved.fingerprint(), base.fingerprint(), "where one argument ends is covered");
    let again = Question { nonce: Nonce([8; 32]), ..base.clone() };
    assert_eq!(again.fingerprint(), base.fingerprint());
}

#[test]
fn an_answer_counts_for_one_question_of_one_session_and_from_one_key_only() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let other = SigningKey::from_bytes(&[4; 32]);
    let asked = (question().nonce, question().fingerprint());
    let answer = Answer::sign(&key, "ses_1", asked, Verdict::Go, "");
    let public = key.verifying_key();
    assert_eq!(answer.clone().check(&public, "ses_1", asked).map(|told| told.verdict), Ok(Verdict::Go));
    assert_eq!(answer.clone().check(&other.verifying_key(), "ses_1", asked), Err(Forged::Signature));
    assert_eq!(answer.clone().check(&public, "ses_2", asked), Err(Forged::Signature));
    assert_eq!(answer.clone().check(&public, "ses_1", (Nonce([1; 32]), asked.1)), Err(Forged::OtherQuestion));
    assert_eq!(answer.check(&public, "ses_1", (asked.0, Fingerprint([0; 32]))), Err(Forged::OtherQuestion));
    // A denial turned into a permission by whoever carries it.
    let denied = Frame::Answer(Answer::sign(&key, "ses_1", asked, Verdict::Deny, "no")).encode();
    let mut turned = denied.clone();
    turned[4 + 1 + 64] = 1;
    let Ok(Some((Frame::Answer(turned), _))) = Frame::decode(&turned) else { panic!("a frame") };
    assert_eq!(turned.check(&public, "ses_1", asked), Err(Forged::Signature));
}

#[test]
fn variables_that_load_code_matter_and_others_do_not() {
    for entry in ["LD_PRELOAD=/x.so", "BASH_ENV=/x", "PATH=", "IFS", "PYTHONPATH=x", "GIT_CONFIG_KEY_0=a"] {
        assert!(matters(entry.as_bytes()), "{entry}");
    }
    for entry in ["TERM=xterm", "LANG=C", "XPATH=1", "", "=PATH"] {
        assert!(!matters(entry.as_bytes()), "{entry}");
    }
}
