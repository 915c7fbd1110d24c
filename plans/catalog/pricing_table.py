"""The public plans with the versions that a new subscription gets, now and later. docs/embedding.md#pricing-table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from plans.catalog.stored_terms import currencies_by_version
from plans.models import Fee, PlanVersion
from plans.models.prices import Basis, FeeKind
from plans.models.versions import PlanVersionQuerySet

MAX_PLANS = 100


@dataclass(frozen=True, slots=True)
class PublicOffer:
    """
    A public plan in one currency.

    version: in force. upcoming: the next version that is scheduled, if any.
    """

    version: PlanVersion
    upcoming: PlanVersion | None


@dataclass(frozen=True, slots=True)
class PricingTable:
    """
    The offers in one currency.

    currencies: all in which a public plan is offered, in order.
    """

    currency: str
    currencies: tuple[str, ...]
    offers: tuple[PublicOffer, ...]


def read_pricing_table(
    *, currency: str, at: datetime, versions: PlanVersionQuerySet, plans: Sequence[str] = ()
) -> PricingTable:
    """
    Return the public plans that are in force at `at` and charge in a currency.

    versions: all of them, with everything that the caller reads, their plans included. plans: codes of the plans to
        return, in this order; empty for all, the lowest fee first.
    """
    public = versions.filter(plan__is_public=True)
    if plans:
        public = public.filter(plan__code__in=plans)
    in_force = list(public.in_force(at).order_by("plan__name", "pk")[:MAX_PLANS])
    currencies = currencies_by_version(in_force)
    offered = [version for version in in_force if _is_offered(version, currencies, currency)]
    upcoming = _upcoming(public, offered, currency, at)
    fees = _recurring_fees(offered, currency)
    places = {code: place for place, code in enumerate(plans)}
    offered.sort(key=lambda version: (places.get(version.plan.code, 0), fees[version.pk]))
    return PricingTable(
        currency=currency,
        currencies=tuple(sorted({code for codes in currencies.values() for code in codes})),
        offers=tuple(PublicOffer(version, upcoming.get(version.plan_id)) for version in offered),
    )


def _upcoming(
    public: PlanVersionQuerySet, offered: Sequence[PlanVersion], currency: str, at: datetime
) -> dict[int, PlanVersion]:
    """Return plan → its next version in the currency."""
    plan_ids = {version.plan_id for version in offered}
    later = public.published().filter(plan__in=plan_ids, effective_from__gt=at)
    versions = list(later.order_by("-effective_from"))
    currencies = currencies_by_version(versions)
    # The earliest one comes last, and replaces the others.
    return {version.plan_id: version for version in versions if _is_offered(version, currencies, currency)}


def _is_offered(version: PlanVersion, currencies: Mapping[int, Sequence[str]], currency: str) -> bool:
    """Return whether a version charges in a currency, or nothing but credits, as a free plan."""
    return currency in currencies.get(version.pk, (currency,))


def _recurring_fees(versions: Sequence[PlanVersion], currency: str) -> dict[int, Decimal]:
    """Return version → the sum of its fixed recurring fees."""
    sums: dict[int, Decimal] = defaultdict(Decimal)
    rows = Fee.objects.filter(version__in=versions, currency=currency, basis=Basis.FIXED).exclude(
        kind=FeeKind.ONE_TIME
    )
    for fee in rows:
        sums[fee.version_id] += fee.amount.amount
    return sums
