"""The steps of a story: a table of what each takes, and how it becomes a step of the script."""

from __future__ import annotations

from collections.abc import Callable

from simulator.scenario import script
from simulator.scenario.parser.blocks import USE, expand
from simulator.scenario.parser.broker_steps import (
    BROKER,
    LEADER,
    FaultKind,
    broker,
    fault,
    leader,
)
from simulator.scenario.parser.context import Context, Rejected
from simulator.scenario.parser.crowd import CROWD, crowd
from simulator.scenario.parser.declarations import RESERVED
from simulator.scenario.parser.deliver import DeliverKind, deliver
from simulator.scenario.parser.expectations import EXPECTATIONS
from simulator.scenario.parser.kinds import (
    BOOLEAN,
    CODE,
    DURATION,
    JSON,
    LENGTH,
    SPAN,
    TEXT,
    Integer,
    Kind,
    Literal,
    NameKind,
    PositiveNumber,
    Schema,
)
from simulator.scenario.parser.people import CorpusRef, PartyRef, UserRef, WhoKind, is_party
from simulator.scenario.parser.produce import ProduceKind, produce
from simulator.scenario.parser.records import (
    Field,
    ListOf,
    OneOf,
    Record,
    Short,
    Values,
)
from simulator.scenario.parser.tagged import Tagged, Variant
from simulator.scenario.script import Position, Step
from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, ScalarNode

Steps = tuple[Step, ...]


class StepsKind(Kind[Steps]):
    """A list of steps."""

    def _read(self, node: Node, context: Context) -> Steps:
        if not isinstance(node, ListNode):
            raise context.expected("a list of steps", node)
        steps: list[Step] = []
        failed = False
        for item in node.items:
            try:
                step = STEP.read(item, context)
                steps.extend((step,) if isinstance(step, Step) else step)
            except Rejected:
                failed = True
        if failed:
            raise Rejected
        return tuple(steps)

    def _schema(self) -> Schema:
        return {"$ref": "#/definitions/steps"}

    def definition(self) -> Schema:
        """The schema itself."""
        return {"type": "array", "items": STEP.schema()}


def _repeat_scope(node: MapNode, context: Context) -> Context:
    """The names that the steps of a repeat see: the counter, and the value under its name."""
    names: dict[str, tuple[object, ...] | None] = {"n": None}
    each = node.get("each")
    if each is not None:
        given = node.get("as")
        name = None if given is None else context.resolve(given)[0]
        names[name.text if isinstance(name, ScalarNode) else _ITEM] = _values_of(each, context)
    return context.with_names(names)


def _values_of(node: Node, context: Context) -> tuple[object, ...] | None:
    """The values of a list, where they are all known before a run."""
    node, context = context.resolve(node)
    values = []
    for item in node.items if isinstance(node, ListNode) else (node,):
        value, _ = context.resolve(item)
        if not isinstance(value, ScalarNode) or "${" in value.text:
            return None
        values.append(value.value)
    return tuple(values)


_ITEM = "item"
_MAX_TIMES = 1_000_000_000
WHO = WhoKind()
STEP_LIST = StepsKind()
_USER = UserRef()
_REASON = Field(TEXT, "Why; a text of your choice.")
_CODE = Field(CODE, "The close or error code.")
_FORCED = Field(BOOLEAN, "Whether the server decided it.")
_INNER = Field(STEP_LIST, "The steps.", required=True)


def _who_record(what: str, **more: Field) -> Record:
    """A step about users: WHO alone, or a mapping with `user` and more."""
    return Record(
        what,
        {"user": Field(WHO, "Who.", required=True), **more},
        short=Short(WHO, "user", lambda node: not isinstance(node, MapNode) or is_party(node)),
        other_words={"who": "user", "users": "user"},
    )


_ENDING = {"reason": _REASON, "code": _CODE, "forced": _FORCED}

_CHAT = Record(
    "chat",
    {
        "from": Field(_USER, "The user who writes.", required=True),
        "to": Field(_USER, "The user who gets it."),
        "party": Field(PartyRef(), "The party that gets it."),
        "text": Field(TEXT, "What is written."),
        "length": Field(LENGTH, "Write so many characters, or [low, high]."),
        "corpus": Field(CorpusRef(), "Write a text drawn from this corpus."),
    },
    one_of=(OneOf(("to", "party")), OneOf(("text", "length", "corpus"))),
)

_DUPLICATE = Record(
    "duplicate",
    {
        "last": Field(Integer(1, _MAX_TIMES), "How many of the latest records. Default: 1."),
        "times": Field(Integer(1, _MAX_TIMES), "How often. Default: 1."),
        "event": Field(Literal(), "Only records of this event."),
    },
    short=Short(Integer(1, _MAX_TIMES), "last"),
)

_LATE = Record(
    "late",
    {
        "by": Field(DURATION, "How far in the past the timestamps lie.", required=True),
        "steps": _INNER,
    },
)

