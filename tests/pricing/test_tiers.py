"""Tiers cover every quantity exactly once, or they are rejected with a message that names the tier to change."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Graduated, InvalidCharge, PriceTier, Volume

D = Decimal
ONE = D(1)

REFUSED = [
    ([], "^A tiered price needs at least one tier; the last one has no upper bound.$"),
    ([PriceTier(D(10), ONE)], "The last tier must be open.*tier 1 empty; it is 10"),
    (
        [PriceTier(None, ONE), PriceTier(None, ONE)],
        "Tier 1 has no upper bound, so tier 2 is never reached; only the last tier may be open.$",
    ),
    (
        [PriceTier(D(10), ONE), PriceTier(D(5), ONE), PriceTier(None, ONE)],
        r"Tier 2 must start where tier 1 ends \(10\).*ends at 5",
    ),
    ([PriceTier(D(10), ONE), PriceTier(D(10), ONE), PriceTier(None, ONE)], "Tier 2 must start where tier 1 ends"),
    ([PriceTier(D(0), ONE), PriceTier(None, ONE)], "Tier 1's upper bound must be above 0"),
    ([PriceTier(D(-1), ONE), PriceTier(None, ONE)], "Tier 1's upper bound must be above 0"),
    ([PriceTier(D("NaN"), ONE), PriceTier(None, ONE)], "Tier 1's upper bound must be a finite"),
    ([PriceTier(D("Infinity"), ONE), PriceTier(None, ONE)], "Tier 1's upper bound must be a finite"),
    (
        [PriceTier(D(10), D("0.0000000000001")), PriceTier(None, ONE)],
        "Tier 1's unit price may have at most 12 decimal places",
    ),
    ([PriceTier(D(10), ONE), PriceTier(None, D("NaN"))], "Tier 2's unit price must be a finite number"),
    ([PriceTier(D(10), ONE), PriceTier(None, D(-1))], "Tier 2's unit price must be between 0 and"),
    ([PriceTier(D(10), ONE), PriceTier(None, ONE, D("1e13"))], "Tier 2's flat fee must be between 0 and"),
    ([PriceTier(None, 0.5)], r"exact decimal, not 0\.5 \(float\)"),
]


@pytest.mark.parametrize("model", [Graduated, Volume])
@pytest.mark.parametrize(("tiers", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_tiers_that_do_not_cover_every_quantity_once_are_rejected(model, tiers, message):
    with pytest.raises(InvalidCharge, match=message):
        model(tuple(tiers))


@pytest.mark.parametrize("model", [Graduated, Volume])
def test_a_bound_of_too_many_places_is_rejected_at_any_length(model):
    with pytest.raises(InvalidCharge, match="may have at most 38 decimal places"):
        model((PriceTier(D("1." + "0" * 38 + "1"), ONE), PriceTier(None, ONE)))


@pytest.mark.parametrize("model", [Graduated, Volume])
def test_padding_zeros_are_no_decimal_places(model):
    assert model((PriceTier(D("10.000"), D("1.50000000000000")), PriceTier(None, ONE)))


@pytest.mark.parametrize("model", [Graduated, Volume])
def test_tiers_are_immutable_after_validation(model):
    tiers = [PriceTier(D(10), ONE), PriceTier(None, ONE)]
    charge = model(tiers)
    tiers.clear()
    assert len(charge.tiers) == 2
    with pytest.raises(AttributeError):
        charge.tiers = ()
