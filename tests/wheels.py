"""Wheels as small as they can be, for tests of software releases."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["make_wheel"]

_ENTRIES = "[leeward.commands]\nedge = {edge}\ncloud = cloud.cli:app\n"


def make_wheel(
    folder: Path,
    version: str,
    *,
    edge: str = "edge.cli:app",
    files: Mapping[str, str] | None = None,
    schema: Mapping[str, object] | None = None,
) -> Path:
    """Write a wheel of leeward that brings a version, and takes all else from what is installed.

    Args:
        folder: Where it goes.
        version: What it calls itself.
        edge: What `leeward edge` is in it.
        files: More of its files.
        schema: How it keeps a device's state.
    """
    about = f"leeward-{version}.dist-info"
    content = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: leeward\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": _ENTRIES.format(edge=edge),
        "edge/software/state_schema.json": json.dumps(schema or {"writes": 1, "reads": [1]}),
        **(files or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"leeward-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name, text in content.items():
            file.writestr(name, text)
    return wheel
