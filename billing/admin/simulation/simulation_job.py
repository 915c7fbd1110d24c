"""Simulate prices: the form for versions and customers, and the context of its job page."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django import forms
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectMultipleWidget, UnfoldAdminTextareaWidget

from billing.admin.jobs.worker_wakeup import JobStartPage
from billing.models import Job, SimulationResult
from billing.models.jobs import JobKind
from billing.simulation.cohorts import Cohort
from billing.simulation.job import SIMULATION, SimulationRefused, read_request, start_simulation
from billing.simulation.summaries import (
    BUCKET_BOUNDS,
    VersionSummary,
    count_by_change,
    summarize_prepaid,
    summarize_versions,
)
from lib.admin import StaffForm, list_url, page_url
from lib.admin.charts import ChartSeries, StaffChart, bar_chart
from lib.formats import format_money, format_number
from plans.catalog.comparison import format_signed, percent_change
from plans.models import Plan, PlanVersion
from plans.pricing.unit_margin import margin_percent

SIMULATE = SIMULATION.permission
VERSIONS = PlanVersion.objects.select_related("plan").order_by("plan__name", "-number")
MAX_SHOWN = 10
MAX_LISTED = 20


class SimulationForm(StaffForm):
    """The versions to simulate, and the customers and periods to use."""

    versions = forms.ModelMultipleChoiceField(
        queryset=VERSIONS,
        label=_("Versions to compare"),
        help_text=_("Up to five, including drafts. Select several with Ctrl or ⌘."),
        widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 8}),
    )
    plan = forms.ModelChoiceField(
        queryset=Plan.objects.order_by("name"),
        label=_("Subscriptions of"),
        required=False,
        empty_label=_("all plans"),
    )
    on = forms.ModelChoiceField(
        queryset=VERSIONS.exclude(published_at=None),
        label=_("Subscriptions on version"),
        required=False,
        empty_label=_("any version"),
    )
    customers = forms.CharField(
        label=_("Customers"),
        required=False,
        max_length=1_000_000,
        help_text=_("External IDs, one per line or separated by commas. Leave empty for all."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    periods = forms.IntegerField(
        label=_("Past periods to include"),
        initial=3,
        min_value=0,
        max_value=24,
        help_text=_("Number of closed periods per subscription. 0: the current period until now."),
    )
    shock_percent = forms.DecimalField(
        label=_("Bill shock: increase of more than (percent)"), initial=20, min_value=0, max_value=10_000
    )
    shock_amount = forms.DecimalField(
        label=_("and of more than (amount per period)"),
        initial=0,
        min_value=0,
        max_value=10**9,
        help_text=_("In the currency of each bill."),
    )
    keeps_overrides = forms.BooleanField(
        label=_("Keep custom pricing"),
        initial=True,
        required=False,
        help_text=_("If off, all customers pay the list prices of the versions."),
    )
    sandbox = forms.BooleanField(label=_("Sandbox customers"), required=False)

    def cohort(self) -> Cohort:
        cleaned = self.cleaned_data
        refs = cleaned["customers"].replace(",", " ").replace(";", " ").split()
        return Cohort(
            sandbox=cleaned["sandbox"],
            plan_id=cleaned["plan"] and cleaned["plan"].pk,
            version_id=cleaned["on"] and cleaned["on"].pk,
            customers=tuple(dict.fromkeys(refs)),
        )


class StartSimulation(JobStartPage):
    """Show the form and the latest simulations, and start one."""

    title = _("Price simulation")
    permission = SIMULATE
    form_class = SimulationForm
    refusals = (SimulationRefused,)
    template = "staff/simulation/simulate.html"

    def form_arguments(self) -> dict[str, Any]:
        """Return the initial values from the address: a version, and the plan it belongs to."""
        version_id = self.request.GET.get("version", "")
        # Fewer than ten digits, so that the number fits the column.
        is_id = version_id.isdecimal() and len(version_id) < 10
        version = PlanVersion.objects.filter(pk=version_id).first() if is_id else None
        return {"initial": {"versions": [version.pk], "plan": version.plan_id} if version else {}}

    def start(self) -> Job:
        names = ("versions", "periods", "shock_percent", "shock_amount", "keeps_overrides")
        chosen = {name: self.choices[name] for name in names}
        return start_simulation(**chosen, cohort=self.form.cohort(), by=self.user, at=timezone.now())

    def context(self) -> dict[str, Any]:
        latest = Job.objects.filter(kind=JobKind.SIMULATION).select_related("by").order_by("-pk")
        return {"lately": latest[:MAX_LISTED], "back": list_url(PlanVersion)}


# The job page of a simulation ---------------------------------------------------------------------------------


def job_context(job: Job, figures: dict[str, int]) -> dict[str, Any]:
    """
    Return the template context of a simulation's job page: revenue by version, changes of bills, and the largest
    rises.
    """
    simulation = read_request(job)
    ids = [summary.version_id for summary in simulation.versions]
    versions = PlanVersion.objects.select_related("plan").in_bulk(ids)
    summaries = summarize_versions(job)
    counts = count_by_change(job)
    prepaid = summarize_prepaid(job)
    results_url = f"{list_url(SimulationResult)}?job__id__exact={job.pk}"
    currencies = list(dict.fromkeys(summary.currency for summary in summaries))
    return {
        "counted": figures,
        "list_url": results_url,
        "threshold": f"{format_number(simulation.shock_percent)}%",
        "sections": [
            {
                "currency": currency,
                "rows": [
                    _row(summary, versions, results_url) for summary in summaries if summary.currency == currency
                ],
                "chart": _chart(counts, [versions[id_] for id_ in ids], currency),
                "prepaid": [
                    (versions[summary.version_id], summary) for summary in prepaid if summary.currency == currency
                ],
            }
            for currency in currencies
        ],
        "largest": [_largest(job, versions[id_], results_url) for id_ in ids] if summaries else (),
    }


def _row(summary: VersionSummary, versions: dict[int, PlanVersion], results_url: str) -> dict[str, Any]:
    version_url = f"{results_url}&version__id__exact={summary.version_id}"
    return {
        "version": versions[summary.version_id],
        "url": version_url,
        "summary": summary,
        "compared": summary.subscriptions - summary.not_known,
        "change": changed(summary.before, summary.after, summary.currency),
        "shocks_url": f"{version_url}&is_shock__exact=1",
        "margins": margins(summary.cost_before, summary.cost_after, summary.cost),
    }


def changed(before: Decimal, after: Decimal, currency: str) -> str:
    """Return the change of a bill, in money and in percent."""
    if before == after:
        return gettext("no change")
    difference = after - before
    percent = percent_change(before, after)
    sign = "+" if difference > 0 else "−"
    rise = gettext("new") if percent is None else f"{format_signed(percent)}%"
    return f"{sign}{format_money(abs(difference), currency)} ({rise})"


def margins(before: Decimal, after: Decimal, cost: Decimal | None) -> str:
    """Return the margins before and after, in percent, over usage with a known cost."""
    if cost is None:
        return gettext("no unit costs")
    percents = [margin_percent(Fraction(bill), cost) for bill in (before, after)]
    return " → ".join("–" if percent is None else f"{format_number(percent)}%" for percent in percents)


def _chart(
    counts: dict[tuple[int, str], dict[str, int]], versions: Sequence[PlanVersion], currency: str
) -> StaffChart:
    names = _bars()
    series = [
        ChartSeries(str(version), [counts.get((version.pk, currency), {}).get(bar, 0) for bar in names])
        for version in versions
    ]
    summary = gettext("Number of bills in %(currency)s by change in percent, for each version.")
    summary %= {"currency": currency}
    return bar_chart(list(names.values()), series, summary=summary, stacked=False)


def _bars() -> dict[str, str]:
    """Return bucket → its label, from the largest decrease to the largest increase."""
    bounds = [str(bound).replace("-", "−") for bound in BUCKET_BOUNDS]
    steps = [f"< {bounds[0]}%", *(gettext("to %(high)s%%") % {"high": bound} for bound in bounds[1:])]
    steps.append(f"> {bounds[-1]}%")
    labels = {str(place): label for place, label in enumerate(steps)}
    middle = BUCKET_BOUNDS.index(0)
    decreases = {bar: labels[bar] for bar in labels if int(bar) <= middle}
    increases = {bar: labels[bar] for bar in labels if int(bar) > middle}
    return decreases | {"same": gettext("same")} | increases | {"new": gettext("new")}


def _largest(job: Job, version: PlanVersion, results_url: str) -> dict[str, Any]:
    """Return the customers whose bills rise most with a version."""
    rows = SimulationResult.objects.filter(job=job, version=version, change__gt=0)
    rows = rows.select_related("subscription__customer").order_by(F("percent").desc(nulls_last=True), "pk")
    return {
        "version": version,
        "url": f"{results_url}&version__id__exact={version.pk}&o=-5",
        "rows": [
            (result, page_url(result), changed(result.before, result.after, result.currency))
            for result in rows[:MAX_SHOWN]
        ],
    }
