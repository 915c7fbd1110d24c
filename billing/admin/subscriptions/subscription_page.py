"""What a customer is subscribed to, what the next invoice will say, and how it ends."""

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
from billing.admin.subscriptions.cancellation import canceling, uncanceling
from billing.admin.subscriptions.commitments import promised_by, promising
from billing.admin.subscriptions.coupons import giving, held_by
from billing.admin.subscriptions.drafts import activating, discarding, drafted
from billing.admin.subscriptions.overrides import overriding, shown
from billing.admin.subscriptions.pauses import pause_of, pausing, resuming
from billing.admin.subscriptions.plan_change import changing
from billing.admin.subscriptions.quantities import changing_quantity, held_rows
from billing.admin.subscriptions.trials import ending_trial
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
MOST_PERIODS = 14


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
        return []  # the page above the form says it all

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        subscription = self.get_object(request, object_id)
        shown = _shown(subscription) if subscription is not None else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    # A subscription is made on its customer's page, and ended here; nothing else of it is edited --------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Subscription | None = None) -> bool:
        return False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        subscription = self.get_object(request, str(object_id))
        state = subscription.state if subscription is not None else None
        found = super().get_actions_detail(request, object_id)
        if state in RUNNING_STATES:
            hidden = {"activate", "discard", "uncancel", "pause" if pause_of(subscription) else "resume"}
            if state != SubscriptionState.TRIALING:
                hidden.add("trial")
            return [one for one in found if not _is_one_of(one, hidden)]
        shown = {"draft": {"activate", "discard"}, "paused": {"resume", "cancel"}}.get(str(state), set())
        if state == SubscriptionState.CANCELED and subscription.ends_at > current_time(subscription.customer):
            shown = {"uncancel"}
        return [one for one in found if _is_one_of(one, shown)]

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.change_subscription"))

    def _asked(self, request: HttpRequest, object_id: str) -> Subscription:
        """:raises Http404: if it is not there. :raises PermissionDenied: if the user may not see it."""
        subscription = self.get_object(request, object_id)
        if subscription is None:
            raise Http404(f"There is no subscription {object_id}.")
        if not self.has_view_permission(request, subscription):
            raise PermissionDenied
        return subscription

    @action(description="Agree figures", icon="handshake", permissions=["cancel"])
    def override(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give the subscription a price, an allowance or a bound of its own."""
        return overriding(self, request, self._asked(request, object_id))

    @action(description="Cap spend", icon="speed", permissions=["cancel"])
    def cap(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what usage may come to in a period."""
        return cap_view(self, request, self._asked(request, object_id))

    @action(description="Change plan", icon="swap_horiz", permissions=["cancel"])
    def change_plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Move the subscription to another version now, after a look at what that comes to."""
        return changing(self, request, self._asked(request, object_id))

    @action(description="Trial", icon="hourglass_top", permissions=["cancel"])
    def trial(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the trial end now or later."""
        return ending_trial(self, request, self._asked(request, object_id))

    @action(description="Agree commitment", icon="verified", permissions=["promise"])
    def promise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the subscription promise a minimum of its own."""
        return promising(self, request, self._asked(request, object_id))

    def has_promise_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.add_subscriptioncommitment"))

    @action(description="Give coupon", icon="confirmation_number", permissions=["give"])
    def give_coupon(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take something off its next invoices."""
        return giving(self, request, self._asked(request, object_id))

    def has_give_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("billing.add_redemption"))

    @action(description="Seats and add-ons", icon="group_add", permissions=["cancel"])
    def quantities(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change how many seats or add-ons the subscription holds."""
        return changing_quantity(self, request, self._asked(request, object_id))

    @action(
        description="Cancel",
        icon="event_busy",
        permissions=["cancel"],
        variant=ActionVariant.DANGER,
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the subscription: now, at its period's end, or at a date."""
        return canceling(self, request, self._asked(request, object_id))

    @action(description="Activate", icon="play_arrow", permissions=["cancel"], variant=ActionVariant.PRIMARY)
    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a draft begin."""
        return activating(self, request, self._asked(request, object_id))

    @action(description="Discard", icon="delete", permissions=["cancel"], variant=ActionVariant.DANGER)
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Remove a draft."""
        return discarding(self, request, self._asked(request, object_id))

    @action(description="Pause", icon="pause", permissions=["cancel"])
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let nothing be due for a while."""
        return pausing(self, request, self._asked(request, object_id))

    @action(description="Resume", icon="play_arrow", permissions=["cancel"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a paused subscription go on."""
        return resuming(self, request, self._asked(request, object_id))

    @action(description="Take cancellation back", icon="undo", permissions=["cancel"])
    def uncancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let a subscription whose end is to come go on."""
        return uncanceling(self, request, self._asked(request, object_id))


def _is_one_of(action: Any, names: set[str]) -> bool:
    return any(action.action_name.endswith(f"_{name}") for name in names)


def _shown(subscription: Subscription) -> dict[str, Any]:
    periods = subscription.periods.select_related("invoice", "version__plan").order_by("-starts_at", "-pk")
    return {
        "title": f"{subscription.version} of {subscription.customer}",
        "subscription": subscription,
        "state_color": STATE_COLORS.get(subscription.state, ""),
        "periods": list(periods[:MOST_PERIODS]),
        "overrides": shown(subscription),
        "caps": caps_of(subscription),
        "alerts": alerts_of(subscription),
        "move": subscription.changes.filter(state=ChangeState.PENDING).select_related("version__plan").first(),
        "pause": pause_of(subscription),
        "drafted": list(drafted(subscription)) if subscription.state == SubscriptionState.DRAFT else (),
        "commitments": promised_by(subscription),
        "promised": _progress(subscription),
        "coupons": held_by(subscription),
        "held": held_rows(subscription, at=current_time(subscription.customer)),
        "upcoming": upcoming(subscription, at=current_time(subscription.customer)),
    }


def _progress(subscription: Subscription) -> CommitmentShown | None:
    """Return how far the commitment of the running period is reached."""
    customer = subscription.customer
    at = current_time(customer)
    running = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at)
    own = [one for one in running if one.subscription == subscription.external_id]
    return next(
        (commitment_shown(one, str(subscription.currency)) for one in read_commitment_progress(own).values()), None
    )
