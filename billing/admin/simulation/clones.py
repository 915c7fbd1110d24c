"""Clone a live customer into the sandbox, from its page."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.simulation.test_clocks import wake
from billing.simulation.sandbox import start_advance
from billing.simulation.sandbox.clones import MAX_PERIODS, CannotClone, clone
from customers.models import Customer
from lib.admin.number_fields import NumberInput


class CloneForm(forms.Form):
    periods = forms.IntegerField(
        label="Periods before the running one", min_value=1, max_value=MAX_PERIODS, initial=12, widget=NumberInput
    )
    then = forms.ChoiceField(
        label="Its clock",
        choices=[
            ("stands", "stands at the beginning: change what you want to try, then advance it"),
            ("sets_off", "sets off for the present at once"),
        ],
        initial="stands",
        widget=UnfoldAdminRadioSelectWidget,
    )


def clone_view(page: ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Ask for the number of past periods, and create the clone."""
    form = CloneForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        try:
            created, left_out = clone(source=customer, periods=form.cleaned_data["periods"], at=at, by=request.user)
        except CannotClone as refused:
            form.add_error(None, str(refused))
        else:
            clock = created.customer.test_clock
            if form.cleaned_data["then"] == "sets_off":
                start_advance(clock_id=clock.pk, to=created.until, by=request.user, at=at)
                wake()
            messages.success(request, f"{customer} is cloned as sandbox customer “{created.customer.external_id}”.")
            for reason in left_out:
                messages.warning(request, f"Left out: {reason}")
            return HttpResponseRedirect(reverse("admin:customers_testclock_change", args=[clock.pk]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=customer,
        title=f"Clone {customer} into the sandbox",
        consequences=[
            "A sandbox customer is made with the same address, running subscriptions, agreements and wallets; nothing"
            " of it is charged, mailed or counted as revenue, and nothing happens to the live customer.",
            "It lives in the time of a test clock that begins so many periods ago. As that is advanced, the clone"
            " uses again what the customer has used, and is invoiced for it by the prices it is on.",
        ],
        problems=["It is a sandbox customer already: clone a live one."] if customer.sandbox else [],
        form=form,
        verb="Clone customer",
    )
