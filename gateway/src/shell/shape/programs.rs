//! Programs that have shapes: each of their operands is the name of a file, and no option of theirs runs or reads anything else.

use super::super::options::Spec;

/// A program, as far as it has shapes.
#[derive(Debug)]
pub(super) struct Known {
    name: &'static str,
    /// Its options. One that is missing here has no shape.
    pub(super) spec: Spec,
    /// So many operands stay as they are: a mode, an owner.
    pub(super) fixed: usize,
    /// Where what happens to an operand reaches whatever lies below it.
    reaches: Reach,
}

/// How far below an operand a program reaches.
#[derive(Clone, Copy, Debug)]
enum Reach {
    /// To the file itself.
    File,
    /// To all that lies below it, with one of these letters.
    With(&'static str),
    /// To all that lies below it, or decides who gets there.
    Below,
}

impl Known {
    /// Whether it reaches all that lies below its operands, with these options.
    pub(super) fn is_broad(&self, options: &[&str]) -> bool {
        match self.reaches {
            Reach::File => false,
            Reach::With(letters) => options.iter().any(|option| {
                // A long one nobody looked at.
                option
                    .strip_prefix("--")
                    .map_or_else(|| option.contains(|c| letters.contains(c)), |long| !long.is_empty())
            }),
            Reach::Below => true,
        }
    }

    const fn reaching(self, reaches: Reach) -> Self {
        Self { reaches, ..self }
    }
}

const NONE: Spec = Spec { flags: "", takes: "", glued: "", long: &[], long_takes: &[] };

const fn flags(name: &'static str, flags: &'static str) -> Known {
    Known { name, spec: Spec { flags, ..NONE }, fixed: 0, reaches: Reach::File }
}

const fn takes(name: &'static str, flags: &'static str, takes: &'static str) -> Known {
    Known { name, spec: Spec { flags, takes, ..NONE }, fixed: 0, reaches: Reach::File }
}

/// `sudo` with these options changes the rights alone.
pub(super) const SUDO: Spec = Spec { flags: "n", takes: "ug", glued: "", long: &[], long_takes: &["user", "group"] };

const ALL: &[Known] = &[
    Known {
        name: "rm",
        spec: Spec { flags: "dfirRIv", long: &["dir", "force", "one-file-system", "recursive", "verbose"], ..NONE },
        fixed: 0,
        reaches: Reach::With("rR"),
    },
    flags("rmdir", "v"),
    flags("unlink", ""),
    flags("shred", "fuvxz"),
    takes("truncate", "co", "s"),
    takes("mkdir", "pv", "m"),
    flags("touch", "acm"),
    flags("cp", "afinprRTuv").reaching(Reach::With("arR")),
    flags("mv", "finTuv").reaching(Reach::Below),
    Known { name: "chmod", spec: Spec { flags: "cfv", ..NONE }, fixed: 1, reaches: Reach::Below },
    Known { name: "chown", spec: Spec { flags: "cfhv", ..NONE }, fixed: 1, reaches: Reach::Below },
    Known { name: "chgrp", spec: Spec { flags: "cfhv", ..NONE }, fixed: 1, reaches: Reach::Below },
    flags("tee", "a"),
    flags("cat", "AbeEnstTuv"),
    flags("tac", ""),
    takes("head", "qvz", "cn"),
    takes("tail", "fFqvz", "cn"),
    flags("wc", "clmLw"),
    flags("ls", "1aAdFghilnprRsStu").reaching(Reach::With("R")),
    flags("stat", "Lt"),
    flags("du", "abchkmsx").reaching(Reach::Below),
    flags("md5sum", "bt"),
    flags("sha256sum", "bt"),
    flags("sha512sum", "bt"),
    flags("cmp", "bls"),
];

/// The program of a name, if it has shapes.
pub(super) fn program(name: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.name == name)
}
