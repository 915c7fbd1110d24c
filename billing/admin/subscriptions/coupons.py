"""
On the coupon page: redemptions and discounts so far. On the subscription page: adding coupons and removing them.
"""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from billing import subscriptions
from billing.models import Redemption, Subscription
from customers.customer_time import current_time
from lib.admin.number_fields import number_cell
from lib.audit_log import audited_transaction
from lib.formats import format_money, format_number
from plans.admin.catalog.coupons import CouponAdmin, discount_of, lasting
from plans.models import Coupon

# Amounts of coupon lines by coupon or redemption; lines are negative, so the sign is flipped.
_GIVEN = """
SELECT r.{of}, l.currency, -sum(l.amount) FROM billing_redemption r
JOIN billing_couponline c ON c.redemption_id = r.id JOIN invoices_line l ON l.id = c.line_id
WHERE r.{of} = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2
"""


def discounts_so_far(ids: list[int], *, column: str) -> dict[int, str]:
    """Return the discounts so far of coupons (column="coupon_id") or redemptions (column="id"), as text."""
    texts: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN.format(of=column), [ids])
        for id_, currency, amount in cursor.fetchall():
            texts.setdefault(id_, []).append(format_money(amount, currency))
    return {id_: " + ".join(amounts) for id_, amounts in texts.items()}


