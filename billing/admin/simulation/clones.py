"""Clone a live customer into the sandbox, from its page."""

from django import forms
from django.contrib import messages
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.simulation.test_clocks import wake
from billing.simulation.sandbox import start_advance
from billing.simulation.sandbox.clones import MAX_PERIODS, CannotClone, clone
from customers.models import Customer
from lib.admin import ConfirmedAction, Preview, Response, StaffForm


class CloneForm(StaffForm):
    periods = forms.IntegerField(label=_("Past periods to replay"), min_value=1, max_value=MAX_PERIODS, initial=12)
    then = forms.ChoiceField(
        label=_("Test clock"),
        choices=[
            ("stands", _("Wait at the beginning, so that you can change terms first")),
            ("sets_off", _("Advance to the present at once")),
        ],
        initial="stands",
        widget=UnfoldAdminRadioSelectWidget,
    )


class CloneCustomer(ConfirmedAction[Customer]):
    """Clone the customer into the sandbox, where its past usage is replayed."""

    label, icon, verb = _("Clone into sandbox"), "science", _("Clone customer")
    permission = "customers.add_testclock"
    form_class = CloneForm
    refusals = (CannotClone,)
    is_offered = staticmethod(lambda customer: not customer.sandbox and customer.erased_at is None)

    def preview(self, customer: Customer) -> Preview:
        return Preview(
            title=gettext("Clone %(customer)s into the sandbox") % {"customer": customer},
            consequences=[
                gettext(
                    "Creates a sandbox customer with the same address, subscriptions, custom terms, and wallets. It"
                    " is never charged, emailed, or counted as revenue, and the live customer doesn't change."
                ),
                gettext(
                    "A test clock starts that many periods ago. As you advance it, the clone replays the customer's"
                    " usage and is invoiced at the prices of its plan."
                ),
            ],
            problems=[gettext("This is a sandbox customer. Clone a live one.")] if customer.sandbox else [],
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
            messages.warning(self.request, gettext("Not cloned: %(reason)s") % {"reason": reason})
        text = gettext("%(customer)s is cloned as sandbox customer “%(id)s”.")
        return self.done(text % {"customer": customer, "id": created.customer.external_id}, to=clock)
