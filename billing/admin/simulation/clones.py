"""Clone a live customer into the sandbox, from its page."""

from django import forms
from django.contrib import messages
from django.utils import timezone
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.simulation.test_clocks import wake
from billing.simulation.sandbox import start_advance
from billing.simulation.sandbox.clones import MAX_PERIODS, CannotClone, clone
from customers.models import Customer
from lib.admin import ConfirmedAction, Preview, Response, StaffForm


class CloneForm(StaffForm):
    periods = forms.IntegerField(
        label="Periods before the running one", min_value=1, max_value=MAX_PERIODS, initial=12
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


class CloneCustomer(ConfirmedAction[Customer]):
    """Clone the customer into the sandbox, where its past usage is replayed."""

    label, icon, verb = "Clone into the sandbox", "science", "Clone customer"
    permission = "customers.add_testclock"
    form_class = CloneForm
    refusals = (CannotClone,)
    is_offered = staticmethod(lambda customer: not customer.sandbox and customer.erased_at is None)

    def preview(self, customer: Customer) -> Preview:
        return Preview(
            title=f"Clone {customer} into the sandbox",
            consequences=[
                "A sandbox customer is made with the same address, running subscriptions, agreements and wallets;"
                " nothing of it is charged, mailed or counted as revenue, and nothing happens to the live customer.",
                "It lives in the time of a test clock that begins so many periods ago. As that is advanced, the clone"
                " uses again what the customer has used, and is invoiced for it by the prices it is on.",
            ],
            problems=["It is a sandbox customer already: clone a live one."] if customer.sandbox else [],
        )

    def run(self, customer: Customer) -> Response:
        at = timezone.now()
        created, left_out = clone(source=customer, periods=self.choices["periods"], at=at, by=self.user)
        clock = created.customer.test_clock
        assert clock is not None  # noqa: S101  a clone has a clock of its own
        if self.choices["then"] == "sets_off":
            start_advance(clock_id=clock.pk, to=created.until, by=self.user, at=at)
            wake()
        for reason in left_out:
            messages.warning(self.request, f"Left out: {reason}")
        return self.done(f"{customer} is cloned as sandbox customer “{created.customer.external_id}”.", to=clock)
