"""The pytest plugin, run by a real pytest on small test files."""

from __future__ import annotations

import pytest

OPTIONS = ("-p", "no:randomly", "-p", "no:asyncio")

PASSING = """
import pytest

@pytest.mark.parametrize("attempt", range(3))
def test_is_empty_and_ready(simulator, attempt):
    assert simulator.events() == []
    simulator.publish("chat", {"name": "userConnected", "payload": {"userConnected": {}}})
    assert len(simulator.events("chat")) == 1
    assert simulator.grpc_target.startswith("127.0.0.1:")

@pytest.mark.scenario("rate_limited", seed=7)
def test_plays_the_story(simulator):
    assert simulator.events("chat", name="userChatRateLimited", user="alice")

@pytest.mark.scenario("first_connect")
def test_plays_without_asking_for_the_fixture():
    pass

@pytest.mark.scenario("first_connect")
@pytest.mark.scenario("two_friends_chat")
def test_several_markers_play_from_top_to_bottom(simulator):
    names = [event.name for event in simulator.events()]
    assert names[:2] == ["userConnected", "userDisconnected"]
    assert "personalChatSent" in names

class TestSettings:
    @pytest.fixture
    def simulator_settings(self):
        return {"validate": False, "grpc_port": None}

    def test_can_be_overridden(self, simulator):
        simulator.publish("chat", {"name": "nonsense"})
        assert simulator.events()[0].unchecked
"""


def test_fixture_and_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest_subprocess(*OPTIONS, "-W", "error")
    result.assert_outcomes(passed=7)


def test_workers_are_isolated_under_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest_subprocess(*OPTIONS, "-n", "2")
    result.assert_outcomes(passed=7)


def test_a_failure_shows_the_last_events(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.scenario("rate_limited")
        def test_fails(simulator):
            assert False

        def test_fails_without_events(simulator):
            assert False

        def test_fails_without_simulator():
            assert False

        @pytest.fixture
        def prepared(simulator):
            simulator.play("first_connect")
            assert False

        def test_whose_fixture_fails(prepared):
            pass
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(failed=3, errors=1)
    result.stdout.fnmatch_lines(
        ["*- simulator -*", "*alice <userChatRateLimited chat*", "*- simulator -*", "no events"]
    )
    assert result.stdout.str().count("- simulator -") == 3


def test_of_many_events_a_failure_shows_the_last(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        EVENT = {"name": "userConnected", "payload": {"userConnected": {}}}

        def test_fails(simulator):
            for _ in range(25):
                simulator.publish("chat", EVENT)
            assert False
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.stdout.fnmatch_lines(
        ["the last 20 of 25 events:", "*chat[[]0]@5 *", "*chat[[]0]@24 *"], consecutive=False
    )
    result.stdout.no_fnmatch_line("*chat[[]0]@4 *")


def test_a_wait_that_times_out_shows_the_test_not_the_simulators_inside(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        def test_fails(simulator):
            simulator.wait_for("chat", name="userConnected", timeout=0.01)
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *WaitTimeout: waited 0.01 s for userConnected in topic chat*"])
    result.stdout.no_fnmatch_line("*waiting.py*")
    result.stdout.no_fnmatch_line("*loop_thread.py*")


def test_a_story_that_does_not_exist_fails_the_test_with_a_hint(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.scenario("rate_limitd")
        def test_never_runs(simulator):
            pass
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*did you mean 'rate_limited'?*"])


def test_a_story_that_fails_shows_what_it_came_to(pytester: pytest.Pytester) -> None:
    pytester.makefile(
        ".yaml",
        story="users: [alice]\nsteps:\n  - connect: alice\n  - connect: alice\n"
        "expect:\n  - none: {event: userConnected}\n",
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.scenario("story.yaml")
        def test_never_runs():
            pass
        """
    )
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*story.yaml:6:*", "*- Captured simulator setup -*", "*alice <userConnected *"]
    )


def test_a_relative_path_of_a_marker_is_taken_from_the_tests_folder(
    pytester: pytest.Pytester,
) -> None:
    folder = pytester.mkdir("deeper")
    (folder / "mine.yaml").write_text("users: [alice]\nsteps:\n  - connect: alice\n")
    (folder / "test_beside.py").write_text(
        "import pytest\n"
        "@pytest.mark.scenario('mine.yaml')\n"
        "def test_it(simulator):\n"
        "    assert len(simulator.events(user='alice')) == 1\n"
    )
    pytester.runpytest_subprocess(*OPTIONS, "deeper").assert_outcomes(passed=1)
