"""SSH through Countersign, beside the direct connection and OpenSSH's own ProxyJump: ratios inside a round, medians over the rounds.

    make bench-ssh                       # about six minutes on two cores
    make bench-ssh ARGS='--rounds 3'

An sshd and a gateway of their own, on free ports of loopback, in a temporary folder. Judging, masks and recording are on.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import pty
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tty

BYTES = 512 << 20
IDLE = 50
ENGINEER, APPROVER = "ada@example.com", "grace@example.com"
FILE = """
[store]
url = "sqlite:{folder}/store.db"
[recordings]
path = "{folder}/recordings"
[gateway]
postgres = "127.0.0.1:0"
ssh = "127.0.0.1:{port}"
[console]
listen = "127.0.0.1:{api}"
[[target]]
name = "gated"
protocol = "ssh"
address = "127.0.0.1:{sshd}"
host_key = "{host_key}"
labels = {{ team = "bench", env = "prod" }}
login.read = {{ user = "{user}", key = "file:{folder}/login", shell = "/bin/bash" }}
login.write = {{ user = "{user}", key = "file:{folder}/login", shell = "/bin/bash" }}
[group]
bench = ["{engineer}"]
dba = ["{approver}"]
[[access]]
name = "bench"
who = "group:bench"
targets = {{ team = "bench" }}
levels = ["read", "write"]
at_most = "12h"
approval = {{ from = "group:dba", people = 1, within = "15m" }}
[[rule]]
name = "what cannot be read"
targets = {{ env = "prod" }}
when = 'op.opaque || op.destructive'
do = "hold"
approval = {{ from = "group:dba", people = 1, within = "10m" }}
[[mask]]
name = "personal data"
targets = {{ env = "prod" }}
detect = ["card", "email", "entropy", "iban", "jwt", "phone", "private_key", "vendor"]
"""
PATHS = ("direct", "jumped", "gated")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, ready):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if ready():
                return
        time.sleep(0.05)
    sys.exit(f"bench: {what} did not start")


def call(api, method, path, token=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", api, timeout=30)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status >= 300:
        sys.exit(f"bench: {path}: {answer.status} {text}")
    return json.loads(text) if text.startswith("{") else text


class World:
    """The servers, and how `ssh` reaches them: `ssh -F config direct | jumped | gated`."""

    def __init__(self, folder, stack):
        self.folder, sshd, port, api = folder, free_port(), free_port(), free_port()
        program = pathlib.Path(os.environ.get("COUNTERSIGN", pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "release/countersign"))
        program, user = program.resolve(), os.environ.get("USER") or "root"
        for key in ("host", "login"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        (folder / "sshd").write_text(
            f"Port {sshd}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/login.pub\nUsePAM no\n"
            "StrictModes no\nPidFile none\nPermitRootLogin yes\nMaxStartups 100\nPrintMotd no\n"
        )
        os.makedirs("/run/sshd", exist_ok=True) if os.geteuid() == 0 else None
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        self.start(stack, ["/usr/sbin/sshd", "-D", "-f", folder / "sshd"], quiet)
        until("sshd", lambda: socket.create_connection(("127.0.0.1", sshd), 1).close() is None)
        file = folder / "countersign.toml"
        host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        file.write_text(FILE.format(folder=folder, port=port, api=api, sshd=sshd, host_key=host_key, user=user, engineer=ENGINEER, approver=APPROVER))
        self.pid = self.start(stack, [program, "serve", "--config", file], quiet).pid
        until("countersign", lambda: call(api, "GET", "/healthz"))
        new = [program, "token", "new", "--config", file, "--for", "1d"]
        token, approver = (subprocess.run([*new, who], check=True, capture_output=True, text=True).stdout.split()[-1] for who in (ENGINEER, APPROVER))
        asked = call(api, "POST", "/v1/requests", token, {"target": "gated", "level": "write", "for": "12h", "because": "benchmark"})
        call(api, "POST", f"/v1/requests/{asked['request']['id']}/approve", approver, {})
        credentials = folder / "credentials.toml"
        credentials.write_text(f'url = "http://127.0.0.1:{api}"\ntoken = "{token}"\n')
        credentials.chmod(0o600)
        subprocess.run([program, "--credentials", credentials, "connect", "gated", "--certificate"], check=True)
        (folder / "config").write_text(
            f"Host *\n  KexAlgorithms curve25519-sha256\n  LogLevel ERROR\n  BatchMode yes\n"
            f"Host direct jumped\n  HostName 127.0.0.1\n  Port {sshd}\n  User {user}\n  IdentityFile {folder}/login\n  IdentitiesOnly yes\n"
            f"  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
            f"Host jumped\n  ProxyJump direct\nHost *\nInclude {folder}/ssh/gated.conf\n"
        )

    def start(self, stack, command, streams):
        process = subprocess.Popen(command, cwd=self.folder, **streams)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return process

    def ssh(self, path, *rest):
        return ["ssh", "-F", str(self.folder / "config"), *rest[:-1], path, rest[-1]]

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bulk(world, path, way):
    """MB/s, and the gateway's CPU seconds for a GB."""
    before, begun = world.cpu(), time.monotonic()
    if way == "down":
        subprocess.run(world.ssh(path, f"head -c {BYTES} /dev/zero"), check=True, stdout=subprocess.DEVNULL)
    else:
        with subprocess.Popen(["head", "-c", str(BYTES), "/dev/zero"], stdout=subprocess.PIPE) as zeros:
            subprocess.run(world.ssh(path, "cat > /dev/null"), check=True, stdin=zeros.stdout)
    took = time.monotonic() - begun
    return BYTES / took / 1e6, (world.cpu() - before) / (BYTES / 1e9)


