"""
Select the subscriptions of a migration by rules or by a list of ids. The selection is fixed: later changes don't
affect it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing.models import MigrationItem, Period, PlanMigration, Subscription
from billing.models.periods import PeriodKind, PeriodState
from billing.models.plan_migrations import MigrationTiming, MoveState
from billing.models.subscriptions import RUNNING_STATES
from lib.audit_log import audited_transaction
from plans.models import Plan, PlanVersion
from plans.models.versions import VersionState

# Ids come from one upload, whose rows `lib.tabular_files` bounds the same way. Those that were left out are stored in
# one column and shown to a person.
MAX_IDS = 20_000
MAX_LEFT_OUT = 1_000
# The size of the column.
MAX_TITLE_LENGTH = 120
MAX_RATE = 1_000_000


class MigrationRefused(ValueError):
    """
    The migration, or its next step, isn't possible; the text gives the reason and the remedy. field: the field that
    is wrong.
    """

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Selection:
    """
    The rules by which subscriptions are selected; subscriptions on the target already are never selected.

    plan: a code.
    versions: version numbers of the plan; empty for all.
    ids: external ids of subscriptions, or of customers, which include all their running subscriptions; empty for no
        limit.
    began_from, began_until: start of the subscription, half-open.
    spent_least, spent_most: net total of the last billed period, in the subscription's currency.
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
        """Return the rules as JSON to store, with the number of ids instead of the list."""
        given = {name: value for name, value in asdict(self).items() if value and name != "ids"}
        rules = {name: value if isinstance(value, tuple) else str(value) for name, value in given.items()}
        return rules | ({"ids": len(self.ids)} if self.ids else {})


@dataclass(frozen=True, slots=True)
class MigrationTerms:
    """How the subscriptions move: see `PlanMigration`."""

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
    by: User | None = None,
) -> PlanMigration:
    """
    Store a migration with a row for each subscription selected now; nothing moves before it is run.

    :raises MigrationRefused: if no subscription is selected, the target is not published, or the terms contradict
        each other.
    """
    _check_plan(title, version, selection, terms, at=at)
    with audited_transaction("plan a migration", by=by, at=at):
        selected = select_subscriptions(selection, version=version, sandbox=sandbox)
        migration = PlanMigration.objects.create(
            title=title,
            version=version,
            sandbox=sandbox,
            selection=selection.as_json(),
            left_out=_unselected_ids(selection, selected, version=version, sandbox=sandbox)[:MAX_LEFT_OUT],
            requested_by=by,
            created_at=at,
            **asdict(terms),
        )
        rows = selected.order_by("pk").values_list("pk", "version").iterator()
        moves = (
            MigrationItem(migration=migration, subscription_id=id_, from_version_id=version_id)
            for id_, version_id in rows
        )
        # Raised inside the transaction, so an empty migration isn't stored.
        if not MigrationItem.objects.bulk_create(moves, batch_size=2_000):
            raise MigrationRefused(_("No active subscription matches. Change the selection."), field="selection")
        return migration


def select_subscriptions(
    selection: Selection, *, version: PlanVersion | None, sandbox: bool
) -> QuerySet[Subscription]:
    """Return the running subscriptions that match, without those on the target already, if there is one."""
    subscriptions: QuerySet[Subscription] = Subscription.objects.running().filter(sandbox=sandbox)
    if version is not None:
        subscriptions = subscriptions.exclude(version=version)
    if selection.ids:
        subscriptions = subscriptions.filter(
            Q(external_id__in=selection.ids) | Q(customer__external_id__in=selection.ids)
        )
    exact = {
        "version__plan__code": selection.plan,
        "version__number__in": selection.versions,
        "currency": selection.currency,
        "seller__code": selection.seller,
        "customer__country": selection.country,
        "starts_at__gte": selection.began_from,
        "starts_at__lt": selection.began_until,
    }
    subscriptions = subscriptions.filter(**{name: value for name, value in exact.items() if value})
    if selection.spent_least is not None or selection.spent_most is not None:
        subscriptions = _filter_by_spend(subscriptions, selection)
    return subscriptions


def _filter_by_spend(subscriptions: QuerySet[Subscription], selection: Selection) -> QuerySet[Subscription]:
    billed = Period.objects.filter(subscription=OuterRef("pk"), kind=PeriodKind.REGULAR, state=PeriodState.CLOSED)
    # The last closed period's invoice; none counts as zero.
    last_net = Subquery(billed.order_by("-starts_at").values("invoice__net")[:1])
    subscriptions = subscriptions.annotate(spent=Coalesce(last_net, Decimal(0)))
    if selection.spent_least is not None:
        subscriptions = subscriptions.filter(spent__gte=selection.spent_least)
    if selection.spent_most is not None:
        subscriptions = subscriptions.filter(spent__lte=selection.spent_most)
    return subscriptions


