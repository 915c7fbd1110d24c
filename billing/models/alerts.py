"""Alert rules, which warn customers before a surprising bill, and the alerts that fired."""

from typing import Self

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Exists, Expression, F, Func, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _

from billing.models.price_overrides import CapSetter
from billing.triggers import protect_alerts
from lib.field_types import MAX_QUANTITY, QuantityField, finite, one_of

# Most levels are percent, so ten times the limit; multiples and days need less.
MAX_LEVEL = 1_000


class AlertKind(models.TextChoices):
    """
    The value that an alert rule watches. The first seven belong to a subscription's running period, the last two to a
    wallet.
    """

    ALLOWANCE = "allowance", _("usage of an allowance or hard cap")
    CAP = "cap", _("spend against a spend cap")
    SPEND = "spend", _("spend against an amount")
    LAST_PERIOD = "last_period", _("spend against the previous period")
    PROJECTED = "projected", _("forecast spend")
    VALUES = "values", _("values of a split price")
    ANOMALY = "anomaly", _("unusual usage")
    LOW_BALANCE = "low_balance", _("low wallet balance")
    EXPIRING = "expiring", _("expiring credits")


AMOUNT_KINDS = (AlertKind.SPEND, AlertKind.PROJECTED)
"""Kinds whose limit is an amount of the alert rule's own."""

WALLET_KINDS = (AlertKind.LOW_BALANCE, AlertKind.EXPIRING)

PERCENT_KINDS = (
    *(AlertKind.ALLOWANCE, AlertKind.CAP, AlertKind.SPEND, AlertKind.LAST_PERIOD, AlertKind.PROJECTED),
    AlertKind.VALUES,
)
"""Kinds whose levels are percentages that are reached from below."""

FEATURE_KINDS = (AlertKind.ALLOWANCE, AlertKind.CAP, AlertKind.VALUES, AlertKind.ANOMALY)
"""Kinds that are measured per feature: a rule for one feature precedes the rule for all of them."""


