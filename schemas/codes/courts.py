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


@cache
def _names() -> Mapping[str, str]:
    return NAMES.validate_python(yaml.safe_load(files("schemas.codes").joinpath("courts.yaml").read_text("utf-8")))
