"""Template tags of the staff site."""

from typing import Any

from django import template
from django.contrib.admin import ModelAdmin
from django.forms import BoundField
from django.utils.safestring import SafeString
from djmoney.money import Money

from config.admin_site.history import history_reader
from lib.formats import format_money

register = template.Library()


@register.filter
def named(field: BoundField) -> SafeString:
    """Render a field of an inline row with its column's name as label, for screen readers."""
    return field.as_widget(attrs={"aria-label": str(field.label)})


@register.filter
def keeps_reasons(page: "ModelAdmin[Any]") -> bool:
    """Return whether a form's reason would be stored, which requires that its model has a history."""
    return history_reader.is_tracked(page.model)


@register.filter(name="money")
def money_of(amount: Money) -> str:
    return format_money(amount.amount, str(amount.currency))
