"""
Generate the periods of subscriptions over ten years, and check where they start and end.

Anchors are mostly on the 28th to 31st and on 29 February, in thirty zones from UTC-12 to UTC+14, with all intervals.
Periods are generated as in the product: from the end of the last one, a stretch at a time. They must tile, and start
on the anchor's day and at its hour wherever the calendar and the clocks of the zone have them. Some of the
subscriptions are stored, and extended by the task.
"""

import argparse
import random
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from billing.models import Period
from billing.subscriptions import generate_periods
from billing.subscriptions.periods.boundaries import period_intervals
from config.postgres import Cluster
from plans.pricing.calendar import boundary
from plans.pricing.period_anchor import Anchor, Interval
from tests.builders import fee, make_customer, make_plan, publish, subscribe
from tests.pricing.zones import ZONES, is_skipped
from tests.prove.verdict import Verdict, say

TEN_YEARS = timedelta(days=3_653)
FIRST = datetime(2019, 1, 1, tzinfo=UTC)
LAST_START = timedelta(days=1_500)
UNITS = ("day", "week", "month", "month", "month", "quarter", "year")
COUNTS = (1, 1, 1, 2, 3, 6, 12)
DAY = timedelta(days=1)

_GAPS = """
SELECT count(*) FROM (
    SELECT starts_at, lag(ends_at) OVER (PARTITION BY subscription_id ORDER BY starts_at) AS before
    FROM billing_period WHERE kind = 'regular') found
WHERE before <> starts_at
"""


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove periods", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--stored", type=int, default=500, help="of them, in the database")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    verdict = Verdict(f"{options.subscriptions:,} subscriptions for ten years", seed=options.seed)
    made = astray = 0
    for _ in range(options.subscriptions):
        anchor = _anchor(chance)
        edges = _boundaries(anchor, chance, verdict)
        astray += _count_shifted(anchor, edges, verdict)
        made += len(edges) - 1
    say(f"  {made:,} periods; {astray:,} edges where the anchor's day or hour does not exist")
    _store(options.stored, chance, verdict)
    return verdict.conclude()


def _anchor(chance: random.Random) -> Anchor:
    zone = ZoneInfo(chance.choice(ZONES))
    local = (FIRST + chance.random() * LAST_START).replace(tzinfo=None, microsecond=0)
    if chance.random() < 0.6:
        day = chance.choice([28, 29, 30, 31])
        local = local.replace(day=min(day, monthrange(local.year, local.month)[1]))
    if chance.random() < 0.05:
        local = local.replace(year=2020, month=2, day=29)
    if chance.random() < 0.3:
        local = local.replace(hour=chance.choice([0, 1, 2, 3]), minute=chance.choice([0, 30]), second=0)
    at = local.replace(tzinfo=zone).astimezone(UTC)
    interval = Interval(chance.choice(UNITS), chance.choice(COUNTS))
    return Anchor(chance.choice(["anniversary", "anniversary", "calendar"]), at, interval, zone)


def _boundaries(anchor: Anchor, chance: random.Random, verdict: Verdict) -> list[datetime]:
    """Generate ten years of periods, stretch by stretch, and return their starts, and the end of the last one."""
    edges = [anchor.at]
    while edges[-1] < anchor.at + TEN_YEARS:
        until = edges[-1] + chance.choice([timedelta(hours=2), 40 * DAY, 400 * DAY])
        intervals = period_intervals(anchor, start=edges[-1], until=until, end=None)
        starts, ends = zip(*intervals, strict=True)
        tiles = starts == (edges[-1], *ends[:-1]) and all(start < end for start, end in intervals)
        verdict.require(tiles, f"the periods of {anchor} after {edges[-1]} do not tile: {intervals[:3]}")
        edges += ends
    return edges


def _count_shifted(anchor: Anchor, edges: Sequence[datetime], verdict: Verdict) -> int:
    """Return how many boundaries are not on the anchor's day and hour; these must not exist there."""
    origin, astray = boundary(anchor, 0).astimezone(anchor.zone), 0
    for at in edges[1:]:
        local = at.astimezone(anchor.zone)
        last_day = monthrange(local.year, local.month)[1]
        wanted = local.replace(hour=origin.hour, minute=origin.minute, second=origin.second, fold=0)
        is_in_time = local.time() == origin.time()
        is_in_place = not anchor.interval.months or local.day == min(origin.day, last_day)
        if is_in_time and is_in_place:
            continue
        astray += 1
        verdict.require(is_skipped(wanted) or is_skipped(origin), f"{anchor} has an edge at {local}")
    return astray


def _store(count: int, chance: random.Random, verdict: Verdict) -> None:
    """Let the task extend stored subscriptions at intervals, and look for gaps; a constraint forbids overlaps."""
    versions = {}
    at = FIRST + LAST_START
    for number in range(count):
        anchor = _anchor(chance)
        kind, interval = anchor.kind, anchor.interval
        if interval.days:
            interval = Interval("month")
        plan = f"{kind}-{interval.unit}-{interval.count}"
        if plan not in versions:
            made = make_plan(plan, anchor=kind, interval=interval.unit, count=interval.count, fees=[fee("5")])
            versions[plan] = publish(made, at=FIRST)
        customer = make_customer(f"c{number}", time_zone=str(anchor.zone))
        subscribe(customer, versions[plan], starts_at=anchor.at, at=at)
    while at < FIRST + LAST_START + TEN_YEARS:
        at += chance.choice([10, 40, 400]) * DAY
        generate_periods(until=at)
    with connection.cursor() as cursor:
        cursor.execute(_GAPS)
        (gaps,) = cursor.fetchone()
    stored = Period.objects.filter(kind="regular")
    say(f"  {stored.count():,} periods of {count:,} subscriptions are stored, with {gaps} gaps")
    verdict.require(gaps == 0, f"{gaps} gaps between stored periods")
    behind = count - stored.filter(ends_at__gte=at).values("subscription").distinct().count()
    verdict.require(behind == 0, f"{behind} subscriptions have no period at the end")
