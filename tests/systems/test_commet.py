"""Commet: seats in advance, included AI credits, and further ones at a price."""


def test_commet_bills_seats_and_credits_beyond_the_included_ones(story):
    commet = story("commet")
    commet.set_up()
    commet.subscribe()
    commet.play()
    commet.compare_invoices()
