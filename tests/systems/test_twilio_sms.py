"""Twilio: each delivered message at the price that it carries and a markup, by country."""


def test_twilio_passes_the_price_of_delivered_messages_through(story):
    twilio = story("twilio-sms")
    twilio.set_up()
    twilio.subscribe()
    twilio.play()
    twilio.compare_invoices()
