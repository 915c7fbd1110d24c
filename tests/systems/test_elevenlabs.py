"""ElevenLabs: monthly credits for speech that roll over twice, and in the larger plan a price per thousand beyond."""


def test_elevenlabs_rolls_credits_over_and_bills_the_speech_beyond_them(story):
    elevenlabs = story("elevenlabs")
    elevenlabs.set_up()
    elevenlabs.subscribe()
    elevenlabs.play()
    elevenlabs.compare_invoices()
