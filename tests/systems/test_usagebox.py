"""UsageBox: a free plan with a hard cap, and a paid one with volume tiers and a minimum."""


def test_usagebox_caps_the_free_plan_and_bills_at_least_the_minimum(story):
    usagebox = story("usagebox")
    usagebox.set_up()
    usagebox.subscribe()
    usagebox.play()
    usagebox.compare_invoices()
