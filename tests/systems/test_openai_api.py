"""OpenAI's API: tokens by model and direction, paid from a prepaid dollar balance, with tiers of use."""


def test_openai_api_is_prepaid_by_tokens(story):
    openai = story("openai-api")
    openai.set_up()
    openai.subscribe()
    openai.play()
    openai.compare_invoices()
