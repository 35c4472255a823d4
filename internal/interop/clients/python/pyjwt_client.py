"""PyJWT: a client for the key set, and what decode refuses."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.request

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

print("PyJWT", jwt.__version__, file=sys.stderr)


def told(name):
    return os.environ["INTEROP_" + name]


def login():
    body = json.dumps({"username": told("USERNAME"), "password": told("PASSWORD")}).encode()
    request = urllib.request.Request(told("URL") + "/v1/login", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def rotate_keys(algorithm):
    """Lets another key sign, and returns once the server does so."""
    before = jwt.get_unverified_header(login()["access_token"])["kid"]
    for args in (["new", "--alg", algorithm], ["rotate"]):
        command = [told("COMMAND"), "keys", *args, "--keys", told("KEYS")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        tokens = login()
        if jwt.get_unverified_header(tokens["access_token"])["kid"] != before:
            return tokens
        time.sleep(0.1)
    raise TimeoutError("the server does not sign with the new key")


saw = {}


def see(step, what):
    """Notes what a step returned, or the class of its error."""
    try:
        saw[step] = what()
    except jwt.PyJWTError as err:
        saw[step] = type(err).__name__


keys = jwt.PyJWKClient(told("ISSUER") + "/.well-known/jwks.json")


def decode(token, key=None, **options):
    claims = jwt.decode(
        token,
        key or keys.get_signing_key_from_jwt(token).key,
        **{
            "algorithms": ["ES256", "RS256"],
            "audience": told("AUDIENCE"),
            "issuer": told("ISSUER"),
            "options": {"require": ["exp", "iat", "iss", "aud", "sub", "jti", "sid"]},
            **options,
        },
    )
    header = jwt.get_unverified_header(token)
    return [header["alg"], header["typ"], claims["scope"], claims["sub"] == told("SUBJECT")]


first = login()
access = first["access_token"]
head, claims = jwt.get_unverified_header(access), jwt.decode(access, options={"verify_signature": False})


def forge(key, algorithm, **headers):
    return jwt.encode(claims, key, algorithm, {**head, "alg": algorithm, **headers})


mine = ec.generate_private_key(ec.SECP256R1())
see("verify", lambda: decode(access))
see("refresh token", lambda: decode(first["refresh_token"]))
see("another audience", lambda: decode(access, audience="elsewhere"))
see("another issuer", lambda: decode(access, issuer="https://elsewhere.example"))
see("another algorithm", lambda: decode(access, algorithms=["RS256"]))
see("a claim that is not there", lambda: decode(access, options={"require": ["nbf"]}))
see("forged", lambda: decode(forge(mine, "ES256")))
see("forged with an unknown kid", lambda: decode(forge(mine, "ES256", kid="mine")))
see("forged with a secret", lambda: decode(forge(base64.b64encode(os.urandom(32)), "HS256")))
see("unsigned", lambda: decode(forge(None, "none")))

rotated = rotate_keys("RS256")
see("new key", lambda: decode(rotated["access_token"]))
see("old key", lambda: decode(access))
print(json.dumps(saw))
