"""TLS of the listener: the files of its settings, and the names in clients' certificates."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any, Final

from simulator.errors import InvalidSetting
from simulator.security import Tls

_KEYWORDS: Final = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
"""The attributes that have a keyword in RFC 2253; of all others Java writes the number."""

_EMAIL: Final = "1.2.840.113549.1.9.1"
_IA5_STRING: Final = 0x16

_CLIENT_AUTH: Final = {
    "none": ssl.CERT_NONE,
    "requested": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def server_context(tls: Tls) -> ssl.SSLContext:
    """What a socket serves with; raises InvalidSetting for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a password OpenSSL would ask for one on the terminal.
    password = tls.key_password or ""
    _read(tls.cert, "tls.cert", "a PEM file with a certificate", lambda: _certificates(tls.cert))
    key = tls.cert if tls.key is None else tls.key
    _read(
        key,
        "tls.key",
        "a PEM file with the private key of the certificate, and key_password if it has one",
        lambda: context.load_cert_chain(tls.cert, key, password),
    )
    if tls.client_ca is not None:
        authorities = fspath(tls.client_ca)
        _read(
            authorities,
            "tls.client_ca",
            "a PEM file with the authorities of client certificates",
            lambda: context.load_verify_locations(authorities),
        )
        context.verify_mode = _CLIENT_AUTH[tls.demanded]
    return context


def principal_of(certificate: Mapping[str, Any]) -> str:
    """The principal of a verified certificate, as `SSLSocket.getpeercert` tells it.

    Kafka's default: the distinguished name in the form of RFC 2253, the last part first.
    """
    parts = (
        "+".join(f"{_keyword(name)}={_value(name, text)}" for name, text in part)
        for part in reversed(certificate["subject"])
    )
    return f"User:{','.join(parts)}"


def _keyword(name: str) -> str:
    return _EMAIL if name == "emailAddress" else _KEYWORDS.get(name, name)


def _value(name: str, text: str) -> str:
    if name == "emailAddress":
        raw = text.encode()
        return f"#{bytes((_IA5_STRING, len(raw))).hex()}{raw.hex()}" if len(raw) < 128 else text
    escaped = "".join(f"\\{c}" if c in ',+"\\<>;' else c for c in text)
    if escaped.startswith(("#", " ")):
        escaped = f"\\{escaped}"
    if len(escaped) > 1 and escaped.endswith(" "):
        escaped = f"{escaped[:-1]}\\ "
    return escaped


def _certificates(path: str | PathLike[str]) -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(fspath(path))


def _read(path: str | PathLike[str], setting: str, rule: str, load: Any) -> None:
    try:
        load()
    except ssl.SSLError as error:
        reason = error.reason or str(error)
        raise InvalidSetting(setting, fspath(path), f"use {rule} ({reason})") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidSetting(setting, fspath(path), f"use {rule} ({reason})") from None
