"""
Countries of ISO 3166 with their usual currency, time zone and locale, for pick lists. Names are English.

Sources: CLDR by Babel, and the IANA time zone database, whose `zone.tab` names a country's most populous zone first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global
from babel.localedata import exists
from babel.numbers import get_territory_currencies

from lib.currencies import CREDITS, MINOR_UNITS, WITHDRAWN
from lib.locales import LANGUAGES

Choices = tuple[tuple[str, str], ...]
"""Pairs of a code and its name, by name."""

NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Codes of CLDR that are no countries of ISO 3166."""

LARGEST_ZONES = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
}
"""Countries whose zones the table orders by their place instead of their population."""

SUCCESSORS = {"BGN": "EUR"}
"""Withdrawn currencies that CLDR still has as those of a country."""

ENGLISH = "en_Latn"
"""The language of the countries that CLDR leaves out of its table."""


@dataclass(frozen=True, slots=True)
class Country:
    """A country; currency, time_zone, locale: the usual ones, empty if there is none."""

    code: str
    name: str
    currency: str
    time_zone: str
    locale: str


@lru_cache(maxsize=1)
def all_countries() -> Mapping[str, Country]:
    """Return the countries by code, in the order of their names."""
    names: dict[str, str] = dict(_english().territories)
    zones, territories = _first_zones(), [code for code in names if len(code) == 2 and code.isalpha()]
    return {
        code: Country(code, names[code], _usual_currency(code), zones.get(code, ""), _usual_locale(code))
        for code in sorted(set(territories) - NO_COUNTRIES, key=names.__getitem__)
    }


@lru_cache(maxsize=1)
def currency_choices() -> Choices:
    names = _english().currencies
    codes = MINOR_UNITS.keys() - WITHDRAWN - {CREDITS}
    return tuple((code, f"{code} – {names.get(code, code)}") for code in sorted(codes))


@lru_cache(maxsize=1)
def time_zone_choices() -> Choices:
    """Return UTC and the time zones that are named after a place."""
    zones = {zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))}
    return (("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in sorted(zones)))


@lru_cache(maxsize=1)
def locale_choices() -> Choices:
    """Return the locales of all languages that invoices are translated into, and the usual one of each country."""
    languages, countries = _english().languages, all_countries()
    translated = {f"{language}_{code}" for language in LANGUAGES for code in countries}
    codes = {code for code in translated if exists(code)} | {country.locale for country in countries.values()}
    names = {
        code: f"{languages.get(code[: code.index('_')], code)} ({countries[code[-2:]].name})"
        for code in codes
        if code
    }
    return tuple((code, f"{names[code]} – {code}") for code in sorted(names, key=names.__getitem__))


def _english() -> Locale:
    return Locale.parse("en")


def _usual_currency(country: str) -> str:
    codes = (SUCCESSORS.get(code, code) for code in get_territory_currencies(country))
    return next((code for code in codes if code in MINOR_UNITS), "")


def _usual_locale(country: str) -> str:
    """Return the locale of the most likely language; with its script if the language is written in several."""
    likely: str = get_global("likely_subtags").get(f"und_{country}", ENGLISH)
    language, _separator, rest = likely.partition("_")
    return next((locale for locale in (f"{language}_{country}", f"{language}_{rest}") if exists(locale)), "")


def _first_zones() -> dict[str, str]:
    """Return the zone of each country where most people live."""
    zones = dict(LARGEST_ZONES)
    for line in (files("tzdata.zoneinfo") / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _place, zone = line.split("\t")[:3]
            zones.setdefault(country, zone)
    return zones
