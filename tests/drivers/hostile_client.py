"""Clients that keep to no rule. `hostile_client.py MODE`; one line of JSON is what came of it.

SSH_PORT says where, SSH_TOKEN is ada's, OTHER_TOKEN linus's, and KEY the path of ada's private key for web-1, with its
certificate beside it. A mode that prints `now` waits for a line of its input before it goes on.
"""

import base64
import json
import os
import select
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

import raw_ssh as raw
from raw_ssh import flag, text, u32

ADDRESS = ("127.0.0.1", int(os.environ["SSH_PORT"]))
TOKEN, OTHER = os.environ["SSH_TOKEN"], os.environ.get("OTHER_TOKEN", "")
NAMES = {value: name for name, value in vars(raw).items() if name.isupper() and isinstance(value, int)}


def say(what):
    print(json.dumps(what), flush=True)


def now():
    print("now", flush=True)
    sys.stdin.readline()


def came(work):
    """What is said, by its name; or that the connection is gone."""
    try:
        return work()
    except raw.Gone as gone:
        return f"gone: {gone}"


def channel(wire):
    """Whether a channel can be had."""
    return came(lambda: "open" if raw.open_session(wire) is not None else "refused")


def closes(wire):
    """Reads until the connection is gone."""
    try:
        while True:
            wire.read()
    except raw.Gone:
        return True
    except TimeoutError:
        return False


# ---- who somebody is


def key():
    with open(os.environ["KEY"], "rb") as file:
        mine = load_ssh_private_key(file.read(), None)
    with open(os.environ["KEY"] + "-cert.pub", encoding="ascii") as file:
        kind, blob = file.read().split()[:2]
    return mine, kind, base64.b64decode(blob)


def signature(wire, by, user, kind, blob, session=None):
    head = text(wire.session if session is None else session) + bytes([raw.AUTH_REQUEST])
    body = text(user) + text("ssh-connection") + text("publickey") + flag(True) + text(kind) + text(blob)
    return text("ssh-ed25519") + text(by.sign(head + body))


def prove(wire, user, kind, blob, signed):
    return raw.try_as(wire, user, "publickey", flag(True), text(kind), text(blob), text(signed))[0]


def probe():
    """Keys and certificates are offered, or signed by somebody else; then a channel is opened all the same."""
    mine, kind, blob = key()
    other = Ed25519PrivateKey.generate()
    plain = text("ssh-ed25519") + text(raw.public(mine))
    user = "ada+web-1"

    def offered(wire, kind, blob):
        return NAMES[raw.try_as(wire, user, "publickey", flag(False), text(kind), text(blob))[0]]

    ways = {
        "nothing": lambda wire: "",
        "a certificate is offered": lambda wire: offered(wire, kind, blob),
        "a key is offered": lambda wire: offered(wire, "ssh-ed25519", plain),
        "a plain key is proved": lambda wire: prove(wire, user, "ssh-ed25519", plain, signature(wire, mine, user, "ssh-ed25519", plain)),
        "another key signs": lambda wire: prove(wire, user, kind, blob, signature(wire, other, user, kind, blob)),
        "signed for another connection": lambda wire: prove(wire, user, kind, blob, signature(wire, mine, user, kind, blob, b"x" * 32)),
        "signed for another user": lambda wire: prove(wire, user, kind, blob, signature(wire, mine, "linus+web-1", kind, blob)),
        "half a signature": lambda wire: prove(wire, user, kind, blob, signature(wire, mine, user, kind, blob)[:40]),
        "no signature": lambda wire: prove(wire, user, kind, blob, b""),
    }

    def tried(way):
        wire = raw.client(ADDRESS)
        raw.service(wire)
        answer = came(lambda: way(wire))
        return [NAMES.get(answer, answer), channel(wire)]

    # Each waits until it is thrown out.
    with ThreadPoolExecutor(len(ways)) as pool:
        result = dict(zip(ways, pool.map(tried, ways.values())))
    # The same by which all of these would have been let in.
    wire = raw.client(ADDRESS)
    raw.service(wire)
    answer = prove(wire, user, kind, blob, signature(wire, mine, user, kind, blob))
    result["the certificate"] = [NAMES[answer], raw.run(wire, "echo in")[0].strip()]
    say(result)


