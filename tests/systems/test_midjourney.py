"""Midjourney: a plan with fast GPU time, slower images without limit, and packs of fast time."""


def test_midjourney_is_fast_then_slow_and_sells_fast_time(story):
    midjourney = story("midjourney")
    midjourney.set_up()
    midjourney.subscribe()
    midjourney.play()
    midjourney.compare_invoices()
