from __future__ import annotations

import json
import os
import signal
import socket
import subprocess

import grpc
import pytest
from command_line import FREE_PORTS, PATIENCE_S, run, served, started
from confluent_kafka.admin import AdminClient, ConfigResource
from grpc_health.v1 import health_pb2, health_pb2_grpc

from simulator.v1 import broker_pb2, broker_pb2_grpc, scenarios_pb2, scenarios_pb2_grpc

POSIX_SIGNALS = pytest.mark.skipif(os.name == "nt", reason="Windows cannot send these signals")


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Wait for the end; gives status and what was written to stderr."""
    status = process.wait(PATIENCE_S)
    assert process.stderr is not None
    return status, process.stderr.read().decode()


def test_one_line_of_json_says_where_it_accepts_calls():
    with served() as (process, target):
        host, _, port = target.rpartition(":")
        assert host == "127.0.0.1"
        with socket.create_connection((host, int(port)), PATIENCE_S):
            pass
        with grpc.insecure_channel(target) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read() == b""  # one line, and nothing after it


def ready(process: subprocess.Popen[bytes]) -> dict[str, object]:
    assert process.stdout is not None
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


def test_ready_json_names_the_process():
    with started("serve", *FREE_PORTS, "--ready-json") as process:
        assert ready(process).keys() == {"grpc", "kafka", "pid"}


def test_kafka_answers_where_the_ready_line_says():
    with started("serve", *FREE_PORTS, "--brokers", "3", "--ready-json") as process:
        servers = str(ready(process)["kafka"]).split(",")
        assert len(set(servers)) == 3
        for server in servers:
            host, _, port = server.rpartition(":")
            with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
                connection.sendall(bytes.fromhex("0000000a 0012 0000 00000007 ffff"))
                answer = connection.recv(8)  # ApiVersions 0: size, and the correlation id
                assert answer[4:] == (7).to_bytes(4, "big")


def test_without_kafka_no_port_is_taken_for_it():
    with started("serve", "--grpc-port", "0", "--no-kafka", "--ready-json") as process:
        assert ready(process).keys() == {"grpc", "pid"}


@pytest.mark.parametrize(
    "option",
    [("--brokers", "3"), ("--kafka-port", "9"), ("--config", "a=b"), ("--kafka-user", "a:b")],
)
def test_without_kafka_its_options_mean_nothing(option: tuple[str, str]):
    done = run("serve", "--grpc-port", "0", "--no-kafka", *option)
    assert done.returncode == 2
    assert "--no-kafka leaves Kafka out" in done.stderr


def test_a_kafka_port_in_use_is_one_line_with_the_port_and_the_option():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--grpc-port", "0", "--kafka-port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: cannot serve Kafka on 127.0.0.1:{port}: ")
    assert "the port is in use" in done.stderr
    assert "--kafka-port" in done.stderr
    assert done.stderr.count("\n") == 1


def test_brokers_by_id_and_port():
    extra = ("--broker", "7:0:rack-a", "--broker", "3:0", "--ready-json")
    with started("serve", "--grpc-port", "0", *extra) as process:
        assert len(str(ready(process)["kafka"]).split(",")) == 2


@POSIX_SIGNALS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_with_status_0(number):
    with served() as (process, _):
        process.send_signal(number)
        assert ended(process) == (0, "")


@POSIX_SIGNALS
def test_it_ends_while_subscribers_are_connected_and_a_story_plays(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text(
        "users: [alice]\nsteps:\n  - repeat: {times: 1000000, every: 1ms, steps: "
        "[{connect: alice}, {disconnect: alice}]}\n",
        encoding="utf-8",
    )
    with (
        served("--play", str(path)) as (process, target),
        grpc.insecure_channel(target) as channel,
    ):
        broker = broker_pb2_grpc.BrokerStub(channel)
        stories = scenarios_pb2_grpc.ScenariosStub(channel)
        reading = broker.Subscribe(broker_pb2.SubscribeRequest(topics=["chat"]))
        idle = broker.Subscribe(broker_pb2.SubscribeRequest(topics=["personalChat"]))
        playing = stories.Play(scenarios_pb2.PlayRequest(yaml=path.read_text(), speed=1))
        next(reading)
        next(playing)
        process.send_signal(signal.SIGTERM)
        for call in (reading, idle, playing):
            with pytest.raises(grpc.RpcError) as failure:
                for _ in call:
                    pass
            assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        status, errors = ended(process)
        assert status == 0
        assert "Traceback" not in errors


@pytest.mark.parametrize("extra", [[], ["--ready-json"]])
def test_it_ends_with_its_standard_input(extra):
    with started("serve", *FREE_PORTS, "--exit-with-stdin", *extra) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.write(b"what is written there does not matter\n")
        process.stdin.close()
        assert ended(process) == (0, "")


def test_an_input_that_is_closed_from_the_start_ends_it():
    assert run("serve", *FREE_PORTS, "--exit-with-stdin", "--ready-json").returncode == 0


def test_without_the_option_the_end_of_input_changes_nothing():
    with served() as (process, target), grpc.insecure_channel(target) as channel:
        assert process.stdin is not None
        process.stdin.close()
        broker = broker_pb2_grpc.BrokerStub(channel)
        request = broker_pb2.DescribeTopicsRequest()
        assert broker.DescribeTopics(request, timeout=PATIENCE_S).topics
        assert process.poll() is None


def test_a_port_in_use_is_one_line_with_the_port_and_the_option():
    with served() as (_, target):
        port = target.rpartition(":")[2]
        done = run("serve", "--grpc-port", port)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"Error: cannot serve gRPC on 127.0.0.1:{port}: ")
    assert "the port is in use" in done.stderr
    assert "--grpc-port" in done.stderr
    assert done.stderr.count("\n") == 1


def test_readable_addresses():
    with started("serve", *FREE_PORTS) as process:
        assert process.stdout is not None
        first = process.stdout.readline().decode()
        assert first.startswith("The simulator is ready: gRPC on 127.0.0.1:")
        grpc, kafka = first.strip().split(", ")
        assert kafka.startswith("Kafka on 127.0.0.1:")
        port = grpc.rpartition(":")[2]
        assert f"simulator tail --server {port}" in process.stdout.readline().decode()


def test_an_address_that_others_can_reach_is_warned_about():
    done = run("serve", "--host", "0.0.0.0", *FREE_PORTS, "--exit-with-stdin", "--ready-json")
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: 0.0.0.0 may be reachable from other machines")
    assert done.stderr.count("\n") == 1


def test_a_script_with_mistakes_is_reported_before_anything_is_served(script):
    path = script("steps:\n  - conect: alice\n")
    done = run("serve", *FREE_PORTS, "--ready-json", "--play", path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"{os.path.basename(path)}:2:5: " in done.stderr


def test_it_tells_how_the_story_went(script):
    path = script("name: brief\nusers: [alice]\nsteps:\n  - connect: alice\n")
    with started("serve", *FREE_PORTS, "--play", path) as process:
        assert process.stdout is not None
        told: list[str] = []
        for line in iter(process.stdout.readline, b""):
            told.append(line.decode())
            if told[-1].startswith("brief"):
                break
        assert told[-1].startswith("brief passed: 1 event")


def test_with_speed_max_a_run_repeats_to_the_byte():
    def records() -> list[bytes]:
        with (
            served("--speed", "max", "--seed", "7") as (_, target),
            grpc.insecure_channel(target) as channel,
        ):
            stories = scenarios_pb2_grpc.ScenariosStub(channel)
            *_, last = stories.Play(scenarios_pb2.PlayRequest(name="rate_limited"))
            assert last.state == scenarios_pb2.PLAY_STATE_PASSED
            broker = broker_pb2_grpc.BrokerStub(channel)
            request = broker_pb2.SubscribeRequest(topics=["chat"], stop_at_end=True)
            return [
                record.SerializeToString(deterministic=True)
                for response in broker.Subscribe(request)
                for record in response.records
            ]

    first = records()
    assert first
    assert records() == first


def test_the_settings_reach_the_simulator():
    with (
        served("--no-validate", "--max-bytes", "64KiB") as (_, target),
        grpc.insecure_channel(target) as channel,
    ):
        broker = broker_pb2_grpc.BrokerStub(channel)
        record = broker_pb2.PublishRecord(topic="chat", json='{"not": "an event"}')
        broker.Publish(broker_pb2.PublishRequest(records=[record]), timeout=PATIENCE_S)
        large = broker_pb2.PublishRecord(topic="chat", raw=bytes(100_000))
        with pytest.raises(grpc.RpcError) as failure:
            broker.Publish(broker_pb2.PublishRequest(records=[large]), timeout=PATIENCE_S)
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_garbage_on_the_port_does_not_stop_it():
    with served() as (process, target):
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)) * 100)
        done = run("topics", "--server", target)
        assert done.returncode == 0
        assert "personalChat" in done.stdout
        assert process.poll() is None


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])  # RFC 6761, RFC 5737
def test_where_the_host_is_wrong_no_other_port_is_advised(host):
    done = run("serve", *FREE_PORTS, "--host", host)
    assert done.returncode == 1
    assert f"Error: cannot serve gRPC on {host}: " in done.stderr
    assert "choose another address with --host\n" in done.stderr
    assert "port" not in done.stderr


def test_kafka_settings_by_name():
    setting = ("--config", "num.partitions=3", "--config", "group.max.size=2")
    with started("serve", *FREE_PORTS, *setting, "--ready-json") as process:
        admin = AdminClient({"bootstrap.servers": str(ready(process)["kafka"])})
        broker = ConfigResource(ConfigResource.Type.BROKER, "1")
        settings = admin.describe_configs([broker])[broker].result(PATIENCE_S)
        assert (settings["num.partitions"].value, settings["group.max.size"].value) == ("3", "2")


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("num.partition=3", "did you mean num.partitions?"),
        ("num.partitions=0", "Value must be at least 1"),
        ("num.partitions", "write it like name=value"),
    ],
)
def test_kafka_settings_that_cannot_be(setting, text):
    result = run("serve", *FREE_PORTS, "--config", setting)
    assert result.returncode != 0
    assert text in result.stderr
    assert "Traceback" not in result.stderr