def asked(wire, user):
    """A question is asked of somebody, and not answered yet."""
    wire.send(raw.AUTH_REQUEST, text(user), text("ssh-connection"), text("keyboard-interactive"), text(""), text(""))
    return wire.until(raw.INFO_REQUEST, raw.AUTH_FAILURE)[0]


def answers(wire, token):
    wire.send(raw.INFO_RESPONSE, u32(1), text(token))
    return wire.until(raw.AUTH_SUCCESS, raw.AUTH_FAILURE)[0]


def switch():
    """Somebody begins as one and ends as another."""
    mine, kind, blob = key()
    result = {}

    def sign_in(name, *steps):
        wire = raw.client(ADDRESS)
        raw.service(wire)
        said = [came(lambda step=step: step(wire)) for step in steps]
        said = [NAMES.get(one, one) for one in said]
        result[name] = said + [came(lambda: raw.run(wire, "echo in"))]

    token = lambda user, token=TOKEN: lambda wire: raw.password(wire, user, token)
    proof = lambda user: lambda wire: prove(wire, user, kind, blob, signature(wire, mine, user, kind, blob))
    sign_in("linus fails, ada passes", token("linus+web-1"), token("ada+web-1"))
    sign_in("the question was for linus", lambda wire: asked(wire, "linus+web-1"), lambda wire: answers(wire, TOKEN))
    sign_in(
        "the question was for linus, the answer comes after a try as ada",
        lambda wire: asked(wire, "linus+web-1"),
        token("ada+web-1", "wrong"),
        lambda wire: answers(wire, TOKEN),
    )
    sign_in("ada offers a key, linus passes", lambda wire: raw.try_as(wire, "ada+web-1", "publickey", flag(False), text(kind), text(blob))[0], token("linus+web-1", OTHER))
    sign_in("ada's certificate for another target, then ada", proof("ada+orders-prod"), token("ada+web-1"))
    sign_in("ada's certificate as linus", proof("linus+web-1"))
    sign_in("one target fails, another passes", token("ada+web-1", "wrong"), token("ada+orders-prod"))

    def twice(wire):
        wire.send(raw.AUTH_REQUEST, text("ada+web-1"), text("ssh-connection"), text("password"), flag(False), text(TOKEN))
        return "sent"

    sign_in("linus is in, and ada tries", token("linus+web-1", OTHER), twice)
    say(result)


# ---- lengths and floods


def lengths():
    """Packets of 4 GiB, before and after keys are exchanged; strings of 4 GiB in packets that are none."""
    ended = {}
    for size in (0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFFC, 1 << 20):
        plain = raw.Wire(socket.create_connection(ADDRESS, timeout=20))
        plain.lines()
        came(lambda: plain.raw(u32(size) + b"\x04\x14" + os.urandom(1 << 16)))
        ended[f"in clear {size}"] = closes(plain)
        for name, begin in [("sealed", raw.client), ("signed in", lambda at: raw.signed_in(at, "web-1", TOKEN))]:
            wire = begin(ADDRESS)
            came(lambda: wire.raw(u32(size) + os.urandom(1 << 16)))
            ended[f"{name} {size}"] = closes(wire)
    huge = u32(0xFFFFFFFF) + b"x" * 100
    before = [
        (raw.SERVICE_REQUEST, huge),
        (raw.AUTH_REQUEST, huge),
        (raw.AUTH_REQUEST, text("web-1") + text("ssh-connection") + text("password") + flag(False) + huge),
        (raw.AUTH_REQUEST, text("web-1") + text("ssh-connection") + text("publickey") + flag(True) + text("ssh-ed25519") + huge),
        (raw.KEXINIT, os.urandom(16) + huge),
    ]
    after = [
        (raw.OPEN, huge),
        (raw.REQUEST, u32(0) + text("exec") + flag(True) + huge),
        (raw.REQUEST, u32(0) + text("pty-req") + flag(True) + text("xterm") + u32(80, 24, 0, 0) + huge),
        (raw.REQUEST, u32(0) + text("env") + flag(True) + text("LANG") + huge),
        (raw.DATA, u32(0) + huge),
        (raw.GLOBAL_REQUEST, text("tcpip-forward") + flag(True) + huge),
    ]
    for kind, body in before:
        wire = raw.client(ADDRESS)
        if kind == raw.AUTH_REQUEST:
            raw.service(wire)
        came(lambda: wire.send(kind, body))
        came(lambda: wire.sock.shutdown(socket.SHUT_WR))
        ended[f"string in {NAMES[kind]} {len(body)}"] = closes(wire)
    for kind, body in after:
        wire = raw.signed_in(ADDRESS, "web-1", TOKEN)
        raw.open_session(wire)
        came(lambda: wire.send(kind, body))
        came(lambda: wire.sock.shutdown(socket.SHUT_WR))
        ended[f"string in {NAMES[kind]} {len(body)}"] = closes(wire)
    say(ended)


