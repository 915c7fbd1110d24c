"""Overrides and commitments as acts that may need a second person: docs/approvals.md."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from billing.models import Override, Subscription, SubscriptionCommitment
from billing.models.price_overrides import OverrideFigure
from billing.subscriptions.terms.commitments import end_commitment, set_commitment
from billing.subscriptions.terms.price_overrides import OverrideRefused, end_override, lock_terms, override
from customers.customer_time import current_time
from lib.decimals import to_plain_string
from plans.catalog.dimension_text import format_match
from plans.models import Feature


class OverrideTerm(Act[Override], frozen=True, kw_only=True):
    """As `override`."""

    name, kind, permission = "override_term", ApprovalKind.OVERRIDES, "billing.change_subscription"
    refusals = (OverrideRefused,)

    subscription_id: int
    feature_id: int
    figure: str
    value: Decimal
    reason: str
    match: Mapping[str, str] = {}
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def read_facts(self, *, at: datetime) -> ActFacts:
        subscription = lock_terms(self.subscription_id)
        feature = Feature.objects.get(pk=self.feature_id)
        figure, value = OverrideFigure(self.figure).label, to_plain_string(self.value)
        rate = f" ({format_match(dict(self.match))})" if self.match else ""
        until = f"{self.ends_at:%Y-%m-%d %H:%M} UTC" if self.ends_at else _("no end")
        return _facts(
            subscription,
            title=_("Override for %(subscription)s: %(feature)s, %(figure)s")
            % {"subscription": subscription, "feature": feature, "figure": figure},
            rows=[
                *((_("Term"), f"{feature}: {figure}{rate}"), (_("Custom value"), value)),
                *((_("From"), _shown(self.starts_at)), (_("Until"), until), (_("Reason"), self.reason)),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Override:
        subscription = Subscription.objects.select_related("customer").get(pk=self.subscription_id)
        return override(
            subscription=subscription,
            feature=Feature.objects.get(pk=self.feature_id),
            figure=self.figure,
            value=self.value,
            match=self.match,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            reason=self.reason,
            at=current_time(subscription.customer),
            by=by,
        )


class EndOverride(Act[Override], frozen=True, kw_only=True):
    """As `end_override`."""

    name, kind, permission = "end_override", ApprovalKind.OVERRIDES, "billing.change_override"
    refusals = (OverrideRefused,)

    override_id: int
    ends_at: datetime | None = None

    def read_facts(self, *, at: datetime) -> ActFacts:
        ended = Override.objects.select_related("feature").get(pk=self.override_id)
        return _facts(
            lock_terms(ended.subscription_id),
            title=_("End an override: %(override)s") % {"override": ended},
            rows=[(_("Custom value"), to_plain_string(ended.value)), (_("From"), _shown(self.ends_at))],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Override:
        ended = Override.objects.select_related("subscription__customer").get(pk=self.override_id)
        at = current_time(ended.subscription.customer)
        return end_override(override=ended, ends_at=self.ends_at, at=at, by=by)


class SetCommitment(Act[SubscriptionCommitment], frozen=True, kw_only=True):
    """As `set_commitment`."""

    name, kind, permission = "set_commitment", ApprovalKind.OVERRIDES, "billing.add_subscriptioncommitment"
    refusals = (OverrideRefused,)

    subscription_id: int
    reason: str
    minimum: Decimal | None = None
    feature: str = ""
    units: Decimal | None = None
    per_window: bool = False
    periods: int = 1
    overage_factor: Decimal = Decimal(1)
    discount: Decimal = Decimal(0)
    trues_up: bool = True
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def read_facts(self, *, at: datetime) -> ActFacts:
        subscription = lock_terms(self.subscription_id)
        terms = {name: value for name, value in self.freeze().items() if name not in ("subscription_id", "reason")}
        return _facts(
            subscription,
            title=_("Commitment of %(subscription)s") % {"subscription": subscription},
            rows=[
                *((name.replace("_", " "), str(value)) for name, value in terms.items()),
                (_("Reason"), self.reason),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> SubscriptionCommitment:
        subscription = Subscription.objects.select_related("customer").get(pk=self.subscription_id)
        terms = msgspec.structs.asdict(self)
        del terms["subscription_id"]
        return set_commitment(subscription=subscription, **terms, at=current_time(subscription.customer), by=by)


class EndCommitment(Act[SubscriptionCommitment], frozen=True, kw_only=True):
    """As `end_commitment`."""

    name, kind, permission = "end_commitment", ApprovalKind.OVERRIDES, "billing.change_subscriptioncommitment"
    refusals = (OverrideRefused,)

    commitment_id: int
    ends_at: datetime | None = None

    def read_facts(self, *, at: datetime) -> ActFacts:
        subscription = lock_terms(SubscriptionCommitment.objects.get(pk=self.commitment_id).subscription_id)
        return _facts(
            subscription,
            title=_("End the commitment of %(subscription)s") % {"subscription": subscription},
            rows=[(_("From"), _shown(self.ends_at))],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> SubscriptionCommitment:
        commitment = SubscriptionCommitment.objects.select_related("subscription__customer").get(
            pk=self.commitment_id
        )
        at = current_time(commitment.subscription.customer)
        return end_commitment(commitment=commitment, ends_at=self.ends_at, at=at, by=by)


def _shown(starts_at: datetime | None) -> str:
    """Return the start of a term; without one it is the next period."""
    return f"{starts_at:%Y-%m-%d %H:%M} UTC" if starts_at else _("the next period")


def _facts(subscription: Subscription, *, title: str, rows: list[tuple[str, str]]) -> ActFacts:
    """Return the facts of a change of a subscription's terms; its version and own terms must not change."""
    overrides = subscription.overrides.order_by("pk").values_list("pk", "ends_at")
    commitments = subscription.commitments.order_by("pk").values_list("pk", "ends_at")
    return ActFacts(
        subject=subscription,
        title=title,
        customer_id=subscription.customer_id,
        seller_id=subscription.seller_id,
        sandbox=subscription.customer.sandbox,
        versions={
            str(subscription): str(subscription.version),
            _("Its overrides"): _listed(overrides),
            _("Its commitments"): _listed(commitments),
        },
        rows=rows,
    )


def _listed(agreements: Iterable[tuple[int, datetime | None]]) -> str:
    listed = [f"{pk}, until {ends_at:%Y-%m-%d %H:%M}" if ends_at else str(pk) for pk, ends_at in agreements]
    return "; ".join(listed) or _("none")
