"""A dynamic price charges the events' own costs, times a markup."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Dynamic, InvalidCharge, InvalidQuantity
from plans.pricing.rate_usage import RateUsage
from plans.pricing.rating_parts import total
from tests.pricing.worked_numbers import rows

D = Decimal


@pytest.mark.parametrize("row", rows("dynamic"), ids=lambda row: row["why"])
def test_a_dynamic_price_is_charged_as_documented(row):
    parts = Dynamic(D(row["markup"])).rate(RateUsage(D(1), carried=D(row["carried"])))
    assert total(parts) == D(row["amount"])
    assert [part.start for part in parts] == ([D(0)] if D(row["carried"]) > 0 else [])


@pytest.mark.parametrize("markup", ["-1", "1000.1", "NaN", "1e-13"])
def test_an_invalid_markup_is_rejected(markup):
    with pytest.raises(InvalidCharge, match="markup"):
        Dynamic(D(markup))


@pytest.mark.parametrize("carried", ["NaN", "1e51"])
def test_an_invalid_event_cost_is_rejected(carried):
    with pytest.raises(InvalidQuantity, match=r"^Only carried prices up to 10⁵⁰ can be charged, not"):
        Dynamic().rate(RateUsage(D(1), carried=D(carried)))
