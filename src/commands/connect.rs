//! `connect`: a client that is already signed in, or a local port.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;

use console::documents::{Gateway, Target};
use workflows::target::{Protocol, TargetName};

use super::{Desk, ssh};
use crate::cli::ConnectArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::plain;
use crate::relay::Relay;

/// Where to connect.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) host: String,
    pub(super) port: u16,
    tls: bool,
}

pub(super) async fn run(desk: &Desk<'_>, args: ConnectArgs) -> Result<(), Failure> {
    let client = desk.client()?;
    let target = client.target(&args.target).await?;
    let hosts = target.protocol == Protocol::Ssh.as_str();
    if args.ssh_config && hosts {
        // Also without a grant: the lines stay, and say by themselves when there is none.
        return desk.screen.print(&ssh::lines(desk, &args.target)?);
    }
    let way = way(&client, &args.target, &target)?;
    let user = client.whoami().await?.person.name;
    if hosts {
        let config = ssh::prepare(desk, &client, (&way, &user), &args.target).await?;
        return match args.client.split_first() {
            Some((program, rest)) => Err(ssh::replace(&config, program, rest)),
            None if args.certificate => Ok(()),
            None => desk.screen.print(&format!("ssh -F '{}' {}\n", config.display(), args.target)),
        };
    }
    if args.ssh_config || args.certificate {
        return Err(Failure::wrong_use(format!("{} is no host", args.target)));
    }
    match args.client.split_first() {
        Some((program, rest)) => Err(replace(&way, &args.target, &user, &client, program, rest)),
        None => relay(desk, &way, &args.target, &user, args.port).await,
    }
}

/// Checks that there is something to connect to, in words that say what to do otherwise.
fn way(client: &Client, name: &TargetName, target: &Target) -> Result<Way, Failure> {
    if !target.grants.iter().any(|grant| grant.live) {
        return Err(Failure::new(format!("you hold no grant on {name}"))
            .hint(format!("ask for one: countersign request {name} --for 1h --because …")));
    }
    let gateway = target.gateway.as_ref().ok_or_else(|| {
        Failure::new(format!("the server runs no gateway for {}", target.protocol))
            .hint("tell who runs Countersign to set it up under [gateway]")
    })?;
    parse(gateway, client.host())
}

fn parse(gateway: &Gateway, api: &str) -> Result<Way, Failure> {
    let wrong =
        || Failure::new(format!("the server names `{}` as its gateway, which is no address", gateway.address));
    let (host, port) = gateway.address.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| wrong())?;
    // "Any address" is where the API is, seen from here.
    let any = host.is_empty() || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    let host = if any { api.trim_start_matches('[').trim_end_matches(']') } else { host };
    Ok(Way { host: host.to_owned(), port, tls: gateway.tls })
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// What libpq reads. The password is the token, in the environment of that one process.
fn environment(way: &Way, target: &TargetName, user: &str, token: &str) -> Vec<(&'static str, String)> {
    let mode = match (way.tls, is_here(&way.host)) {
        (false, _) => "disable",
        // The certificate is for the server's public name; nobody sits between a process and its own machine.
        (true, true) => "require",
        (true, false) => "verify-full",
    };
    vec![
        ("PGHOST", way.host.clone()),
        ("PGPORT", way.port.to_string()),
        ("PGUSER", user.to_owned()),
        ("PGDATABASE", target.to_string()),
        ("PGPASSWORD", token.to_owned()),
        ("PGSSLMODE", mode.to_owned()),
    ]
}

/// Becomes the client: signals, the terminal and the exit code are then its own. Returns only if that failed.
fn replace(
    way: &Way,
    target: &TargetName,
    user: &str,
    client: &Client,
    program: &OsString,
    rest: &[OsString],
) -> Failure {
    let mut command = Command::new(program);
    command.args(rest).envs(environment(way, target, user, client.token().reveal()));
    // These would lead past the gateway, or take the place of what is set here.
    for other in ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "DATABASE_URL", "PGCHANNELBINDING"] {
        command.env_remove(other);
    }
    let error = command.exec();
    Failure::new(format!("`{}` cannot be started: {error}", program.to_string_lossy())).hint("is it installed?")
}

async fn relay(desk: &Desk<'_>, way: &Way, target: &TargetName, user: &str, port: u16) -> Result<(), Failure> {
    let to = if way.host.contains(':') {
        format!("[{}]:{}", way.host, way.port)
    } else {
        format!("{}:{}", way.host, way.port)
    };
    let relay = Relay::bind(port, to).await?;
    let port = relay.local_addr()?.port();
    let mode = if way.tls { " sslmode=require" } else { "" };
    desk.screen
        .print(&format!("psql 'host=127.0.0.1 port={port} dbname={target} user={}{mode}'\n", plain::line(user)))?;
    desk.screen.say("the password is your token; Ctrl-C closes the port and all that runs over it\n");
    tokio::select! {
        ended = relay.run(desk.screen) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(address: &str, tls: bool) -> Way {
        parse(&Gateway { address: address.to_owned(), tls }, "cs.example.com").expect("an address")
    }

    #[test]
    fn the_gateway_is_found_from_where_the_client_is() {
        assert_eq!(gateway("127.0.0.1:6432", false).host, "127.0.0.1");
        assert_eq!(gateway("0.0.0.0:6432", true).host, "cs.example.com");
        assert_eq!(gateway("[::]:6432", true).host, "cs.example.com");
        assert_eq!(gateway("[::1]:6432", true), Way { host: "::1".to_owned(), port: 6432, tls: true });
        assert!(parse(&Gateway { address: "nowhere".to_owned(), tls: false }, "x").is_err());
    }

    #[test]
    fn a_client_is_given_all_that_it_needs_and_tls_where_there_is_some() {
        let target: TargetName = "orders-prod".parse().expect("a name");
        let of = |way: &Way, name: &str| {
            let all = environment(way, &target, "ada@example.com", "cst_x");
            all.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let here = gateway("127.0.0.1:6432", false);
        for (name, value) in [
            ("PGHOST", "127.0.0.1"),
            ("PGPORT", "6432"),
            ("PGUSER", "ada@example.com"),
            ("PGDATABASE", "orders-prod"),
            ("PGPASSWORD", "cst_x"),
            ("PGSSLMODE", "disable"),
        ] {
            assert_eq!(of(&here, name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(of(&gateway("127.0.0.1:6432", true), "PGSSLMODE").as_deref(), Some("require"));
        assert_eq!(of(&gateway("cs.example.com:6432", true), "PGSSLMODE").as_deref(), Some("verify-full"));
    }
}
