#!/usr/bin/env python3
"""Writes the test vectors of the digest: python3 digest.py > digest.json

They are computed here and not by the Go code that they test. Ids are bytes,
which JSON strings are not, so they stand in hex.
"""
import base64
import hashlib
import json


def digest(issuer: bytes, id: bytes) -> str:
    sha = lambda data: hashlib.sha256(data).digest()
    return base64.urlsafe_b64encode(sha(sha(issuer) + id)[:16]).rstrip(b"=").decode()


URL = b"https://issuer.example"
CASES = [
    ("a jti", URL, b"0192d3a4-7c1e-7b52-9f0a-2f6f1b1c9d3e"),
    ("the same jti of another issuer", b"https://other.example", b"0192d3a4-7c1e-7b52-9f0a-2f6f1b1c9d3e"),
    ("scope issuer: no id", URL, b""),
    ("an issuer with a slash at its end is another issuer", URL + b"/", b""),
    ("issuer and id do not run into each other, 1", b"ab", b"c"),
    ("issuer and id do not run into each other, 2", b"a", b"bc"),
    ("colons", b"a:b", b"c:d:"),
    ("braces", URL, b"{}"),
    ("a hash tag", URL, b"{7}:t:x"),
    ("NUL", URL, b"a\0b"),
    ("only NUL", URL, b"\0"),
    ("newline", URL, b"a\nb"),
    ("carriage return and newline", URL, b"a\r\nb"),
    ("a space", URL, b" "),
    ("percent", URL, b"%41"),
    ("what percent might mean", URL, b"A"),
    ("256 bytes", URL, b"x" * 256),
    ("256 bytes of issuer", b"i" * 256, b"x"),
    ("non-ASCII, composed", URL, "é".encode()),
    ("non-ASCII, decomposed", URL, "e\u0301".encode()),
    ("beyond the basic plane", URL, "\U0001f511".encode()),
    ("invalid UTF-8", URL, b"\xff"),
    ("other invalid UTF-8", URL, b"\xc3\x28"),
    ("the replacement character", URL, "\ufffd".encode()),
    ("- and _ in the digest", URL, b"id 16"),
]

print(json.dumps(
    [{"name": name, "issuer_hex": issuer.hex(), "id_hex": id.hex(), "digest": digest(issuer, id)} for name, issuer, id in CASES],
    indent=1,
))