class CouponRedemptions(CouponAdmin):
    """A part of the coupon page (config/admin_site/pages/coupon.py)."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the discounts of all coupons on the page in one query."""
        changelist = super().get_changelist_instance(request)
        amounts = discounts_so_far([coupon.pk for coupon in changelist.result_list], column="coupon_id")
        for coupon in changelist.result_list:
            coupon.given_so_far = amounts.get(coupon.pk, "")
        return changelist

    @display(description="Given", ordering="redeemed")
    def redeemed_shown(self, coupon: Coupon) -> str:
        limit = f" of {format_number(coupon.most_redemptions)}" if coupon.most_redemptions else ""
        return number_cell(f"{format_number(coupon.redeemed)}{limit}")

    @display(description="Worth so far")
    def given(self, coupon: Any) -> str:
        return number_cell(coupon.given_so_far)

    @action(description="Archive", icon="archive", permissions=["archive"], variant=ActionVariant.DANGER)
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        coupon = self.get_object(request, object_id)
        if coupon is None:
            raise Http404(f"There is no coupon {object_id}.")
        if request.method == "POST":
            at = timezone.now()
            with audited_transaction("archive coupon", by=request.user, at=at):
                Coupon.objects.filter(pk=coupon.pk, archived_at__isnull=True).update(archived_at=at)
            messages.success(request, f"{coupon} is archived.")
            return HttpResponseRedirect(reverse("admin:plans_coupon_change", args=[coupon.pk]))
        held = coupon.redemptions.filter(ended_at__isnull=True).count()
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=coupon,
            title=f"Archive {coupon}",
            consequences=[
                "It is given to nobody any more, by no promotion either. This cannot be undone.",
                f"{format_number(held)} subscriptions hold it and keep it; take it away from each where that is "
                "wanted.",
            ],
            verb="Archive coupon",
            danger=True,
        )

    def has_archive_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("plans.change_coupon"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        coupon = self.get_object(request, str(object_id))
        is_over = coupon is None or coupon.archived_at is not None
        return [] if is_over else super().get_actions_detail(request, object_id)


# On a subscription ----------------------------------------------------------------------------------------------


class CouponChoiceForm(forms.Form):
    coupon = forms.ModelChoiceField(queryset=Coupon.objects.none(), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        redeemable = Coupon.objects.redeemable(current_time(subscription.customer)).filter(
            currency__in=["", subscription.currency]
        )
        held = subscription.redemptions.filter(ended_at__isnull=True).values("coupon")
        self.fields["coupon"].queryset = redeemable.exclude(pk__in=held).order_by("code")
        self.fields["coupon"].label_from_instance = choice


def choice(coupon: Coupon) -> str:
    """Return the label of a coupon in a list of choices."""
    return f"{coupon.code}: {discount_of(coupon)} off, on {lasting(coupon)}"


def coupon_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask which coupon to give to a subscription, and give it."""
    form = CouponChoiceForm(request.POST or None, subscription=subscription)
    if request.method == "POST" and form.is_valid():
        coupon = form.cleaned_data["coupon"]
        try:
            at = current_time(subscription.customer)
            subscriptions.apply_coupon(subscription=subscription, coupon=coupon, at=at, by=request.user)
        except subscriptions.CouponRefused as refusal:
            form.add_error("coupon", str(refusal))
        else:
            messages.success(request, f"{subscription.customer} has {coupon} from the next invoice on.")
            return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Give {subscription.customer} a coupon",
        consequences=[
            "It is taken off the next invoices, after the coupons that the subscription holds already.",
            "Invoices that are issued do not change.",
        ],
        form=form,
        verb="Give coupon",
    )


def coupons_of(subscription: Subscription) -> list[dict[str, Any]]:
    """Return the coupons of a subscription for its page, in two queries."""
    redemptions = list(Redemption.objects.with_use().filter(subscription=subscription).order_by("position"))
    amounts = discounts_so_far([redemption.pk for redemption in redemptions], column="id")
    return [
        {
            "pk": redemption.pk,
            "code": redemption.coupon.code,
            "value": discount_of(redemption.coupon),
            "lasts": lasting(redemption.coupon),
            "used": _used(redemption),
            "given": amounts.get(redemption.pk, ""),
            "since": redemption.since,
            "ended_at": redemption.ended_at,
        }
        for redemption in redemptions
    ]


def _used(redemption: Any) -> str:
    limit = redemption.coupon.documents
    return (
        format_number(redemption.used)
        if limit is None
        else f"{format_number(redemption.used)} of {format_number(limit)}"
    )


@admin.register(Redemption)
class RedemptionAdmin(ModelAdmin):
    list_display = ("coupon", "subscription", "position", "since", "used_shown", "ended_at")
    list_select_related = ("coupon", "subscription")
    search_fields = ("coupon__code", "subscription__external_id")
    search_help_text = "A coupon's code, or a subscription's id"
    ordering = ("-pk",)
    fields = (
        *("subscription", "coupon", "takes_off", "position", "since", "used_shown", "given", "promotion"),
        *("redeemed_by", "ended_at", "ended_reason"),
    )
    readonly_fields = fields
    actions_detail = ("remove",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        return super().get_queryset(request).with_use().select_related("coupon", "subscription")

    @display(description="Takes off")
    def takes_off(self, redemption: Redemption) -> str:
        return f"{discount_of(redemption.coupon)}, on {lasting(redemption.coupon)}"

    @display(description="Invoices so far")
    def used_shown(self, redemption: Any) -> str:
        return _used(redemption)

    @display(description="Worth so far")
    def given(self, redemption: Redemption) -> str:
        return discounts_so_far([redemption.pk], column="id").get(
            redemption.pk, format_money(Decimal(0), redemption.subscription.currency)
        )

    @action(description="Take away", icon="remove_circle", permissions=["remove"], variant=ActionVariant.DANGER)
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = self.get_object(request, object_id)
        if redemption is None:
            raise Http404(f"There is no redemption {object_id}.")
        if not self.has_view_permission(request, redemption):
            raise PermissionDenied
        if request.method == "POST":
            reason = request.POST.get("_reason", "").strip()[:200]
            at = current_time(redemption.subscription.customer)
            subscriptions.remove_coupon(redemption=redemption, at=at, reason=reason, by=request.user)
            messages.success(request, f"{redemption.coupon} is taken away; later invoices are without it.")
            return HttpResponseRedirect(
                reverse("admin:billing_subscription_change", args=[redemption.subscription_id])
            )
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=redemption,
            title=f"Take {redemption.coupon} away from {redemption.subscription}",
            consequences=["Later invoices are without it.", "Invoices that are issued keep what it took off."],
            verb="Take coupon away",
            danger=True,
        )

    def has_remove_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.change_redemption"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        redemption = self.get_object(request, str(object_id))
        return (
            super().get_actions_detail(request, object_id)
            if redemption is not None and redemption.ended_at is None
            else []
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Redemption | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Redemption | None = None) -> bool:
        return False
