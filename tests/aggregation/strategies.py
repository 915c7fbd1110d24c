"""Random events of one window, for laws that apply to all of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from lib.decimals import EXACT
from plans.aggregation.aggregate_state import EventValue, UsageWindow, to_microseconds

START = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS = 120
END = START + timedelta(seconds=SECONDS)
WINDOW = UsageWindow(START, END, to_microseconds(END - START))

values = st.one_of(
    st.integers(-50, 50).map(Decimal),
    st.integers(-(10**36), 10**36).map(lambda n: EXACT.scaleb(Decimal(n), -12)),
)


@st.composite
def marks(draw: st.DrawFn, most: int = 12) -> list[EventValue]:
    """Return events of the window at whole seconds, sometimes several at the same time, in no order."""
    seconds = draw(st.lists(st.integers(0, SECONDS - 1), max_size=most))
    return [
        EventValue(
            START + timedelta(seconds=second), draw(st.sampled_from(["", "a", "b"])), f"e{number}", draw(values)
        )
        for number, second in enumerate(seconds)
    ]
