"""Names, addresses and tax numbers as lines of text."""

from dataclasses import dataclass

from babel import Locale
from django.utils.translation import gettext as _

from invoices.rendering.invoice_facts import PartyDetails

CITY_FIRST = frozenset({"US", "CA", "AU", "IN", "MX", "BR"})  # "Springfield, IL 62701"
POSTCODE_LAST = frozenset({"GB", "IE"})
LETTER_PAPER = frozenset({"US", "CA", "MX", "CL", "CO", "CR", "PA", "PH", "PR", "VE"})
OWN_NAMES = {"US": "EIN", "IN": "GSTIN", "AU": "ABN", "CA": "GST/HST"}


@dataclass(frozen=True, slots=True)
class PartyText:
    """A party of the invoice. lines: the address and the lines below it, without empty ones."""

    name: str
    lines: tuple[str, ...]
    tax_label: str
    tax_number: str


def party_text(party: PartyDetails, locale: Locale) -> PartyText:
    """Return a party as text. The country is always named, in the invoice's language."""
    country = locale.territories.get(party.country, party.country)
    lines = [party.address_line1, party.address_line2, *_town(party), country, party.email]
    return PartyText(
        name=party.legal_name,
        lines=tuple(line for line in lines if line),
        tax_label=_tax_label(party),
        tax_number=party.tax_number,
    )


def _town(party: PartyDetails) -> list[str]:
    if party.country in CITY_FIRST:
        state = " ".join(filter(None, (party.region, party.postal_code)))
        return [", ".join(filter(None, (party.city, state)))]
    if party.country in POSTCODE_LAST:
        return [party.city, party.region, party.postal_code]
    return [" ".join(filter(None, (party.postal_code, party.city))), party.region]


def _tax_label(party: PartyDetails) -> str:
    """Return the label of a tax number; a VAT id is recognized by its two leading letters."""
    if party.country in OWN_NAMES:
        return OWN_NAMES[party.country]
    return _("VAT ID") if party.tax_number[:2].isalpha() else _("Tax ID")
