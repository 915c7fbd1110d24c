"""Choose who is to move: by rules, or by a list of ids. What is chosen stays chosen, whatever changes afterwards."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from billing.models import MigrationItem, Period, PlanMigration, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.plan_migrations import MigrationTiming, MoveState
from billing.models.subscriptions import RUNNING_STATES
from lib.audit_log import audited_transaction
from plans.models import PlanVersion
from plans.models.versions import VersionState

MAX_IDS = 20_000
MAX_LEFT_OUT = 1_000
MAX_TITLE_LENGTH = 120


class MigrationRefused(ValueError):
    """A migration cannot be planned, or gone on with, so; the text says why and what to do. field: what it is of."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Whom to move: all who fit, of those that are named if some are; who is on the target already is left alone.

    plan: a code; versions: of it, by number, or all. ids: of subscriptions or customers, by which all running
    subscriptions of theirs are named. began_from, began_until: when they subscribed, half-open.
    spent_least, spent_most: what the last period that is billed came to, in the subscription's currency, before tax.
    """

    plan: str = ""
    versions: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    currency: str = ""
    seller: str = ""
    country: str = ""
    began_from: datetime | None = None
    began_until: datetime | None = None
    spent_least: Decimal | None = None
    spent_most: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what was asked for as it can be stored, without the list of ids."""
        asked = {name: value for name, value in asdict(self).items() if value and name != "ids"}
        told = {name: value if isinstance(value, tuple) else str(value) for name, value in asked.items()}
        return told | ({"ids": len(self.ids)} if self.ids else {})


@dataclass(frozen=True, slots=True)
class MigrationTerms:
    """How they move: see `Migration`."""

    when: str = MigrationTiming.PERIOD
    moment: datetime | None = None
    ends_overrides: bool = False
    from_unit: str = ""
    to_unit: str = ""
    rate: Decimal | None = None
    notice_days: int | None = None


def plan_migration(
    *,
    title: str,
    version: PlanVersion,
    selection: Selection,
    terms: MigrationTerms,
    sandbox: bool = False,
    at: datetime,
    by: AbstractBaseUser | None = None,
) -> PlanMigration:
    """
    Store a migration with a row for each subscription that is chosen now; nobody moves before it is run.

    :raises MigrationRefused: if nobody fits, the target is not published, or the terms contradict one another.
    """
    _check(title, version, selection, terms, at=at)
    with audited_transaction("plan a migration", by=by, at=at):
        chosen = select_subscriptions(selection, version=version, sandbox=sandbox)
        made = PlanMigration.objects.create(
            title=title,
            version=version,
            sandbox=sandbox,
            selection=selection.as_json(),
            left_out=_left_out(selection, chosen, version=version, sandbox=sandbox)[:MAX_LEFT_OUT],
            asked_by=by,
            created_at=at,
            **asdict(terms),
        )
        rows = chosen.order_by("pk").values_list("pk", "version").iterator()
        moves = (
            MigrationItem(migration=made, subscription_id=id_, from_version_id=version_id) for id_, version_id in rows
        )
        if not MigrationItem.objects.bulk_create(moves, batch_size=2_000):
            raise MigrationRefused("No running subscription fits: choose others.", field="selection")
        return made


def select_subscriptions(selection: Selection, *, version: PlanVersion, sandbox: bool) -> QuerySet[Subscription]:
    """Return the running subscriptions that fit, without those that are on the target already."""
    found = Subscription.objects.running().filter(sandbox=sandbox).exclude(version=version)
    if selection.ids:
        found = found.filter(Q(external_id__in=selection.ids) | Q(customer__external_id__in=selection.ids))
    exact = {
        "version__plan__code": selection.plan,
        "version__number__in": selection.versions,
        "currency": selection.currency,
        "customer__seller__code": selection.seller,
        "customer__country": selection.country,
        "starts_at__gte": selection.began_from,
        "starts_at__lt": selection.began_until,
    }
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if selection.spent_least is not None or selection.spent_most is not None:
        found = _by_spend(found, selection)
    return found


