"""
Grant a version's included credits ahead of each period, and adjust them when the period changes: docs/wallets.md.

Each grant of a period is recorded in a row that is written together with its lots and stores the revision of the
period. So any number of workers may run, a crash leaves nothing half-done, and a period that is moved, shortened or
deleted is found again. A lot's source identifies a grant, so a wallet is granted each only once.
"""

import logging
from collections.abc import Iterator, Sequence
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
from lib import sql
from lib.decimals import ZERO
from lib.queue import NO_DEADLINE, Deadline
from plans.catalog.stored_terms import load_terms
from plans.pricing.included_credits import GrantPeriod, ScheduledGrant, compute_grants
from wallets.ledger.grant import Grant, grant_all
from wallets.ledger.grant_adjustment import adjust_lot
from wallets.ledger.wallet_lookup import WalletCriteria, find_or_open_wallets
from wallets.models.lots import LotKind

# Periods per transaction: they and their customers' wallets stay locked until it ends, and spends wait for those.
BATCH_SIZE = 200
REMOVED_LOOKBACK = timedelta(days=2)
"""How far back the task looks for grants of deleted periods; operations that delete a period handle them at once."""

_log = logging.getLogger(__name__)

READ_PERIODS = """
SELECT p.id, p.starts_at, p.ends_at, p.revision, p.is_trial, p.version_id, s.id, s.customer_id, s.seller_id,
    s.currency, s.starts_at, s.ends_at, CASE WHEN p.is_trial THEN s.trial_ends_at END,
    coalesce(p.anchor_at, s.anchor_at), c.time_zone, g.revision
FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id JOIN customers_customer c ON c.id = s.customer_id
LEFT JOIN billing_periodgrant g ON g.period_id = p.id
WHERE p.id = ANY(%s) ORDER BY p.id
"""
# SKIP LOCKED: several workers grant different periods.
_DUE = """
SELECT p.id FROM billing_period p LEFT JOIN billing_periodgrant g ON g.period_id = p.id
WHERE p.kind = 'regular' AND p.state = 'open' AND p.version_id = ANY(%(versions)s) AND p.starts_at <= %(until)s
    AND (g.period_id IS NULL OR g.revision <> p.revision OR g.next_at <= %(until)s) AND p.id > %(after)s
    AND {in_time}
ORDER BY p.id LIMIT %(limit)s FOR NO KEY UPDATE OF p SKIP LOCKED
"""
# The period row is the lock of its grants: a close, a shortening and another worker wait for it.
_LOCK_PERIODS = """
SELECT p.id FROM billing_period p
WHERE p.kind = 'regular' AND p.subscription_id = ANY(%(subscriptions)s) AND p.version_id = ANY(%(versions)s)
    AND (p.state = 'open' OR NOT EXISTS (SELECT FROM billing_periodgrant g WHERE g.period_id = p.id))
    AND p.starts_at <= %(until)s
ORDER BY p.id FOR NO KEY UPDATE
"""
# SKIP LOCKED: another worker takes the skipped grants back.
_LOCK_ORPHANS = """
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
    """
    A locked period with its subscription and customer. granted_revision: the revision that was granted, None if none
    was.
    """

    period_id: int
    starts_at: datetime
    ends_at: datetime
    revision: int
    is_trial: bool
    version_id: int
    subscription_id: int
    customer_id: int
    seller_id: int
    currency: str
    subscription_starts_at: datetime
    subscription_ends_at: datetime | None
    trial_ends_at: datetime | None
    anchor_at: datetime
    time_zone: str
    granted_revision: int | None

    @property
    def grant_period(self) -> GrantPeriod:
        """The period in the form that credit rules use."""
        terms = load_terms(self.version_id, self.currency)
        return GrantPeriod(
            self.starts_at,
            self.ends_at,
            period_anchor(terms, anchor_at=self.anchor_at, time_zone=self.time_zone),
            terms.proration,
            is_first=self.starts_at == self.subscription_starts_at,
            continues=self.subscription_ends_at is None or self.subscription_ends_at > self.ends_at,
            trial_ends_at=self.trial_ends_at,
        )


def grant_due(
    *,
    at: datetime,
    clock_id: int | None = None,
    batch_size: int = BATCH_SIZE,
    deadline: Deadline = NO_DEADLINE,
) -> int:
    """
    Grant the included credits of every open period that starts within two hours; return how many were processed.

    clock_id: limits the work to customers on this test clock; None means real time.

    Grants of periods that changed since are adjusted. Safe to repeat and to run concurrently; a period that can't be
    granted is logged, stops no other, and stays due.
    """
    versions = versions_with_credits()
    query = _DUE.format(in_time=test_clock_condition(clock_id, "p.subscription_id"))
    processed, after = 0, 0
    # No version includes credits in most installations: then nothing is read.
    while versions and deadline.has_time():
        parameters = {"versions": versions, "until": at + PERIOD_LEAD_TIME, "after": after, "limit": batch_size}
        with transaction.atomic():
            ids = sql.fetch_column(query, parameters)
            failed = not _try_grant(ids, at)
        # One of the periods failed: they are granted one by one, so that the others are not held back.
        for id_ in ids if failed and len(ids) > 1 else ():
            with transaction.atomic():
                _try_grant(sql.fetch_column(query, parameters | {"after": id_ - 1, "limit": 1}), at)
        processed += len(ids)
        if len(ids) < batch_size:
            break
        after = ids[-1]
    with transaction.atomic():
        _revoke_orphans(
            f"g.starts_at > %s AND {clock_sql(clock_id, 's.customer_id')}", [at - REMOVED_LOOKBACK], at=at
        )
    return processed


def grant_included(*, subscription_ids: Sequence[int], at: datetime) -> None:
    """
    Grant the periods of these subscriptions their included credits, and adjust earlier grants.

    The caller's transaction has locked the subscriptions and changed their periods.
    """
    versions = versions_with_credits()
    if versions:
        ids = list(subscription_ids)
        parameters = {"subscriptions": ids, "versions": versions, "until": at + PERIOD_LEAD_TIME}
        _grant(sql.fetch_column(_LOCK_PERIODS, parameters), at=at, adjusts_all=True)
        _revoke_orphans("g.subscription_id = ANY(%s)", [ids], at=at)


def _try_grant(period_ids: Sequence[int], at: datetime) -> bool:
    try:
        with transaction.atomic():
            _grant(period_ids, at=at)
    except Exception:
        # Without a connection no savepoint can be rolled back, so the error must reach the caller.
        if not connection.is_usable():
            raise
        if len(period_ids) == 1:
            _log.exception("the included credits of period %s could not be granted", period_ids[0])
        return False
    return True


def _grant(period_ids: Sequence[int], *, at: datetime, adjusts_all: bool = False) -> None:
    """
    Grant locked periods the credits that start within two hours, and adjust the grants of changed periods.

    adjusts_all: adjust unchanged periods too, because the end of their subscriptions may have changed.
    """
    periods = [PeriodToGrant(*row) for row in sql.fetch_rows(READ_PERIODS, [list(period_ids)])]
    rules = read_included_credits({(period.version_id, period.currency) for period in periods})
    changed = [period for period in periods if period.granted_revision is not None]
    if not adjusts_all:
        changed = [period for period in changed if period.granted_revision != period.revision]
    _adjust(changed, rules, at=at)
    grants_by_wallet: dict[WalletCriteria, list[Grant]] = {}
    marks = []
    for due_period in periods:
        begun, next_at = _split_by_start(
            grants_for_period(due_period, rules[due_period.version_id, due_period.currency]), at + PERIOD_LEAD_TIME
        )
        for unit, grant in begun:
            criteria = WalletCriteria(due_period.customer_id, unit, seller_id=due_period.seller_id)
            grants_by_wallet.setdefault(criteria, []).append(grant)
        marks.append(_build_record(due_period, next_at))
    wallets = find_or_open_wallets(grants_by_wallet, at=at)
    if grants_by_wallet:
        grant_all(grants={wallets[criteria].pk: grants for criteria, grants in grants_by_wallet.items()}, at=at)
    PeriodGrant.objects.bulk_create(
        marks, update_conflicts=True, unique_fields=["period_id"], update_fields=["revision", "next_at", "starts_at"]
    )


def _build_record(period: PeriodToGrant, next_at: datetime | None) -> PeriodGrant:
    return PeriodGrant(
        period_id=period.period_id,
        subscription_id=period.subscription_id,
        starts_at=period.starts_at,
        revision=period.revision,
        next_at=next_at,
    )


def _split_by_start(
    grants: Iterator[tuple[str, Grant]], until: datetime
) -> tuple[list[tuple[str, Grant]], datetime | None]:
    """Return the grants that start by then, and the start of the first later one."""
    begun: list[tuple[str, Grant]] = []
    later_starts: list[datetime] = []
    for unit, grant in grants:
        if grant.valid_from is None or grant.valid_from <= until:
            begun.append((unit, grant))
        else:
            later_starts.append(grant.valid_from)
    return begun, min(later_starts, default=None)


def grants_for_period(
    period_to_grant: PeriodToGrant, rules: Sequence[IncludedCreditTerms]
) -> Iterator[tuple[str, Grant]]:
    """Yield all grants of a period, each with its unit."""
    period = period_to_grant.grant_period
    for included in rules:
        for slot in compute_grants(included.rule, period):
            yield included.unit, _build_grant(period_to_grant, included, slot)


def _build_grant(period: PeriodToGrant, included: IncludedCreditTerms, slot: ScheduledGrant) -> Grant:
    # The source identifies the grant of a period and rule, so it is granted only once.
    kind = "starter" if included.rule.every == "once" else "period"
    return Grant(
        LotKind.INCLUDED,
        slot.units,
        ":".join(filter(None, [kind, str(period.period_id), str(included.id), slot.name])),
        valid_from=slot.starts_at,
        expires_at=slot.expires_at,
        features=included.features,
        priority=included.priority,
        rollover_most=included.rollover_most if slot.rollover_ends else None,
        rollover_ends=slot.rollover_ends,
    )


def _adjust(
    periods: Sequence[PeriodToGrant], rules: dict[tuple[int, str], list[IncludedCreditTerms]], *, at: datetime
) -> None:
    """Adjust earlier grants of periods to the grants that the periods as they are now would get."""
    if not periods:
        return
    grants_by_source = {
        grant.source: grant
        for period in periods
        for _, grant in grants_for_period(period, rules[period.version_id, period.currency])
    }
    ids = [str(period.period_id) for period in periods]
    for lot_id, source in sql.fetch_rows(_LOTS, [[period.customer_id for period in periods], ids]):
        grant = grants_by_source.get(source)
        if grant is None:
            adjust_lot(lot_id=lot_id, units=ZERO, reason="Its period ended before", at=at)
        else:
            adjust_lot(
                lot_id=lot_id,
                units=grant.amount,
                expires_at=grant.expires_at,
                rollover_ends=grant.rollover_ends,
                reason="Its period was changed",
                at=at,
            )


def _revoke_orphans(condition: str, parameters: list[Any], *, at: datetime) -> None:
    """Revoke grants of deleted periods."""
    orphans = sql.fetch_rows(_LOCK_ORPHANS.format(which=condition), parameters)
    if not orphans:
        return
    ids = [id_ for id_, _ in orphans]
    for lot_id, _ in sql.fetch_rows(_LOTS, [[customer_id for _, customer_id in orphans], [str(id_) for id_ in ids]]):
        adjust_lot(lot_id=lot_id, units=ZERO, reason="Its period was removed", at=at)
    PeriodGrant.objects.filter(pk__in=ids).delete()
