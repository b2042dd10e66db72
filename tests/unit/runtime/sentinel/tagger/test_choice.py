"""A configuration says in a word, or by a folder, which model reads."""

from pathlib import Path

from runtime.sentinel.tagger.choice import model_folder
from runtime.sentinel.tagger.model import BUILT_IN

BASE = Path("/etc/leeward")


def test_none_is_no_model_and_a_folder_is_relative_to_the_configuration() -> None:
    assert model_folder("none", BASE) is None
    assert model_folder("builtin", BASE) == BUILT_IN
    assert model_folder("models/own", BASE) == BASE / "models" / "own"
    assert model_folder("/srv/own", BASE) == Path("/srv/own")
