use clap::CommandFactory;
use workflows::clock::Span;
use workflows::target::Access;

use super::*;

fn read(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"countersign").chain(line))
}

fn code(line: &[&str]) -> i32 {
    read(line).expect_err("wrong use").exit_code()
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn a_request_reads_as_people_write_it() {
    let cli = read(&["request", "orders-prod", "--level", "write", "--for", "1h", "--because", "INC-42", "--json"]);
    let cli = cli.expect("read");
    assert!(cli.json);
    let Command::Request(args) = cli.command else { panic!("a request") };
    assert_eq!(args.target.as_str(), "orders-prod");
    assert_eq!((args.level, args.span, args.because.as_str()), (Access::Write, Span::hours(1), "INC-42"));
    assert!(!args.wait && !args.emergency);
}

#[test]
fn wrong_use_exits_with_2() {
    for line in [
        &["request", "orders-prod", "--for", "1h"][..],
        &["request", "orders-prod", "--for", "one hour", "--because", "x"],
        &["request", "Orders Prod", "--for", "1h", "--because", "x"],
        &["request", "orders-prod", "--for", "1h", "--because", "x", "--level", "root"],
        &["requests", "--all", "show", "req_4XK29QPA"],
        &["sessions", "replay", "x", "--speed", "0"],
        &["sessions", "replay", "x", "--speed", "2", "--text"],
        &["connect", "orders-prod", "--port", "1", "--", "psql"],
        &["login", "--token", "cst_on_the_command_line"],
        &["explain", "--config", "countersign.toml", "orders-prod", "SELECT 1"],
        &["audit", "--limit", "0"],
        &["digest", "--week", "47"],
        &["digest", "--csv", "--json"],
        &["nonsense"],
    ] {
        assert_eq!(code(line), 2, "{line:?}");
    }
    let words = read(&["request", "orders-prod", "--for", "1", "--because", "x"]).expect_err("wrong").to_string();
    assert!(words.contains("write it like `45m`"), "{words}");
}

#[test]
fn a_client_keeps_its_own_options() {
    let cli = read(&["connect", "orders-prod", "--", "psql", "--json", "-c", "SELECT 1"]).expect("read");
    assert!(!cli.json);
    let Command::Connect(args) = cli.command else { panic!("connect") };
    assert_eq!(args.client, ["psql", "--json", "-c", "SELECT 1"]);
}

#[test]
fn every_command_has_an_example() {
    fn all(command: &clap::Command, path: &str) {
        for sub in command.get_subcommands() {
            let path = format!("{path} {}", sub.get_name());
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains("countersign"), "`{path}` has no example");
            assert!(sub.get_about().is_some(), "`{path}` says nothing about itself");
            all(sub, &path);
        }
    }
    all(&Cli::command(), "countersign");
}

#[test]
fn the_help_lists_the_commands_in_the_order_of_a_day() {
    let help = Cli::command().term_width(100).render_help().to_string();
    let expected = "\
Just-in-time access to production: ask, agree, connect, countersign

Usage: countersign [OPTIONS] <COMMAND>

Commands:
  serve        Run everything: the gateway, the console, the jobs
  demo         Start a whole world in a temporary folder, to try things
  check        Is the file right? Each mistake with its line, and what to write instead
  explain      What would happen to a statement, which rule says so, and who would be asked
  login        Sign in with a token
  logout       Forget the token on this machine
  whoami       Who am I?
  targets      What you may ask for, and what you hold
  request      Ask for access
  requests     Requests: yours, and those that wait for you
  approve      Agree to a request
  deny         Refuse a request
  withdraw     Take your own request back
  grants       Grants: who may use what, until when
  extend       Ask for more time on a grant
  revoke       Take a grant back; its sessions end at once
  connect      Connect to a target: start a client that is already signed in, or open a local port
  sessions     Sessions: who is connected, and what was done
  digest       Your people's week: who had access to what, what was odd, what to take away
  audit        The audit log: read it, verify it, take it away
  token        Tokens: make, list, revoke
  ssh-key      Your public keys for SSH: bind, list, revoke
  link         Link your account at a chat platform to you, so that you can ask and decide there
  doctor       Look at what the chat platforms need, and say what to fix
  slack        Set up Slack: the manifest of the app
  discord      Set up Discord: the guild's commands
  suspend      Suspend somebody, on the server: tokens, sessions and votes of theirs count no more
  restore      Let somebody back in who was suspended, on the server
  keys         What targets and clients of SSH have to trust, on the server
  guard        At a target, below sshd: stop every program of a session until it was judged
  completions  Completions for a shell
";
    assert!(help.starts_with(expected), "{help}");
    assert!(help.trim_end().ends_with("Exit codes: 0 done, 1 refused or failed, 2 wrong use."), "{help}");
}
