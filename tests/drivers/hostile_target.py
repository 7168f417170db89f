"""A target that keeps to no rule. `hostile_target.py MODE`; the first line says where it listens and what its key is.

It lets anybody in; what it does instead of a server's work is its mode.
"""

import base64
import json
import os
import socket
import sys
import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import raw_ssh as raw
from raw_ssh import flag, text, u32

KEY = Ed25519PrivateKey.generate()
BLOB = text("ssh-ed25519") + text(raw.public(KEY))


def greeted(sock):
    """Signed in: whoever it is."""
    wire = raw.server(sock, KEY)
    while True:
        kind, _ = wire.until(raw.SERVICE_REQUEST, raw.AUTH_REQUEST)
        if kind == raw.SERVICE_REQUEST:
            wire.send(raw.SERVICE_ACCEPT, text("ssh-userauth"))
            yield wire
        else:
            wire.send(raw.AUTH_SUCCESS)
            yield wire
            return


def signed_in(sock):
    for wire in greeted(sock):
        pass
    return wire


def started(wire):
    """A command is asked for; gives the client's number of the channel."""
    _, rest = wire.until(raw.OPEN)
    name, at = raw.take(rest)
    theirs = int.from_bytes(rest[at : at + 4], "big")
    wire.send(raw.CONFIRMED, u32(theirs, 0, 1 << 21, 32768))
    _, rest = wire.until(raw.REQUEST)
    wire.send(raw.SUCCESS, u32(theirs))
    return theirs


def ends(wire, theirs, words=b"", status=0):
    wire.send(raw.DATA, u32(theirs), text(words))
    wire.send(raw.REQUEST, u32(theirs), text("exit-status"), flag(False), u32(status))
    wire.send(raw.CLOSE, u32(theirs))
    wire.until(raw.CLOSE)


def silent(sock):
    while sock.recv(4096):
        pass


def babbles(sock):
    """Lines before its version, as many as anybody takes."""
    while True:
        sock.sendall(b"x" * 200 + b"\r\n")


def one_line(sock):
    """One line before its version, without an end."""
    while True:
        sock.sendall(b"x" * 65536)


def rubbish(sock):
    sock.sendall(b"SSH-2.0-x\r\n" + os.urandom(1 << 20))
    silent(sock)


def length(sock):
    sock.sendall(b"SSH-2.0-x\r\n" + u32(0xFFFFFFFF) + os.urandom(1 << 16))
    silent(sock)


def banners(sock):
    """Words for whoever signs in: 50 MB of them."""
    for number, wire in enumerate(greeted(sock)):
        if number == 0:
            for _ in range(250):
                wire.send(raw.AUTH_BANNER, text(b"x" * 200_000), text(""))
    ends(wire, started(wire), b"after the banners\n")


def late_rubbish(sock):
    wire = signed_in(sock)
    started(wire)
    wire.raw(u32(0xFFFFFFFF) + os.urandom(1 << 16))
    silent(sock)


def channels(sock):
    """Opens channels towards whoever came, of each kind; what is said to them is the command's output."""
    wire = signed_in(sock)
    theirs = started(wire)
    way = text("127.0.0.1") + u32(22) + text("127.0.0.1") + u32(1)
    said = []
    for kind, more in [
        ("session", b""),
        ("forwarded-tcpip", way),
        ("direct-tcpip", way),
        ("x11", text("127.0.0.1") + u32(1)),
        ("auth-agent@openssh.com", b""),
        ("forwarded-streamlocal@openssh.com", text("/run/x") + text("")),
        ("nonsense", b""),
    ]:
        wire.send(raw.OPEN, text(kind), u32(100 + len(said), 1 << 21, 32768), more)
        answer, _ = wire.until(raw.CONFIRMED, raw.OPEN_FAILED)
        said.append(f"{kind} {'open' if answer == raw.CONFIRMED else 'refused'}")
    ends(wire, theirs, "\n".join(said).encode() + b"\n")


def thousands(sock):
    """Ten thousand channels towards whoever came, and as many questions."""
    wire = signed_in(sock)
    theirs = started(wire)
    opened = 0
    for number in range(10_000):
        wire.send(raw.OPEN, text("session"), u32(100 + number, 1 << 21, 32768))
        opened += wire.until(raw.CONFIRMED, raw.OPEN_FAILED)[0] == raw.CONFIRMED
        wire.send(raw.GLOBAL_REQUEST, text("x" * 100), flag(False))
    ends(wire, theirs, b"%d open\n" % opened)


def beyond(sock):
    """More than the window takes: 300 MB, while nobody reads."""
    wire = signed_in(sock)
    theirs = started(wire)
    block = text(b"x" * 32_000)
    for _ in range(10_000):
        wire.send(raw.DATA, u32(theirs), block)
    silent(sock)


def nothing(sock):
    """Two hundred thousand messages of no bytes, then an ordinary end."""
    wire = signed_in(sock)
    theirs = started(wire)
    for kind in (raw.DATA, raw.EXTENDED):
        body = bytes([kind]) + u32(theirs) + (u32(1) if kind == raw.EXTENDED else b"") + text(b"")
        for _ in range(200):
            wire.raw(b"".join(wire.seal(body) for _ in range(500)))
    ends(wire, theirs, b"in\n")


def escapes(sock):
    """What a person is told of it holds sequences for their terminal."""
    wire = signed_in(sock)
    _, rest = wire.until(raw.OPEN)
    _, at = raw.take(rest)
    theirs = int.from_bytes(rest[at : at + 4], "big")
    wire.send(raw.OPEN_FAILED, u32(theirs, 2), text("\x1b]0;owned\x07\x1b[2J"), text(""))
    silent(sock)


def leaves(sock):
    """Lets in, and goes once somebody says so."""
    wire = signed_in(sock)
    print("in", flush=True)
    sys.stdin.readline()
    sock.close()
    del wire


def serve(sock):
    try:
        globals()[sys.argv[1]](sock)
    except (raw.Gone, OSError, AssertionError) as error:
        print(f"gone {error}", flush=True)
    finally:
        sock.close()


listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"port": listener.getsockname()[1], "key": "ssh-ed25519 " + base64.b64encode(BLOB).decode()}), flush=True)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
