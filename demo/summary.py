"""The contents of the demo in figures, for the command's final lines."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, F, Sum

from billing.models import Counter, Event, Period, UnmatchedUsage
from billing.models.periods import PeriodState
from invoices.models import Invoice, Rendering
from plans.models.prices import Consumption


@dataclass(frozen=True, slots=True)
class InvoiceSummary:
    """The invoices of one currency. `total` includes tax, in the major unit."""

    currency: str
    invoices: int
    net: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Capped:
    """A hard cap that a customer's usage exceeded in a period."""

    customer: str
    feature: str
    used: Decimal
    included: Decimal
    is_open: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """unmatched: number of events (or meters' parts of events) by reason."""

    events: int
    billed: list[InvoiceSummary]
    documents: int
    open_periods: int
    unmatched: dict[str, int]
    capped: list[Capped]


def summary() -> Summary:
    return Summary(
        events=Event.objects.count(),
        billed=_billed(),
        documents=Rendering.objects.filter(content__isnull=False).count(),
        open_periods=Period.objects.filter(state=PeriodState.OPEN).count(),
        unmatched=_unmatched(),
        capped=_capped(),
    )


def fullest_invoice() -> Invoice:
    """Return the invoice with the most lines, which shows the most features of an invoice."""
    return Invoice.objects.annotate(how_many=Count("lines")).order_by("-how_many", "-net")[0]


def _billed() -> list[InvoiceSummary]:
    by_currency = Invoice.objects.values("currency").annotate(
        invoices=Count("id"), net_sum=Sum("net"), total_sum=Sum("total")
    )
    return [
        InvoiceSummary(row["currency"], row["invoices"], row["net_sum"], row["total_sum"])
        for row in by_currency.order_by("-invoices")
    ]


def _unmatched() -> dict[str, int]:
    open_rows = UnmatchedUsage.objects.filter(resolved_at__isnull=True)
    counted = open_rows.values_list("reason").annotate(Count("id")).order_by("reason")
    return {str(reason): count for reason, count in counted}


def _capped() -> list[Capped]:
    beyond = Counter.objects.filter(
        plan_feature__consumption=Consumption.HARD_CAP, quantity__gt=F("plan_feature__included")
    )
    rows = beyond.select_related("period__subscription__customer", "plan_feature__feature").order_by("-quantity")
    return [
        Capped(
            customer=counter.period.subscription.customer.external_id,
            feature=counter.plan_feature.feature.name,
            used=counter.quantity,
            included=counter.plan_feature.included,
            is_open=counter.period.state == PeriodState.OPEN,
        )
        for counter in rows
    ]
