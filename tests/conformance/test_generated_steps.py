"""Steps that hypothesis makes up have the same answers from this broker and from Apache Kafka."""

from __future__ import annotations

import asyncio
import os

import pytest
from brokers import Broker, Pair
from differing import found_differences, unexplained
from generated import Step, data_steps, play, topic_steps
from generated_groups import group_steps
from generated_transactions import transaction_steps
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.timeout(600)  # the first test of a worker may have to start Kafka

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}

KINDS = {
    "records": (*data_steps, *data_steps, *topic_steps),
    "groups": (*group_steps, *group_steps, *topic_steps),
    "transactions": (*transaction_steps, *data_steps),
    "everything": (*data_steps, *topic_steps, *group_steps),
}


@pytest.mark.parametrize("kind", KINDS)
def test_same_answers_to_generated_steps(pair: Pair, kind: str) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=ON_CI,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(st.one_of(*KINDS[kind]), min_size=1, max_size=40))
    def check(steps: list[Step]) -> None:
        async def played(broker: Broker) -> None:
            await play(broker, steps)

        found = asyncio.run(found_differences(pair, "generated", played))
        strange = unexplained("generated", found)
        if strange:
            pytest.fail("\n".join(map(str, strange)), pytrace=False)

    check()
