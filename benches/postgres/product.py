"""All that this benchmark assumes of Countersign: its file, its commands, its API. Adjust it here and nowhere else."""

import dataclasses
import http.client
import json
import os
import pathlib
import re
import subprocess
import threading
import time

import servers
from wire import Client, fields

ENGINEER, APPROVER = "ada@example.com", "grace@example.com"
TARGET = "bench"
REQUEST_ID = re.compile(r"req_[0-9A-Za-z-]+")

FILE = """
[store]
url = "sqlite:{folder}/store.db"
[recordings]
path = "{folder}/recordings"
[gateway]
postgres = "127.0.0.1:{port}"
{tls}
[console]
listen = "127.0.0.1:{api}"

[[target]]
name = "{target}"
protocol = "postgres"
address = "127.0.0.1:{upstream}"
database = "{database}"
labels = {{ env = "prod", team = "bench" }}
tls = "off"
login.read  = {{ user = "{user}", password = "env:BENCH_PASSWORD" }}
login.write = {{ user = "{user}", password = "env:BENCH_PASSWORD" }}

[group]
bench = ["{engineer}"]
dba = ["{approver}"]

[[access]]
name = "bench"
who = "group:bench"
targets = {{ team = "bench", env = "prod" }}
levels = ["read", "write"]
at_most = "12h"
approval = {{ from = "group:dba", people = 1, within = "15m" }}

[[rule]]
name = "no schema changes"
targets = {{ env = "prod" }}
when = 'op.ddl'
do = "deny"

[[rule]]
name = "bulk write"
targets = {{ env = "prod" }}
when = 'op.writes && !op.bounded'
do = "hold"
approval = {{ from = "group:dba", people = 1, within = "10m" }}

[[rule]]
name = "what cannot be read"
targets = {{ env = "prod" }}
when = 'op.opaque'
do = "hold"
approval = {{ from = "group:dba", people = 1, within = "10m" }}

[[mask]]
name = "personal data"
targets = {{ env = "prod" }}
columns = ["*.email", "customers.phone"]
detect = ["card", "email", "entropy", "iban", "jwt", "phone", "private_key", "vendor"]
"""
TLS = """tls = {{ certificate = "{crt}", key = "{key}" }}"""


def binary():
    """The release build, or None."""
    built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "release" / "countersign"
    path = pathlib.Path(os.environ.get("COUNTERSIGN", built)).resolve()
    return path if path.exists() else None


@dataclasses.dataclass
class Countersign:
    """A running `serve`, with a granted request: `ENGINEER` may connect to `TARGET` with `token`."""

    program: pathlib.Path
    file: pathlib.Path
    folder: pathlib.Path
    port: int
    api: int
    pid: int = 0
    token: str = ""
    approver: str = ""

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments, "--config", self.file], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "BENCH_PASSWORD": servers.PASSWORD})  # fmt: skip
        if done.returncode != 0:
            raise SystemExit(f"bench: countersign {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def new_token(self, name):
        return self.run("token", "new", name, "--for", "1d").split()[-1]

    def call(self, method, path, token=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=30)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, body=json.dumps(body or {}) if method == "POST" else None, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text.startswith(("{", "[")) else text

    def approve(self, request):
        return self.call("POST", f"/v1/requests/{request}/approve", self.approver)

    def get_access(self):
        """ada asks, grace agrees."""
        self.token, self.approver = self.new_token(ENGINEER), self.new_token(APPROVER)
        ask = {"target": TARGET, "level": "write", "for": "12h", "because": "benchmark"}
        answer = self.call("POST", "/v1/requests", self.token, ask)
        self.approve(answer["request"]["id"])

    def prove(self, tls):
        """That masks and recording are on: otherwise the figures would flatter."""
        client = Client(self.port, ENGINEER, self.token, TARGET, tls=tls)
        ((email,),) = client.query("SELECT email FROM people ORDER BY id LIMIT 1")
        client.close()
        if b"*" not in email or email.startswith(b"person1@"):
            raise SystemExit(f"bench: masks are off: {email!r}")
        until = time.monotonic() + 10  # the recorder writes in batches
        while not any(path.stat().st_size for path in (self.folder / "recordings").rglob("*") if path.is_file()):
            if time.monotonic() > until:
                raise SystemExit("bench: nothing was recorded")
            time.sleep(0.1)


def start(world, upstream, tls=None):
    """Starts a gateway of its own, plain or with TLS towards clients, and gets access through it."""
    program = binary()
    name = "countersign-tls" if tls else "countersign"
    folder = world.folder / name
    folder.mkdir()
    port, api = servers.free_port(), servers.free_port()
    lines = TLS.format(crt=tls[0], key=tls[1]) if tls else ""
    file = folder / "countersign.toml"
    file.write_text(FILE.format(folder=folder, port=port, api=api, upstream=upstream, tls=lines, target=TARGET, user=servers.USER,
                                database=servers.DATABASE, engineer=ENGINEER, approver=APPROVER))  # fmt: skip
    it = Countersign(program, file, folder, port, api)
    process = world.start(name, [program, "serve", "--config", file], other={}, env={"BENCH_PASSWORD": servers.PASSWORD})
    it.pid = process.pid
    world.wait(name, process, lambda: it.call("GET", "/healthz"))
    it.get_access()
    it.prove(bool(tls))
    return it


def release_times(it, tls, count):
    """Seconds from sending grace's approval, and from its answer, to ada's CommandComplete; one pair for each hold."""
    client = Client(it.port, ENGINEER, it.token, TARGET, tls=tls)
    sent, answered = [], []
    for _ in range(count):
        client.start("DELETE FROM nothing")
        request = None
        while request is None:
            kind, body = client.message()
            if kind == b"N":
                words = fields(body)
                request = REQUEST_ID.search(words.get("M", "") + " " + words.get("D", "") + " " + words.get("H", ""))
        start, answer, done = released(it, client, request.group())
        sent.append(done - start)
        answered.append(done - answer)
    client.close()
    return sent, answered


def released(it, client, request):
    """Approves on a thread of its own, since the release may well come before the approval's answer is read."""
    moment = {}

    def click():
        moment["start"] = time.monotonic()
        it.approve(request)
        moment["answer"] = time.monotonic()

    thread = threading.Thread(target=click)
    thread.start()
    while client.message()[0] != b"C":
        pass
    done = time.monotonic()
    thread.join()
    while client.message()[0] != b"Z":
        pass
    return moment["start"], moment["answer"], done
