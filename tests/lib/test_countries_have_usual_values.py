"""Each country has a name, and its usual currency, time zone and locale are among those that can be chosen."""

import pytest

from lib.countries import all_countries, currency_choices, locale_choices, time_zone_choices

CASES = [
    # code  currency zone                 locale       why
    ("DE", "EUR", "Europe/Berlin", "de_DE", "the most populous zone, before Büsingen"),
    ("US", "USD", "America/New_York", "en_US", "English is left out of the table of languages"),
    ("CA", "CAD", "America/Toronto", "en_CA", "the table's first zone is the easternmost one"),
    ("CH", "CHF", "Europe/Zurich", "de_CH", "the language that most people speak"),
    ("CN", "CNY", "Asia/Shanghai", "zh_Hans_CN", "a language of several scripts"),
]


@pytest.mark.parametrize(("code", "currency", "zone", "locale", "why"), CASES)
def test_a_country_has_its_usual_values(code, currency, zone, locale, why):
    country = all_countries()[code]
    assert (country.currency, country.time_zone, country.locale) == (currency, zone, locale), why


def test_the_usual_values_can_be_chosen():
    currencies, zones, locales = (
        dict(choices()) for choices in (currency_choices, time_zone_choices, locale_choices)
    )
    for country in all_countries().values():
        assert not country.currency or country.currency in currencies, country
        assert not country.time_zone or country.time_zone in zones, country
        assert not country.locale or country.locale in locales, country


def test_no_group_of_countries_is_among_them():
    assert {"EU", "UN", "ZZ"}.isdisjoint(all_countries())
