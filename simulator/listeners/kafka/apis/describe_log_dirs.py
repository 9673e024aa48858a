"""DescribeLogDirs, key 35, versions 1 to 5.

Behavior
- The one directory of a broker, `log.dirs`, with the partitions that the broker holds a replica of,
  all or those that are named; what there is not is left out.
- A partition's size is that of its records; the directory's are the bound on what the log holds and
  what is left of it. There are no files behind them.

Version notes
- 2 is flexible; 3 adds an error for all; 4 the sizes of the directory (KIP-827); 5 whether it is
  cordoned (KIP-1066).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(35, "describe_log_dirs", (1, 5))
def describe_log_dirs(request: Request) -> Any:
    """Describe where records are kept."""
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        code = ErrorCode.cluster_authorization_failed
        return request.schema.response(error_code=code, results=())
    log = request.cluster.log
    return request.schema.response(
        error_code=ErrorCode.none,
        results=(
            request.schema.make(
                "DescribeLogDirsResult",
                error_code=ErrorCode.none,
                log_dir=request.cluster.config.list("log.dirs")[0],
                topics=_topics(request),
                total_bytes=log.max_bytes,
                usable_bytes=max(log.max_bytes - log.memory_held, 0),
                is_cordoned=False,
            ),
        ),
    )


def _topics(request: Request) -> tuple[Any, ...]:
    cluster, make = request.cluster, request.schema.make
    wanted = None
    if request.body.topics is not None:
        wanted = {topic.topic: set(topic.partitions) for topic in request.body.topics}
    topics = []
    for info in cluster.log.topics():
        partitions = tuple(
            make(
                "DescribeLogDirsPartition",
                partition_index=index,
                partition_size=info.partitions[index].bytes,
                offset_lag=0,
                is_future_key=False,
            )
            for index, place in enumerate(cluster.places(info.name))
            if request.node_id in place.replicas
            and (wanted is None or index in wanted.get(info.name, ()))
        )
        if partitions:
            topics.append(make("DescribeLogDirsTopic", name=info.name, partitions=partitions))
    return tuple(topics)
