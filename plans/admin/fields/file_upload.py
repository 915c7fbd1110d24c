"""File upload with a dry run that shows its effect and a button that confirms it."""

import base64
import binascii
from typing import Any

from django import forms
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffForm
from lib.tabular_files import MAX_BYTES


class UploadForm(StaffForm):
    """
    An uploaded file, or the confirmation of one: the page carries the file of the dry run, so no server has to store
    it.

    `name` and `content` are those of either file.
    """

    file = forms.FileField(label=_("File"), required=False)
    kept_name = forms.CharField(required=False, widget=forms.HiddenInput, max_length=200)
    kept = forms.CharField(required=False, widget=forms.HiddenInput, max_length=2 * MAX_BYTES)

    name: str = ""
    content: bytes = b""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        file = cleaned.get("file")
        if file is not None:
            if file.size > MAX_BYTES:
                text = gettext("The file has %(size)s; the maximum is %(most)s.")
                sizes = {"size": filesizeformat(file.size), "most": filesizeformat(MAX_BYTES)}
                raise forms.ValidationError(text % sizes)
            self.name, self.content = file.name, file.read()
        elif cleaned.get("kept"):
            self.name = cleaned["kept_name"]
            try:
                self.content = base64.b64decode(cleaned["kept"], validate=True)
            except binascii.Error as error:
                raise forms.ValidationError(gettext("The upload was incomplete. Choose the file again.")) from error
        else:
            raise forms.ValidationError(gettext("Choose a file."))
        return cleaned

    @property
    def is_confirmed(self) -> bool:
        """Whether the user has seen the dry run and confirmed it."""
        return bool(self.cleaned_data.get("kept")) and not self.cleaned_data.get("file")

    def hidden(self) -> list[tuple[str, str]]:
        """Return the file as hidden fields of the confirmation page."""
        return [("kept_name", self.name[-200:]), ("kept", base64.b64encode(self.content).decode())]
