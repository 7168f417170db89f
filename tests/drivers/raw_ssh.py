"""SSH 2 by hand, either side: enough of RFC 4253 to get to encrypted packets, and then whatever a test wants to send.

Nothing here checks or bounds what it is told to send; that is what it is for. One key exchange (curve25519), one cipher
(AES-128-GCM, whose packet lengths are in clear), no compression.
"""

import hashlib
import os
import socket
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT = 1, 2, 3, 4, 5, 6
KEXINIT, NEWKEYS, ECDH_INIT, ECDH_REPLY = 20, 21, 30, 31
AUTH_REQUEST, AUTH_FAILURE, AUTH_SUCCESS, AUTH_BANNER, PK_OK, INFO_REQUEST, INFO_RESPONSE = 50, 51, 52, 53, 60, 60, 61
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
OPEN, CONFIRMED, OPEN_FAILED, ADJUST, DATA, EXTENDED, EOF, CLOSE = 90, 91, 92, 93, 94, 95, 96, 97
REQUEST, SUCCESS, FAILURE = 98, 99, 100


def u32(*numbers):
    return b"".join(struct.pack(">I", number) for number in numbers)


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return u32(len(value)) + value


def flag(value):
    return bytes([bool(value)])


def mpint(value):
    value = value.lstrip(b"\0")
    return text(b"\0" + value if value and value[0] & 0x80 else value)


def take(data, at=0):
    """A string, and where it ends."""
    (size,) = struct.unpack_from(">I", data, at)
    return data[at + 4 : at + 4 + size], at + 4 + size


class Gone(Exception):
    """The other side has closed the connection, or said that it does."""


