"""The form of a seller's branding: bank accounts are checked, and logos decoded, as they are entered."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from customers.admin.parties import PartyForm
from customers.brand.colors import LEGIBLE, contrast_on_white
from customers.brand.logos import LogoRefused, read_logo
from customers.models import Logo, Seller
from customers.models.sellers import HEX_COLOR
from customers.portal_auth.origins import is_main_host


class SellerForm(PartyForm):
    """A seller. The uploaded logo is not a field of the seller: it is re-encoded and stored by its hash."""

    logo_file = forms.FileField(
        label=_("Logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/png,image/jpeg"}),
        help_text=_("PNG or JPEG up to 2 MB. It is printed up to 60 mm wide and 18 mm high."),
    )
    removes_logo = forms.BooleanField(
        label=_("Remove logo"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("The seller's name is printed instead. Issued invoices keep the logo."),
    )

    class Meta:
        model = Seller
        exclude = ("logo",)
        widgets = {"brand_color": UnfoldAdminColorInputWidget()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        examples = {
            "accent_color": "#0f4c5c",
            "iban": "DE02 1203 0000 0000 2020 51",
            "bic": "BYLADEM1001",
            "portal_host": "billing.example.com",
        }
        for name, example in examples.items():
            if name in self.fields:
                self.fields[name].widget.attrs["placeholder"] = example
        for name in {"payment_terms", "bank_details", "notes", "footer"} & self.fields.keys():
            hint = gettext(
                "A line with only [fr] begins the text for documents in French; likewise [de], [es] and others."
            )
            self.fields[name].help_text = f"{self.fields[name].help_text} {hint}".strip()
        if "iban" in self.fields:  # entered with spaces, stored without
            self.fields["iban"].max_length = None
            self.fields["iban"].validators = []
            self.fields["iban"].widget.attrs.pop("maxlength", None)

    def clean_iban(self) -> str:
        typed: str = self.cleaned_data["iban"]
        try:
            return str(iban.validate(typed)) if typed.strip() else ""
        except ValidationError as error:
            text = gettext("“%(iban)s” is not a valid IBAN. Enter an account without an IBAN under “Bank details”.")
            raise forms.ValidationError(text % {"iban": typed}) from error

    def clean_bic(self) -> str:
        typed: str = self.cleaned_data["bic"]
        try:
            return str(bic.validate(typed)) if typed.strip() else ""
        except ValidationError as error:
            text = gettext("“%(bic)s” is not a valid BIC. A BIC has 8 or 11 characters.")
            raise forms.ValidationError(text % {"bic": typed}) from error

    def clean_portal_host(self) -> str:
        host: str = self.cleaned_data["portal_host"]
        if is_main_host(host):
            text = gettext("%(host)s is the address of the back office. Choose another domain.")
            raise forms.ValidationError(text % {"host": host})
        return host

    def clean_accent_color(self) -> str:
        color: str = self.cleaned_data["accent_color"]
        if re.fullmatch(HEX_COLOR, color) and contrast_on_white(color) < LEGIBLE:
            text = gettext("%(color)s is too light to read on paper. Choose a darker color.")
            raise forms.ValidationError(text % {"color": color})
        return color

    def clean_logo_file(self) -> Logo | None:
        """Return the logo as it would be stored."""
        uploaded = self.cleaned_data["logo_file"]
        try:
            return read_logo(uploaded.read()) if uploaded else None
        except LogoRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def chosen_logo(self) -> Logo | None:
        """Return the chosen logo: the new one, none, or the current one. It may not be stored yet."""
        if self.cleaned_data.get("removes_logo"):
            return None
        uploaded_logo: Logo | None = self.cleaned_data.get("logo_file")
        return uploaded_logo or self.instance.logo
