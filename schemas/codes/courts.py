"""What a court is called, by its code."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

NAMES = TypeAdapter(dict[str, str])


def court(code: str) -> str:
    """Its name; of a court that the table does not hold its code, with the word `court`."""
    return _names().get(code) or f"court {code}"


def code_of_court(name: str) -> str | None:
    """The code of the one court with this name; None for a name that no court or several have."""
    return _codes().get(" ".join(name.casefold().split()))


@cache
def _codes() -> Mapping[str, str]:
    names = [" ".join(name.casefold().split()) for name in _names().values()]
    by_name = zip(names, _names(), strict=True)
    return {name: code for name, code in by_name if names.count(name) == 1}


@cache
def _names() -> Mapping[str, str]:
    return NAMES.validate_python(yaml.safe_load(files("schemas.codes").joinpath("courts.yaml").read_text("utf-8")))
