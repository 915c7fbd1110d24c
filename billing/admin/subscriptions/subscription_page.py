"""The subscription page: plan, periods, next invoice, terms, and the actions that change them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.closing.invoice_preview import upcoming
from billing.admin.limits.alerts import alerts_of
from billing.admin.limits.spend_caps import SetSpendCap, caps_of
from billing.admin.subscriptions.cancellation import CancelSubscription, UndoCancellation
from billing.admin.subscriptions.commitments import AgreeCommitment, commitments_of
from billing.admin.subscriptions.coupons import GiveCoupon, coupons_of
from billing.admin.subscriptions.drafts import ActivateSubscription, DiscardSubscription, drafted
from billing.admin.subscriptions.overrides import AgreeFigures, overrides_of
from billing.admin.subscriptions.pauses import PauseSubscription, ResumeSubscription, pause_of
from billing.admin.subscriptions.plan_change import ChangePlan
from billing.admin.subscriptions.quantities import ChangeQuantity, held_quantities
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.admin.subscriptions.terms_panel import describe_terms
from billing.admin.subscriptions.trials import ChangeTrialEnd
from billing.closing.commitments.progress import CommitmentProgress, read_commitment_progress
from billing.metering.usage.current_usage import current_usage
from billing.models import Subscription
from billing.models.plan_changes import ChangeState
from billing.models.subscriptions import SubscriptionState
from customers.admin.search import CustomerSearch
from customers.customer_time import current_time
from lib.admin import ReadOnlyAdmin, Response, is_allowed
from lib.admin.columns import state_column, text_column
from lib.admin.labels import LabelsForm, TagFilter, shown_labels, tags_column
from lib.label_changes import set_labels

STATE_COLORS = {
    "draft": "info",
    "trialing": "info",
    "active": "success",
    "paused": "warning",
    "canceled": "warning",
}
# A year of monthly periods, with the current and the upcoming one.
MAX_PERIODS = 14


class EditSubscriptionLabels(SubscriptionAction):
    label, icon, verb = _("Tags and metadata"), "label", _("Save")
    permission = "billing.change_subscription"
    title = _("Tags and metadata of {}")
    consequences = (_("They are for your own systems and lists. Invoices don't show them."),)

    def make_form(self, subscription: Subscription) -> LabelsForm:
        return LabelsForm(self.posted, initial={"tags": subscription.tags, "metadata": subscription.metadata})

    def run(self, subscription: Subscription) -> Response:
        set_labels(subscription, **self.choices, by=self.user, at=self.at)
        return self.done(gettext("Tags and metadata are saved."))


@admin.register(Subscription)
class SubscriptionAdmin(CustomerSearch, ReadOnlyAdmin):
    """Subscriptions are created on the customer page and changed by actions only; nothing is edited."""

    seller_paths = ("seller",)
    has_form = False
    list_display = ("external_id", "customer_shown", "version_shown", "state_shown", "starts_at", "ends_at")
    extra_columns = ("tags_shown", "currency", "trial_ends_at", "seller")
    list_filter = ("state", "version", TagFilter)
    list_select_related = ("customer", "version__plan", "seller")
    search_fields = ("external_id",)
    search_help_text = _("Start of a subscription ID, part of a customer's name, or key:value of metadata")
    empty_text = _("Add subscriptions on the page of a customer.")
    exact_field = start_field = "external_id"
    labels_path = ""
    actions_detail = (
        "activate",
        "discard",
        "change_plan",
        "trial",
        {
            "title": _("Change terms"),
            "icon": "handshake",
            "items": ["override", "promise", "give_coupon", "cap", "quantities"],
        },
        {"title": _("Pause or cancel"), "icon": "event_busy", "items": ["pause", "cancel"]},
        "resume",
        "uncancel",
        "edit_labels",
    )
    change_form_before_template = "staff/subscriptions/subscription.html"

    activate = ActivateSubscription.as_action()
    discard = DiscardSubscription.as_action()
    change_plan = ChangePlan.as_action()
    trial = ChangeTrialEnd.as_action()
    override = AgreeFigures.as_action()
    promise = AgreeCommitment.as_action()
    give_coupon = GiveCoupon.as_action()
    cap = SetSpendCap.as_action()
    quantities = ChangeQuantity.as_action()
    pause = PauseSubscription.as_action()
    cancel = CancelSubscription.as_action()
    resume = ResumeSubscription.as_action()
    uncancel = UndoCancellation.as_action()
    edit_labels = EditSubscriptionLabels.as_action()

    customer_shown = text_column("customer", _("Customer"))
    version_shown = text_column("version", _("Plan"))
    state_shown = state_column(STATE_COLORS)
    tags_shown = tags_column()

    def page_context(self, request: HttpRequest, subscription: Subscription) -> dict[str, Any]:
        may_edit = is_allowed(request, EditSubscriptionLabels.permission)
        edit_url = reverse("admin:billing_subscription_edit_labels", args=[subscription.pk]) if may_edit else ""
        labels = shown_labels(Subscription, subscription.metadata, subscription.tags, edit_url=edit_url)
        return _shown(subscription) | {"labels": labels}


def _shown(subscription: Subscription) -> dict[str, Any]:
    periods = subscription.periods.select_related("invoice", "version__plan").order_by("-starts_at", "-pk")
    at = current_time(subscription.customer)
    shown = {
        "title": f"{subscription.customer}, {subscription.version}",
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
        "held": held_quantities(subscription, at=at),
        "upcoming": upcoming(subscription, at=at),
    }
    return shown | {"terms": describe_terms(subscription, shown, at=at)}


def _progress(subscription: Subscription) -> CommitmentProgress | None:
    """Return the progress toward the commitment of the running period."""
    customer = subscription.customer
    at = current_time(customer)
    running = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at)
    usages = [usage for usage in running if usage.subscription == subscription.external_id]
    return next(iter(read_commitment_progress(usages).values()), None)
