"""A benchmark's result is the median of the ratios of one run, compared with a floor or a ceiling."""

import pytest

from benchmarks.http_load import Timing
from benchmarks.measurement import Outcome, compare


def outcome(ours, theirs, *, goal, more_is_better):
    return Outcome(
        name="n",
        unit="u",
        ours=ours,
        theirs=theirs,
        measured="w",
        against="a",
        goal=goal,
        more_is_better=more_is_better,
    )


CASES = [
    # ours           theirs           goal  more   reached  why
    ((30, 20, 50), (100, 100, 100), 0.3, True, True, "the median of 0.3, 0.2 and 0.5 is the floor itself"),
    ((30, 20, 50), (100, 100, 100), 0.31, True, False, "it is below the floor"),
    ((150, 90, 400), (100, 100, 100), 1.5, False, True, "a ceiling holds the median, not the worst round"),
    ((160, 160, 100), (100, 100, 100), 1.5, False, False, "it is above the ceiling"),
]


@pytest.mark.parametrize(("ours", "theirs", "goal", "more", "reached", "why"), CASES)
def test_a_goal_bounds_the_median_ratio(ours, theirs, goal, more, reached, why):
    assert outcome(ours, theirs, goal=goal, more_is_better=more).is_reached is reached, why


def test_sides_alternate_and_the_first_round_does_not_count():
    order = []

    def side(name, figures):
        turns = iter(figures)

        def measure():
            order.append(name)
            return next(turns)

        return measure

    comparison = compare(
        side("ours", [999, 1, 2, 3]),
        side("theirs", [999, 10, 10, 10]),
        rounds=3,
        report=lambda text: None,
        name="n",
        unit="u",
        measured="w",
        against="a",
        goal=0.1,
        more_is_better=True,
    )

    assert order == ["ours", "theirs", "ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert comparison.ours == (1, 2, 3)
    assert comparison.ratio == pytest.approx(0.2)


def test_percentiles_are_of_the_calls_that_were_made():
    timing = Timing(elapsed=2.0, each=tuple(range(1, 101)))

    assert (timing.percentile(50), timing.percentile(99), timing.rate) == (51, 100, 50)