def _check_plan(
    title: str, version: PlanVersion, selection: Selection, terms: MigrationTerms, *, at: datetime
) -> None:
    if not title.strip() or len(title) > MAX_TITLE_LENGTH:
        raise MigrationRefused(
            _("Enter a title of up to %(most)s characters.") % {"most": MAX_TITLE_LENGTH}, field="title"
        )
    if version.state != VersionState.LIVE:
        raise MigrationRefused(
            _("%(version)s is %(state)s. Choose a version in force.")
            % {"version": version, "state": version.get_state_display()},
            field="version",
        )
    if len(selection.ids) > MAX_IDS:
        raise MigrationRefused(
            _("Enter at most %(most)s IDs, or plan several migrations.") % {"most": f"{MAX_IDS:,}"}, field="ids"
        )
    if not any([selection.plan, selection.ids]):
        raise MigrationRefused(_("Choose a plan, or enter subscriptions or customers."), field="selection")
    if (terms.when == MigrationTiming.DATE) != (terms.moment is not None):
        raise MigrationRefused(_("Enter the date, or choose another time."), field="moment")
    if terms.moment is not None and terms.moment <= at:
        raise MigrationRefused(
            _("%(time)s UTC is in the past. Choose a later date.") % {"time": f"{terms.moment:%Y-%m-%d %H:%M}"},
            field="moment",
        )
    if any([terms.from_unit, terms.to_unit, terms.rate]):
        _check_conversion(terms)


def _check_conversion(terms: MigrationTerms) -> None:
    if not (terms.from_unit and terms.to_unit and terms.rate) or terms.from_unit == terms.to_unit:
        raise MigrationRefused(_("Enter both units and the rate between them."), field="rate")
    if not 0 < terms.rate <= MAX_RATE:
        raise MigrationRefused(
            _("The rate must be above 0 and at most %(most)s.") % {"most": f"{MAX_RATE:,}"}, field="rate"
        )
    if terms.when != MigrationTiming.NOW:
        raise MigrationRefused(_("Wallets can only be converted if subscriptions move now."), field="when")


def _unselected_ids(
    selection: Selection, selected: QuerySet[Subscription], *, version: PlanVersion, sandbox: bool
) -> list[tuple[str, str]]:
    """Return the given ids without a selected subscription, each with the reason."""
    if not selection.ids:
        return []
    named = set(selection.ids)
    selected_ids = {name for row in selected.values_list("external_id", "customer__external_id") for name in row}
    matches = Subscription.objects.filter(
        Q(external_id__in=named) | Q(customer__external_id__in=named), sandbox=sandbox
    ).select_related(*EXPLAINED)
    reasons: dict[str, str] = {}
    plan_name = read_plan_name(selection)
    for subscription in matches:
        reason = explain_exclusion(subscription, selection, version, plan_name=plan_name)
        reasons |= dict.fromkeys({subscription.external_id, subscription.customer.external_id} & named, reason)
    return [
        (id_, reasons.get(id_, _("No subscription or customer has this ID.")))
        for id_ in selection.ids
        if id_ not in selected_ids
    ]


EXPLAINED = ("customer", "version__plan", "seller")
"""The relations that `explain_exclusion` reads."""


def read_plan_name(selection: Selection) -> str:
    """Return the name of the selection's plan, for `explain_exclusion`; empty if it names none."""
    names = Plan.objects.filter(code=selection.plan).values_list("name", flat=True) if selection.plan else ()
    return next(iter(names), selection.plan)


def explain_exclusion(
    subscription: Subscription, selection: Selection, version: PlanVersion | None, *, plan_name: str
) -> str:
    """Return the first reason why a subscription isn't selected: “On Token API, not Starter.”"""
    if version is not None and subscription.version_id == version.pk:
        return _("Already on %(version)s.") % {"version": version}
    if subscription.state not in RUNNING_STATES:
        return _("The subscription is %(state)s.") % {"state": subscription.get_state_display()}
    plan, number = subscription.version.plan, subscription.version.number
    if selection.plan and plan.code != selection.plan:
        return _("On %(plan)s, not %(wanted)s.") % {"plan": plan, "wanted": plan_name}
    if selection.versions and number not in selection.versions:
        versions = ", ".join(f"v{wanted}" for wanted in selection.versions)
        return _("On v%(number)s, not %(versions)s.") % {"number": number, "versions": versions}
    if selection.currency and selection.currency != (currency := str(subscription.currency)):
        return _("In %(currency)s, not %(wanted)s.") % {"currency": currency, "wanted": selection.currency}
    if selection.seller and selection.seller != subscription.seller.code:
        return _("Billed by %(seller)s.") % {"seller": subscription.seller}
    if selection.country and selection.country != (country := subscription.customer.country):
        return _("Customer in %(country)s, not %(wanted)s.") % {"country": country, "wanted": selection.country}
    if not _began_within(subscription, selection):
        return _("Subscribed on %(date)s.") % {"date": f"{subscription.starts_at:%Y-%m-%d}"}
    return _("Last bill outside the limits.")


def _began_within(subscription: Subscription, selection: Selection) -> bool:
    since, until = selection.began_from, selection.began_until
    return (since is None or since <= subscription.starts_at) and (until is None or subscription.starts_at < until)


def exclude(*, migration: PlanMigration, move_ids: Sequence[int], at: datetime, by: User | None) -> int:
    """Exclude these subscriptions that haven't moved; return how many were excluded."""
    return _set_state(migration, move_ids, {MoveState.WAITING, MoveState.REFUSED}, MoveState.EXCLUDED, at=at, by=by)


def include(*, migration: PlanMigration, move_ids: Sequence[int], at: datetime, by: User | None) -> int:
    """Include excluded subscriptions again; return how many were included."""
    return _set_state(migration, move_ids, {MoveState.EXCLUDED}, MoveState.WAITING, at=at, by=by)


def _set_state(
    migration: PlanMigration,
    move_ids: Sequence[int],
    from_states: set[MoveState],
    state: MoveState,
    *,
    at: datetime,
    by: User | None,
) -> int:
    with audited_transaction("select subscriptions of a migration", by=by, at=at):
        return MigrationItem.objects.filter(migration=migration, pk__in=move_ids, state__in=from_states).update(
            state=state
        )
