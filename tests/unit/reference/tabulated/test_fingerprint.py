"""The fingerprint: the same here every time, and nothing empty."""

from reference.tabulated.fingerprint import fingerprint


def test_it_is_the_same_every_time_and_has_no_gaps() -> None:
    one = fingerprint()

    assert one == fingerprint()
    assert all(one.values())
    assert "n_threads" not in one["llama_build"]
