"""Addresses of staff pages, links to them, and the response that shows a page of its own."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def page_url(row: Model) -> str:
    """Return the address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_url(model: type[Model]) -> str:
    """Return the address of a model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def link_to(row: Model, text: str = "") -> SafeString:
    """Return a link to a row's page, with the row's name unless a text is given."""
    return format_html('<a class="text-link" href="{}">{}</a>', page_url(row), text or row)


def staff_page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    """Return a page with a template of its own in the frame of the staff site."""
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), "opts": None, **context})
