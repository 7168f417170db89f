"""`make bench`: Countersign beside a direct connection, haproxy and pgbouncer, on a PostgreSQL of its own.

The paths take turns inside each round, so that a busy machine slows all of them alike; ratios are taken inside a round,
and what is printed are medians over the rounds. Policy, classification, masks and recording are on, and that is checked.
"""

import argparse
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import measure
import product
import report
import servers
from measure import Path

PROTOCOLS, CLIENTS = ("simple", "extended", "prepared"), (1, 16)
BULK = tuple((how, table) for table in ("ledger", "people") for how in ("select", "copy", "drain"))
SECTIONS = ("select", "bulk", "connections", "idle", "release")


def options():
    rounds = int(os.environ.get("ROUNDS") or 5)
    parse = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parse.add_argument("--quick", action="store_true", help="one short round: does everything work? The figures mean little")
    parse.add_argument("--rounds", type=int, default=rounds, help="how many rounds (5, or the variable ROUNDS)")
    parse.add_argument("--seconds", type=float, default=5, help="how long each run of pgbench takes")
    parse.add_argument("--rows", type=int, default=3_000_000, help="rows of the large results")
    parse.add_argument("--sessions", type=int, default=500, help="idle sessions")
    parse.add_argument("--holds", type=int, default=200, help="held statements")
    parse.add_argument("--only", default=",".join(SECTIONS), help="sections, joined by commas: " + ",".join(SECTIONS))
    parse.add_argument("--keep", action="store_true", help="keep the temporary folder, logs included")
    chosen = parse.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds, chosen.rows, chosen.sessions, chosen.holds = 1, 1, 200_000, 40, 20
    chosen.only = chosen.only.split(",")
    chosen.seconds = max(1, round(chosen.seconds))
    return chosen


def progress(text):
    """Where the run is: one line that changes on a terminal, a line for each step in a log."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def rounds(chosen, paths, workloads, run):
    """Runs each workload over each path, in turns: {workload: {path: [result of each round]}}."""
    found = {workload: {path.name: [] for path in paths} for workload in workloads}
    for turn in range(chosen.rounds):
        for workload in workloads:
            # Each round starts with another path, so that none is always first after a change of workload.
            for path in paths[turn % len(paths) :] + paths[: turn % len(paths)]:
                name = workload if isinstance(workload, str) else " ".join(workload)
                progress(f"round {turn + 1} of {chosen.rounds}: {name} over {path.name}")
                found[workload][path.name].append(run(path, workload))
    return found


def start(world, chosen):
    """The servers, and the ways to them; those that only the connections are measured over; the gateways by path."""
    crt, key = world.certificate()
    upstream = world.postgres(crt, key)
    progress("filling the tables")
    servers.fill(upstream, 1 if chosen.quick else 10, chosen.rows)
    port, pid = world.haproxy(upstream)
    paths = [Path("direct", upstream), Path("direct tls", upstream, tls=True), Path("haproxy", port, pid=pid)]
    for name, tls in (("pgbouncer", None), ("pgbouncer tls", (crt, key))):
        port, pid = world.pgbouncer(upstream, tls)
        paths.append(Path(name, port, tls=bool(tls), pid=pid))
    once = []
    for name, tls in (("pgbouncer once", None), ("pgbouncer once tls", (crt, key))):
        port, pid = world.pgbouncer(upstream, tls, once=True)
        once.append(Path(name, port, tls=bool(tls), pid=pid))
    gateways = {}
    if product.binary() is None:
        print("bench: there is no release build of countersign, so it is left out: cargo build --release", file=sys.stderr)
        return paths, once, gateways
    for name, tls in (("countersign", None), ("countersign tls", (crt, key))):
        it = gateways[name] = product.start(world, upstream, tls)
        paths.append(Path(name, it.port, bool(tls), it.pid, product.ENGINEER, it.token, product.TARGET))
    return paths, once, gateways


def machine(chosen):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    tools = (servers.version(servers.postgres_program("postgres"), "--version"),
             servers.version(servers.program("haproxy"), "-v").split(" 20")[0],
             servers.version(servers.program("pgbouncer"), "--version"))  # fmt: skip
    return (f"{os.cpu_count()} × {model}, {platform.system()} {platform.release()}; {'; '.join(tools)}; load before: "
            f"{os.getloadavg()[0]:.2f}; {chosen.rounds} rounds of {chosen.seconds} s; all on loopback.")  # fmt: skip


def measured(chosen, paths, once, gateways, scratch):
    """Runs the chosen sections; the report's parts, in order."""
    select, bulks, connects, releases, parts = {}, {}, {}, {}, []
    if "select" in chosen.only:
        workloads = [f"{protocol}, {clients}" for protocol in PROTOCOLS for clients in CLIENTS]

        def run(path, workload):
            protocol, clients = workload.split(", ")
            return measure.select_only(path, scratch, protocol, int(clients), chosen.seconds)

        select = rounds(chosen, paths, workloads, run)
        parts += ["## pgbench, select-only", report.select_summary(select), report.select_details(select)]
    if "bulk" in chosen.only:
        direct = paths[0].client(timeout=600)
        sizes = {(how, table): direct.drain(measure.statement(how, table)) for how, table in BULK}
        direct.close()
        bulks = rounds(chosen, paths, BULK, lambda path, what: measure.bulk(path, scratch, *what))
        words = (
            f"{chosen.rows} rows. `ledger` has nothing to hide, and every value is looked at; `people` has an e-mail address"
            " and a card-like number in each row. select and copy: psql to /dev/null. drain: a reader that drops the bytes."
        )
        parts += ["## A large result", words, report.bulk(bulks, sizes)]
    if "connections" in chosen.only:
        run = lambda path, _: measure.connections(path, scratch, chosen.seconds)  # noqa: E731
        connects = rounds(chosen, paths + once, ["connections"], run)["connections"]
        parts += ["## Connections", report.connections(connects)]
    if "idle" in chosen.only:
        between = [path for path in paths if path.pid]
        found = {}
        for path in between:
            progress(f"{chosen.sessions} idle sessions over {path.name}")
            found[path.name] = measure.idle(path, chosen.sessions)
        parts += [f"## Memory, {chosen.sessions} idle sessions", report.idle(found)]
    if "release" in chosen.only and gateways:
        for name, it in gateways.items():
            progress(f"{chosen.holds} holds over {name}")
            releases[name] = product.release_times(it, name.endswith("tls"), chosen.holds)
        parts += ["## From the approval to the end of the statement", report.release(releases)]
    if gateways:
        parts += ["## Gates", report.gates(select, bulks, releases, connects)]
    return parts


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="countersign-bench-")
    try:
        with servers.Servers(folder) as world:
            scratch = world.folder / "scratch"
            scratch.mkdir()
            about = machine(chosen)
            paths, once, gateways = start(world, chosen)
            parts = measured(chosen, paths, once, gateways, scratch)
    except KeyboardInterrupt:
        sys.exit("\nbench: stopped")
    finally:
        if chosen.keep:
            print(f"\nbench: kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    progress("")
    text = "\n\n".join(["# Countersign, measured", about, *parts]) + "\n"
    out = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "bench"
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"postgres{'-quick' if chosen.quick else ''}.md"
    file.write_text(text)
    print(text)
    print(f"bench: written to {file}, after {(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)


main()
