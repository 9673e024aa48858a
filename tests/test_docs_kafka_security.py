"""The page on the security of the Kafka door names every setting and option, and its code runs."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from confluent_kafka.admin import AdminClient

from simulator import KafkaSecurity, Simulator, Tls
from simulator.cli.security_options import security_options
from simulator.testing.certificates import make_certificates

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "kafka-security.md").read_text("utf-8")
FIRST, ACLS, CERTIFICATES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OPTIONS = {
    option for param in security_options(click.Command("serve")).params for option in param.opts
}


@pytest.mark.parametrize("kind", [KafkaSecurity, Tls])
def test_every_setting_is_named(kind: Any) -> None:
    words = set(re.findall(r"[a-z_]+", PAGE))
    assert {field.name for field in fields(kind)} - {"key_password"} <= words


def test_every_option_is_named() -> None:
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) == OPTIONS


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trustme")
    make_certificates(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"tmp_path": tmp_path}
    exec(FIRST, names)
    assert names["settings"]["security.protocol"] == "SASL_SSL"
    with Simulator(grpc_port=None, security=names["security"]) as sim:
        names["settings_of_admin"] = names["settings"] | {
            "bootstrap.servers": sim.bootstrap_servers,
            "sasl.username": "admin",
            "sasl.password": "other",
        }
        made = ACLS.replace("client.create_acls(", "made = client.create_acls(")
        exec(made, names)
        (done,) = names["made"].values()
        assert done.result(60) is None
        assert isinstance(names["client"], AdminClient)
    exec(CERTIFICATES, names)
    assert names["made"].principal == "User:CN=alice,OU=clients,O=simulator"
