"""Stripe Billing: graduated and package prices, a billing threshold, a promotion code and a plan change."""


def test_stripe_billing_bills_at_a_threshold_and_prorates_a_plan_change(story):
    stripe_billing = story("stripe-billing")
    stripe_billing.set_up()
    stripe_billing.subscribe()
    stripe_billing.play()
    stripe_billing.compare_invoices()
