"""The settings of Kafka's security: what they say, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from simulator import KafkaSecurity, Simulator, Tls
from simulator.errors import InvalidSetting


@pytest.mark.parametrize(
    ("settings", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"users": {"a": "b"}}, "SASL_PLAINTEXT"),
        ({"tls": Tls("cert")}, "SSL"),
        ({"users": {"a": "b"}, "tls": Tls("cert")}, "SASL_SSL"),
    ],
)
def test_what_clients_must_be_told(settings: dict[str, Any], protocol: str) -> None:
    assert KafkaSecurity(**settings).protocol == protocol


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"mechanisms": ("GSSAPI",)}, "mechanisms"),
        ({"mechanisms": "PLAIN"}, "mechanisms"),
        ({"mechanisms": ()}, "mechanisms"),
        ({"users": {"": "x"}}, "users"),
        ({"users": {"alice": ""}}, "users"),
        ({"users": {"alice": 5}}, "users"),
        ({"users": ["alice:secret"]}, "users"),
        ({"tls": "server.pem"}, "tls"),
        ({"reauthenticate_ms": "1h"}, "reauthenticate_ms"),
        ({"authorize": True, "super_users": ("admin",)}, "super_users"),
        ({"authorize": True, "super_users": "User:admin"}, "super_users"),
        ({"super_users": ("User:admin",)}, "super_users"),
        ({"allow_everyone_if_no_acl_found": True}, "allow_everyone_if_no_acl_found"),
        ({"reauthenticate_ms": -1}, "reauthenticate_ms"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], setting: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        KafkaSecurity(**settings)
    assert refused.value.setting == setting


def test_client_certificates_need_an_authority() -> None:
    with pytest.raises(InvalidSetting, match="authority"):
        Tls("cert", client_auth="required")
    with pytest.raises(InvalidSetting, match="client_auth"):
        Tls("cert", client_ca="ca", client_auth="optional")  # type: ignore[arg-type]


def test_passwords_are_not_shown() -> None:
    security = KafkaSecurity(users={"alice": "topsecret"}, tls=Tls("cert", key_password="hidden"))
    assert "topsecret" not in repr(security)
    assert "hidden" not in repr(security)
    assert "topsecret" not in repr(Simulator(security=security).settings)


def test_the_settings_are_cheap_to_import() -> None:
    code = "import sys, simulator.security; print('asyncio' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
