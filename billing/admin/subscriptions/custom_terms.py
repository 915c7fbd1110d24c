"""Custom terms of a subscription, listed read-only; they can only be ended."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from billing.models import Override, SubscriptionCommitment
from billing.subscriptions.terms.price_overrides import OverrideRefused, next_period_start
from customers.customer_time import current_time

Agreement = Override | SubscriptionCommitment


def until(agreement: Agreement) -> str:
    """Return the end of an agreement; one that ends at its start was withdrawn."""
    if agreement.ends_at is None:
        return "on"
    return (
        "withdrawn" if agreement.ends_at == agreement.starts_at else date_format(agreement.ends_at, "DATETIME_FORMAT")
    )


class AgreementAdmin(ModelAdmin):
    """
    Agreements of one kind. A subclass provides the texts and ends an agreement.

    end_title, end_consequences: texts of the confirmation page; `ends` is the time at which it would end.
    end_it: ends an agreement and returns the confirmation; it may raise OverrideRefused.
    """

    search_fields = ("subscription__external_id",)
    search_help_text = "A subscription's id"
    ordering = ("-pk",)
    actions_detail = ("end",)

    def end_title(self, agreement: Any) -> str:
        raise NotImplementedError

    def end_consequences(self, ends: str) -> list[str]:
        raise NotImplementedError

    def end_it(self, agreement: Any, *, by: Any, at: datetime) -> str:
        raise NotImplementedError

    @display(description="Until")
    def until_shown(self, agreement: Any) -> str:
        return until(agreement)

    @action(description="End", icon="event_busy", permissions=["end"])
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End an agreement, so that the plan's terms apply again."""
        agreement = self.get_object(request, object_id)
        if agreement is None:
            raise Http404(f"There is no {self.opts.verbose_name} {object_id}.")
        if not self.has_view_permission(request, agreement):
            raise PermissionDenied
        at = current_time(agreement.subscription.customer)
        problems: list[str] = []
        if request.method == "POST":
            try:
                messages.success(request, self.end_it(agreement, by=request.user, at=at))
                return HttpResponseRedirect(
                    reverse("admin:billing_subscription_change", args=[agreement.subscription_id])
                )
            except OverrideRefused as refusal:
                problems.append(str(refusal))
        ends_at = max(next_period_start(agreement.subscription, at=at), agreement.starts_at)
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=agreement,
            title=self.end_title(agreement),
            consequences=self.end_consequences(date_format(ends_at, "DATETIME_FORMAT")),
            problems=problems,
            verb="End it",
        )

    def has_end_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(f"billing.change_{self.opts.model_name}"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
