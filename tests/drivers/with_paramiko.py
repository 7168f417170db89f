"""What a program does with paramiko, through the gateway to a host. A line for each thing that somebody has to agree to.

SSH_PORT and SSH_TOKEN say where and who; PLACE is a folder that the login at the host can write.
"""

import os
import socket
import time

import paramiko

PLACE, PORT, TOKEN = os.environ["PLACE"], int(os.environ["SSH_PORT"]), os.environ["SSH_TOKEN"]
NOTHING = {"look_for_keys": False, "allow_agent": False, "timeout": 20, "banner_timeout": 20, "auth_timeout": 20}


def connect(token=TOKEN, user="web-1"):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", PORT, username=user, password=token, **NOTHING)
    return client


def run(client, line, given=None):
    """Output, errors and status of a command."""
    channel = client.get_transport().open_session(timeout=20)
    channel.settimeout(60)
    channel.exec_command(line)
    if given is not None:
        channel.sendall(given)
        channel.shutdown_write()
    out = channel.makefile("rb").read()
    errors = channel.makefile_stderr("rb").read()
    return out, errors, channel.recv_exit_status()


def until(channel, words):
    seen = b""
    channel.settimeout(60)
    while words not in seen:
        more = channel.recv(4096)
        assert more, f"never shown: {words}; but {seen}"
        seen += more
    return seen


def commands(client):
    assert run(client, "echo out; echo err >&2; exit 7") == (b"out\n", b"err\n", 7)
    blob = os.urandom(1_000_000)
    assert run(client, "cat", blob) == (blob, b"", 0)
    many = [client.get_transport().open_session(timeout=20) for _ in range(10)]
    for number, channel in enumerate(many):
        channel.exec_command(f"echo {number}")
    assert [channel.makefile("rb").read() for channel in many] == [b"%d\n" % number for number in range(10)]


def files(client):
    sftp = client.open_sftp()
    blob = os.urandom(2_000_000)
    with sftp.open(f"{PLACE}/one", "wb") as file:
        file.set_pipelined(True)
        file.write(blob)
    assert sftp.stat(f"{PLACE}/one").st_size == len(blob)
    with sftp.open(f"{PLACE}/one", "rb") as file:
        file.prefetch(len(blob))
        assert file.read() == blob
    with sftp.open(f"{PLACE}/one", "ab") as file:
        file.write(b"end")
    with sftp.open(f"{PLACE}/one", "rb") as file:
        file.seek(len(blob))
        assert file.read() == b"end"
    sftp.posix_rename(f"{PLACE}/one", f"{PLACE}/two")
    sftp.mkdir(f"{PLACE}/folder")
    assert {"two", "folder"} <= set(sftp.listdir(PLACE))
    sftp.remove(f"{PLACE}/two")
    sftp.rmdir(f"{PLACE}/folder")
    try:
        sftp.stat(f"{PLACE}/two")
        raise AssertionError("it is still there")
    except FileNotFoundError:
        pass
    sftp.close()


def shell(client):
    """A shell can't be read, so that the tests' rule holds it as a whole."""
    channel = client.invoke_shell(term="xterm", width=100, height=30)
    print("holding a shell", flush=True)
    channel.send(b"echo early $((6*7))\n")
    until(channel, b"early 42")
    channel.resize_pty(width=90, height=20)
    channel.send(b"stty size\n")
    until(channel, b"20 90")
    channel.send(b"exit 5\n")
    while channel.recv(4096):
        pass
    assert channel.recv_exit_status() == 5


def held(client):
    print("holding a command", flush=True)
    out, errors, status = run(client, f"rm {PLACE}/victim && cat", b"kept\n")
    assert (out, status) == (b"kept\n", 0), (out, errors, status)
    assert b"held by rule `commands`" in errors and b"approved by linus" in errors, errors
    assert not os.path.exists(f"{PLACE}/victim")


def interactive():
    """The token as the answer to a question."""
    transport = paramiko.Transport(("127.0.0.1", PORT))
    transport.start_client(timeout=20)
    asked = []

    def answer(_title, _words, prompts):
        asked.extend(prompts)
        return [TOKEN for _ in prompts]

    assert transport.auth_interactive("ada+web-1", answer) == []
    assert asked == [("Countersign token: ", False)], asked
    transport.close()


def refused(client):
    for user, token in [("web-1", "cst_wrong"), ("linus+web-1", TOKEN)]:
        try:
            connect(token, user)
            raise AssertionError("let in")
        except paramiko.AuthenticationException:
            pass
    try:
        client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", PORT), ("127.0.0.1", 1), timeout=20)
        raise AssertionError("opened")
    except paramiko.ChannelException:
        pass
    # No login's shell would take it either, and nobody waits for that.
    out, errors, status = run(client, "true " + "x" * 200_000)
    assert (out, status) == (b"", 126) and b"more than 128 KiB" in errors, (out, errors, status)
    # And the connection goes on.
    assert run(client, "echo on")[0] == b"on\n"


client = connect()
commands(client)
files(client)
interactive()
refused(client)
held(client)
shell(client)
# New keys in the middle of a command, as paramiko asks for them after each gigabyte.
channel = client.get_transport().open_session(timeout=20)
channel.settimeout(60)
channel.exec_command("cat")
channel.sendall(b"before\n")
until(channel, b"before")
client.get_transport().renegotiate_keys()
channel.sendall(b"after\n")
until(channel, b"after")
channel.close()
client.close()
print("done", flush=True)
