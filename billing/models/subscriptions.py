"""Subscriptions, and the features that they cover."""

from datetime import timedelta
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from billing.models.periods import SettlementMethod
from billing.triggers import keep_seller_of_periods, restrict_drafts_to_sandbox
from customers.models.field_types import CustomersSellerField
from lib.field_types import MAX_TRIAL_DAYS, one_of
from lib.labels import MetadataField, TagsField, label_constraints, label_indexes


class SubscriptionState(models.TextChoices):
    DRAFT = "draft", _("draft")
    TRIALING = "trialing", _("in trial")
    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")
    CANCELED = "canceled", _("canceled")
    ENDED = "ended", _("ended")


RUNNING_STATES = (SubscriptionState.TRIALING, SubscriptionState.ACTIVE)
STATES_WITH_PERIODS = "('trialing', 'active', 'paused', 'canceled')"
"""SQL for the states in which a subscription may have further periods."""


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def running(self) -> Self:
        """Return the subscriptions that get new periods."""
        return self.filter(state__in=RUNNING_STATES)


@pghistory.track()
class Subscription(models.Model):
    """
    A customer on a plan version, from `starts_at` until `ends_at`.

    external_id, sandbox: unique together; `sandbox` is the customer's.
    seller: the seller of its invoices, by default the customer's; fixed once it has periods.
    anchor_at: the time that anniversary periods are counted from; it never drifts. After a plan change that restarted
        the billing period, the periods have their own anchor.
    trial_ends_at: until when no fees are due, in any state; the subscription may end before. Empty: no trial.
    term_ends_at: when a canceled subscription would have ended by itself; empty if it wouldn't have.
    settles: settlement of fees billed beyond its end.
    version: the version that bills its next period; each period stores its own.
    drafted: options of a draft: see `billing.subscriptions.lifecycle.drafts`; empty for all others.
    named: only events that name this subscription belong to it, so it may price a feature that another one prices.
    metadata, tags: docs/api.md#metadata-and-tags.
    """

    external_id = models.CharField(_("external ID"), max_length=200)
    sandbox = models.BooleanField(default=False, editable=False)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="subscriptions")
    seller = CustomersSellerField(related_name="subscriptions")
    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="subscriptions")
    currency = CurrencyField(default=None)
    state = models.CharField(max_length=10, choices=SubscriptionState, default=SubscriptionState.ACTIVE)
    named = models.BooleanField(default=False)
    starts_at = models.DateTimeField()
    anchor_at = models.DateTimeField()
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    term_ends_at = models.DateTimeField(null=True, blank=True)
    settles = models.CharField(max_length=7, choices=SettlementMethod, blank=True, db_default="")
    drafted = models.JSONField(default=dict, blank=True)
    metadata = MetadataField()
    tags = TagsField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["trial_ends_at"], condition=Q(state="trialing"), name="subscription_in_trial"),
            *label_indexes("subscription"),
        ]
        constraints = [
            one_of("state", SubscriptionState, name="subscription_state_is_known"),
            models.UniqueConstraint(
                fields=["external_id", "sandbox"],
                name="external_id_names_one_subscription",
                opclasses=["varchar_pattern_ops", "bool_ops"],  # also serves searches by prefix
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
                name="subscription_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(state="canceled") | Q(canceled_at__isnull=False, ends_at__isnull=False),
                name="canceled_subscription_says_when",
            ),
            models.CheckConstraint(condition=Q(state="draft") | Q(drafted={}), name="only_a_draft_is_still_to_begin"),
            models.CheckConstraint(
                condition=Q(term_ends_at__isnull=True)
                | Q(state__in=("canceled", "ended"), term_ends_at__gte=F("ends_at")),
                name="only_a_canceled_subscription_had_a_later_end",
            ),
            models.CheckConstraint(
                condition=Q(settles="") | Q(settles__in=SettlementMethod.values, state__in=("canceled", "ended")),
                name="cancellation_settles_in_a_known_way",
            ),
            models.CheckConstraint(
                condition=Q(trial_ends_at__isnull=True)
                | Q(
                    trial_ends_at__gt=F("starts_at"),
                    trial_ends_at__lt=F("starts_at") + timedelta(days=MAX_TRIAL_DAYS + 1),
                ),
                name="trial_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(state="trialing") | Q(trial_ends_at__isnull=False),
                name="subscription_in_trial_says_until_when",
            ),
            *label_constraints("subscription"),
        ]
        triggers = [restrict_drafts_to_sandbox(), keep_seller_of_periods()]

    def __str__(self) -> str:
        return self.external_id


class Coverage(models.Model):
    """
    The subscription that prices a feature for a customer, and when: at most one at any time.

    during: half-open, and open-ended while the subscription runs.
    """

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="coverage", db_index=False
    )
    feature = models.ForeignKey("plans.Feature", on_delete=models.PROTECT, related_name="+", db_index=False)
    subscription = models.ForeignKey("billing.Subscription", on_delete=models.PROTECT, related_name="coverage")
    named = models.BooleanField(default=False)
    during = DateTimeRangeField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="feature_is_priced_by_one_subscription_at_a_time",
                expressions=[
                    ("customer", RangeOperators.EQUAL),
                    ("feature", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
                condition=Q(named=False),
            ),
            models.CheckConstraint(
                condition=Q(during__startswith__isnull=False, during__isempty=False),
                name="coverage_has_a_start",
            ),
        ]
        indexes = [models.Index(fields=["customer", "feature"], name="coverage_by_feature")]

    def __str__(self) -> str:
        return f"{self.feature} by {self.subscription}"
