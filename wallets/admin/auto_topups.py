"""Automatic top-ups: their rules, and the top-ups made."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import action, display

from customers.admin.search import find_customer_ids
from customers.customer_time import current_time
from lib.admin.number_fields import NumberInput, number_cell
from lib.formats import format_money, format_number, format_units
from wallets.auto_topup import CeilingLimits, TopUpRuleRefused, TopUpRuleRequest, set_rule, switch_on
from wallets.models import TopUp, TopUpCeiling, TopUpRule

STATE_COLORS = {"pending": "info", "paid": "success", "declined": "danger", "canceled": ""}
ON_COLORS = {"on": "success", "off": "", "stopped": "danger"}


class AutoTopupRuleForm(forms.ModelForm):
    class Meta:
        model = TopUpRule
        fields = (
            *("wallet", "is_on", "threshold", "percent", "pack", "target", "payer", "cooldown", "most_declines"),
        )
        labels = {
            "is_on": "On",
            "threshold": "Below, units",
            "percent": "or below, percent of the pack",
            "target": "Fill up to, units",
            "payer": "Paid by",
            "cooldown": "Wait between two (h:mm:ss)",
            "most_declines": "Off after, declines in a row",
        }
        help_texts = {
            "threshold": "Strictly below: with 20 here, a balance of 20 is enough.",
            "target": "Empty: one pack each time.",
        }
        widgets = {name: NumberInput() for name in ("threshold", "percent", "target", "most_declines")}

    def clean(self) -> dict[str, Any]:
        """Report contradictions next to the field, before the operation rejects them."""
        cleaned = super().clean() or self.cleaned_data
        if (cleaned.get("threshold") is None) == (cleaned.get("percent") is None):
            self.add_error("threshold", "Say below which balance: in units, or in percent of the pack.")
        return cleaned


class CeilingInline(TabularInline):
    model = TopUpCeiling
    extra = 0
    hide_title = True
    formfield_overrides = {models.DecimalField: {"widget": NumberInput}}
    verbose_name = "ceiling"
    verbose_name_plural = "Ceilings: so many top-ups, or so much money with tax; the customer's never above finance's"
    ordering = ("set_by", "span")


@admin.register(TopUpRule)
class TopUpRuleAdmin(ModelAdmin):
    form = AutoTopupRuleForm
    inlines = (CeilingInline,)
    list_display = ("wallet_shown", "below", "buys", "payer", "state")
    list_filter = (("is_on", BooleanRadioFilter), ("payer", ChoicesDropdownFilter))
    list_select_related = ("wallet__customer", "pack")
    search_fields = ("wallet__name",)
    search_help_text = "Part of a customer's name"
    autocomplete_fields = ("wallet", "pack")
    ordering = ("-pk",)
    actions_detail = ("switch_on",)

    def get_readonly_fields(self, request: HttpRequest, obj: TopUpRule | None = None) -> tuple[str, ...]:
        return ("wallet", "declines", "off_reason", "quiet_until") if obj is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: TopUpRule | None = None) -> list[Any]:
        settings = [
            "wallet",
            "is_on",
            ("threshold", "percent"),
            "pack",
            "target",
            "payer",
            "cooldown",
            "most_declines",
        ]
        status = [("How it stands", {"fields": ["declines", "off_reason", "quiet_until"]})] if obj else []
        return [("When, and by how much", {"fields": settings}), *status]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(wallet__customer_id__in=find_customer_ids(term)) if term else queryset), False

    @display(description="Wallet")
    def wallet_shown(self, rule: TopUpRule) -> str:
        return str(rule.wallet)

    @display(description="Below")
    def below(self, rule: TopUpRule) -> SafeString:
        return number_cell(
            f"{format_number(rule.percent)} %" if rule.threshold is None else format_number(rule.threshold)
        )

    @display(description="Buys")
    def buys(self, rule: TopUpRule) -> str:
        return f"{rule.pack}" if rule.target is None else f"{rule.pack}, up to {format_number(rule.target)}"

    @display(description="State", label=ON_COLORS)
    def state(self, rule: TopUpRule) -> tuple[str, str]:
        if rule.is_on:
            return "on", "on"
        return ("stopped", rule.off_reason) if rule.off_reason else ("off", "off")

    def save_model(self, request: HttpRequest, obj: TopUpRule, form: Any, change: bool) -> None:
        """Do nothing: `save_related` calls the operation once the ceilings are known."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Set the rule and its ceilings in one operation."""
        rule = form.instance
        rule_request = TopUpRuleRequest(
            pack=rule.pack.code,
            **{name: getattr(rule, name) for name in ("threshold", "percent", "target", "payer", "cooldown")},
            most_declines=rule.most_declines,
            is_on=rule.is_on,
            ceilings=[
                CeilingLimits(row["set_by"], row["span"], row["most"], row["most_money"])
                for row in formsets[0].cleaned_data
                if row and not row.get("DELETE")
            ],
        )
        stored_rule = set_rule(
            wallet_id=rule.wallet_id, request=rule_request, at=current_time(rule.wallet.customer), by=request.user
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

    @action(description="Switch on again", icon="play_arrow", permissions=["switch_on"])
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Switch the rule on again after declines."""
        rule = self.get_object(request, object_id)
        if rule is None:
            raise Http404(f"There is no rule {object_id}.")
        if not self.has_switch_on_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            switch_on(wallet_id=rule.wallet_id, at=current_time(rule.wallet.customer), by=request.user)
            messages.success(request, f"{rule.wallet} is topped up by itself again.")
            return HttpResponseRedirect(reverse("admin:wallets_topuprule_change", args=[rule.pk]))
        reasons = [f"It was switched off: {rule.off_reason}."] if rule.off_reason else []
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=rule,
            title=f"Top up {rule.wallet} by itself again",
            consequences=[
                *reasons,
                "Declines are forgotten, and it is topped up at once if it is below its threshold.",
            ],
            verb="Switch on",
        )

    def has_switch_on_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("wallets.change_topuprule"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        rule = self.get_object(request, str(object_id))
        return [] if rule is None or rule.is_on else super().get_actions_detail(request, object_id)


@admin.register(TopUp)
class TopUpAdmin(ModelAdmin):
    list_display = ("wallet_shown", "state_shown", "balance_shown", "bought", "amount_shown", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", RangeDateFilter))
    list_select_related = ("wallet__customer", "purchase")
    search_fields = ("wallet__name",)
    search_help_text = "Part of a customer's name"
    ordering = ("-pk",)
    fields = (
        *("wallet_shown", "state", "reason", "balance_shown", "purchase_shown", "amount_shown"),
        *("created_at", "settled_at"),
    )
    readonly_fields = fields

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(wallet__customer_id__in=find_customer_ids(term)) if term else queryset), False

    @display(description="Wallet")
    def wallet_shown(self, topup: TopUp) -> str:
        return str(topup.wallet)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, topup: TopUp) -> tuple[str, str]:
        return topup.state, topup.get_state_display()

    @display(description="Balance before")
    def balance_shown(self, topup: TopUp) -> SafeString:
        return number_cell(format_number(topup.balance))

    @display(description="Bought")
    def bought(self, topup: TopUp) -> SafeString:
        return number_cell(format_units(topup.purchase.units + topup.purchase.bonus, "unit"))

    @display(description="Purchase")
    def purchase_shown(self, topup: TopUp) -> SafeString:
        page = reverse("admin:wallets_purchase_change", args=[topup.purchase_id])
        return format_html('<a href="{}">{}</a>', page, topup.purchase.terms["name"])

    @display(description="Amount with tax", ordering="amount")
    def amount_shown(self, topup: TopUp) -> SafeString:
        return number_cell(format_money(topup.amount, str(topup.currency)))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TopUp | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TopUp | None = None) -> bool:
        return False
