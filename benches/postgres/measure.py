"""One measurement each: a workload over a path, and what the path's process spent on it."""

import contextlib
import dataclasses
import os
import pathlib
import re
import subprocess
import threading
import time

import servers
from wire import Client

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True)
class Path:
    """A way to the database. `pid` is the process in between; none for the direct ones."""

    name: str
    port: int
    tls: bool = False
    pid: int | None = None
    user: str = servers.USER
    password: str = servers.PASSWORD
    database: str = servers.DATABASE

    def env(self):
        return {
            **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": self.user, "PGPASSWORD": self.password,
            "PGDATABASE": self.database, "PGSSLMODE": "require" if self.tls else "disable", "PGGSSENCMODE": "disable",
        }  # fmt: skip

    def client(self, **options):
        return Client(self.port, self.user, self.password, self.database, tls=self.tls, **options)

    def cpu(self):
        """Seconds of processor time of all its threads, in user space and in the kernel."""
        if self.pid is None:
            return 0.0
        # After the name, which may contain anything but ends at the last parenthesis.
        stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICKS

    def rss(self):
        if self.pid is None:
            return 0
        return int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE


@contextlib.contextmanager
def peak(path):
    """The largest resident size while the block runs, in a list of one."""
    most, over = [path.rss()], threading.Event()

    def watch():
        while not over.wait(0.02):
            most[0] = max(most[0], path.rss())

    thread = threading.Thread(target=watch)
    if path.pid:
        thread.start()
    try:
        yield most
    finally:
        over.set()
        if path.pid:
            thread.join()


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def run(command, path, folder):
    done = subprocess.run(command, env=path.env(), cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"bench: {path.name}: {' '.join(map(str, command))}: {done.stderr.strip()[-1000:]}")
    return done.stdout


def pgbench(path, folder, *options):
    return run([servers.postgres_program("pgbench"), "-n", *map(str, options)], path, folder)


def number(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise SystemExit(f"pgbench did not say {pattern}, but:\n{text}")
    return float(found.group(1))


def select_only(path, folder, protocol, clients, seconds):
    """pgbench -S. Latencies are those of a sample of the transactions."""
    for old in folder.glob("tx.*"):
        old.unlink()
    sample = 1 if clients == 1 else 0.1
    before = path.cpu()
    text = pgbench(path, folder, "-S", "-M", protocol, "-c", clients, "-j", min(clients, 2), "-T", seconds, "-l",
                   "--log-prefix", "tx", "--sampling-rate", sample)  # fmt: skip
    spent = path.cpu() - before
    times = [int(line.split()[2]) for log in folder.glob("tx.*") for line in log.read_text().splitlines()]
    done = number(r"actually processed: (\d+)", text)
    return {
        "tps": number(r"tps = ([\d.]+)", text),
        "p50": percentile(times, 0.50),
        "p99": percentile(times, 0.99),
        "cpu": spent / done * 1e6,
    }


def statement(how, table):
    return f"COPY {table} TO STDOUT" if how == "copy" else f"SELECT * FROM {table}"


def bulk(path, folder, how, table):
    """A whole table: through psql into /dev/null (`select`, `copy`), or read from the socket and dropped (`drain`)."""
    before = path.cpu()
    if how == "drain":
        client = path.client(timeout=600)
    with peak(path) as most:
        rss, start = path.rss(), time.monotonic()
        if how == "drain":
            client.drain(statement(how, table))
        else:
            psql = [servers.postgres_program("psql"), "-X", "-qAt", "-o", "/dev/null", "-c", statement(how, table)]
            run(psql, path, folder)
        took = time.monotonic() - start
    if how == "drain":
        client.close()
    return {"seconds": took, "cpu": path.cpu() - before, "grown": most[0] - rss, "peak": most[0]}


def connections(path, folder, seconds):
    """pgbench -C: sign in, one statement, leave; four at a time."""
    (folder / "one.sql").write_text("SELECT 1\n")
    before = path.cpu()
    text = pgbench(path, folder, "-C", "-f", "one.sql", "-c", 4, "-j", 2, "-T", seconds)
    spent = path.cpu() - before
    return {"rate": number(r"tps = ([\d.]+)", text), "cpu": spent / number(r"actually processed: (\d+)", text) * 1e3}


def idle(path, count):
    """What one idle session costs in memory, after a statement each; bytes, and the size before."""
    path.client().close()
    time.sleep(0.5)
    base, clients = path.rss(), []
    try:
        for _ in range(count):
            client = path.client()
            client.query("SELECT 1")
            clients.append(client)
        time.sleep(1.5)
        return {"each": (path.rss() - base) / count, "base": base}
    finally:
        for client in clients:
            client.close()
        time.sleep(0.5)
