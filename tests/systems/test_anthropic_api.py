"""Anthropic's API: input, output, cached and batch tokens, a spend cap, and slower requests beyond a rate."""


def test_anthropic_bills_cached_and_batch_tokens_at_prices_of_their_own(story):
    anthropic = story("anthropic-api")
    anthropic.set_up()
    anthropic.subscribe()
    anthropic.play()
    anthropic.compare_invoices()
