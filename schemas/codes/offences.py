"""The public title of an offence code: what may be shown where the wording of a charge may not."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

TITLES = TypeAdapter(dict[str, str])


def title(code: str) -> str | None:
    """None for a code that the table does not hold."""
    return _titles().get(code)


@cache
def _titles() -> Mapping[str, str]:
    return TITLES.validate_python(yaml.safe_load(files("schemas.codes").joinpath("offences.yaml").read_text("utf-8")))
