"""Flexprice: allowance and minimum by the day, a quota by the hour, and an add-on."""


def test_flexprice_bills_each_day_on_its_own(story):
    flexprice = story("flexprice")
    flexprice.set_up()
    flexprice.subscribe()
    flexprice.play()
    flexprice.compare_invoices()
