"""Promotion codes, with which customers redeem a coupon."""

from datetime import datetime
from typing import Self

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite
from plans.models.coupons import MAX_REDEMPTIONS
from plans.triggers import redeemed_code_keeps_its_coupon


class PromotionCodeQuerySet(models.QuerySet["PromotionCode"]):
    def redeemable(self, at: datetime) -> Self:
        """Return the codes that can be redeemed at `at`, by their own dates and limit; the coupon has its own."""
        return self.filter(
            Q(redeem_from__isnull=True) | Q(redeem_from__lte=at),
            Q(redeem_until__isnull=True) | Q(redeem_until__gt=at),
            Q(most_redemptions__isnull=True) | Q(most_redemptions__gt=F("redeemed")),
            archived_at__isnull=True,
        )


@pghistory.track()
class PromotionCode(models.Model):
    """
    A code that a customer enters in the portal, or a program sends, to redeem a coupon; docs/closing.md#coupons.

    code: capitals, digits, dashes, underscores.
    most_redemptions, most_per_customer, redeem_from, redeem_until: within those of the coupon; empty for no limit.
    is_for_customer: whether the portal redeems it for all of the customer's subscriptions.
    is_for_new_customers: whether only customers without an invoice may redeem it.
    redeemed: number of redemptions. It is increased by an UPDATE that checks the limit, so a race cannot exceed it.
    """

    code = models.CharField(max_length=64)
    coupon = models.ForeignKey("plans.Coupon", on_delete=models.PROTECT, related_name="promotion_codes")
    is_for_customer = models.BooleanField(_("for all subscriptions"), default=False)
    is_for_new_customers = models.BooleanField(_("for new customers only"), default=False)
    most_redemptions = models.PositiveIntegerField(_("redemption limit"), null=True, blank=True)
    most_per_customer = models.PositiveIntegerField(_("redemption limit per customer"), null=True, blank=True)
    redeemed = models.PositiveIntegerField(_("redemptions"), default=0, editable=False)
    redeem_from = models.DateTimeField(_("redeemable from (UTC)"), null=True, blank=True)
    redeem_until = models.DateTimeField(_("redeemable until (UTC)"), null=True, blank=True)
    archived_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromotionCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("promotion code")
        verbose_name_plural = _("promotion codes")
        constraints = [
            models.UniqueConstraint(fields=["code"], name="code_names_one_promotion_code"),
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9_-]*$"), name="promotion_code_is_plain"),
            finite("most_redemptions", least=1, most=MAX_REDEMPTIONS, name="promotion_code_limit_is_finite"),
            finite(
                "most_per_customer", least=1, most=MAX_REDEMPTIONS, name="promotion_code_limit_per_customer_is_finite"
            ),
            models.CheckConstraint(
                condition=Q(redeemed__gte=0)
                & (Q(most_redemptions__isnull=True) | Q(redeemed__lte=F("most_redemptions"))),
                name="promotion_code_is_redeemed_within_its_limit",
            ),
            models.CheckConstraint(
                condition=Q(redeem_from__isnull=True)
                | Q(redeem_until__isnull=True)
                | Q(redeem_until__gt=F("redeem_from")),
                name="promotion_code_ends_after_it_starts",
            ),
        ]
        triggers = [redeemed_code_keeps_its_coupon()]

    def __str__(self) -> str:
        return self.code
