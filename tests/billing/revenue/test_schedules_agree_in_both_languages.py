"""The pure function of schedules and the SQL of the books agree on random lines: docs/recognition.md#schedules."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing.revenue.ledger.sources.schedules import share_sql
from lib import sql
from plans.pricing.recognition import earned

pytestmark = pytest.mark.django_db
LINES = 5_000
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]

_EARNED = f"""
SELECT {share_sql("s.net", "s.at")}
FROM unnest(%(nets)s::numeric[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(moments)s::timestamptz[],
    %(units)s::int[], %(by_day)s::boolean[])
    WITH ORDINALITY AS s(net, earned_from, earned_to, at, units, by_day, n) CROSS JOIN (SELECT %(zone)s AS zone) b
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
    nets, starts, ends, moments, places_of, by_day = map(list, zip(*lines, strict=True))
    values = {"nets": nets, "starts": starts, "ends": ends, "moments": moments, "by_day": by_day, "zone": zone}
    computed = sql.fetch_column(_EARNED, {**values, "units": [10**places for places in places_of]})
    for (net, start, end, at, places, days), amount in zip(lines, computed, strict=True):
        assert earned(net, start, end, at, places=places, by_day=days, zone=ZoneInfo(zone)) == amount
