"""The last rows of the decision rule's table: what is left open."""

import math

from domain.analysis.evidence import DecisionKind
from tests.domain.analysis.deciding import OPEN, arm, decided, kind, lifts


def test_row_7_the_end_leaves_it_open() -> None:
    assert decided(arm(OPEN), horizon_is_over=True) == (
        DecisionKind.INCONCLUSIVE,
        (
            "The test has run its course, and clear cannot be told apart from control: clicks are "
            "between 2.1 % lower and 3.2 % higher."
        ),
    )


def test_row_7_no_difference_that_matters_is_an_answer() -> None:
    assert decided(arm(OPEN), planned_effect=math.log(1.05)) == (
        DecisionKind.INCONCLUSIVE,
        (
            "clear makes no difference as large as the test was planned to find: clicks are "
            "between 2.1 % lower and 3.2 % higher than with control."
        ),
    )
    assert kind(arm(OPEN), planned_effect=math.log(1.03)) is DecisionKind.KEEP_RUNNING
    assert kind(arm(lifts(-0.06, 0.01)), planned_effect=math.log(1.05)) is DecisionKind.KEEP_RUNNING


def test_row_8_otherwise_it_runs_on() -> None:
    assert decided(arm(OPEN)) == (
        DecisionKind.KEEP_RUNNING,
        (
            "clear cannot be told apart from control yet: clicks are between 2.1 % lower and "
            "3.2 % higher."
        ),
    )
