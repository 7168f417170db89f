"""What is measured and what it is compared with: PostgreSQL, haproxy and pgbouncer, each on a free port of loopback."""

import contextlib
import glob
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

from wire import Client

USER, PASSWORD, DATABASE = "bench", "loopback only", "bench"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return found or sys.exit(f"bench: `{name}` is not installed; `make bench` installs it")


def postgres_program(name):
    # Not /usr/bin/psql: on Debian that is a script which looks for clusters first.
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4].split(".")[0]))
    return shutil.which(name, path=":".join(reversed(folders)) + ":" + os.environ.get("PATH", "")) or program(name)


def version(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0].strip()


class Servers:
    """Starts processes in one temporary folder, and ends them in reverse order."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o711)
        self.stack = contextlib.ExitStack()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        # PostgreSQL and pgbouncer refuse to run as root.
        nobody = pwd.getpwnam("nobody")
        self.other = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stack.close()

    def mine(self, path):
        """Gives a file or folder to the user that the servers run as."""
        if self.other:
            os.chown(path, self.other["user"], self.other["group"])
        return path

    def write(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return self.mine(path)

    def start(self, name, command, end=signal.SIGTERM, other=None, env=None):
        log = open(self.folder / f"{name}.log", "wb")
        other = self.other if other is None else other
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                   env={**os.environ, **(env or {})}, **other)  # fmt: skip
        self.stack.callback(self.end, process, end)
        return process

    @staticmethod
    def end(process, how):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(self, name, process, ready, seconds=30):
        """Waits until `ready()` does not raise; a process that ended, or a deadline, is told with its log."""
        until = time.monotonic() + seconds
        while True:
            try:
                return ready()
            except Exception as error:
                if process.poll() is not None or time.monotonic() > until:
                    log = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
                    raise SystemExit(f"bench: {name} did not start: {error}\n{log}")
                time.sleep(0.05)

    # ---- the servers

    def certificate(self):
        crt, key = self.folder / "server.crt", self.folder / "server.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                   "-days", "2", "-keyout", key, "-out", crt]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        key.chmod(0o600)
        return self.mine(crt), self.mine(key)

    def postgres(self, crt, key):
        data, port = self.folder / "data", free_port()
        data.mkdir(mode=0o700)
        self.mine(data)
        secret = self.write("password", PASSWORD)
        subprocess.run([postgres_program("initdb"), "-D", data, "-U", USER, "--pwfile", secret, "-A", "scram-sha-256",
                        "--no-sync", "--no-locale", "-E", "UTF8"], check=True, capture_output=True, cwd=self.folder,
                       **self.other)  # fmt: skip
        settings = {
            # Each pgbouncer keeps the connections of its idle sessions for later.
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 2200,
            "shared_buffers": "256MB", "max_wal_size": "4GB", "fsync": "off", "synchronous_commit": "off",
            "autovacuum": "off", "ssl": "on", "ssl_cert_file": crt, "ssl_key_file": key,
            "password_encryption": "scram-sha-256",
        }  # fmt: skip
        with open(data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        server = [postgres_program("postgres"), "-D", data]
        process = self.start("postgres", server, end=signal.SIGINT)
        self.wait("postgres", process, lambda: Client(port, USER, PASSWORD, "postgres").close())
        client = Client(port, USER, PASSWORD, "postgres")
        client.query(f"CREATE DATABASE {DATABASE}")
        client.close()
        return port

    def haproxy(self, upstream):
        port = free_port()
        file = self.write("haproxy.cfg", f"""
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend bench
    bind 127.0.0.1:{port}
    default_backend postgres
backend postgres
    server one 127.0.0.1:{upstream}
""")
        process = self.start("haproxy", [program("haproxy"), "-db", "-f", file])
        self.wait("haproxy", process, lambda: Client(port, USER, PASSWORD, DATABASE).close())
        return port, process.pid

    def pgbouncer(self, upstream, tls=None, once=False):
        """`once`: a connection to the server is used by one client and then closed, instead of going to the next one."""
        name, port = "pgbouncer" + ("-once" if once else "") + ("-tls" if tls else ""), free_port()
        users = self.write("users.txt", f'"{USER}" "{PASSWORD}"\n')
        ways = f"client_tls_sslmode = require\nclient_tls_cert_file = {tls[0]}\nclient_tls_key_file = {tls[1]}" if tls else ""
        file = self.write(f"{name}.ini", f"""
[databases]
{DATABASE} = host=127.0.0.1 port={upstream} dbname={DATABASE}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = session
default_pool_size = 1000
max_client_conn = 3000
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
{"server_lifetime = 0" if once else ""}
{ways}
""")
        process = self.start(name, [program("pgbouncer"), file])
        self.wait(name, process, lambda: Client(port, USER, PASSWORD, DATABASE, tls=bool(tls)).close())
        return port, process.pid


def fill(port, scale, rows):
    """pgbench's tables, a table without anything to hide, one with something in each row, and an empty one."""
    env = {**os.environ, "PGPASSWORD": PASSWORD}
    command = [postgres_program("pgbench"), "-i", "-q", "-s", str(scale), "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE]
    subprocess.run(command, check=True, capture_output=True, env=env)
    client = Client(port, USER, PASSWORD, DATABASE, timeout=600)
    for statement in (
        "CREATE TABLE ledger AS SELECT n AS id, n % 4001 AS account, (n::bigint * 7919 % 100000) / 100.0 AS amount,"
        " 'transfer ' || n % 97 || ' of batch ' || n / 1000 AS memo,"
        f" timestamp '2026-01-01' + n * interval '7 s' AS made FROM generate_series(1, {rows}) AS n",
        # Card numbers of 16 digits that satisfy Luhn about one time in ten: the detector has to look at each.
        "CREATE TABLE people AS SELECT n AS id, 'person' || n || '@example.com' AS email,"
        " '4' || lpad((n::bigint * 2654435761 % 1000000000000000)::text, 15, '0') AS card,"
        " 'called about order ' || n % 9973 AS note, n % 100 AS score"
        f" FROM generate_series(1, {rows}) AS n",
        "CREATE TABLE nothing (id int)",
        "VACUUM ANALYZE",
        "CHECKPOINT",
    ):
        client.query(statement)
    client.close()