_REPEAT = Record(
    "repeat",
    {
        "times": Field(Integer(1, _MAX_TIMES), "How many rounds."),
        "each": Field(ListOf(JSON, "a list of values"), "One round for each of these values."),
        "as": Field(
            NameKind(reserved=RESERVED),
            "The name of the value in templates. Default: item.",
        ),
        "every": Field(DURATION, "The time from one round's start to the next. Default: none."),
        "steps": Field(STEP_LIST, "The steps of a round; ${n} counts from 1.", True, scoped=True),
    },
    one_of=(OneOf(("times", "each")),),
    scope=_repeat_scope,
)

_PARALLEL = ListOf(STEP_LIST, "a list of branches, each a list of steps")

_CHOOSE = ListOf(
    Record(
        "an option of choose",
        {
            "weight": Field(PositiveNumber(), "How likely, against the others. Default: 1."),
            "steps": _INNER,
        },
    ),
    "a list of options, each with 'steps' and maybe a 'weight'",
)


def _chat(at: Position, values: Values, context: Context) -> Step:
    return script.Chat(
        at,
        sender=values["from"],
        **{key: value for key, value in values.items() if key != "from"},
    )


def _ending(kind: type[script.RateLimit | script.Disconnect]) -> Callable[..., Step]:
    def build(at: Position, values: Values, context: Context) -> Step:
        return kind(
            at, values["user"], values.get("reason"), values.get("code"), values.get("forced")
        )

    return build


def _duplicate(at: Position, values: Values, context: Context) -> Step:
    event = values.get("event")
    if event is not None:
        # Like an expectation, it may name what the script itself made up.
        def check() -> None:
            wrong = context.state.vocabulary.wrong_event(event, None)
            if wrong:
                context.state.report(at, wrong)

        context.state.afterwards.append(check)
    return script.Duplicate(at, values.get("last", 1), values.get("times", 1), event)


def _repeat(at: Position, values: Values, context: Context) -> Step:
    return script.Repeat(
        at,
        values["steps"],
        times=values.get("times"),
        each=values.get("each"),
        name=values.get("as", _ITEM),
        every=values.get("every"),
    )


def _choose(at: Position, values: tuple[Values, ...], context: Context) -> Step:
    options = (script.Option(each.get("weight", 1.0), each["steps"]) for each in values)
    return script.Choose(at, tuple(options))


def _use(at: Position, values: Values, context: Context) -> Steps:
    return expand(STEP_LIST, at, values, context)


_STEPS = {
    "connect": Variant(
        "Users open a session: userConnected.",
        _who_record("connect"),
        lambda at, values, _: script.Connect(at, values["user"]),
    ),
    "chat": Variant(
        "A user writes: personalChatSent, or what the chat service makes of it.", _CHAT, _chat
    ),
    "rate_limit": Variant(
        "userChatRateLimited, whatever was sent.",
        _who_record("rate_limit", **_ENDING),
        _ending(script.RateLimit),
    ),
    "disconnect": Variant(
        "Sessions end: userDisconnected.",
        _who_record("disconnect", **_ENDING),
        _ending(script.Disconnect),
    ),
    "mute": Variant(
        "The service drops what these users write.",
        _who_record("mute", **{"for": Field(DURATION, "How long. Default: until unmuted.")}),
        lambda at, values, _: script.Mute(at, values["user"], values.get("for")),
    ),
    "unmute": Variant(
        "The service takes chat of these users again.",
        _who_record("unmute"),
        lambda at, values, _: script.Unmute(at, values["user"]),
    ),
    "produce": Variant(
        "Any event of the catalogue, with changes, or any text at all.", ProduceKind(), produce
    ),
    "duplicate": Variant(
        "The latest records once more, byte for byte; a number alone is how many.",
        _DUPLICATE,
        _duplicate,
    ),
    "wait": Variant(
        "Time passes: a duration, or [low, high] to draw one in between.",
        SPAN,
        lambda at, span, _: script.Wait(at, span),
    ),
    "late": Variant(
        "Steps whose events have timestamps in the past.",
        _LATE,
        lambda at, values, _: script.Late(at, values["by"], values["steps"]),
    ),
    "repeat": Variant("Steps again and again.", _REPEAT, _repeat),
    "parallel": Variant(
        "Branches that run at the same time.",
        _PARALLEL,
        lambda at, branches, _: script.Parallel(at, branches),
    ),
    "choose": Variant("One of several lists of steps, drawn by weight.", _CHOOSE, _choose),
    "use": Variant("The steps of a block.", USE, _use),
    "crowd": Variant("Many users who arrive, chat and leave.", CROWD, crowd),
    "fault": Variant(
        "Kafka brokers fail on purpose, from here on or for some steps; off ends that.",
        FaultKind(STEP_LIST),
        fault,
    ),
    "broker": Variant(
        "A Kafka broker stops or starts; all do where none is named.", BROKER, broker
    ),
    "leader": Variant(
        "Another Kafka broker leads a partition, or coordinates a group.", LEADER, leader
    ),
    "deliver": Variant(
        "Events are delivered to an event handler app, from here on; off ends that.",
        DeliverKind(),
        deliver,
    ),
    "expect": Variant(
        "Expectations, checked at this point of the story.",
        EXPECTATIONS,
        lambda at, expectations, _: script.Expect(at, expectations),
    ),
}

STEP: Tagged[Step | Steps] = Tagged("step", "connect: alice", _STEPS)
