"""Questions to a cluster that may be slow, still starting, or not there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer

ANSWER_S: Final = 30.0
"""How long a cluster may take to answer."""

_LISTEN_S: Final = 10.0
"""How long nobody need listen at its address."""


class Trouble:
    """Remembers why a connection could not be made or was lost; an `error_cb` of confluent-kafka.

    What a call says by itself is "Local: Broker transport failure", whatever the reason.
    """

    def __init__(self) -> None:
        """Nothing has gone wrong yet."""
        self.nobody_listens = False
        """Whether the last thing that went wrong was a connection that could not be made."""
        self._last = ""

    def __call__(self, error: KafkaError) -> None:
        """Take note of an error."""
        from confluent_kafka import KafkaError

        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # which follows the reason
            self._last = error.str()
            self.nobody_listens = error.code() == KafkaError._RESOLVE or "Connect to " in self._last

    def __str__(self) -> str:
        return self._last


def ask(client: Producer | Consumer, trouble: Trouble, topic: str | None = None) -> Any:
    """Return the metadata of the cluster, or of a topic; raises KafkaException.

    A topic is made by the question where client and cluster want that.
    """
    from confluent_kafka import KafkaException

    about = {} if topic is None else {"topic": topic}
    try:
        return client.list_topics(**about, timeout=_LISTEN_S)
    except KafkaException:
        client.poll(0)  # calls `trouble`
        if trouble.nobody_listens:
            raise
        return client.list_topics(**about, timeout=ANSWER_S - _LISTEN_S)


def why(error: Exception, trouble: Trouble) -> str:
    """Say why a question was not answered."""
    return str(trouble) or str(error.args[0].str())
