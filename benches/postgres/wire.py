"""A small PostgreSQL client, for what pgbench and psql cannot do (many idle sessions, held statements, raw reads)."""

import base64
import functools
import hashlib
import hmac
import os
import socket
import ssl
import struct

READY = b"Z\0\0\0\5I"  # ReadyForQuery, outside a transaction


class Refused(Exception):
    """The server answered with an ErrorResponse."""


@functools.lru_cache(maxsize=64)
def salted(password, salt, rounds):
    # Remembered, since 500 sessions of one user would spend their time here instead of in the proxy.
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)


def fields(body):
    """The fields of an ErrorResponse or NoticeResponse: {"M": "…", "C": "42501"}."""
    parts = (part for part in body.split(b"\0") if part)
    return {chr(part[0]): part[1:].decode(errors="replace") for part in parts}


class Client:
    def __init__(self, port, user, password, database, tls=False, timeout=30):
        self.buffer = bytearray()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket.sendall(struct.pack("!ii", 8, 80877103))
            if self.socket.recv(1) != b"S":
                raise Refused("the server does not speak TLS")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        options = {"user": user, "database": database, "application_name": "countersign-bench"}
        text = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in options.items()) + b"\0"
        self.socket.sendall(struct.pack("!ii", 8 + len(text), 196608) + text)
        self.sign_in(user, password)
        while self.message()[0] != b"Z":
            pass

    # ---- messages

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Refused("the server closed the connection")
        self.buffer += data

    def message(self):
        """The next message, as its type and its body. An ErrorResponse is raised."""
        while len(self.buffer) < 5:
            self.more()
        size = struct.unpack_from("!i", self.buffer, 1)[0]
        while len(self.buffer) < 1 + size:
            self.more()
        kind, body = bytes(self.buffer[:1]), bytes(self.buffer[5 : 1 + size])
        del self.buffer[: 1 + size]
        if kind == b"E":
            words = fields(body)
            raise Refused(f"{words.get('C')}: {words.get('M')} {words.get('D', '')}")
        return kind, body

    def send(self, kind, body):
        self.socket.sendall(kind + struct.pack("!i", 4 + len(body)) + body)

    # ---- signing in

    def sign_in(self, user, password):
        while True:
            kind, body = self.message()
            if kind != b"R":
                continue
            method = struct.unpack_from("!i", body)[0]
            if method == 0:
                return
            if method == 3:
                self.send(b"p", password.encode() + b"\0")
            elif method == 5:
                inner = hashlib.md5((password + user).encode()).hexdigest().encode()
                self.send(b"p", b"md5" + hashlib.md5(inner + body[4:8]).hexdigest().encode() + b"\0")
            elif method == 10:
                self.scram(password)
            else:
                raise Refused(f"unknown way to sign in: {method}")

    def scram(self, password):
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n=,r={nonce}"
        opening = f"n,,{first}".encode()
        self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(opening)) + opening)
        challenge = self.message()[1][4:].decode()
        told = dict(part.split("=", 1) for part in challenge.split(","))
        key = salted(password, base64.b64decode(told["s"]), int(told["i"]))
        client = hmac.digest(key, b"Client Key", "sha256")
        final = f"c=biws,r={told['r']}"
        signed = f"{first},{challenge},{final}".encode()
        proof = hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, proof))).decode()
        self.send(b"p", f"{final},p={proof}".encode())
        server = hmac.digest(hmac.digest(key, b"Server Key", "sha256"), signed, "sha256")
        if self.message()[1][4:] != b"v=" + base64.b64encode(server):
            raise Refused("the server does not know the password")

    # ---- statements

    def start(self, sql):
        self.send(b"Q", sql.encode() + b"\0")

    def query(self, sql):
        """Runs a statement; its rows, as lists of bytes."""
        self.start(sql)
        rows = []
        while True:
            kind, body = self.message()
            if kind == b"Z":
                return rows
            if kind == b"D":
                rows.append(self.row(body))

    @staticmethod
    def row(body):
        values, at = [], 2
        for _ in range(struct.unpack_from("!h", body)[0]):
            size = struct.unpack_from("!i", body, at)[0]
            at += 4
            values.append(None if size < 0 else body[at : at + size])
            at += max(size, 0)
        return values

    def drain(self, sql):
        """Runs a statement and throws its result away unread; how many bytes came."""
        self.start(sql)
        space, total, tail = bytearray(1 << 18), 0, b""
        while tail != READY:
            size = self.socket.recv_into(space)
            if size == 0:
                raise Refused("the server closed the connection")
            total += size
            tail = (tail + bytes(space[max(0, size - 6) : size]))[-6:]
        return total

    def close(self):
        try:
            self.send(b"X", b"")
        except OSError:
            pass
        self.socket.close()
