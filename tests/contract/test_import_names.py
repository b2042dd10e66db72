"""Our short import names are ours alone: no other distribution here provides them (ADR 0001)."""

import importlib.util
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("runtime", "edge", "cloud", "optimizer", "leeward", "inference_v2")
PROVIDERS = packages_distributions()


@pytest.mark.parametrize("name", NAMES)
def test_no_other_distribution_provides_the_name(name: str) -> None:
    # An editable install names no packages, hence "or".
    assert set(PROVIDERS.get(name) or ["leeward"]) == {"leeward"}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_leads_to_this_tree(name: str) -> None:
    spec = importlib.util.find_spec(name)

    assert spec is not None
    assert spec.submodule_search_locations is not None
    (location,) = spec.submodule_search_locations
    home = ROOT / "protos" if name in {"leeward", "inference_v2"} else ROOT
    assert Path(location).resolve() == home / name
