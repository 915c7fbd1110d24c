"""
Grant what versions include, ahead of each period, and fit it to what becomes of the period: docs/wallets.md.

A period is granted by a row of its own, which is written together with the lots and says for which revision of the
period: so any number of workers may run, a worker that dies leaves nothing half-done, and a period that is moved, cut
short or removed is found again. What a wallet was granted it knows by the source of its lots, and takes once.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from billing.models import PeriodGrant
from billing.subscriptions.periods.boundaries import period_anchor
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME
from billing.subscriptions.terms.included_credits import (
    IncludedCreditTerms,
    read_included_credits,
    versions_with_credits,
)
from billing.subscriptions.test_clock_filters import test_clock_condition
from customers.customer_time import clock_sql
from lib.decimals import ZERO
from plans.catalog.stored_terms import load_terms
from plans.pricing.included_credits import GrantPeriod, ScheduledGrant, compute_grants
from wallets.ledger.grant import Grant, grant_all
from wallets.ledger.grant_adjustment import adjust_lot
from wallets.ledger.wallet_lookup import WalletCriteria, find_or_open_wallets
from wallets.models.lots import LotKind

BATCH_SIZE = 200
REMOVED_LOOKBACK = timedelta(days=2)
"""How long what was granted to a period that is removed is looked for by the task; the operation does so at once."""

_log = logging.getLogger(__name__)

_COLUMNS = """p.id, p.starts_at, p.ends_at, p.revision, p.is_trial, p.version_id, s.id, s.customer_id, s.currency,
    s.starts_at, s.ends_at, CASE WHEN p.is_trial THEN s.trial_ends_at END, s.anchor_at, c.time_zone, g.revision"""
READ_PERIODS = f"""
SELECT {_COLUMNS} FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id JOIN customers_customer c ON c.id = s.customer_id
LEFT JOIN billing_periodgrant g ON g.period_id = p.id
WHERE p.id = ANY(%s) ORDER BY p.id
"""  # noqa: S608
_DUE = """
SELECT p.id FROM billing_period p LEFT JOIN billing_periodgrant g ON g.period_id = p.id
WHERE p.kind = 'regular' AND p.state = 'open' AND p.version_id = ANY(%(versions)s) AND p.starts_at <= %(until)s
    AND (g.period_id IS NULL OR g.revision <> p.revision OR g.next_at <= %(until)s) AND p.id > %(after)s
    AND {in_time}
ORDER BY p.id LIMIT %(limit)s FOR NO KEY UPDATE OF p SKIP LOCKED
"""
_OF_SUBSCRIPTIONS = """
SELECT p.id FROM billing_period p
WHERE p.kind = 'regular' AND p.subscription_id = ANY(%(subscriptions)s) AND p.version_id = ANY(%(versions)s)
    AND (p.state = 'open' OR NOT EXISTS (SELECT FROM billing_periodgrant g WHERE g.period_id = p.id))
    AND p.starts_at <= %(until)s