class Wire:
    def __init__(self, sock, version=b"SSH-2.0-by_hand"):
        self.sock, self.version, self.session = sock, version, b""
        self.seals = self.opens = None
        self.sent_count = self.read_count = 0
        self.read_buffer = b""

    def lines(self):
        """Version lines, both ways."""
        self.sock.sendall(self.version + b"\r\n")
        while True:
            while b"\n" not in self.read_buffer:
                self.fill()
            line, self.read_buffer = self.read_buffer.split(b"\n", 1)
            if line.startswith(b"SSH-"):
                return line.rstrip(b"\r")

    def fill(self):
        try:
            more = self.sock.recv(65536)
        except TimeoutError:
            raise
        except (ConnectionError, OSError) as error:
            raise Gone(str(error)) from error
        if not more:
            raise Gone("closed")
        self.read_buffer += more

    def need(self, size):
        while len(self.read_buffer) < size:
            self.fill()
        out, self.read_buffer = self.read_buffer[:size], self.read_buffer[size:]
        return out

    def seal(self, payload):
        """A packet's bytes."""
        block = 16 if self.seals else 8
        plain = 0 if self.seals else 4
        pad = block - (plain + 1 + len(payload)) % block
        pad += block if pad < 4 else 0
        body = bytes([pad]) + payload + os.urandom(pad)
        head = u32(len(body))
        if not self.seals:
            return head + body
        key, fixed, count = self.seals
        self.seals = (key, fixed, count + 1)
        return head + key.encrypt(fixed + struct.pack(">Q", count), body, head)

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except (ConnectionError, OSError) as error:
            raise Gone(str(error)) from error

    def send(self, kind, *parts):
        self.raw(self.seal(bytes([kind]) + b"".join(parts)))

    def read(self):
        """The next message that is none of transport's small talk: its kind and the rest."""
        while True:
            (size,) = struct.unpack(">I", self.need(4))
            assert size <= 300_000, f"a packet of {size} bytes"
            if self.opens:
                key, fixed, count = self.opens
                self.opens = (key, fixed, count + 1)
                body = key.decrypt(fixed + struct.pack(">Q", count), self.need(size + 16), u32(size))
            else:
                body = self.need(size)
            payload = body[1 : len(body) - body[0]]
            if payload[0] == DISCONNECT:
                raise Gone("disconnect: " + take(payload, 5)[0].decode(errors="replace"))
            if payload[0] not in (IGNORE, DEBUG):
                return payload[0], payload[1:]

    def until(self, *kinds):
        while True:
            kind, rest = self.read()
            if kind in kinds:
                return kind, rest

    def offer(self, host_key):
        lists = ["curve25519-sha256", host_key, "aes128-gcm@openssh.com", "aes128-gcm@openssh.com"]
        lists += ["hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""]
        return bytes([KEXINIT]) + os.urandom(16) + b"".join(text(one) for one in lists) + flag(False) + u32(0)

    def keys(self, secret, digest, client):
        self.session = self.session or digest
        part = lambda letter, size: hashlib.sha256(secret + digest + letter + self.session).digest()[:size]
        sides = [(b"C", b"A"), (b"D", b"B")]
        mine, theirs = sides if client else reversed(sides)
        make = lambda side: (AESGCM(part(side[0], 16)), part(side[1], 12)[:4], struct.unpack(">Q", part(side[1], 12)[4:])[0])
        self.pending = make(mine), make(theirs)

    def switch(self):
        self.send(NEWKEYS)
        self.seals = self.pending[0]
        self.until(NEWKEYS)
        self.opens = self.pending[1]


def public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def client(address, timeout=20):
    """A connection whose keys are exchanged. The host key's signature is checked, whosever it is."""
    wire = Wire(socket.create_connection(address, timeout=timeout))
    theirs = wire.lines()
    mine = wire.offer("ssh-ed25519")
    wire.send(mine[0], mine[1:])
    kind, rest = wire.until(KEXINIT)
    offered = bytes([kind]) + rest
    ours = X25519PrivateKey.generate()
    wire.send(ECDH_INIT, text(public(ours)))
    _, reply = wire.until(ECDH_REPLY)
    host, at = take(reply)
    point, at = take(reply, at)
    signature, _ = take(reply, at)
    secret = mpint(ours.exchange(X25519PublicKey.from_public_bytes(point)))
    parts = [wire.version, theirs, mine, offered, host, public(ours), point]
    digest = hashlib.sha256(b"".join(text(part) for part in parts) + secret).digest()
    _, at = take(host)
    _, begin = take(signature)
    Ed25519PublicKey.from_public_bytes(take(host, at)[0]).verify(take(signature, begin)[0], digest)
    wire.keys(secret, digest, client=True)
    wire.switch()
    return wire


def server(sock, host_key):
    """The same from the other side, with a private key of ours."""
    wire = Wire(sock)
    theirs = wire.lines()
    mine = wire.offer("ssh-ed25519")
    wire.send(mine[0], mine[1:])
    kind, rest = wire.until(KEXINIT)
    offered = bytes([kind]) + rest
    _, init = wire.until(ECDH_INIT)
    point, _ = take(init)
    ours = X25519PrivateKey.generate()
    host = text("ssh-ed25519") + text(public(host_key))
    secret = mpint(ours.exchange(X25519PublicKey.from_public_bytes(point)))
    parts = [theirs, wire.version, offered, mine, host, point, public(ours)]
    digest = hashlib.sha256(b"".join(text(part) for part in parts) + secret).digest()
    signed = text("ssh-ed25519") + text(host_key.sign(digest))
    wire.send(ECDH_REPLY, text(host), text(public(ours)), text(signed))
    wire.keys(secret, digest, client=False)
    wire.switch()
    return wire


def service(wire):
    wire.send(SERVICE_REQUEST, text("ssh-userauth"))
    wire.until(SERVICE_ACCEPT)


def try_as(wire, user, method, *rest):
    """One attempt to sign in; what is said to it."""
    wire.send(AUTH_REQUEST, text(user), text("ssh-connection"), text(method), *rest)
    while True:
        kind, rest = wire.read()
        if kind in (AUTH_FAILURE, AUTH_SUCCESS, PK_OK):
            return kind, rest


def password(wire, user, token):
    return try_as(wire, user, "password", flag(False), text(token))[0]


def signed_in(address, user, token, timeout=20):
    wire = client(address, timeout)
    service(wire)
    assert password(wire, user, token) == AUTH_SUCCESS, "not let in"
    return wire


def open_session(wire, number=0, window=1 << 21):
    wire.send(OPEN, text("session"), u32(number, window, 32768))
    kind, rest = wire.until(CONFIRMED, OPEN_FAILED)
    return struct.unpack_from(">I", rest, 4)[0] if kind == CONFIRMED else None


def run(wire, line, number=0):
    """A command on a channel of its own: its output and its errors."""
    theirs = open_session(wire, number)
    assert theirs is not None, "no channel"
    wire.send(REQUEST, u32(theirs), text("exec"), flag(True), text(line))
    out = {DATA: b"", EXTENDED: b""}
    while True:
        kind, rest = wire.until(DATA, EXTENDED, CLOSE)
        if kind == CLOSE:
            wire.send(CLOSE, u32(theirs))
            return out[DATA].decode(), out[EXTENDED].decode()
        out[kind] += take(rest, 4 if kind == DATA else 8)[0]
