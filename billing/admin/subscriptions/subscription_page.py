"""The subscription page: plan, periods, next invoice, terms, and the actions that change them."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from billing.admin.closing.invoice_preview import upcoming
from billing.admin.customer_page.account_panel import CommitmentShown, commitment_shown
from billing.admin.limits.alerts import alerts_of
from billing.admin.limits.spend_caps import cap_view, caps_of
from billing.admin.subscriptions.cancellation import cancel_view, uncancel_view
from billing.admin.subscriptions.commitments import commitment_view, commitments_of
from billing.admin.subscriptions.coupons import coupon_view, coupons_of
from billing.admin.subscriptions.drafts import activate_view, discard_view, drafted
from billing.admin.subscriptions.overrides import override_view, overrides_of
from billing.admin.subscriptions.pauses import pause_of, pause_view, resume_view
from billing.admin.subscriptions.plan_change import plan_change_view
from billing.admin.subscriptions.quantities import quantity_rows, quantity_view
from billing.admin.subscriptions.trials import trial_view
from billing.closing.commitments.progress import read_commitment_progress
from billing.metering.usage.current_usage import current_usage
from billing.models import Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from customers.admin.search import find_customer_ids
from customers.customer_time import current_time

STATE_COLORS = {
    "draft": "info",
    "trialing": "info",
    "active": "success",
    "paused": "warning",
    "canceled": "warning",
}
# A year of monthly periods, with the current and the upcoming one.
MAX_PERIODS = 14


@admin.register(Subscription)
class SubscriptionAdmin(ModelAdmin):
    list_display = ("external_id", "customer_shown", "version_shown", "state_shown", "starts_at", "ends_at")
    list_filter = (("state", ChoicesDropdownFilter), ("version", AutocompleteSelectFilter))
    list_select_related = ("customer", "version__plan")
    search_fields = ("external_id",)
    search_help_text = "The start of its id, or part of a customer's name"
    ordering = ("-pk",)
    actions_detail = (
        "activate",
        "discard",
        "change_plan",
        "trial",
        {"title": "Agree", "icon": "handshake", "items": ["override", "promise", "give_coupon", "cap", "quantities"]},
        {"title": "Stop", "icon": "event_busy", "items": ["pause", "cancel"]},
        "resume",
        "uncancel",
    )
    change_form_before_template = "staff/subscriptions/subscription.html"

    @display(description="Customer")
    def customer_shown(self, subscription: Subscription) -> str:
        return str(subscription.customer)

    @display(description="Plan")
    def version_shown(self, subscription: Subscription) -> str:
        return str(subscription.version)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, subscription: Subscription) -> tuple[str, str]:
        return subscription.state, subscription.get_state_display()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        return super().get_queryset(request).select_related("customer", "version__plan")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        if (exact := queryset.filter(external_id=term)).exists():
            return exact, False
        return queryset.filter(Q(external_id__startswith=term) | Q(customer_id__in=find_customer_ids(term))), False

    def get_fieldsets(self, request: HttpRequest, obj: Subscription | None = None) -> list[Any]:
        return []  # the template above the form shows everything

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        subscription = self.get_object(request, object_id)
        shown = _shown(subscription) if subscription is not None else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    # Subscriptions are created on the customer page and changed by actions only; nothing is edited --------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        return False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        subscription = self.get_object(request, str(object_id))
        state = subscription.state if subscription is not None else None
        actions = super().get_actions_detail(request, object_id)
        if state in RUNNING_STATES:
            hidden = {"activate", "discard", "uncancel", "pause" if pause_of(subscription) else "resume"}
            if state != SubscriptionState.TRIALING:
                hidden.add("trial")
            return [offered for offered in actions if not _is_one_of(offered, hidden)]
        shown = {"draft": {"activate", "discard"}, "paused": {"resume", "cancel"}}.get(str(state), set())
        if state == SubscriptionState.CANCELED and subscription.ends_at > current_time(subscription.customer):
            shown = {"uncancel"}
        return [offered for offered in actions if _is_one_of(offered, shown)]

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.change_subscription"))

    def _viewable(self, request: HttpRequest, object_id: str) -> Subscription:
        """
        Return the subscription.

        :raises Http404: if it doesn't exist.
        :raises PermissionDenied: if the user may not view it.
        """
        subscription = self.get_object(request, object_id)
        if subscription is None:
            raise Http404(f"There is no subscription {object_id}.")
        if not self.has_view_permission(request, subscription):
            raise PermissionDenied
        return subscription

    @action(description="Agree figures", icon="handshake", permissions=["cancel"])
    def override(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Override a price, an allowance or a bound for the subscription."""
        return override_view(self, request, self._viewable(request, object_id))

    @action(description="Cap spend", icon="speed", permissions=["cancel"])
    def cap(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Set a spend cap on usage per period."""
        return cap_view(self, request, self._viewable(request, object_id))

    @action(description="Change plan", icon="swap_horiz", permissions=["cancel"])
    def change_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Move the subscription to another version, with a preview of the invoice."""
        return plan_change_view(self, request, self._viewable(request, object_id))

    @action(description="Trial", icon="hourglass_top", permissions=["cancel"])
    def trial(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the trial now or later."""
        return trial_view(self, request, self._viewable(request, object_id))

    @action(description="Agree commitment", icon="verified", permissions=["promise"])
    def promise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Agree a minimum commitment for the subscription."""
        return commitment_view(self, request, self._viewable(request, object_id))

    def has_promise_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.add_subscriptioncommitment"))

    @action(description="Give coupon", icon="confirmation_number", permissions=["give"])
    def give_coupon(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give the subscription a coupon."""
        return coupon_view(self, request, self._viewable(request, object_id))

    def has_give_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.add_redemption"))

    @action(description="Seats and add-ons", icon="group_add", permissions=["cancel"])
    def quantities(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change the number of seats or add-ons."""
        return quantity_view(self, request, self._viewable(request, object_id))

    @action(
        description="Cancel",
        icon="event_busy",
        permissions=["cancel"],
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cancel the subscription now, at the end of its period, or at a date."""
        return cancel_view(self, request, self._viewable(request, object_id))

    @action(description="Activate", icon="play_arrow", permissions=["cancel"], variant=ActionVariant.PRIMARY)
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Activate a draft."""
        return activate_view(self, request, self._viewable(request, object_id))

    @action(description="Discard", icon="delete", permissions=["cancel"], variant=ActionVariant.DANGER)
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Delete a draft."""
        return discard_view(self, request, self._viewable(request, object_id))

    @action(description="Pause", icon="pause", permissions=["cancel"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pause the subscription, so that nothing is due for a while."""
        return pause_view(self, request, self._viewable(request, object_id))

    @action(description="Resume", icon="play_arrow", permissions=["cancel"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Resume a paused subscription."""
        return resume_view(self, request, self._viewable(request, object_id))

    @action(description="Take cancellation back", icon="undo", permissions=["cancel"])
    def uncancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Undo the cancellation of a subscription that has not ended yet."""
        return uncancel_view(self, request, self._viewable(request, object_id))


def _is_one_of(action: Any, names: set[str]) -> bool:
    return any(action.action_name.endswith(f"_{name}") for name in names)


def _shown(subscription: Subscription) -> dict[str, Any]:
    periods = subscription.periods.select_related("invoice", "version__plan").order_by("-starts_at", "-pk")
    return {
        "title": f"{subscription.version} of {subscription.customer}",
        "subscription": subscription,
        "state_color": STATE_COLORS.get(subscription.state, ""),
        "periods": list(periods[:MAX_PERIODS]),
        "overrides": overrides_of(subscription),
        "caps": caps_of(subscription),
        "alerts": alerts_of(subscription),
        "move": subscription.changes.filter(state=ChangeState.PENDING).select_related("version__plan").first(),
        "pause": pause_of(subscription),
        "drafted": list(drafted(subscription)) if subscription.state == SubscriptionState.DRAFT else (),
        "commitments": commitments_of(subscription),
        "promised": _progress(subscription),
        "coupons": coupons_of(subscription),
        "held": quantity_rows(subscription, at=current_time(subscription.customer)),
        "upcoming": upcoming(subscription, at=current_time(subscription.customer)),
    }


def _progress(subscription: Subscription) -> CommitmentShown | None:
    """Return the progress toward the commitment of the running period."""
    customer = subscription.customer
    at = current_time(customer)
    running = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at)
    usages = [usage for usage in running if usage.subscription == subscription.external_id]
    return next(
        (
            commitment_shown(progress, str(subscription.currency))
            for progress in read_commitment_progress(usages).values()
        ),
        None,
    )
