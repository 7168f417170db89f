//! Programs that change files, processes and devices.

use workflows::operation::{Act, Kind};

use super::super::arg::{Arg, Feed};
use super::super::facts::{Facts, is_system};
use super::super::options::Args;
use super::super::redirect::is_sink;

pub(super) fn judge(name: &str, args: Args<'_>, facts: &mut Facts) -> bool {
    match name {
        "rm" | "unlink" | "rmdir" | "shred" | "srm" | "wipe" => {
            let broad = args.short('r')
                || args.short('R')
                || args.long("recursive")
                || name == "shred"
                || name == "srm"
                || name == "wipe";
            files(args, facts);
            facts.destroys("files", !broad && !facts.run.loose);
        }
        "truncate" => {
            files(args, facts);
            facts.destroys("what files hold", false);
        }
        "mv" | "cp" | "ln" | "install" => {
            let operands: Vec<&Arg> = args.operands().collect();
            let (last, first) = match operands.split_last() {
                Some((last, first)) => (Some(*last), first),
                None => (None, &[][..]),
            };
            for file in first {
                facts.file(file, name == "mv");
            }
            if let Some(file) = last {
                facts.file(file, true);
            }
            let forced = args.short('f') || args.long("force");
            let system = last.is_some_and(|file| {
                ["/etc", "/usr", "/bin", "/sbin", "/lib", "/boot", "/dev"]
                    .iter()
                    .any(|dir| file.text.starts_with(dir))
            });
            if name == "mv" || forced || system {
                facts.destroys("what stands where it moves to", !forced && !system && !facts.run.loose);
            }
            facts.act(Act::Write);
        }
        "mkdir" | "touch" | "mkfifo" | "mktemp" | "split" | "csplit" | "patch" => files(args, facts),
        "tee" => {
            for file in args.operands().filter(|file| !is_sink(&file.text)) {
                facts.file(file, true);
                facts.act(Act::Write);
                if is_system(&file.text) {
                    facts.destroys("what a device or a setting holds", false);
                }
            }
            facts.act(Act::Read);
        }
        "dd" => dd(args, facts),
        "chmod" | "chown" | "chgrp" | "chattr" | "setfacl" | "chcon" | "restorecon" | "setcap" | "setfattr" => {
            args.operands().skip(1).for_each(|file| facts.file(file, true));
            facts.act(Act::Administer);
            if args.short('R') || args.long("recursive") {
                facts.destroys("rights of whole folders", false);
            }
            let grants = args.operand(0);
            if name == "setcap"
                || (name == "chmod" && (grants.contains('s') || grants.len() == 4 && !grants.starts_with('0')))
            {
                facts.abuse("it gives a program rights of its own");
            }
        }
        "kill" | "killall" | "pkill" | "killall5" | "fuser" | "xkill" | "skill" => {
            let looks =
                args.any(&["-l", "-L", "--list", "-0"]) || name == "fuser" && !args.short('k') && !args.long("kill");
            if looks {
                facts.act(Act::Read);
            } else {
                facts.act(Act::Administer);
                let exact = name == "kill" && !args.any(&["-1", "0"]) && !facts.run.loose;
                facts.destroys("processes", exact);
            }
        }
        "mkfs" | "mke2fs" | "mkswap" | "wipefs" | "fdisk" | "sfdisk" | "cfdisk" | "gdisk" | "sgdisk" | "parted"
        | "blkdiscard" | "badblocks" | "hdparm" | "lvremove" | "vgremove" | "pvremove" | "lvreduce" | "mdadm"
        | "cryptsetup" | "zpool" | "zfs" | "btrfs" | "tune2fs" | "resize2fs" | "fsck" | "debugfs" | "xfs_repair"
        | "nvme" => {
            let looks = args.any(&["-l", "list", "--list", "print", "status", "get", "show", "--detail"])
                && !args.any(&["destroy", "erase"]);
            if looks
                && ["fdisk", "sfdisk", "parted", "zpool", "zfs", "btrfs", "cryptsetup", "mdadm", "nvme"]
                    .contains(&name)
            {
                facts.act(Act::Read);
            } else {
                device(args, facts);
            }
        }
        name if name.starts_with("mkfs.") || name.starts_with("fsck.") => device(args, facts),
        "gzip" | "gunzip" | "bzip2" | "bunzip2" | "xz" | "unxz" | "zstd" | "unzstd" | "lz4" | "zcat" | "bzcat"
        | "xzcat" | "zstdcat" => {
            let prints = name.ends_with("cat")
                || args.short('c')
                || args.short('t')
                || args.short('l')
                || args.operands().next().is_none();
            facts.prints = Feed::Decoded;
            if prints {
                facts.act(Act::Read);
            } else {
                files(args, facts);
            }
        }
        "tar" | "bsdtar" => tar(args, facts),
        "unzip" | "7z" | "7za" | "unrar" | "zip" | "cpio" | "ar" => {
            let looks = matches!(name, "unzip" | "unrar") && (args.short('l') || args.short('p'))
                || args.operand(0) == "l"
                || (name == "cpio" && args.short('t'));
            facts.act(if looks { Act::Read } else { Act::Write });
            facts.prints = Feed::Decoded;
        }
        _ => return false,
    }
    true
}

/// All operands are written; a bare number is an option's value.
fn files(args: Args<'_>, facts: &mut Facts) {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    args.operands().filter(|file| !number(&file.text)).for_each(|file| facts.file(file, true));
    facts.act(Act::Write);
}

fn device(args: Args<'_>, facts: &mut Facts) {
    args.operands().filter(|file| file.text.contains('/')).for_each(|file| facts.file(file, true));
    facts.act(Act::Administer);
    facts.destroys("what a device holds", false);
}

fn dd(args: Args<'_>, facts: &mut Facts) {
    facts.act(Act::Read);
    if args.wild() {
        facts.opaque("an argument may name the file that `dd` writes");
    }
    for arg in args.0 {
        if let Some(file) = arg.text.strip_prefix("of=") {
            if is_sink(file) {
                continue;
            }
            facts.thing(Kind::File, file, true);
            facts.act(Act::Write);
            facts.destroys("what a file or a device holds", false);
        } else if let Some(file) = arg.text.strip_prefix("if=") {
            facts.thing(Kind::File, file, false);
        }
    }
}

/// The first word may have its letters without a dash.
fn tar(args: Args<'_>, facts: &mut Facts) {
    let old = args.0.first().filter(|first| !first.text.starts_with('-')).map_or("", |first| first.text.as_str());
    let has = |letter: char, long: &str| old.contains(letter) || args.short(letter) || args.long(long);
    let lists =
        has('t', "list") && !has('x', "extract") && !has('c', "create") && !args.short('r') && !args.short('u');
    if args.wild() {
        facts.opaque("an argument may be an option that makes `tar` run a program");
    }
    let prints = has('O', "to-stdout");
    if lists || prints {
        facts.act(Act::Read);
        facts.prints = Feed::Decoded;
    } else {
        facts.act(Act::Write);
    }
    if args.long("remove-files") || args.long("overwrite") || args.long("unlink-first") {
        facts.destroys("files that it packs or finds in its way", false);
    }
    for arg in args.operands().filter(|arg| arg.text != old) {
        facts.file(arg, false);
        if arg.text.split('/').next().is_some_and(|host| host.contains(':')) {
            facts.abuse("an archive on another host");
            facts.network();
        }
    }
}
