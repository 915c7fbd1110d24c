"""
This process's copies of customers and their periods.

A copy may be outdated, and is verified where it matters: a period in it is compared by its revision under the period
lock, and a period missing from it is read again before an event is reported as unmatched.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import msgspec

from billing.metering.store.split_values import SplitPrice
from billing.subscriptions.periods.boundaries import ANCHOR_AT
from lib import prepared_statements
from plans.catalog.stored_terms import load_terms
from plans.pricing.price_splits import SplitText

# Bounds the memory of a process; the customers cached first are dropped, and read again with their next usage.
MAX_CUSTOMERS = 50_000
FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class CachedPeriod:
    """
    A period as it was read. Two copies are never equal, so that no route cached for an old copy is used for a new
    one.
    """

    id: int
    revision: int
    starts_at: datetime
    ends_at: datetime
    version_id: int
    currency: str
    subscription_id: int
    subscription_ref: str
    named: bool
    anchor_at: datetime
    throttles: "tuple[CachedThrottle, ...]" = ()
    # Plan feature → the numbered values of its split price. Numbers never change: a copy may lack values, which are
    # then numbered or found, but has none wrong.
    split_values: Mapping[int, Mapping[SplitText, int]] = field(default_factory=dict)


class CachedThrottle(NamedTuple):
    """
    A spend cap that throttles usage of a subscription.

    counts_from: events from this time on count toward it. feature_id: None for all features.
    """

    cap_id: int
    counts_from: datetime
    feature_id: int | None
    match: dict[str, str]

    def counts(self, feature_id: int, dimensions: Mapping[str, str]) -> bool:
        """Return whether usage of a feature with these dimensions counts toward the cap."""
        return self.feature_id in (None, feature_id) and self.match.items() <= dimensions.items()


class CachedPause(NamedTuple):
    """The pause of a subscription. ends_at: None while its end is open."""

    subscription_ref: str
    named: bool
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime | None

    def suspends(self, at: datetime, *, subscription_ref: str, meter_id: int) -> bool:
        """Return whether usage of a meter at a time would belong to this subscription if it weren't paused."""
        matches = subscription_ref == self.subscription_ref if subscription_ref else not self.named
        is_running = self.starts_at <= at and (self.ends_at is None or at < self.ends_at)
        return is_running and matches and meter_id in load_terms(self.version_id, self.currency).by_meter


PAUSES = """
coalesce((SELECT json_agg(json_build_array(s.external_id, s.named, s.version_id, s.currency, z.starts_at, z.ends_at))
    FROM billing_pause z WHERE z.subscription_id = s.id AND z.state <> 'revoked')::text, '')
"""
"""SQL for the pauses of a subscription `s`, as text; empty if it has none."""

THROTTLES = """
coalesce((SELECT json_agg(json_build_array(sc.id, sc.counts_from, sc.feature_id, sc.match)) FROM billing_spendcap sc
    WHERE sc.action = 'throttle' AND (sc.subscription_id = s.id OR sc.customer_id = c.id AND sc.currency = s.currency)
)::text, '')
"""
"""SQL for the spend caps that throttle a subscription `s` of a customer `c`, as text; empty if none does."""

SPLIT_VALUES = """
coalesce((SELECT json_agg(json_build_array(v.plan_feature_id, v.value, v.position)) FROM billing_splitvalue v
    WHERE v.period_id = p.id)::text, '')
"""
"""SQL for the values that split prices have numbered in a period `p`, as text; empty if there are none."""

_decode_throttles = msgspec.json.Decoder(tuple[CachedThrottle, ...]).decode
_decode_split_values = msgspec.json.Decoder(tuple[tuple[int, SplitText, int], ...]).decode


def build_period(*columns: Any, throttles: str, split_values: str) -> CachedPeriod:
    """Return a period from its columns and from the texts that `THROTTLES` and `SPLIT_VALUES` select for it."""
    numbered: dict[int, dict[SplitText, int]] = {}
    for plan_feature_id, value, position in _decode_split_values(split_values) if split_values else ():
        numbered.setdefault(plan_feature_id, {})[value] = position
    decoded = _decode_throttles(throttles) if throttles else ()
    return replace(CachedPeriod(*columns), throttles=decoded, split_values=numbered)


_pauses = msgspec.json.Decoder(tuple[CachedPause, ...]).decode


def decode_pauses(texts: Iterable[str]) -> tuple[CachedPause, ...]:
    """Return the pauses of several subscriptions from the texts that `PAUSES` selects."""
    return tuple(pause for text in dict.fromkeys(filter(None, texts)) for pause in _pauses(text))