@pghistory.track()
class AlertRule(models.Model):
    """
    A rule for alerts, for all customers, the customers of a seller, one customer, or one subscription.

    kind: the value that is watched.
    feature: limits the rule to a feature; empty for all.
    dimension, dimension_value: limits the rule to usage with this value, such as one API key.
    levels: percentages of the limit; for unusual usage, multiples of the usual; for expiry, days before.
    amount: the limit, in `currency`; for a wallet, in its unit; for unusual usage, its minimum cost.
    removed_at: when the rule was removed; its alerts stay.

    Of finance's rules the most specific one applies (docs/alerts.md#which-rule-applies), so a rule that is off
    disables a default. The customer's own rules apply in addition.
    """

    kind = models.CharField(max_length=11, choices=AlertKind)
    seller = models.ForeignKey(
        "customers.Seller", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, null=True, blank=True, related_name="alert_rules"
    )
    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    feature = models.ForeignKey(
        "plans.Feature", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    dimension = models.CharField(max_length=100, blank=True, default="")
    dimension_value = models.CharField(max_length=200, blank=True, default="")
    levels = ArrayField(models.PositiveIntegerField(), size=10)
    amount = QuantityField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    is_on = models.BooleanField(default=True)
    set_by = models.CharField(max_length=8, choices=CapSetter, default=CapSetter.FINANCE)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            one_of("kind", AlertKind, name="alert_rule_kind_is_known"),
            one_of("set_by", CapSetter, name="alert_rule_setter_is_known"),
            models.CheckConstraint(
                condition=Func(
                    F("levels"),
                    template=f"1 <= ALL (%(expressions)s) AND {MAX_LEVEL} >= ALL (%(expressions)s)"
                    " AND cardinality(%(expressions)s) BETWEEN 1 AND 10",
                    output_field=models.BooleanField(),
                ),
                name="levels_are_1_to_a_thousand",
            ),
            finite("amount", most=MAX_QUANTITY, name="alert_rule_amount_is_finite"),
            models.CheckConstraint(
                condition=~Q(kind__in=AMOUNT_KINDS) | Q(amount__isnull=False, customer__isnull=False),
                name="spend_rule_has_an_amount_and_a_scope",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AMOUNT_KINDS) & ~Q(currency="") | ~Q(kind__in=AMOUNT_KINDS) & Q(currency=""),
                name="spend_rule_has_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(seller__isnull=True) | Q(customer__isnull=True), name="alert_rule_has_one_scope"
            ),
            models.CheckConstraint(
                condition=Q(subscription__isnull=True) | Q(customer__isnull=False),
                name="alert_rule_of_a_subscription_names_its_customer",
            ),
            models.CheckConstraint(
                condition=Q(set_by="finance") | Q(customer__isnull=False, is_on=True),
                name="customers_guard_themselves",
            ),
            models.CheckConstraint(
                condition=Q(dimension="", dimension_value="") | Q(kind="spend") & ~Q(dimension=""),
                name="only_a_spend_rule_has_a_dimension",
            ),
            models.UniqueConstraint(
                fields=[
                    "kind",
                    "seller",
                    "customer",
                    "subscription",
                    "feature",
                    "dimension",
                    "dimension_value",
                    "set_by",
                ],
                condition=Q(removed_at__isnull=True),
                name="alert_rule_is_set_once_by_each_setter",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self, at: object) -> Self:
        """Return the alerts that are not recovered and whose period is not over."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), recovered_at__isnull=True)

    def worst(self) -> Self:
        """
        Return the most urgent alert of each limit and period: that of 90% without those of 50% and 75%. The open and
        the recovered alerts of a limit are apart.
        """
        return self.exclude(Exists(Alert.objects.filter(*_IS_OF_SAME_LIMIT, _IS_MORE_URGENT)))

    def count_milder(self) -> "AlertQuerySet":
        """Annotate each alert with `milder`, the number of less urgent alerts of the same limit and period."""
        milder = Alert.objects.filter(*_IS_OF_SAME_LIMIT, _IS_LESS_URGENT)
        counts = milder.values("alert_rule").annotate(count=Count("pk")).values("count")
        return self.annotate(milder=Coalesce(Subquery(counts), 0))

    def with_milder(self) -> "AlertQuerySet":
        """Return these alerts and the less urgent ones of the same limits and periods."""
        chosen = Alert.objects.filter(pk__in=self.values("pk"))
        return Alert.objects.filter(
            Exists(chosen.filter(*_IS_OF_SAME_LIMIT).filter(Q(pk=OuterRef("pk")) | _IS_MORE_URGENT))
        )


def _is_same(field: Expression | F, outer: Expression | F) -> Func:
    """Return whether two values are equal or both empty."""
    template, joiner = "((%(expressions)s))", ") IS NOT DISTINCT FROM ("
    return Func(field, outer, template=template, arg_joiner=joiner, output_field=models.BooleanField())


_IS_OF_SAME_LIMIT = (
    *(Q(**{name: OuterRef(name)}) for name in ("alert_rule", "customer", "since", "agreed_limit")),
    *(Q(**{name: OuterRef(name)}) for name in ("dimension", "dimension_value")),
    *(_is_same(F(name), OuterRef(name)) for name in ("subscription", "feature", "wallet")),
    _is_same(IsNull(F("recovered_at"), True), IsNull(OuterRef("recovered_at"), True)),
)
"""An alert of the outer alert's limit and period, which is open or recovered as well."""

_FALLS = Q(alert_rule__kind__in=WALLET_KINDS)
"""Balances and remaining days: the lower level is more urgent."""

_IS_ABOVE, _IS_BELOW = Q(threshold__gt=OuterRef("threshold")), Q(threshold__lt=OuterRef("threshold"))
_IS_MORE_URGENT = (~_FALLS & _IS_ABOVE) | (_FALLS & _IS_BELOW)
_IS_LESS_URGENT = (~_FALLS & _IS_BELOW) | (_FALLS & _IS_ABOVE)


