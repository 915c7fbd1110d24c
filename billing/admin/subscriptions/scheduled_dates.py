"""
Everything that is scheduled, by day: versions, changes of subscriptions, ends of terms, custom prices, credits.

Days are those of UTC, as in every other list of the admin.
"""

from calendar import Calendar
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Model, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import ngettext_lazy

from billing.models import (
    Override,
    Pause,
    Period,
    PlanMigration,
    ScheduledChange,
    Subscription,
    SubscriptionCommitment,
)
from billing.models.pauses import PauseState
from billing.models.periods import PeriodState
from billing.models.plan_changes import ChangeState
from billing.models.plan_migrations import MigrationState
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from lib.admin import page_url
from lib.translation import Text
from plans.models import Coupon, PlanVersion
from plans.models.versions import VersionState
from wallets.models import Lot

DAY = timedelta(days=1)
MOST_LISTED = 100
"""Rows of one kind listed for a day; the count is of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSource:
    """
    A kind of date.

    name: a plural of Django with %(count)s. icon: of Material Symbols. permission: to see its rows.
    rows: those whose dates are still to come. at: the field with the date. owner: the lookup from a row to the row
        that has a seller and the flag of the sandbox; None for rows of the catalog, which have neither.
    spans_sellers: whether a row concerns customers of several sellers, so that staff of some sellers may not see it;
        it has its own flag of the sandbox.
    related: lookups read with the rows. page: the lookup to the row whose page a date links to; empty for its own.
    """

    name: Any
    icon: str
    permission: str
    rows: QuerySet[Any]
    at: str
    owner: str | None
    spans_sellers: bool = False
    related: tuple[str, ...] = ()
    page: str = ""

    def between(
        self, start: datetime, end: datetime, *, sandbox: bool, seller_ids: Collection[int] | None
    ) -> QuerySet[Any]:
        """Return the rows with a date in the half-open interval; seller_ids: as `limit_to_sellers`, None for all."""
        rows = self.rows.filter(**{f"{self.at}__gte": start, f"{self.at}__lt": end})
        if self.owner is None:
            if not self.spans_sellers:
                return rows
            return rows.filter(sandbox=sandbox) if seller_ids is None else rows.none()
        lookup = f"{self.owner}__" if self.owner else ""
        rows = rows.filter(**{f"{lookup}customer__sandbox": sandbox})
        return rows if seller_ids is None else rows.filter(**{f"{lookup}seller__in": seller_ids})


@dataclass(frozen=True, slots=True)
class DayEntry:
    """The dates of one kind on a day. rows: (text, link), if they were asked for."""

    text: Text
    icon: str
    count: int
    rows: list[tuple[str, str]] = field(default_factory=list)


SUBSCRIPTION = ("subscription__customer", "subscription__version__plan")

SOURCES = (
    DateSource(
        name=ngettext_lazy("%(count)s version takes effect", "%(count)s versions take effect", "count"),
        icon="sell",
        permission="plans.view_planversion",
        rows=PlanVersion.objects.filter(state=VersionState.SCHEDULED),
        at="effective_from",
        owner=None,
        related=("plan",),
    ),
    DateSource(
        name=ngettext_lazy("%(count)s plan migration", "%(count)s plan migrations", "count"),
        icon="move_down",
        permission="billing.view_planmigration",
        rows=PlanMigration.objects.filter(state__in=[MigrationState.PLANNED, MigrationState.BEGUN]),
        at="moment",
        owner=None,
        spans_sellers=True,
    ),
    DateSource(
        name=ngettext_lazy(
            "%(count)s subscription changes its version", "%(count)s subscriptions change their version", "count"
        ),
        icon="moving",
        permission="billing.view_scheduledchange",
        rows=ScheduledChange.objects.filter(state=ChangeState.PENDING),
        at="moment",
        owner="subscription",
        related=(*SUBSCRIPTION, "version__plan", "from_version__plan"),
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy("%(count)s period to invoice", "%(count)s periods to invoice", "count"),
        icon="receipt_long",
        permission="billing.view_period",
        rows=Period.objects.filter(state=PeriodState.OPEN),
        at="due_at",
        owner="subscription",
        related=SUBSCRIPTION,
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy("%(count)s trial ends", "%(count)s trials end", "count"),
        icon="hourglass_bottom",
        permission="billing.view_subscription",
        rows=Subscription.objects.filter(state=SubscriptionState.TRIALING),
        at="trial_ends_at",
        owner="",
        related=("customer", "version__plan"),
    ),
    DateSource(
        name=ngettext_lazy("%(count)s subscription ends", "%(count)s subscriptions end", "count"),
        icon="event_busy",
        permission="billing.view_subscription",
        rows=Subscription.objects.filter(
            state__in=[*RUNNING_STATES, SubscriptionState.PAUSED, SubscriptionState.CANCELED]
        ),
        at="ends_at",
        owner="",
        related=("customer", "version__plan"),
    ),
    DateSource(
        name=ngettext_lazy("%(count)s pause begins", "%(count)s pauses begin", "count"),
        icon="pause_circle",
        permission="billing.view_subscription",
        rows=Pause.objects.filter(state=PauseState.TO_COME),
        at="starts_at",
        owner="subscription",
        related=SUBSCRIPTION,
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy("%(count)s pause ends", "%(count)s pauses end", "count"),
        icon="play_circle",
        permission="billing.view_subscription",
        rows=Pause.objects.filter(state__in=[PauseState.TO_COME, PauseState.RUNNING]),
        at="ends_at",
        owner="subscription",
        related=SUBSCRIPTION,
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy("%(count)s commitment ends", "%(count)s commitments end", "count"),
        icon="handshake",
        permission="billing.view_subscription",
        rows=SubscriptionCommitment.objects.all(),
        at="ends_at",
        owner="subscription",
        related=SUBSCRIPTION,
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy("%(count)s custom price begins", "%(count)s custom prices begin", "count"),
        icon="trending_up",
        permission="billing.view_subscription",
        rows=Override.objects.exclude(ends_at=F("starts_at")),
        at="starts_at",
        owner="subscription",
        related=(*SUBSCRIPTION, "feature"),
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy("%(count)s custom price ends", "%(count)s custom prices end", "count"),
        icon="trending_down",
        permission="billing.view_subscription",
        rows=Override.objects.exclude(ends_at=F("starts_at")),
        at="ends_at",
        owner="subscription",
        related=(*SUBSCRIPTION, "feature"),
        page="subscription",
    ),
    DateSource(
        name=ngettext_lazy(
            "%(count)s coupon can no longer be redeemed", "%(count)s coupons can no longer be redeemed", "count"
        ),
        icon="confirmation_number",
        permission="plans.view_coupon",
        rows=Coupon.objects.filter(archived_at=None),
        at="redeem_until",
        owner=None,
    ),
    DateSource(
        name=ngettext_lazy("%(count)s lot of credits expires", "%(count)s lots of credits expire", "count"),
        icon="timer_off",
        permission="wallets.view_wallet",
        rows=Lot.objects.filter(has_left=True),
        at="expires_at",
        owner="wallet",
        related=("wallet__customer",),
        page="wallet",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """
    The scheduled dates as one user may see them.

    at: earlier dates have passed. seller_ids: as `limit_to_sellers`.
    """

    sources: tuple[DateSource, ...]
    at: datetime
    sandbox: bool
    seller_ids: Collection[int] | None

    def read_days(self, first: date, last: date) -> dict[date, list[DayEntry]]:
        """Return the entries by day, from the first day to the last, by one query for each source."""
        entries_by_day: dict[date, list[DayEntry]] = {}
        for source in self.sources:
            rows = self._between(source, first, last)
            by_day = rows.annotate(day=TruncDate(source.at, tzinfo=UTC)).order_by().values_list("day")
            for day, count in by_day.annotate(count=Count("pk")):
                entry = DayEntry(source.name % {"count": count}, source.icon, count)
                entries_by_day.setdefault(day, []).append(entry)
        return entries_by_day

    def read_day(self, day: date) -> list[DayEntry]:
        """Return the entries of a day with their rows, by two queries for each source at most."""
        return [entry for source in self.sources if (entry := self._list(source, day)).count]

    def _list(self, source: DateSource, day: date) -> DayEntry:
        rows = self._between(source, day, day)
        listed = list(rows.select_related(*source.related).order_by(source.at, "pk")[: MOST_LISTED + 1])
        count = len(listed) if len(listed) <= MOST_LISTED else rows.count()
        return DayEntry(
            source.name % {"count": count}, source.icon, count, list(_links(source, listed[:MOST_LISTED]))
        )

    def _between(self, source: DateSource, first: date, last: date) -> QuerySet[Any]:
        start, end = (datetime.combine(day, time(), UTC) for day in (first, last + DAY))
        return source.between(max(start, self.at), end, sandbox=self.sandbox, seller_ids=self.seller_ids)


def _links(source: DateSource, rows: Iterable[Model]) -> Iterable[tuple[str, str]]:
    for row in rows:
        target = getattr(row, source.page) if source.page else row
        yield _describe(row), page_url(target)


def _describe(row: Any) -> str:
    match row:
        case ScheduledChange():
            return f"{row.subscription.customer}: {row.from_version} → {row.version}"
        case Subscription():
            return f"{row.customer}: {row.version}"
        case Override():
            return f"{row.subscription.customer}: {row.feature}"
        case Lot():
            return f"{row.wallet.customer}: {row}"
        case Period() | Pause() | SubscriptionCommitment():
            return f"{row.subscription.customer}: {row.subscription.version}"
        case _:
            return str(row)


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day of the grid. is_of_month: False for the days that complete the first and the last week."""

    day: date
    is_of_month: bool
    is_today: bool
    entries: list[DayEntry]


class CalendarMonth:
    """A month in weeks from Monday on."""

    def __init__(self, first: date, schedule: Schedule) -> None:
        self.first = first
        self.schedule = schedule

    @property
    def former(self) -> date:
        return (self.first - DAY).replace(day=1)

    @property
    def following(self) -> date:
        return (self.first + 31 * DAY).replace(day=1)

    @cached_property
    def weeks(self) -> list[list[CalendarDay]]:
        weeks = Calendar().monthdatescalendar(self.first.year, self.first.month)
        entries_by_day = self.schedule.read_days(weeks[0][0], weeks[-1][-1])
        today = self.schedule.at.date()
        return [
            [
                CalendarDay(day, day.month == self.first.month, day == today, entries_by_day.get(day, []))
                for day in week
            ]
            for week in weeks
        ]


def read_day(text: str) -> date | None:
    """Return a day written as 2026-12-01 that is near enough to show, else None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2200 else None
