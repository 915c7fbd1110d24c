"""Automatic top-up as the customer sets it: within finance's ceilings, which stay unchanged."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from invoices.portal.formats import PortalFigures, portal_figures
from plans.models import PackPrice
from wallets.auto_topup import CeilingLimits, TopUpRuleRefused, TopUpRuleRequest, remove_rule, set_rule
from wallets.models import TopUpCeiling, TopUpRule, Wallet
from wallets.models.topups import MAX_TOPUPS, CeilingSetter, CeilingSpan
from wallets.portal.purchase import offered_for, pack_choices

UNITS: dict[str, Any] = {"min_value": 0, "max_digits": 32, "decimal_places": 12}
CEILINGS = {
    CeilingSpan.DAY: _("%(seller)s allows at most %(limits)s a day."),
    CeilingSpan.MONTH: _("%(seller)s allows at most %(limits)s a month."),
}


class CustomerTopupForm(forms.Form):
    is_on = forms.BooleanField(label=_("Turn on auto top-up"), required=False)
    threshold = forms.DecimalField(label=_("When the balance falls below"), **UNITS)
    pack = forms.ChoiceField(label=_("Pack to buy"), widget=forms.RadioSelect)
    target = forms.DecimalField(
        label=_("Until the balance is at least"),
        required=False,
        help_text=_("If empty, one pack is bought at a time."),
        **UNITS,
    )
    most = forms.IntegerField(label=_("Top-ups a month, at most"), min_value=1, max_value=MAX_TOPUPS, required=False)
    most_money = forms.DecimalField(
        label=_("Spending a month, at most (with tax)"),
        min_value=0,
        max_digits=20,
        decimal_places=6,
        required=False,
    )

    fields: dict[str, Any]  # each of its own class

    def __init__(self, *args: Any, offered: list[PackPrice], figures: PortalFigures, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.fields["pack"].choices = pack_choices(offered, figures)

    def rule_request(self, rule: TopUpRule | None, ceilings: list[CeilingLimits]) -> TopUpRuleRequest:
        """Return the rule to set; fields that the customer can't change keep their values."""
        chosen = self.cleaned_data
        own_ceiling = CeilingLimits(CeilingSetter.CUSTOMER, CeilingSpan.MONTH, chosen["most"], chosen["most_money"])
        if own_ceiling.most is not None or own_ceiling.most_money is not None:
            ceilings = [*ceilings, own_ceiling]
        unchanged = (
            {}
            if rule is None
            else {name: getattr(rule, name) for name in ("basis", "payer", "cooldown", "most_declines")}
        )
        figures = {name: chosen[name] for name in ("pack", "threshold", "target", "is_on")}
        return TopUpRuleRequest(**figures, **unchanged, ceilings=ceilings)


