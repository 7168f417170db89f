use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn find(path: &str, argv: &[&str]) -> Result<Program, Not> {
    find_with(path, libc::AT_FDCWD, 0, argv)
}

fn find_with(path: &str, at: i32, flags: i32, argv: &[&str]) -> Result<Program, Not> {
    let folder = PathBuf::from(format!("/proc/{}", std::process::id()));
    let argv: Vec<Vec<u8>> = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
    let base = Folder::of(&folder.join("cwd")).unwrap().file;
    Named { folder: &folder, base: &base, at, path: path.as_bytes(), flags }.find(&argv)
}

fn words(program: &Program) -> Vec<String> {
    program.argv.iter().map(|word| String::from_utf8(word.clone()).unwrap()).collect()
}

fn script(folder: &Path, name: &str, text: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn lines_are_read_as_the_kernel_reads_them() {
    let read = |line: &[u8]| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        hash_bang(line).map(|(name, argument)| (text(name), argument.map(text)))
    };
    let one = |name: &str, argument: Option<&str>| Some((name.to_owned(), argument.map(str::to_owned)));
    assert_eq!(read(b"/bin/sh\n"), one("/bin/sh", None));
    assert_eq!(read(b" \t/bin/sh \t\nrest"), one("/bin/sh", None));
    assert_eq!(read(b"/bin/sh"), one("/bin/sh", None));
    assert_eq!(read(b"/usr/bin/env  -S  a  b \n"), one("/usr/bin/env", Some("-S  a  b")));
    assert_eq!(read(b"/bin/sh\0-x\n"), one("/bin/sh", None));
    assert_eq!(read(b"\n/bin/sh"), None);
    assert_eq!(read(b"   \n"), None);
    assert_eq!(read(&[b'a'; HEAD - 2]), None, "the name may go on");
    let mut long = b"/bin/sh ".to_vec();
    long.resize(HEAD - 2, b'x');
    assert_eq!(read(&long).unwrap().1.unwrap().len(), HEAD - 2 - 8, "an argument is cut as the kernel cuts it");
}

#[test]
fn scripts_of_scripts_get_the_arguments_that_the_kernel_gives() {
    let folder = tempfile::tempdir().unwrap();
    let inner = script(folder.path(), "inner", b"#!/bin/echo inside\n");
    let outer = script(folder.path(), "outer", format!("#!{inner} two words\n").as_bytes());
    let program = find(&outer, &["name", "a", "b"]).unwrap();
    let real = std::process::Command::new(&outer).args(["a", "b"]).output().unwrap();
    assert_eq!(words(&program), ["/bin/echo", "inside", &inner, "two words", &outer, "a", "b"]);
    assert_eq!(String::from_utf8(real.stdout).unwrap().trim_end(), words(&program)[1..].join(" "));
    assert_eq!(program.path, outer.as_bytes());
    assert_eq!(program.interpreter, fs::canonicalize("/bin/echo").unwrap().as_os_str().as_bytes());
    assert!(program.writable);
}

#[test]
fn errors_are_the_kernels_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("plain"), b"#!/bin/sh\n").unwrap();
    symlink(path("round"), path("round")).unwrap();
    let text = script(folder.path(), "text", b"echo no hash bang\n");
    let lost = script(folder.path(), "lost", b"#!/no/such/thing\n");
    let itself = script(folder.path(), "itself", format!("#!{}\n", path("itself")).as_bytes());
    for (name, errno) in [
        (path("missing"), libc::ENOENT),
        (path("plain"), libc::EACCES),
        (path("plain/x"), libc::ENOTDIR),
        (path("round"), libc::ELOOP),
        (path(""), libc::EACCES),
        (text, libc::ENOEXEC),
        (lost, libc::ENOENT),
        (itself, libc::ELOOP),
        (String::new(), libc::ENOENT),
        ("x".repeat(300), libc::ENAMETOOLONG),
    ] {
        assert_eq!(find(&name, &["x"]), Err(Not::Errno(errno)), "{name}");
    }
    assert_eq!(find_with("", 9_999, libc::AT_EMPTY_PATH, &[]), Err(Not::Errno(libc::EBADF)));
}

#[test]
fn links_lead_to_the_file_and_the_callers_own_view_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    symlink("/bin/echo", &link).unwrap();
    let real = fs::canonicalize("/bin/echo").unwrap();
    let program = find(link.to_str().unwrap(), &["link"]).unwrap();
    assert_eq!(program.path, real.as_os_str().as_bytes());
    assert_eq!(words(&program), ["link"]);
    let me = find("/proc/self/exe", &[]).unwrap();
    assert_eq!(me.path, std::env::current_exe().unwrap().as_os_str().as_bytes());
    assert_eq!(words(&me), [""], "no arguments become one empty one");
    let nofollow = find_with(link.to_str().unwrap(), libc::AT_FDCWD, libc::AT_SYMLINK_NOFOLLOW, &[]);
    assert_eq!(nofollow, Err(Not::Errno(libc::ELOOP)));
}

#[test]
fn a_program_in_memory_has_no_name() {
    let file = rustix::fs::memfd_create("tool", rustix::fs::MemfdFlags::empty()).unwrap();
    let echo = fs::read("/bin/echo").unwrap();
    rustix::io::write(&file, &echo).unwrap();
    let program = find_with("", file.as_raw_fd(), libc::AT_EMPTY_PATH, &["tool"]).unwrap();
    assert!(program.nameless, "{program:?}");
}

#[test]
fn foreign_formats_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut head = fs::read("/bin/echo").unwrap();
    head.truncate(4_096);
    head[4] = 1;
    let narrow = script(folder.path(), "narrow", &head);
    assert!(matches!(find(&narrow, &["x"]), Err(Not::Refused(_))));
    head[4] = 2;
    head[18] = 40;
    let foreign = script(folder.path(), "foreign", &head);
    assert!(matches!(find(&foreign, &["x"]), Err(Not::Refused(_))));
}
