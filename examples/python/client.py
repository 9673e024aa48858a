"""Plays a story on a running simulator and reads back what it put on the log.

python client.py 127.0.0.1:50051
"""

import json
import sys

import grpc
from accelbyte.chat.chat.v1 import chat_pb2

from simulator.v1 import broker_pb2, broker_pb2_grpc, scenarios_pb2, scenarios_pb2_grpc


def run(target: str) -> int:
    # doc: begin
    with grpc.insecure_channel(target) as channel:
        scenarios = scenarios_pb2_grpc.ScenariosStub(channel)
        play = scenarios_pb2.PlayRequest(name="rate_limited", speed=0)  # as fast as possible
        *_, outcome = scenarios.Play(play)  # progress, and at the end the outcome
        if outcome.state != scenarios_pb2.PLAY_STATE_PASSED:
            raise SystemExit(f"the story failed: {outcome.problems}")

        broker = broker_pb2_grpc.BrokerStub(channel)
        stream = broker.Subscribe(
            broker_pb2.SubscribeRequest(
                topics=["chat", "personalChat"],
                typed=True,
                stop_at_end=True,  # leave it out to go on with what comes
            )
        )
        limited = 0
        for batch in stream:
            for record in batch.records:
                print(json.loads(record.json)["name"])
                typed = chat_pb2.UserChatRateLimitedPayload()
                if record.event.Unpack(typed):
                    hit = typed.payload.user_disconnected
                    print(f"  {hit.code} {hit.reason}")
                    limited += 1
    # doc: end
    return limited


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python client.py HOST:PORT")
    if not run(sys.argv[1]):
        sys.exit("nobody was rate-limited")