@dataclass(frozen=True, slots=True)
class CachedCustomer:
    """
    A customer with its periods, as far as they were read.

    since: periods that ended before it were not read.
    until: from here on, a subscription should have a period that didn't exist yet.
    has_resets: whether a price resets on another interval than its period. has_splits: whether one is split.
    routes: routes that attribution cached for this customer; they are dropped with the copy.
    """

    id: int
    zone: tzinfo
    since: datetime
    until: datetime
    periods: tuple[CachedPeriod, ...]
    has_resets: bool
    pauses: tuple[CachedPause, ...] = ()
    has_splits: bool = False
    routes: dict[Any, Any] = field(default_factory=dict)  # attribution's own types, which import this module

    def with_split_values(self, stored: Mapping[SplitPrice, Mapping[SplitText, int]]) -> Self:
        """Return a copy that knows these values of split prices, and has no routes yet."""
        by_period: dict[int, dict[int, Mapping[SplitText, int]]] = {}
        for price, positions in stored.items():
            by_period.setdefault(price.period_id, {})[price.plan_feature_id] = positions
        periods = tuple(
            replace(period, split_values={**period.split_values, **by_period[period.id]})
            if period.id in by_period
            else period
            for period in self.periods
        )
        return replace(self, periods=periods, routes={})

    def periods_at(self, at: datetime, *, subscription_ref: str) -> tuple[CachedPeriod, ...]:
        """
        Return the periods that an event at `at` may belong to: of the named subscription, or of all unnamed ones.
        """
        if len(self.periods) == 1 and not subscription_ref:  # the case of most customers
            (only,) = self.periods
            return self.periods if only.starts_at <= at < only.ends_at and not only.named else ()
        return tuple(
            [
                period
                for period in self.periods
                if period.starts_at <= at < period.ends_at
                and (period.subscription_ref == subscription_ref if subscription_ref else not period.named)
            ]
        )


# One round trip for any number of customers; every row repeats its customer and subscription.
_READ = f"""
SELECT c.external_id, c.id, c.time_zone, {PAUSES}, s.state IN ('trialing', 'active', 'canceled'), s.ends_at,
       p.id, p.revision, p.starts_at, p.ends_at, p.version_id, s.currency, s.id, s.external_id, s.named, {ANCHOR_AT},
       {THROTTLES}, {SPLIT_VALUES}
FROM customers_customer c
LEFT JOIN billing_subscription s ON s.customer_id = c.id
LEFT JOIN billing_period p ON p.subscription_id = s.id AND p.kind = 'regular' AND p.ends_at > %s
WHERE c.sandbox = %s AND c.external_id = ANY(%s)
"""  # noqa: S608

_copies: OrderedDict[tuple[bool, str], CachedCustomer] = OrderedDict()


def get_customers(refs: Iterable[str], *, sandbox: bool, since: datetime) -> dict[str, CachedCustomer]:
    """Return the customers with these external ids; read the unknown ones, with periods back to `since`."""
    customers, missing = {}, []
    for ref in refs:
        copy = _copies.get((sandbox, ref))
        # A copy that doesn't reach back far enough lacks periods of old events.
        if copy is None or copy.since > since:
            missing.append(ref)
        else:
            customers[ref] = copy
    if missing:
        customers.update(refresh(missing, sandbox=sandbox, since=since))
    return customers


def refresh(refs: Iterable[str], *, sandbox: bool, since: datetime) -> dict[str, CachedCustomer]:
    """Read these customers again. Customers that don't exist (any more) are left out and never cached."""
    refs = list(refs)
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, [since, sandbox, refs])
        for row in cursor.fetchall():
            rows.setdefault(row[0], []).append(row[1:])
    copies = {ref: _build_copy(customer_rows, since) for ref, customer_rows in rows.items()}
    for ref, copy in copies.items():
        _copies[sandbox, ref] = copy
    for ref in refs:
        if ref not in copies:
            _copies.pop((sandbox, ref), None)  # erased, which also changes the external id
    # The customers cached first go first.
    while len(_copies) > MAX_CUSTOMERS:
        _copies.popitem(last=False)
    return copies


def keep(customers: Mapping[str, CachedCustomer], *, sandbox: bool) -> None:
    """Keep these copies in place of earlier ones."""
    for ref, copy in customers.items():
        _copies[sandbox, ref] = copy


def clear() -> None:
    """Drop every copy."""
    _copies.clear()


def _build_copy(rows: list[tuple[Any, ...]], since: datetime) -> CachedCustomer:
    customer_id, zone = rows[0][:2]
    periods = tuple(
        build_period(*period, throttles=throttles, split_values=split_values)
        for _, _, _, _, _, *period, throttles, split_values in rows
        if period[0] is not None
    )
    return build_customer(
        customer_id,
        ZoneInfo(zone),
        since,
        _covered_until(rows, since),
        periods,
        decode_pauses(row[2] for row in rows),
    )


def build_customer(
    customer_id: int,
    zone: tzinfo,
    since: datetime,
    until: datetime,
    periods: Sequence[CachedPeriod],
    pauses: tuple[CachedPause, ...],
) -> CachedCustomer:
    """Return the copy of a customer with these periods and pauses."""
    terms = [load_terms(period.version_id, period.currency) for period in periods]
    has_resets = any(version_terms.resets for version_terms in terms)
    has_splits = any(version_terms.split_features for version_terms in terms)
    return CachedCustomer(customer_id, zone, since, until, tuple(periods), has_resets, pauses, has_splits)


def _covered_until(rows: list[tuple[Any, ...]], since: datetime) -> datetime:
    """Return the time at which the first active subscription runs out of generated periods."""
    last: dict[int, datetime] = {}
    ends: dict[int, datetime] = {}
    for _, _, _, is_active, subscription_ends_at, _, _, _, period_ends_at, _, _, subscription_id, *_ in rows:
        if is_active:
            last[subscription_id] = max(last.get(subscription_id, since), period_ends_at or since)
            ends[subscription_id] = subscription_ends_at or FAR_FUTURE
    return min((end for id_, end in last.items() if end < ends[id_]), default=FAR_FUTURE)