def pours(wire, make, total, seconds=30):
    """Sends messages until so many are gone, or the other side takes no more for a while; reads nothing."""
    until, sent = time.monotonic() + seconds, 0
    wire.sock.setblocking(False)
    try:
        while sent < total and time.monotonic() < until:
            many = [make() for _ in range(min(500, total - sent))]
            data = memoryview(b"".join(wire.seal(one) for one in many))
            while data:
                if not select.select([], [wire.sock], [], 5)[1]:
                    return {"sent": sent, "end": "it takes no more"}
                data = data[wire.sock.send(data) :]
            sent += len(many)
    except (ConnectionError, OSError) as error:
        return {"sent": sent, "end": f"gone: {error}"}
    finally:
        wire.sock.settimeout(20)
    return {"sent": sent, "end": "all"}


def started(line):
    """A connection with one channel on which a command was asked for."""
    wire = raw.signed_in(ADDRESS, "web-1", TOKEN)
    theirs = raw.open_session(wire)
    wire.send(raw.REQUEST, u32(theirs), text("exec"), flag(False), text(line))
    return wire, theirs


def floods():
    """Windows and queues: beyond the window, below every size, without end; beside LINE, which runs for long and reads nothing."""
    result, count, line = {}, 100_000, os.environ["LINE"]
    block = b"x" * 32_000

    def tries(name, line, message, total):
        wire, theirs = started(line)
        kind, body = message(theirs)
        one = bytes([kind]) + body
        result[name] = pours(wire, lambda: one, total)
        return wire

    # Nobody reads it at the other end, and the window is not minded: 320 MB.
    tries("beyond the window", line, lambda theirs: (raw.DATA, u32(theirs) + text(block)), 10_000)
    tries("beyond the window, held", "rm /nowhere/x", lambda theirs: (raw.DATA, u32(theirs) + text(block)), 10_000)
    tries("nothing, very often", line, lambda theirs: (raw.DATA, u32(theirs) + text(b"")), count)
    tries("nothing, very often, held", "rm /nowhere/x", lambda theirs: (raw.DATA, u32(theirs) + text(b"")), count)
    tries("ignore", line, lambda _: (raw.IGNORE, text(b"")), count)
    tries("sizes of a terminal", line, lambda theirs: (raw.REQUEST, u32(theirs) + text("window-change") + flag(False) + u32(1, 1, 1, 1)), count)
    tries("signals, held", "rm /nowhere/x", lambda theirs: (raw.REQUEST, u32(theirs) + text("window-change") + flag(False) + u32(1, 1, 1, 1)), count)
    tries("windows", line, lambda theirs: (raw.ADJUST, u32(theirs, 0xFFFFFFFF)), count)
    tries("windows that answer nothing", line, lambda _: (raw.ADJUST, u32(77, 0xFFFFFFFF)), count)
    tries("questions whose answers are not read", line, lambda _: (raw.GLOBAL_REQUEST, text("x" * 200) + flag(True)), 4 * count)
    tries("unknown messages", line, lambda _: (192, b"x" * 100), count)
    say(result)