ORDER BY p.id FOR NO KEY UPDATE
"""
_GONE = """
SELECT g.period_id, s.customer_id FROM billing_periodgrant g JOIN billing_subscription s ON s.id = g.subscription_id
WHERE NOT EXISTS (SELECT FROM billing_period p WHERE p.id = g.period_id AND p.kind <> 'undone') AND {which}
ORDER BY 1 FOR UPDATE OF g SKIP LOCKED
"""
_LOTS = """
SELECT l.id, l.source FROM wallets_lot l JOIN wallets_wallet w ON w.id = l.wallet_id
WHERE w.customer_id = ANY(%s) AND l.kind = 'included' AND split_part(l.source, ':', 2) = ANY(%s::text[])
ORDER BY l.wallet_id, l.id
"""


@dataclass(frozen=True, slots=True)
class PeriodToGrant:
    """A period that is locked, whose subscription and customer, and for which revision it was granted, if it was."""

    period_id: int
    starts_at: datetime
    ends_at: datetime
    revision: int
    is_trial: bool
    version_id: int
    subscription_id: int
    customer_id: int
    currency: str
    subscription_starts_at: datetime
    subscription_ends_at: datetime | None
    trial_ends_at: datetime | None
    anchor_at: datetime
    time_zone: str
    granted_revision: int | None

    @property
    def grant_period(self) -> GrantPeriod:
        """The period as it is granted something."""
        terms = load_terms(self.version_id, self.currency)
        return GrantPeriod(
            self.starts_at,
            self.ends_at,
            period_anchor(terms, anchor_at=self.anchor_at, time_zone=self.time_zone),
            terms.proration,  # type: ignore[arg-type]
            is_first=self.starts_at == self.subscription_starts_at,
            continues=self.subscription_ends_at is None or self.subscription_ends_at > self.ends_at,
            trial_ends_at=self.trial_ends_at,
        )


def grant_due(
    *,
    at: datetime,
    clock_id: int | None = None,
    batch_size: int = BATCH_SIZE,
    keep_going: Callable[[], bool] = lambda: True,
) -> int:
    """
    Grant every open period that begins within two hours what its version includes; return how many were looked at.

    Fit what was granted to periods that have changed since. May run twice, or several times at once; a period that
    cannot be granted is logged, stops no other, and is due as before. clock: of customers in this test clock's time;
    in real time for None.
    """
    versions, query = (
        versions_with_credits(),
        _DUE.format(in_time=test_clock_condition(clock_id, "p.subscription_id")),
    )
    looked_at, after = 0, 0
    while versions and keep_going():
        asked = {"versions": versions, "until": at + PERIOD_LEAD_TIME, "after": after, "limit": batch_size}
        with transaction.atomic():
            ids = _ids(query, asked)
            failed = not _tried(ids, at)
        for id_ in ids if failed and len(ids) > 1 else ():
            with transaction.atomic():
                _tried(_ids(query, asked | {"after": id_ - 1, "limit": 1}), at)
        looked_at += len(ids)
        if len(ids) < batch_size:
            break
        after = ids[-1]
    with transaction.atomic():
        _take_back_gone(
            f"g.starts_at > %s AND {clock_sql(clock_id, 's.customer_id')}", [at - REMOVED_LOOKBACK], at=at
        )
    return looked_at


def grant_included(*, subscription_ids: Sequence[int], at: datetime) -> None:
    """
    Grant the periods of these subscriptions what they include by now, and fit to it what they were granted.

    The caller's transaction holds the subscriptions, and has moved their periods.
    """
    versions = versions_with_credits()
    if versions:
        ids = list(subscription_ids)
        asked = {"subscriptions": ids, "versions": versions, "until": at + PERIOD_LEAD_TIME}
        _grant(_ids(_OF_SUBSCRIPTIONS, asked), at=at, thoroughly=True)
        _take_back_gone("g.subscription_id = ANY(%s)", [ids], at=at)


def _tried(period_ids: Sequence[int], at: datetime) -> bool:
    try:
        with transaction.atomic():
            _grant(period_ids, at=at)
    except Exception:
        if not connection.is_usable():
            raise
        if len(period_ids) == 1:
            _log.exception("period %s cannot be granted what its version includes", period_ids[0])
        return False
    return True


def _grant(period_ids: Sequence[int], *, at: datetime, thoroughly: bool = False) -> None:
    """
    Grant locked periods what begins within two hours, and fit what changed ones were granted.

    thoroughly: fit the unchanged ones as well, since their subscriptions may end now.
    """
    due = [PeriodToGrant(*row) for row in _rows(READ_PERIODS, [list(period_ids)])]
    rules = read_included_credits({(one.version_id, one.currency) for one in due})
    changed = [one for one in due if one.granted_revision is not None]
    if not thoroughly:
        changed = [one for one in changed if one.granted_revision != one.revision]
    _fit(changed, rules, at=at)
    found: dict[WalletCriteria, list[Grant]] = {}
    marks = []
    for one in due:
        begun, next_at = _split(grants_for_period(one, rules[one.version_id, one.currency]), at + PERIOD_LEAD_TIME)
        for unit, given in begun:
            found.setdefault(WalletCriteria(one.customer_id, unit), []).append(given)
        marks.append(_mark(one, next_at))
    wallets = find_or_open_wallets(found, at=at)
    if found:
        grant_all(grants={wallets[sought].pk: given for sought, given in found.items()}, at=at)
    PeriodGrant.objects.bulk_create(
        marks, update_conflicts=True, unique_fields=["period_id"], update_fields=["revision", "next_at", "starts_at"]
    )


def _mark(one: PeriodToGrant, next_at: datetime | None) -> PeriodGrant:
    facts = {"starts_at": one.starts_at, "revision": one.revision, "next_at": next_at}
    return PeriodGrant(period_id=one.period_id, subscription_id=one.subscription_id, **facts)


def _split(grants: Iterator[tuple[str, Grant]], until: datetime) -> tuple[list[tuple[str, Grant]], datetime | None]:
    """Return those that begin until then, and when the first of the others does."""
    begun, to_come = [], []
    for unit, one in grants:
        (begun if one.valid_from is None or one.valid_from <= until else to_come).append((unit, one))
    return begun, min((one.valid_from for _, one in to_come if one.valid_from), default=None)


def grants_for_period(due: PeriodToGrant, rules: Sequence[IncludedCreditTerms]) -> Iterator[tuple[str, Grant]]:
    """Yield all that a period is granted, each with its unit."""
    period = due.grant_period
    for included in rules:
        for slot in compute_grants(included.rule, period):
            yield included.unit, _as_grant(due, included, slot)


def _as_grant(due: PeriodToGrant, included: IncludedCreditTerms, slot: ScheduledGrant) -> Grant:
    kind = "starter" if included.rule.every == "once" else "period"
    return Grant(
        LotKind.INCLUDED,
        slot.units,
        ":".join(filter(None, [kind, str(due.period_id), str(included.id), slot.name])),
        valid_from=slot.starts_at,
        expires_at=slot.expires_at,
        features=included.features,
        priority=included.priority,
        rollover_most=included.rollover_most if slot.rollover_ends else None,
        rollover_ends=slot.rollover_ends,
    )


def _fit(
    due: Sequence[PeriodToGrant], rules: dict[tuple[int, str], list[IncludedCreditTerms]], *, at: datetime
) -> None:
    """Fit what periods were granted to what they would be granted as they are by now."""
    if not due:
        return
    wanted = {
        given.source: given for one in due for _, given in grants_for_period(one, rules[one.version_id, one.currency])
    }
    ids = [str(one.period_id) for one in due]
    for lot_id, source in _rows(_LOTS, [[one.customer_id for one in due], ids]):
        given = wanted.get(source)
        if given is None:
            adjust_lot(lot_id=lot_id, units=ZERO, reason="Its period ended before", at=at)
        else:
            adjust_lot(
                lot_id=lot_id,
                units=given.amount,
                expires_at=given.expires_at,
                rollover_ends=given.rollover_ends,
                reason="Its period was changed",
                at=at,
            )


def _take_back_gone(which: str, parameters: list[Any], *, at: datetime) -> None:
    """Take back what periods were granted that are removed."""
    gone = _rows(_GONE.format(which=which), parameters)
    if not gone:
        return
    ids = [id_ for id_, _ in gone]
    for lot_id, _ in _rows(_LOTS, [[customer_id for _, customer_id in gone], [str(id_) for id_ in ids]]):
        adjust_lot(lot_id=lot_id, units=ZERO, reason="Its period was removed", at=at)
    PeriodGrant.objects.filter(pk__in=ids).delete()


def _ids(query: str, parameters: dict[str, Any]) -> list[int]:
    return [id_ for (id_,) in _rows(query, parameters)]


def _rows(query: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()
