""""""


def test__(story):
     = story("")
    .set_up()
    .subscribe()
    .play()
    .compare_invoices()
