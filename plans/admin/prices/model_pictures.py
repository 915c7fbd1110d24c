"""Small pictures of charge models: how the charge grows with usage."""

from lib.translation import Text
from plans.models.prices import ChargeModel

PICTURES: dict[str, str] = {
    ChargeModel.FLAT: "0,6 40,6",
    ChargeModel.PER_UNIT: "0,15 40,1",
    ChargeModel.PACKAGE: "0,12 10,12 10,9 20,9 20,6 30,6 30,3 40,3",
    ChargeModel.GRADUATED: "0,15 12,7 26,3 40,1",
    ChargeModel.VOLUME: "0,15 13,5 13,9 27,3 27,6 40,1",
    ChargeModel.PERCENTAGE: "0,15 40,7",
    ChargeModel.GRADUATED_PERCENTAGE: "0,15 14,9 40,5",
    ChargeModel.DYNAMIC: "0,15 7,12 13,12 20,7 27,6 33,2 40,1",
}
"""Charge model → the points of its line, in a box 40 wide and 16 high, with the origin at the top left."""


def model_legend() -> list[tuple[Text, str]]:
    """Return the name and the picture of each charge model."""
    return [(model.label, PICTURES[model]) for model in ChargeModel]
