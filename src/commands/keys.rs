//! `keys`: what others have to trust, on the server itself.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Desk, load};
use crate::failure::Failure;

pub(super) fn show(desk: &Desk<'_>, config: &Path) -> Result<(), Failure> {
    let folder = load(config)?.keys.path.join("ssh");
    let certifier = gateway::ssh::Certifier::open(&folder).map_err(|error| Failure::new(error.to_string()))?;
    let guard = gateway::ssh::guard_key(&folder).map_err(|error| Failure::new(error.to_string()))?;
    let guard = STANDARD.encode(guard.verifying_key().to_bytes());
    let (targets, clients) = (certifier.target_line(), certifier.known_hosts());
    let (targets, clients) = (targets.map_err(Failure::new)?, clients.map_err(Failure::new)?);
    let words = format!(
        "# at targets with `certificate = true`: a file that TrustedUserCAKeys names in sshd_config\n{targets}\n\n\
         # at targets with `guard = \"login\"`: /etc/countersign/gateway.pub; in sudo.conf: key=\n{guard}\n\n\
         # at clients without `countersign connect`: known_hosts, with `HostKeyAlias {}`\n{clients}\n",
        gateway::ssh::HOST
    );
    desk.screen.print(&words)
}
