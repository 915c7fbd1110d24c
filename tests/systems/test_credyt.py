"""Credyt: prepaid credits that jobs reserve, a bonus that expires, and automatic top-ups."""


def test_credyt_holds_credits_for_jobs_and_tops_the_wallet_up(story):
    credyt = story("credyt")
    credyt.set_up()
    credyt.subscribe()
    credyt.play()
    credyt.compare_invoices()
