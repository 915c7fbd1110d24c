"""Automatic top-ups: their rules, and the top-ups made."""

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.admin.search import CustomerSearch
from customers.customer_time import current_time
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffAdmin, StaffInline, link_to, staff_user
from lib.admin.columns import column, display, money_column, number_column, state_column, text_column
from lib.admin.number_fields import NumberInput, number_cell
from lib.formats import format_number
from lib.row_form import RowForm
from wallets.auto_topup import CeilingLimits, TopUpRuleRefused, TopUpRuleRequest, set_rule, switch_on
from wallets.models import TopUp, TopUpCeiling, TopUpRule

STATE_COLORS = {"pending": "info", "paid": "success", "declined": "danger", "canceled": ""}
ON_COLORS = {"on": "success", "off": "", "stopped": "danger"}


class AutoTopupRuleForm(RowForm[TopUpRule]):
    class Meta:
        model = TopUpRule
        fields = (
            *(
                "wallet",
                "is_on",
                "threshold",
                "percent",
                "pack",
                "target",
                "basis",
                "payer",
                "cooldown",
                "most_declines",
            ),
        )
        labels = {
            "is_on": _("Enabled"),
            "threshold": _("Threshold (units)"),
            "percent": _("or threshold (percent of the pack)"),
            "target": _("Target balance (units)"),
            "basis": _("Balance to compare"),
            "payer": _("Paid by"),
            "cooldown": _("Minimum interval (h:mm:ss)"),
            "most_declines": _("Disable after declines in a row"),
        }
        help_texts = {
            "threshold": _("Tops up when the balance falls below it: with 20, at 19.99 but not at 20."),
            "target": _("Empty: one pack each time."),
            "basis": _("Only a wallet that pays invoices has an ongoing balance."),
        }
        widgets = {name: NumberInput() for name in ("threshold", "percent", "target", "most_declines")}

    def clean(self) -> dict[str, Any]:
        """Report contradictions next to the field, before the operation rejects them."""
        cleaned = super().clean()
        if (cleaned.get("threshold") is None) == (cleaned.get("percent") is None):
            self.add_error("threshold", gettext("Enter a threshold, either in units or in percent of the pack."))
        return cleaned


class CeilingInline(StaffInline):
    model = TopUpCeiling
    formfield_overrides = {models.DecimalField: {"widget": NumberInput}}
    verbose_name = _("ceiling")
    verbose_name_plural = _("ceilings on the number of top-ups or their total with tax")
    ordering = ("set_by", "span")


class SwitchTopUpsOn(ConfirmedAction[TopUpRule]):
    """Enable the rule again after declines."""

    label, icon, verb = _("Enable"), "play_arrow", _("Enable top-ups")
    permission = "wallets.change_topuprule"
    is_offered = staticmethod(lambda rule: not rule.is_on)

    def preview(self, rule: TopUpRule) -> Preview:
        reason = gettext("Automatic top-ups were disabled: %(reason)s.")
        return Preview(
            title=gettext("Enable automatic top-ups of %(wallet)s") % {"wallet": rule.wallet},
            consequences=[
                *([reason % {"reason": rule.off_reason}] if rule.off_reason else []),
                gettext("The count of declines restarts. A balance below the threshold is topped up at once."),
            ],
        )

    def run(self, rule: TopUpRule) -> Response:
        switch_on(wallet_id=rule.wallet_id, at=current_time(rule.wallet.customer), by=self.user)
        return self.done(gettext("Automatic top-ups of %(wallet)s are enabled.") % {"wallet": rule.wallet})