class Alert(models.Model):
    """
    One threshold that was crossed: fires once in its period, recovers once.

    subscription, feature, dimension, dimension_value, wallet: its subject, as far as they apply.
    since: start of the period, usage window, day or purchase that it counts in, or when credits expire.
    ends_at: end of that period, empty if unknown.
    threshold: the level that was crossed.
    value, limit: when it fired; limit is empty for a kind without one.
    unit: of both: a currency, a meter's unit, or credits.
    agreed_limit: the limit if it was set explicitly, zero if it follows from usage; a new limit lets the same level
        fire again.
    """

    alert_rule = models.ForeignKey(
        "billing.AlertRule", on_delete=models.PROTECT, related_name="alerts", db_index=False
    )
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    feature = models.ForeignKey(
        "plans.Feature", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    wallet = models.ForeignKey(
        "wallets.Wallet", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    dimension = models.TextField(blank=True, default="")
    dimension_value = models.TextField(blank=True, default="")
    since = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    threshold = models.PositiveIntegerField()
    value = QuantityField()
    limit = QuantityField(null=True)
    agreed_limit = QuantityField(default=0)
    unit = models.CharField(max_length=40)
    fired_at = models.DateTimeField()
    recovered_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "alert_rule",
                    "customer",
                    "subscription",
                    "feature",
                    "wallet",
                    "dimension",
                    "dimension_value",
                    "since",
                    "threshold",
                    "agreed_limit",
                ],
                name="alert_fires_once_per_threshold_and_period",
                nulls_distinct=False,
            ),
            finite("threshold", least=1, most=MAX_LEVEL, name="alert_threshold_is_1_to_a_thousand"),
            finite("value", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="alert_value_is_finite"),
            finite("limit", most=MAX_QUANTITY, name="alert_limit_is_finite"),
            models.CheckConstraint(
                condition=Q(agreed_limit=0) | Q(agreed_limit=F("limit")), name="agreed_limit_is_the_limit"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("since")), name="alert_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(recovered_at__isnull=True) | Q(recovered_at__gte=F("fired_at")),
                name="alert_recovers_after_it_fired",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True, acknowledged_by__isnull=True)
                | Q(acknowledged_at__gte=F("fired_at"), acknowledged_by__isnull=False),
                name="acknowledged_alert_says_by_whom",
            ),
        ]
        indexes = [
            models.Index(fields=["customer"], condition=Q(recovered_at__isnull=True), name="alert_not_recovered"),
            models.Index(fields=["customer", "-id"], name="alert_of_customer"),
            models.Index(fields=["subscription", "-id"], name="alert_of_subscription"),
        ]
        triggers = [protect_alerts()]

    def __str__(self) -> str:
        return f"{self.alert_rule}: {self.threshold}"


class ChangeCursor(models.Model):
    """
    How far the evaluation has read the changes in one of the tables that it follows.

    position: all rows up to this number are read.
    noted, horizon: the last number drawn at the last read, and the transaction before which all must have ended until
        that number becomes the position (docs/decisions/0031).
    looked_at: time of the last read.
    """

    source = models.CharField(max_length=20, primary_key=True)
    position = models.BigIntegerField(default=0)
    noted = models.BigIntegerField(default=0)
    horizon = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(position__gte=0, noted__gte=F("position"), horizon__gte=0),
                name="cursor_note_is_not_before_its_position",
            ),
        ]

    def __str__(self) -> str:
        return self.source


class PendingEvaluation(models.Model):
    """
    A customer to evaluate. The table is the queue, and its row the lock: a customer is evaluated by one worker at a
    time, so measurements are never older than the alerts they are compared with.

    due_at: order of the queue.
    is_whole: whether to measure also the kinds that change with time alone.
    """

    customer = models.OneToOneField(
        "customers.Customer", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    due_at = models.DateTimeField()
    is_whole = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="evaluation_due")]

    def __str__(self) -> str:
        return str(self.customer_id)
