"""What the bench of calls makes of its minutes, and which calls count."""

import os
from collections.abc import Sequence

from bench.calls_load import Loaded, is_disturbed
from bench.calls_storms import QUIET, Minute, storm_figures


def minute(how: str, setup_ms: Sequence[float], undisturbed_ms: Sequence[float] | None = None, lost: int = 0) -> Minute:
    calm = setup_ms if undisturbed_ms is None else undisturbed_ms
    calls = len(setup_ms) + lost
    return Minute(how, Loaded(calls, len(setup_ms), 0, 60.0, tuple(setup_ms), tuple(calm)), 0)


def test_a_storm_is_compared_with_the_two_minutes_beside_it_alone() -> None:
    minutes = [minute(QUIET, [4.0]), minute("up", [6.0]), minute(QUIET, [4.0]), minute("hung", [5.0])]
    figures = storm_figures([*minutes, minute(QUIET, [8.0])])
    assert figures["setup_p95_ratio.up"] == 1.5
    assert figures["setup_p95_ratio.hung"] == 1.25, "of 4.0 and 8.0 together the 95th in a hundred of two is the first"
    assert figures["setup_p95_ratio.quiet"] == 2.0


def test_minutes_of_one_name_count_together() -> None:
    quiet = minute(QUIET, [2.0] * 100)
    first, second = minute("up", [2.0] * 100), minute("up", [2.0] * 60 + [6.0] * 40, lost=3)
    figures = storm_figures([quiet, first, quiet, second, quiet])
    assert figures["setup_p95_ratio.up"] == 3.0
    assert (figures["lost"], figures["lost_up"], figures["lost_quiet"]) == (3, 3, 0)


def test_calls_that_a_busy_host_held_up_count_in_the_figure_of_all_alone() -> None:
    quiet = minute(QUIET, [4.0] * 10)
    figures = storm_figures([quiet, minute("up", [4.0] * 5 + [40.0] * 5, [4.0] * 5), quiet])
    assert figures["setup_p95_ratio.up"] == 1.0
    assert figures["setup_p95_ratio_of_all.up"] == 10.0
    assert figures["undisturbed_share.up"] == 0.5


def test_a_half_second_of_which_much_was_stolen_is_disturbed() -> None:
    much, little = 0.1 * (os.cpu_count() or 1), 0.01 * (os.cpu_count() or 1)
    looks = [(100.0, 7.0), (100.5, 7.0 + little), (101.0, 7.0 + little + much), (101.5, 7.0 + little + much)]
    assert [is_disturbed(at, looks) for at in (100.2, 100.7, 101.2)] == [False, True, False]
    assert not is_disturbed(99.0, looks)
    assert not is_disturbed(102.0, looks), "nobody looked"