def _by_spend(found: QuerySet[Subscription], selection: Selection) -> QuerySet[Subscription]:
    billed = Period.objects.filter(subscription=OuterRef("pk"), kind=PeriodKind.REGULAR, state=PeriodState.CLOSED)
    last = Subquery(billed.order_by("-starts_at").values("invoice__net")[:1])
    found = found.annotate(spent=Coalesce(last, Decimal(0)))
    if selection.spent_least is not None:
        found = found.filter(spent__gte=selection.spent_least)
    if selection.spent_most is not None:
        found = found.filter(spent__lte=selection.spent_most)
    return found


def _check(title: str, version: PlanVersion, selection: Selection, terms: MigrationTerms, *, at: datetime) -> None:
    if not title.strip() or len(title) > MAX_TITLE_LENGTH:
        raise MigrationRefused(f"Give it a title of up to {MAX_TITLE_LENGTH} characters.", field="title")
    if version.state != VersionState.LIVE:
        raise MigrationRefused(f"{version} is {version.get_state_display()}: choose one in force.", field="version")
    if len(selection.ids) > MAX_IDS:
        raise MigrationRefused(f"More than {MAX_IDS:,} ids: plan several migrations.", field="ids")
    if not any([selection.plan, selection.ids]):
        raise MigrationRefused("Choose a plan, or name subscriptions or customers.", field="selection")
    if (terms.when == MigrationTiming.DATE) != (terms.moment is not None):
        raise MigrationRefused("Say which date, or choose another time.", field="moment")
    if terms.moment is not None and terms.moment <= at:
        raise MigrationRefused(f"{terms.moment:%Y-%m-%d %H:%M} UTC is past: choose a later date.", field="moment")
    if any([terms.from_unit, terms.to_unit, terms.rate]):
        _check_conversion(terms)


def _check_conversion(terms: MigrationTerms) -> None:
    if not (terms.from_unit and terms.to_unit and terms.rate) or terms.from_unit == terms.to_unit:
        raise MigrationRefused("Give two units and how many of the one become one of the other.", field="rate")
    if not 0 < terms.rate <= 1_000_000:
        raise MigrationRefused("The rate is above zero, and a million at most.", field="rate")
    if terms.when != MigrationTiming.NOW:
        raise MigrationRefused("Wallets are converted by a migration that moves now.", field="when")


def _left_out(
    selection: Selection, chosen: QuerySet[Subscription], *, version: PlanVersion, sandbox: bool
) -> list[tuple[str, str]]:
    """Return the ids that were named and name nobody who is moved, each with the reason."""
    if not selection.ids:
        return []
    named = set(selection.ids)
    taken = {name for row in chosen.values_list("external_id", "customer__external_id") for name in row}
    known = Subscription.objects.filter(
        Q(external_id__in=named) | Q(customer__external_id__in=named), sandbox=sandbox
    ).select_related("customer")
    why: dict[str, str] = {}
    for one in known:
        reason = _reason(one, version)
        why |= dict.fromkeys({one.external_id, one.customer.external_id} & named, reason)
    return [
        (id_, why.get(id_, "No subscription or customer has this id.")) for id_ in selection.ids if id_ not in taken
    ]


def _reason(subscription: Subscription, version: PlanVersion) -> str:
    if subscription.version_id == version.pk:
        return f"It is on {version} already."
    if subscription.state not in RUNNING_STATES:
        return f"It is {subscription.get_state_display()}."
    return "It does not fit what else was asked for."


def exclude(*, migration: PlanMigration, move_ids: Sequence[int], at: datetime, by: AbstractBaseUser | None) -> int:
    """Leave these out, as long as they have not moved; return how many it were."""
    return _set(migration, move_ids, {MoveState.WAITING, MoveState.REFUSED}, MoveState.EXCLUDED, at=at, by=by)


def include(*, migration: PlanMigration, move_ids: Sequence[int], at: datetime, by: AbstractBaseUser | None) -> int:
    """Let these move after all; return how many it were."""
    return _set(migration, move_ids, {MoveState.EXCLUDED}, MoveState.WAITING, at=at, by=by)


def _set(
    migration: PlanMigration,
    move_ids: Sequence[int],
    of: set[MoveState],
    to: MoveState,
    *,
    at: datetime,
    by: AbstractBaseUser | None,
) -> int:
    with audited_transaction("choose who is moved", by=by, at=at):
        return MigrationItem.objects.filter(migration=migration, pk__in=move_ids, state__in=of).update(state=to)
