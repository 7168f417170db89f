//! The critical option `source-address`, as OpenSSH's `addr_match_cidr_list` reads it.

use std::net::IpAddr;

/// Addresses that begin alike, as numbers of 128 bits; those of IPv4 are mapped into IPv6 (RFC 4291, 2.5.5.2).
struct Block {
    network: u128,
    /// Ones where the addresses differ.
    host: u128,
}

impl Block {
    /// `10.0.0.5`, `10.0.0.0/8`, `2001:db8::/32`. As in OpenSSH, what is beyond the length must be zero, and there are
    /// no wildcards and no negation.
    fn read(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            // Rust reads `+8` as a number.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        let host = u128::MAX.checked_shr(128 - width.checked_sub(length)?).unwrap_or(0);
        let network = number(address);
        (network & host == 0).then_some(Self { network, host })
    }

    /// `::/0` is all of IPv6, and nothing of IPv4 although that is mapped into it.
    fn contains(&self, peer: IpAddr) -> bool {
        (peer.is_ipv6() || self.host <= u128::from(u32::MAX)) && number(peer) | self.host == self.network | self.host
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Whether `peer` is in `list`: addresses and blocks with commas between them. None if any part of it is neither, even
/// if another part names the peer.
pub(super) fn contains(list: &str, peer: IpAddr) -> Option<bool> {
    let peer = peer.to_canonical();
    list.split(',').try_fold(false, |found, entry| Some(Block::read(entry)?.contains(peer) || found))
}

/// The list of exactly these.
pub(super) fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(|address| address.to_canonical().to_string()).collect::<Vec<_>>().join(",")
}
