//! OpenSSH's extensions, by their names (its file PROTOCOL, section 4).

use super::request::Call;
use super::wire::{Attrs, Cursor, Malformed};

/// Bytes of an id in a list of ids.
const ID: usize = 4;

/// Reads the name of an extension and its fields. One that is not known stays what it is.
pub(super) fn read<'a>(from: &mut Cursor<'a>) -> Result<Call<'a>, Malformed> {
    let name = from.name()?;
    Ok(match name {
        b"posix-rename@openssh.com" => Call::PosixRename { from: from.name()?, to: from.name()? },
        b"hardlink@openssh.com" => Call::Hardlink { from: from.name()?, to: from.name()? },
        b"fsync@openssh.com" => Call::Fsync { handle: from.handle()? },
        b"statvfs@openssh.com" => Call::Statvfs { path: from.name()? },
        b"fstatvfs@openssh.com" => Call::Fstatvfs { handle: from.handle()? },
        b"lsetstat@openssh.com" => Call::Lsetstat { path: from.name()?, attrs: Attrs::read(from)? },
        b"limits@openssh.com" => Call::Limits,
        b"expand-path@openssh.com" => Call::ExpandPath { path: from.name()? },
        b"copy-data" => Call::CopyData {
            from: from.handle()?,
            offset: from.u64()?,
            len: from.u64()?,
            to: from.handle()?,
            to_offset: from.u64()?,
        },
        b"home-directory" => Call::HomeDirectory { user: from.name()? },
        b"users-groups-by-id@openssh.com" => Call::UsersGroups { users: ids(from)?, groups: ids(from)? },
        _ => Call::Unknown { name, data: from.rest() },
    })
}

/// How many ids there are in a list.
fn ids(from: &mut Cursor<'_>) -> Result<usize, Malformed> {
    let list = from.string()?;
    if list.len().is_multiple_of(ID) { Ok(list.len() / ID) } else { Err(Malformed::Fields) }
}