def channels():
    """Ten thousand channels on one connection, asked for at once."""
    wire = raw.signed_in(ADDRESS, "web-1", TOKEN)
    opened, refused, codes, total = [], 0, set(), 10_000
    for begin in range(0, total, 500):
        wire.raw(b"".join(wire.seal(bytes([raw.OPEN]) + text("session") + u32(number, 1 << 21, 32768)) for number in range(begin, begin + 500)))
        for _ in range(500):
            kind, rest = wire.until(raw.CONFIRMED, raw.OPEN_FAILED)
            if kind == raw.CONFIRMED:
                opened.append(int.from_bytes(rest[4:8], "big"))
            else:
                refused += 1
                codes.add(int.from_bytes(rest[4:8], "big"))
    now()
    for theirs in opened:
        wire.send(raw.CLOSE, u32(theirs))
    for _ in opened:
        wire.until(raw.CLOSE)
    # The places are free again once it has seen to them.
    for _try in range(100):
        try:
            again = raw.run(wire, "echo in", number=total)[0].strip()
            break
        except AssertionError:
            time.sleep(0.1)
    say({"opened": len(opened), "refused": refused, "codes": sorted(codes), "again": again})


def terminal():
    """A terminal of a size that nobody has: TERMINAL is COLUMNSxROWS; LINE is typed into a shell, or run, as KIND says."""
    columns, rows = map(int, os.environ["TERMINAL"].split("x"))
    wire = raw.signed_in(ADDRESS, "web-1", TOKEN, timeout=40)
    theirs = raw.open_session(wire)
    size = u32(columns, rows, columns, rows)
    wire.send(raw.REQUEST, u32(theirs), text("pty-req"), flag(True), text("xterm"), size, text(b"\0"))
    answer = NAMES[wire.until(raw.SUCCESS, raw.FAILURE)[0]]
    line = os.environ["LINE"]
    kind = text("exec") + flag(True) + text(line) if os.environ["KIND"] == "exec" else text("shell") + flag(True)
    wire.send(raw.REQUEST, u32(theirs), kind)
    wire.until(raw.SUCCESS, raw.FAILURE)
    seen, typed, status = b"", os.environ["KIND"] == "exec", None
    while True:
        try:
            kind, rest = wire.until(raw.DATA, raw.EXTENDED, raw.REQUEST, raw.CLOSE)
        except (raw.Gone, TimeoutError) as error:
            print(f"{error}; typed: {typed}; seen: {seen}", file=sys.stderr)
            raise
        if kind == raw.CLOSE:
            break
        if kind == raw.REQUEST:
            name, at = raw.take(rest, 4)
            status = int.from_bytes(rest[at + 1 : at + 5], "big") if name == b"exit-status" else status
            continue
        seen += raw.take(rest, 4 if kind == raw.DATA else 8)[0]
        wire.send(raw.ADJUST, u32(theirs, len(rest)))
        # What bash says before it reads a line; on the narrowest terminal the prompt itself does not show.
        if not typed and b"\x1b[?2004h" in seen:
            typed = True
            # Sizes without end, on the way.
            for at in (0, 1, 10_000, 0xFFFFFFFF):
                wire.send(raw.REQUEST, u32(theirs), text("window-change"), flag(False), u32(at, at, at, at))
            wire.send(raw.REQUEST, u32(theirs), text("window-change"), flag(False), size)
            wire.send(raw.DATA, u32(theirs), text(line + "\r"))
        if typed and os.environ["KIND"] == "shell" and (b"held by rule" in seen or b"refused by rule" in seen):
            now()
            break
    say({"pty": answer, "seen": seen.decode(errors="replace"), "status": status})


globals()[sys.argv[1]]()
