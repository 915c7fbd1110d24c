"""Metronome: an annual commitment with a true-up, priced by GPU, with a line for each workspace."""


def test_metronome_trues_up_the_annual_commitment(story):
    metronome = story("metronome")
    metronome.set_up()
    metronome.subscribe()
    metronome.play()
    metronome.compare_invoices()
