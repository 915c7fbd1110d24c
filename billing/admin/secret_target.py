"""Targets at other systems: an address that the server may call, and a secret that no page shows again."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from customers.notifications.http_client import AddressRefused, check_address
from lib.admin import StaffAdmin
from lib.encryption import encrypt
from lib.translation import Text


def secret_field(label: Text, *, owner: Text, max_length: int) -> forms.CharField:
    """Return the field of a secret; a change that leaves it empty keeps the stored one. owner: to whom it belongs."""
    return forms.CharField(
        label=label,
        max_length=max_length,
        required=False,
        widget=forms.PasswordInput,
        help_text=format_lazy("{} {}", owner, _("Empty: unchanged.")),
    )


def checked_address(url: str) -> str:
    """
    Return an address without surrounding space; an empty one stays empty.

    :raises ValidationError: if the server may not call it.
    """
    url = url.strip()
    if url:
        try:
            check_address(url)
        except AddressRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
    return url


class SecretTargetAdmin(StaffAdmin):
    """A page of targets. secret_name: the field of the form whose text the row keeps encrypted, as its `secret`."""

    secret_name: str

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if secret := form.cleaned_data.get(self.secret_name):
            obj.secret = encrypt(secret)
        super().save_model(request, obj, form, change)
