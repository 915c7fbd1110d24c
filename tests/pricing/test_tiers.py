"""A ladder of tiers covers every quantity exactly once, or it is refused in words that say which tier to change."""

from decimal import Decimal

import pytest

from plans.pricing.charge_models import Graduated, InvalidCharge, Tier, Volume

D = Decimal
ONE = D(1)

REFUSED = [
    ([], "^A tiered price needs at least one tier; the last one has no upper bound.$"),
    ([Tier(D(10), ONE)], "The last tier must be open.*tier 1 empty; it is 10"),
    ([Tier(None, ONE), Tier(None, ONE)], "Tier 1 has no upper bound.*reached: only the last tier is open.$"),
    ([Tier(D(10), ONE), Tier(D(5), ONE), Tier(None, ONE)], r"Tier 2 must start where tier 1 ends \(10\).*ends at 5"),
    ([Tier(D(10), ONE), Tier(D(10), ONE), Tier(None, ONE)], "Tier 2 must start where tier 1 ends"),
    ([Tier(D(0), ONE), Tier(None, ONE)], "Tier 1's upper bound must be above 0"),
    ([Tier(D(-1), ONE), Tier(None, ONE)], "Tier 1's upper bound must be above 0"),
    ([Tier(D("NaN"), ONE), Tier(None, ONE)], "Tier 1's upper bound must be a finite"),
    ([Tier(D("Infinity"), ONE), Tier(None, ONE)], "Tier 1's upper bound must be a finite"),
    ([Tier(D(10), D("0.0000000000001")), Tier(None, ONE)], "Tier 1's unit price may have at most 12 decimal places"),
    ([Tier(D(10), ONE), Tier(None, D("NaN"))], "Tier 2's unit price must be a finite number"),
    ([Tier(D(10), ONE), Tier(None, D(-1))], "Tier 2's unit price must be between 0 and"),
    ([Tier(D(10), ONE), Tier(None, ONE, D("1e13"))], "Tier 2's flat fee must be between 0 and"),
    ([Tier(None, 0.5)], r"exact decimal, not 0\.5 \(float\)"),
]


@pytest.mark.parametrize("model", [Graduated, Volume])
@pytest.mark.parametrize(("tiers", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_ladder_that_does_not_cover_every_quantity_once_is_refused(model, tiers, message):
    with pytest.raises(InvalidCharge, match=message):
        model(tuple(tiers))


@pytest.mark.parametrize("model", [Graduated, Volume])
def test_a_bound_of_too_many_places_is_refused_however_long_it_is(model):
    with pytest.raises(InvalidCharge, match="may have at most 38 decimal places"):
        model((Tier(D("1." + "0" * 38 + "1"), ONE), Tier(None, ONE)))


@pytest.mark.parametrize("model", [Graduated, Volume])
def test_padding_zeros_are_no_decimal_places(model):
    assert model((Tier(D("10.000"), D("1.50000000000000")), Tier(None, ONE)))


@pytest.mark.parametrize("model", [Graduated, Volume])
def test_a_ladder_cannot_be_changed_after_it_was_checked(model):
    tiers = [Tier(D(10), ONE), Tier(None, ONE)]
    charge = model(tiers)
    tiers.clear()
    assert len(charge.tiers) == 2
    with pytest.raises(AttributeError):
        charge.tiers = ()
