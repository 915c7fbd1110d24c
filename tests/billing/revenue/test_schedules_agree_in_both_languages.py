"""The pure function of schedules and the SQL of the books agree on random lines: docs/recognition.md#schedules."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing.revenue.ledger.sources.schedules import QUICK, share_sql
from lib import sql
from plans.pricing.recognition import earned

pytestmark = pytest.mark.django_db
LINES = 5_000
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]

_EARNED = f"""
SELECT {share_sql("s.net", "s.at")}, {share_sql("s.net", "s.at", quickly="date_part('epoch', s.at)")}
FROM (
    SELECT l.*, {QUICK}
    FROM unnest(%(nets)s::numeric[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(moments)s::timestamptz[],
        %(units)s::int[], %(by_day)s::boolean[])
        WITH ORDINALITY AS l(net, earned_from, earned_to, at, units, by_day, n)
) s CROSS JOIN (SELECT %(zone)s AS zone) b
ORDER BY n
"""  # noqa: S608


@pytest.mark.parametrize("zone", ZONES)
def test_both_earn_the_same(zone):
    draw = random.Random(f"schedules in {zone}")
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    lines = []
    for _ in range(LINES):
        places = draw.choice([0, 2, 3])
        start = begin + timedelta(microseconds=draw.randrange(10**14))
        end = start + timedelta(microseconds=draw.choice([1, 3 * 10**6, 86_400 * 10**6, draw.randrange(1, 10**14)]))
        at = draw.choice(
            [start, end, start + (end - start) / 2, begin + timedelta(microseconds=draw.randrange(10**14))]
        )
        net = Decimal(draw.randrange(-(10**9), 10**9)).scaleb(-places)
        lines.append((net, start, end, at, places, draw.random() < 0.5))
    _compare(lines, zone)


def test_a_share_close_to_half_a_unit_is_rounded_exactly():
    """A fee of N units has earned (k + 1/2) / N of its time, or a microsecond more or less."""
    draw = random.Random("halves")
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    lines = []
    for _ in range(LINES):
        net, days = draw.randrange(1, 10**7 + 100), draw.randrange(1, 4_000)
        start = begin + timedelta(microseconds=draw.randrange(10**14))
        half = (2 * draw.randrange(net) + 1) * days * 86_400 * 10**6 // (2 * net)
        span, at = timedelta(days=days), start + timedelta(microseconds=half + draw.choice([-1, 0, 1]))
        lines.append((draw.choice([1, -1]) * Decimal(net).scaleb(-2), start, start + span, at, 2, False))
    _compare(lines, "UTC")


def _compare(lines: list[tuple[Decimal, datetime, datetime, datetime, int, bool]], zone: str) -> None:
    """Require that the function, the exact SQL and the quick one earn the same of each line."""
    nets, starts, ends, moments, places_of, by_day = map(list, zip(*lines, strict=True))
    values = {"nets": nets, "starts": starts, "ends": ends, "moments": moments, "by_day": by_day, "zone": zone}
    computed = sql.fetch_rows(_EARNED, {**values, "units": [10**places for places in places_of]})
    for (net, start, end, at, places, days), amounts in zip(lines, computed, strict=True):
        expected = earned(net, start, end, at, places=places, by_day=days, zone=ZoneInfo(zone))
        assert amounts == (expected, expected), (net, start, end, at, places, days)
