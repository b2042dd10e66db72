"""`python -m reference.check` refuses files that cannot be what they claim."""

import json
import shutil
from pathlib import Path

import pytest
import typer

from reference.cards import read_card, read_fixtures, write_fixtures
from reference.check import load_decoder, main
from reference.weights import WeightsOutdated, write_checksums
from reference.weights.store import FOLDER

NAME = "tern-s"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for ending in ("gguf", "onnx", "fixtures.json"):
        shutil.copy(FOLDER / f"{NAME}.{ending}", tmp_path)
    write_checksums(folder=tmp_path)
    return tmp_path


def test_an_altered_onnx_file_fails_the_check_by_its_checksum(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray((folder / f"{NAME}.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / f"{NAME}.onnx").write_bytes(content)

    with pytest.raises(typer.Exit) as ended:
        main(models=NAME, folder=folder, questions=1)

    assert ended.value.exit_code == 1
    assert f"{NAME}.onnx is altered or truncated" in capsys.readouterr().err


def test_an_onnx_file_made_from_other_weights_is_refused(folder: Path) -> None:
    with (folder / f"{NAME}.gguf").open("ab") as file:
        file.write(b"\0")
    write_checksums(folder=folder)

    with pytest.raises(WeightsOutdated, match=r"run `python -m reference\.export_onnx`"):
        load_decoder(NAME, folder=folder)


def test_what_was_found_goes_into_the_card(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended:
        main(models=NAME, folder=folder, questions=2, as_json=True, write=True)

    assert ended.value.exit_code == 0
    written = read_card(folder / f"{NAME}.json")["agreement"]
    assert written == json.loads(capsys.readouterr().out)[NAME]
    assert set(written) == {"torch", "exact", "served"}
    assert written["exact"]["disagreements"] == written["served"]["disagreements"] == 0


def test_a_disagreement_with_torch_ends_with_exit_code_1(folder: Path) -> None:
    fixtures = read_fixtures(folder / f"{NAME}.fixtures.json")
    fixtures[0]["logits"][7] += 1
    write_fixtures(folder / f"{NAME}.fixtures.json", fixtures)

    with pytest.raises(typer.Exit) as ended:
        main(models=NAME, folder=folder, questions=1)

    assert ended.value.exit_code == 1
