"""The committed mapping equals the output of its generator, so it is not edited by hand."""

from demo.trace_assignment import DATA, write


def test_generating_it_again_gives_the_same_bytes(tmp_path):
    write(tmp_path / "mapping.csv")
    assert (tmp_path / "mapping.csv").read_bytes() == (DATA / "mapping.csv").read_bytes()