def cold(world, path):
    begun = time.monotonic()
    subprocess.run(world.ssh(path, "true"), check=True, stdin=subprocess.DEVNULL)
    return (time.monotonic() - begun) * 1e3


def shared(world, path, count):
    """One more command over a connection that is there (ControlMaster): milliseconds, a median."""
    socket_path = world.folder / f"control-{path}"
    options = ["-o", f"ControlPath={socket_path}"]
    master = subprocess.Popen(world.ssh(path, *options, "-o", "ControlMaster=yes", "sleep 60"), stdin=subprocess.DEVNULL)
    until("a shared connection", socket_path.exists)
    times = []
    for _ in range(count):
        begun = time.monotonic()
        subprocess.run(world.ssh(path, *options, "true"), check=True, stdin=subprocess.DEVNULL)
        times.append((time.monotonic() - begun) * 1e3)
    subprocess.run(world.ssh(path, *options, "-O", "exit", ""), capture_output=True)
    master.wait()
    return statistics.median(times)


def echo(world, path, count):
    """From a key to its echo: microseconds, a median."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    process = subprocess.Popen(world.ssh(path, "-tt", "cat"), stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    times = []
    for _ in range(count):
        begun = time.monotonic()
        os.write(ours, b"x")
        select.select([ours], [], [], 5)
        os.read(ours, 100)
        times.append((time.monotonic() - begun) * 1e6)
        time.sleep(0.02)
    process.terminate()
    process.wait()
    os.close(ours)
    os.close(theirs)
    return statistics.median(times)


def idle(world, count):
    """KiB of the gateway for each session that sits at a shell's prompt and does nothing."""
    memory = lambda: int(next(line.split()[1] for line in pathlib.Path(f"/proc/{world.pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:")))
    before = memory()
    sessions = [
        subprocess.Popen(world.ssh("gated", "-tt", "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    for session in sessions:
        # Its echo is back: the session is open at both ends.
        session.stdin.write(b"x\n")
        session.stdin.flush()
        session.stdout.read(1)
    time.sleep(2)
    each = (memory() - before) / count
    for session in sessions:
        session.terminate()
        session.wait()
    return each


def main():
    parser = argparse.ArgumentParser(prog="benches/ssh")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    measures = {
        "download, MB/s": lambda world, path: bulk(world, path, "down"),
        "upload, MB/s": lambda world, path: bulk(world, path, "up"),
        "cold `ssh host true`, ms": lambda world, path: cold(world, path),
        "one more over ControlMaster, ms": lambda world, path: shared(world, path, 15),
        "echo of a key, µs": lambda world, path: echo(world, path, 100),
    }
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-bench-ssh-"))
    folder.chmod(0o755)
    seen, cpu = {}, {}
    try:
        with contextlib.ExitStack() as stack:
            world = World(folder, stack)
            for number in range(chosen.rounds):
                turn = PATHS[number % 3 :] + PATHS[: number % 3]
                for what, measure in measures.items():
                    for path in turn:
                        print(f"round {number + 1} of {chosen.rounds}: {what} over {path}", file=sys.stderr)
                        value = measure(world, path)
                        if isinstance(value, tuple):
                            value, spent = value
                            if path == "gated":
                                cpu.setdefault(what, []).append(spent)
                        seen.setdefault((what, path), []).append(value)
            print("idle sessions", file=sys.stderr)
            each = idle(world, IDLE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{os.cpu_count()} cores, {subprocess.run(['ssh', '-V'], capture_output=True, text=True).stderr.strip()}; {chosen.rounds} rounds, medians; loopback\n")
    print("| | direct | ssh -J | countersign | -J against direct | countersign against direct |\n|---|---:|---:|---:|---:|---:|")
    for what in measures:
        values = [seen[what, path] for path in PATHS]
        rate = "MB/s" in what
        against = [
            statistics.median((a / b if rate else a - b) for a, b in zip(other, values[0], strict=True)) for other in values[1:]
        ]
        shown = [f"{statistics.median(value):.0f}" if statistics.median(value) > 20 else f"{statistics.median(value):.1f}" for value in values]
        print(f"| {what} | {' | '.join(shown)} | {' | '.join(f'{a:.2f}' if rate else f'{a:+.1f}' for a in against)} |")
    for what, spent in cpu.items():
        print(f"\nCPU of the gateway, {what.split(',')[0]}: {statistics.median(spent):.1f} s for each GB")
    print(f"\nMemory of the gateway: {each:.0f} KiB for each of {IDLE} idle sessions with a terminal")


main()
