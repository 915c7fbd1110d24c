"""A version of a public plan in words, and the changes that the next version brings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.portal.plan_description import describe_commitment, describe_credits, describe_terms
from invoices.portal.formats import PortalFigures
from plans.catalog.stored_terms import VersionTerms, load_terms
from plans.models import IncludedCredits, PlanFeature, PlanVersion
from plans.models.catalog import FeatureKind
from plans.models.prices import FeeKind
from plans.models.versions import PlanVersionQuerySet


@dataclass(frozen=True, slots=True)
class OfferRow:
    """
    A fee, a feature or another term.

    key: identifies it in all versions and plans. texts: a sentence, and a text for each of its prices.
    """

    key: str
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfferText:
    """
    A version as text.

    price, frequency: its first recurring fee; empty without one. renewal: how long a billing period is.
    fee: the row of that fee, which is not among `rows`.
    """

    price: str
    frequency: str
    includes_tax: bool
    renewal: OfferRow
    fee: OfferRow | None
    rows: tuple[OfferRow, ...]

    @property
    def all_rows(self) -> tuple[OfferRow, ...]:
        return (*filter(None, [self.fee]), self.renewal, *self.rows)


def described_versions() -> PlanVersionQuerySet:
    """Return the versions with all that their description reads, in a fixed number of queries."""
    features = PlanFeature.objects.select_related("feature").order_by("position", "pk")
    credits = IncludedCredits.objects.order_by("code", "pk")
    return PlanVersion.objects.select_related("plan").prefetch_related(
        Prefetch("features", features), Prefetch("included_credits", credits)
    )


def describe_offer(version: PlanVersion, currency: str, figures: PortalFigures) -> OfferText:
    """
    Return a version in a currency as text, by the terms that bill.

    version: one of `described_versions`.
    """
    terms = load_terms(version.pk, currency)
    described = describe_terms(terms, {}, figures)
    fees = [(fee, _fee_row(fee.code, text), text) for fee, text in zip(terms.fees, described["fees"], strict=True)]
    first = next((pair for pair in fees if pair[0].kind != FeeKind.ONE_TIME and not pair[0].is_per_unit), None)
    others = [row for fee, row, _text in fees if first is None or fee is not first[0]]
    return OfferText(
        price=first[2]["amount"] if first else "",
        frequency=first[2]["frequency"] if first else "",
        includes_tax=terms.includes_tax,
        renewal=OfferRow("renewal", _("Billing period"), (described["renewal"],)),
        fee=first[1] if first else None,
        rows=(*others, *_conditions(version, terms, figures), *_features(version, terms, described["features"])),
    )


def describe_changes(now: OfferText, later: OfferText) -> list[str]:
    """Return the rows that are new or different later, and those that are gone, each as a text."""
    former = {row.key: row for row in now.all_rows}
    kept = {row.key for row in later.all_rows}
    texts = [_change(row.name, " ".join(row.texts)) for row in later.all_rows if former.get(row.key) != row]
    return texts + [
        _change(row.name, _("no longer charged") if row.key.startswith("fee ") else _("no longer included"))
        for row in now.all_rows
        if row.key not in kept
    ]


def not_included(row: OfferRow) -> OfferRow:
    """Return the row of a feature that another plan has and this one lacks."""
    return OfferRow(row.key, row.name, (_("Not included"),))


def _change(name: str, text: str) -> str:
    return _("%(name)s: %(text)s") % {"name": name, "text": text}


def _fee_row(code: str, text: dict[str, str]) -> OfferRow:
    notes = (text["notes"],) if text["notes"] else ()
    return OfferRow(f"fee {code}", text["label"], (f"{text['amount']} {text['frequency']}", *notes))


def _conditions(version: PlanVersion, terms: VersionTerms, figures: PortalFigures) -> Iterator[OfferRow]:
    """Yield the rows of what is neither a fee nor a feature."""
    if version.trial_days:
        text = ngettext("%(count)s day without fees", "%(count)s days without fees", version.trial_days)
        yield OfferRow("trial", _("Trial"), (text % {"count": version.trial_days},))
    units = ["credits", terms.currency]
    for part in version.included_credits.all():
        if part.unit in units:
            text = describe_credits(part, figures)
            yield OfferRow(f"credits {part.code} {part.unit}", _("Prepaid balance"), (text,))
    if commitment := describe_commitment(terms, figures):
        yield OfferRow("commitment", _("Commitment"), (commitment,))


def _features(version: PlanVersion, terms: VersionTerms, described: list[dict[str, Any]]) -> Iterator[OfferRow]:
    """Yield a row for each feature, in the order of the version."""
    metered = {feature.plan_feature_id: text for feature, text in zip(terms.features, described, strict=True)}
    for plan_feature in version.features.all():
        feature, text = plan_feature.feature, metered.get(plan_feature.pk)
        if text is not None:
            sentence = " ".join(filter(None, [text["included"], text["beyond"]]))
            texts = [*([sentence] if sentence else []), *text["limits"], *text["prices"]]
        elif feature.kind == FeatureKind.STATIC:
            texts = [plan_feature.static_value]
        else:
            texts = [_("Included")]
        if plan_feature.unlocked_by:
            texts.append(_("Available after a certain usage or spend."))
        yield OfferRow(f"{feature.kind} {feature.code}", feature.name, tuple(texts))
