"""Dates offer usual moments in a seller's time zone, which a click fills in."""

from datetime import UTC, datetime

import pytest

from lib.admin.moment_presets import moment_presets
from tests.builders import FEB, fee, make_customer, make_plan, make_seller, publish, subscribe

NEW_YORK = "America/New_York"  # five hours behind UTC in winter

CASES = [
    # at                                  tomorrow             next month           next quarter
    (datetime(2026, 11, 27, 18, 30, tzinfo=UTC), "2026-11-28T05", "2026-12-01T05", "2027-01-01T05"),
    (datetime(2026, 12, 31, 4, 59, tzinfo=UTC), "2026-12-31T05", "2027-01-01T05", "2027-01-01T05"),
    (datetime(2026, 3, 31, 12, 0, tzinfo=UTC), "2026-04-01T04", "2026-04-01T04", "2026-04-01T04"),
    (datetime(2026, 3, 7, 12, 0, tzinfo=UTC), "2026-03-08T05", "2026-04-01T04", "2026-04-01T04"),
]


@pytest.mark.parametrize(("at", "tomorrow", "month", "quarter"), CASES)
def test_days_months_and_quarters_begin_in_the_zone(at, tomorrow, month, quarter):
    _now, *presets = moment_presets(at, zone=NEW_YORK)
    assert [f"{preset.at.astimezone(UTC):%Y-%m-%dT%H}" for preset in presets] == [tomorrow, month, quarter]


def test_the_end_of_a_period_takes_the_place_of_the_quarter():
    *_, last = moment_presets(FEB, zone="UTC", period_end=FEB.replace(day=15))
    assert (last.label, last.at) == ("Start of next period: 15 Feb 2026, 00:00", FEB.replace(day=15))


def test_a_date_in_the_future_is_not_now():
    names = [preset.name for preset in moment_presets(FEB, zone="UTC", with_now=False)]
    assert names == ["Start of tomorrow", "Start of next month", "Start of next quarter"]


@pytest.mark.django_db
def test_forms_offer_them_in_the_seller_s_zone_and_fill_in_their_own(member):
    seller = make_seller("acme", time_zone=NEW_YORK)
    version = publish(make_plan("pro", fees=[fee("10")]))
    subscription = subscribe(make_customer("globex", seller=seller), version)
    client = member("finance")
    for address in (
        "/admin/plans/coupon/add/",
        "/admin/plans/creditpack/add/",
        f"/admin/billing/subscription/{subscription.pk}/cancel/",
        f"/admin/customers/customer/{subscription.customer_id}/subscribe/",
    ):
        page_text = client.get(address).content.decode()
        assert "Start of next month" in page_text, address
        assert f'data-zone="{NEW_YORK}"' in page_text, address
