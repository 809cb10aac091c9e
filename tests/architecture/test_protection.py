"""Who is protected from whom is worked out in one place."""

import ast
from pathlib import Path

import pytest

from services.platform.project import PROJECT

REGISTER = PROJECT / "services" / "platform" / "domain" / "protection"
# By these a court's result says what holds him or binds him. Adapters write them; the register alone reads them.
READ_BY_THE_REGISTER_ALONE = frozenset({"remand", "custody", "bail_conditions"})
ADAPTERS = PROJECT / "services" / "intake"


def attributes(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


OTHERS = [
    path
    for path in sorted((PROJECT / "services").rglob("*.py"))
    if not path.is_relative_to(REGISTER) and not path.is_relative_to(ADAPTERS)
]


@pytest.mark.parametrize("module", OTHERS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_only_the_register_reads_what_holds_or_binds_him(module: Path) -> None:
    assert not attributes(module) & READ_BY_THE_REGISTER_ALONE, "ask services/platform/domain/protection"


@pytest.mark.parametrize("service", ["convictions", "order_variations"])
def test_a_service_asks_the_register_who_protects_her(service: str) -> None:
    modules = (PROJECT / "services" / service).glob("*.py")
    assert any("domain.protection.hers import" in module.read_text(encoding="utf-8") for module in modules)


def test_the_register_itself_reads_them() -> None:
    read = set[str]().union(*map(attributes, REGISTER.glob("*.py")))
    assert read >= READ_BY_THE_REGISTER_ALONE
