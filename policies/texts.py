"""The rules' own files, which travel with the package."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType


def texts(folder: str, ending: str) -> Mapping[str, str]:
    """Texts of the files in a folder of this package, by name without ending, in order; empty where there are none."""
    place = files("policies") / folder
    if not place.is_dir():
        return MappingProxyType({})
    found = sorted((item.name, item) for item in place.iterdir() if item.name.endswith(ending))
    return MappingProxyType({name.removesuffix(ending): item.read_text("utf-8") for name, item in found})