@admin.register(TopUpRule)
class TopUpRuleAdmin(CustomerSearch, StaffAdmin):
    seller_paths = ("wallet__seller",)
    form = AutoTopupRuleForm
    inlines = (CeilingInline,)
    empty_text = _("A rule buys a pack when a wallet's balance falls below a threshold.")
    list_display = ("wallet_shown", "below", "buys", "payer", "state")
    list_filter = ("is_on", "payer")
    list_select_related = ("wallet__customer", "pack")
    search_fields = ("wallet__name",)
    search_help_text = _("Part of the customer's name")
    autocomplete_fields = ("wallet", "pack")
    fixed_fields = ("wallet", "declines", "off_reason", "quiet_until")
    customer_path = "wallet__customer"
    actions_detail = ("switch_on",)

    switch_on = SwitchTopUpsOn.as_action()

    def get_fieldsets(self, request: HttpRequest, obj: TopUpRule | None = None) -> list[Any]:
        settings = [
            "wallet",
            "is_on",
            ("threshold", "percent"),
            "pack",
            "target",
            "basis",
            "payer",
            "cooldown",
            "most_declines",
        ]
        status = [(_("Status"), {"fields": ["declines", "off_reason", "quiet_until"]})] if obj else []
        return [(_("Rule"), {"fields": settings}), *status]

    wallet_shown = text_column("wallet", _("Wallet"))

    @display(description=_("Threshold"))
    def below(self, rule: TopUpRule) -> SafeString:
        return number_cell(
            format_number(rule.threshold) if rule.threshold is not None else f"{format_number(rule.percent or 0)}%"
        )

    @display(description=_("Purchase"))
    def buys(self, rule: TopUpRule) -> str:
        if rule.target is None:
            return str(rule.pack)
        return gettext("%(pack)s, up to %(target)s") % {"pack": rule.pack, "target": format_number(rule.target)}

    @display(description=_("State"), label=ON_COLORS)
    def state(self, rule: TopUpRule) -> tuple[str, str]:
        if rule.is_on:
            return "on", gettext("enabled")
        return ("stopped", rule.off_reason) if rule.off_reason else ("off", gettext("disabled"))

    def save_model(self, request: HttpRequest, obj: TopUpRule, form: Any, change: bool) -> None:
        """Do nothing: `save_related` calls the operation once the ceilings are known."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Set the rule and its ceilings in one operation."""
        rule = form.instance
        rule_request = TopUpRuleRequest(
            pack=rule.pack.code,
            **{
                name: getattr(rule, name) for name in ("threshold", "percent", "target", "basis", "payer", "cooldown")
            },
            most_declines=rule.most_declines,
            is_on=rule.is_on,
            ceilings=[
                CeilingLimits(row["set_by"], row["span"], row["most"], row["most_money"])
                for row in formsets[0].cleaned_data
                if row and not row.get("DELETE")
            ],
        )
        stored_rule = set_rule(
            wallet_id=rule.wallet_id,
            request=rule_request,
            at=current_time(rule.wallet.customer),
            by=staff_user(request),
        )
        rule.pk, rule._state.adding = stored_rule.pk, False
        for formset in formsets:
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a refusal of the operation as a message, and the form again."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except TopUpRuleRefused as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(request.get_full_path())


@admin.register(TopUp)
class TopUpAdmin(CustomerSearch, ReadOnlyAdmin):
    seller_paths = ("wallet__seller",)
    empty_text = _("Automatic top-ups appear here. Add a rule for a wallet to begin.")
    list_display = ("wallet_shown", "state_shown", "balance_shown", "bought", "amount_shown", "created_at")
    list_filter = ("state", "created_at")
    list_select_related = ("wallet__customer", "purchase")
    search_fields = ("wallet__name",)
    search_help_text = _("Part of the customer's name")
    customer_path = "wallet__customer"
    fields = (
        *("wallet_shown", "state", "reason", "balance_shown", "purchase_shown", "amount_shown"),
        *("created_at", "settled_at"),
    )

    wallet_shown = text_column("wallet", _("Wallet"))
    state_shown = state_column(STATE_COLORS)
    amount_shown = money_column("amount", _("Amount with tax"), ordering="amount")
    balance_shown = number_column("balance", _("Balance before"))
    bought = number_column(lambda topup: topup.purchase.units + topup.purchase.bonus, _("Units"))

    purchase_shown = column(_("Purchase"), lambda topup: link_to(topup.purchase, topup.purchase.terms["name"]))
