"""OpenAI's API: tokens by model and direction, paid from a prepaid balance in dollars."""


def test_openai_is_prepaid_by_the_token(story):
    openai = story("openai-api")
    openai.set_up()
    openai.subscribe()
    openai.play()
    openai.compare_invoices()
