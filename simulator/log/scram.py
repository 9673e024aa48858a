"""SCRAM (RFC 5802, RFC 7677): what a server keeps of a password, and its side of the exchange.

Pure: messages go in and come out. Nothing here makes up a nonce or a salt; both are handed in.
The grammar is the one that Kafka's `ScramMessages` takes: no channel binding.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from enum import Enum
from typing import Final, NamedTuple

MIN_ITERATIONS: Final = 4096
MAX_ITERATIONS: Final = 16384

_SASLNAME: Final = r"(?:[\x01-\x2b\x2d-\x3c\x3e-\x7f\x80-\U0010ffff]|=2C|=3D)+"
_NONCE: Final = r"[\x21-\x2b\x2d-\x7e]+"
_EXTENSIONS: Final = r"(?:,[A-Za-z]=[^,\0]+)*"
_CLIENT_FIRST: Final = re.compile(
    rf"(?P<gs2>n,(?:a=(?P<authzid>{_SASLNAME}))?,)"
    rf"(?P<bare>n=(?P<name>{_SASLNAME}),r=(?P<nonce>{_NONCE})(?:,.*)?)",
    re.DOTALL,
)
_CLIENT_FINAL: Final = re.compile(
    rf"(?P<bare>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>{_NONCE}){_EXTENSIONS})"
    r",p=(?P<proof>[A-Za-z0-9+/=]+)"
)


class ScramFailed(Exception):
    """The exchange ends here: a message that cannot be read, or somebody who is not who they say.

    The text is for the server's own log. `told` is what may be told to the client, if anything.
    """

    def __init__(self, text: str, told: str | None = None) -> None:
        self.told = told
        super().__init__(text)


class Mechanism(Enum):
    """A mechanism by its name in SASL, with its hash."""

    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"

    @property
    def hash_name(self) -> str:
        """As `hashlib` calls it."""
        return "sha256" if self is Mechanism.SCRAM_SHA_256 else "sha512"

    def digest(self, data: bytes) -> bytes:
        """H of the RFC."""
        return hashlib.new(self.hash_name, data).digest()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """HMAC of the RFC."""
        return hmac.digest(key, data, self.hash_name)


class Credential(NamedTuple):
    """What proves a password without holding it."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def salted(mechanism: Mechanism, password: bytes, salt: bytes, iterations: int) -> bytes:
    """SaltedPassword of the RFC: Hi(password, salt, iterations)."""
    return hashlib.pbkdf2_hmac(mechanism.hash_name, password, salt, iterations)


def credential(
    mechanism: Mechanism, salted_password: bytes, salt: bytes, iterations: int
) -> Credential:
    """What to keep of a salted password."""
    client_key = mechanism.hmac(salted_password, b"Client Key")
    return Credential(
        salt,
        iterations,
        mechanism.digest(client_key),
        mechanism.hmac(salted_password, b"Server Key"),
    )


class ScramServer:
    """One exchange: `user_of` the first message, `challenge`, and `verify` the last.

    `nonce` is the server's part: printable, without commas, and not used before.
    """

    def __init__(self, mechanism: Mechanism, nonce: str) -> None:
        self.mechanism = mechanism
        self._nonce = nonce
        self._first = self._challenge = ""
        self._gs2 = b""
        self._for_another = False
        self._credential: Credential | None = None

    def user_of(self, message: bytes) -> str:
        """Take the client's first message; whose credential is needed. Raises ScramFailed."""
        match = _CLIENT_FIRST.fullmatch(_text(message))
        if match is None:
            raise ScramFailed("Invalid SCRAM client first message format")
        user = _unescaped(match["name"])
        authzid = match["authzid"]
        self._for_another = authzid is not None and _unescaped(authzid) != user
        self._first = match["bare"]
        self._gs2 = match["gs2"].encode()
        self._nonce = match["nonce"] + self._nonce
        return user

    def challenge(self, credential: Credential | None) -> bytes:
        """The server's first message; `credential` is that of the user, if there is one.

        Raises ScramFailed, also for a user who wants to act for another.
        """
        if credential is None:
            raise ScramFailed("Authentication failed: Invalid user credentials")
        if self._for_another:
            text = (
                "Authentication failed: Client requested an authorization id that is different "
                "from username"
            )
            raise ScramFailed(text, told=text)
        self._credential = credential
        salt = b64encode(credential.salt).decode()
        self._challenge = f"r={self._nonce},s={salt},i={credential.iterations}"
        return self._challenge.encode()

    def verify(self, message: bytes) -> bytes:
        """Take the client's last message and return the server's. Raises ScramFailed."""
        known = self._credential
        match = _CLIENT_FINAL.fullmatch(_text(message))
        if match is None or known is None:
            raise ScramFailed("Invalid SCRAM client final message format")
        if match["nonce"] != self._nonce:
            raise ScramFailed("Invalid client nonce in the final client message.")
        binding, proof = _bytes(match["binding"]), _bytes(match["proof"])
        if binding != self._gs2:
            raise ScramFailed("Invalid channel binding in the final client message.")
        said = f"{self._first},{self._challenge},{match['bare']}".encode()
        signature = self.mechanism.hmac(known.stored_key, said)
        if len(proof) != len(signature):
            raise ScramFailed("Invalid client credentials")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(self.mechanism.digest(client_key), known.stored_key):
            raise ScramFailed("Invalid client credentials")
        return b"v=" + b64encode(self.mechanism.hmac(known.server_key, said))


def _text(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise ScramFailed("a message that is no UTF-8") from None


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except NotBase64:
        raise ScramFailed("a value that is no Base64") from None


def _unescaped(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")
