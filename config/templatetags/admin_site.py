"""Template tags of the staff site."""

from decimal import Decimal
from typing import Any

from django import template
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.forms import BoundField
from django.template import Context
from django.utils.safestring import SafeString
from djmoney.money import Money

from config.admin_site.history import history_reader
from config.admin_site.list_tools import ListTools, list_tools
from lib.admin.filter_chips import FilterChip, filter_chips
from lib.countries import Choices, currency_choices
from lib.formats import format_money, format_number, format_units
from wallets.statements.formats import shown

register = template.Library()


@register.filter
def named(field: BoundField) -> SafeString:
    """Render a field of an inline row with its column's name as label, for screen readers."""
    return field.as_widget(attrs={"aria-label": str(field.label)})


@register.filter
def keeps_reasons(page: "ModelAdmin[Any]") -> bool:
    """Return whether a form's reason would be stored, which requires that its model has a history."""
    return history_reader.is_tracked(page.model)


@register.simple_tag(name="list_tools", takes_context=True)
def list_tools_of(context: Context) -> ListTools | None:
    """Return the saved views and columns of the list on a page."""
    return list_tools(context["request"], context["cl"])


@register.filter
def chips(changelist: ChangeList) -> list[FilterChip]:
    """Return the filters in use of a list."""
    return list(filter_chips(changelist))


@register.simple_tag
def currencies() -> Choices:
    """Return the currencies with their names."""
    return currency_choices()


@register.filter
def money(amount: Money | Decimal | None, currency: object = "") -> str:
    """Return an amount in its own currency, or in the given one, which may be a wallet's credits."""
    if isinstance(amount, Money):
        return format_money(amount.amount, str(amount.currency))
    return "" if amount is None else shown(amount, str(currency))


@register.filter
def number(quantity: Decimal | int) -> str:
    return format_number(quantity)


@register.filter
def units(quantity: Decimal | int, unit: str) -> str:
    return format_units(quantity, unit)


@register.filter
def percent_of(part: Decimal, whole: Decimal) -> int:
    """Return a part of something in percent, 100 at most; 0 of nothing."""
    return min(100, int(part * 100 / whole)) if whole else 0