@signed_in("GET", "POST")
def auto_top_up(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    wallet: Wallet = visit.own_row(Wallet.objects.filter(closed_at__isnull=True), pk=number)
    figures = portal_figures(visit, str(wallet.currency))
    rule = visit.own_rows(TopUpRule.objects.filter(wallet=wallet), "wallet__customer").select_related("pack").first()
    ceilings = list(rule.ceilings.all()) if rule else []
    offered = offered_for(visit, wallet)
    form = CustomerTopupForm(request.POST or None, offered=offered, figures=figures, initial=_initial(rule, ceilings))
    if request.method == "POST" and form.is_valid():
        try:
            _set(visit, wallet, form)
        except TopUpRuleRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        else:
            return redirect_with_message("portal_wallet", wallet.pk, message="ruled")
    context = {
        "wallet": wallet,
        "form": form,
        "rule": rule,
        "off_reason": off_reason(rule) if rule else "",
        "ceilings": [
            _ceiling_text(ceiling, wallet, figures) for ceiling in ceilings if ceiling.set_by == CeilingSetter.FINANCE
        ],
    }
    return render_page(request, visit, "auto_top_up.html", context, status=422 if form.errors else 200)


@transaction.atomic
def _set(visit: Visit, wallet: Wallet, form: CustomerTopupForm) -> None:
    """Set the rule under its lock, so that a ceiling that finance sets at the same time is not lost."""
    rows = visit.own_rows(TopUpRule.objects.filter(wallet=wallet), "wallet__customer")
    rule = rows.select_for_update(no_key=True, of=("self",)).first()
    ceilings = list(rule.ceilings.all()) if rule else []
    kept_ceilings = _limits(ceiling for ceiling in ceilings if ceiling.set_by == CeilingSetter.FINANCE)
    kept_ceilings += _limits(ceiling for ceiling in ceilings if (ceiling.set_by, ceiling.span) == ("customer", "day"))
    set_rule(wallet_id=wallet.pk, request=form.rule_request(rule, kept_ceilings), at=visit.at)


@signed_in("POST")
def remove_auto_top_up(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """
    Stop automatic top-ups. If finance has set ceilings, the rule is switched off instead, so that the ceilings stay.
    """
    wallet: Wallet = visit.own_row(Wallet.objects.all(), pk=number)
    with transaction.atomic():
        rows = visit.own_rows(TopUpRule.objects.filter(wallet=wallet), "wallet__customer")
        # Row lock: a ceiling that finance sets at the same time is seen, so that the rule is not deleted with it.
        rule = rows.select_for_update(no_key=True, of=("self",)).first()
        if rule is not None and rule.ceilings.filter(set_by=CeilingSetter.FINANCE).exists():
            set_rule(wallet_id=wallet.pk, request=_off(rule), at=visit.at)
        else:
            remove_rule(wallet_id=wallet.pk, at=visit.at)
    return redirect_with_message("portal_wallet", wallet.pk, message="unruled")


def _off(rule: TopUpRule) -> TopUpRuleRequest:
    names = ("threshold", "percent", "target", "payer", "cooldown", "most_declines")
    unchanged = {name: getattr(rule, name) for name in names}
    return TopUpRuleRequest(rule.pack.code, **unchanged, is_on=False, ceilings=_limits(rule.ceilings.all()))


def _limits(ceilings: Iterable[TopUpCeiling]) -> list[CeilingLimits]:
    return [CeilingLimits(ceiling.set_by, ceiling.span, ceiling.most, ceiling.most_money) for ceiling in ceilings]


def _initial(rule: TopUpRule | None, ceilings: list[TopUpCeiling]) -> dict[str, Any]:
    if rule is None:
        return {"is_on": True}
    own_ceiling = next(
        (ceiling for ceiling in ceilings if (ceiling.set_by, ceiling.span) == ("customer", "month")), None
    )
    threshold = rule.threshold
    if threshold is None and rule.percent is not None and rule.pack.units is not None:
        threshold = rule.percent * rule.pack.units / 100
    return {
        "is_on": rule.is_on,
        "threshold": _bare(threshold),
        "pack": rule.pack.code,
        "target": _bare(rule.target),
        "most": own_ceiling.most if own_ceiling else None,
        "most_money": _bare(own_ceiling.most_money) if own_ceiling else None,
    }


def _bare(number: Decimal | None) -> str | None:
    """Return a number without trailing zeros, as one types it."""
    return None if number is None else f"{number.normalize():f}"


def off_reason(rule: TopUpRule) -> str:
    """Return why a rule was switched off; empty if it was not. The stored reason is for staff."""
    if not rule.off_reason:
        return ""
    if rule.declines < rule.most_declines:
        return gettext("Auto top-up was turned off because the purchase was not possible.")
    text = ngettext(
        "Auto top-up was turned off after %(count)s declined payment.",
        "Auto top-up was turned off after %(count)s declined payments.",
        rule.declines,
    )
    return text % {"count": rule.declines}


def _ceiling_text(ceiling: TopUpCeiling, wallet: Wallet, figures: PortalFigures) -> str:
    """Return a ceiling of finance in words."""
    limits = []
    if ceiling.most is not None:
        limits.append(ngettext("%(count)s top-up", "%(count)s top-ups", ceiling.most) % {"count": ceiling.most})
    if ceiling.most_money is not None:
        limits.append(gettext("%(amount)s with tax") % {"amount": figures.money(ceiling.most_money)})
    limits_text = (
        gettext("%(first)s and %(second)s") % dict(zip(("first", "second"), limits, strict=True))
        if len(limits) > 1
        else limits[0]
    )
    return CEILINGS[CeilingSpan(ceiling.span)] % {
        "seller": wallet.seller.legal_name,
        "limits": limits_text,
    }
