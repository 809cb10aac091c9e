"""`relay agencies`: whether agencies and policy can be used, each mistake with its line; and who there is."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.ops.policies import load
from services.ops.terminal import complain, out, plural
from services.platform.policy.load import PolicyRefusedError
from services.platform.policy.model import Agency
from services.platform.policy.policy import PolicySet
from services.platform.settings import load_settings

LISTED = {"id", "kind", "name", "forces", "las", "courts", "schools", "default"}
EXAMPLES = """
Examples:

    relay agencies check
    relay agencies check our-agencies --policy our-policy
"""

Kind = Annotated[str | None, typer.Option("--kind", help="Only agencies of this kind.")]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    agencies = typer.Typer(help="Agencies and policy: list agencies, check the files.", no_args_is_help=True)
    agencies.command("check", epilog=EXAMPLES)(check)
    agencies.command("list", epilog="Example: `relay agencies list --kind idva`")(list_agencies)
    app.add_typer(agencies, name="agencies")


def check(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of agencies. Default: RELAY_AGENCIES, else the example.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Folder of policy. Default: RELAY_POLICY, else the example.")
    ] = None,
) -> None:
    """Read agencies and policy as a service does, and list every mistake with its file, its line and a correction.

    Exit status: 0 they can be used, 1 they cannot, 2 not begun.
    """
    settings = load_settings()
    agencies, rules = folder or settings.agencies, policy or settings.policy
    try:
        found = load(rules, agencies)
    except PolicyRefusedError as refused:
        for problem in refused.problems:
            complain(str(problem))
        complain(f"\n{plural(len(refused.problems), 'mistake')}: none of these files is used until they are corrected.")
        raise typer.Exit(1) from None
    out.print(_summary(found))
    out.print(
        f"{plural(len(found.agencies), 'agency', lambda _: 'agencies')} and {plural(len(found.routes), 'route')} "
        f"can be used; version {found.version}.",
        style="bold green",
    )


def list_agencies(
    kind: Kind = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on each line.")] = False,
) -> None:
    """List all agencies, also those that are not in force now.

    Exit status: 0 there are some, 1 none of that kind, 2 not begun.
    """
    settings = load_settings()
    policies = load(settings.policy, settings.agencies)
    shown = [agency for agency in policies.agencies if kind in (None, agency.kind)]
    if not shown:
        complain(f"No agency is of the kind {kind}; kinds are {', '.join(row.kind for row in policies.kinds)}.")
        raise typer.Exit(1)
    shown.sort(key=lambda agency: (agency.kind, agency.id))
    if as_json:
        for agency in shown:
            sys.stdout.write(agency.model_dump_json(include=LISTED) + "\n")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("id", "kind", "name", "serves"):
        table.add_column(column, overflow="fold")
    for agency in shown:
        table.add_row(agency.id, agency.kind, agency.name, _serves(agency))
    out.print(table)


def _serves(agency: Agency) -> str:
    areas = [
        *(f"force {code}" for code in sorted(agency.forces)),
        *(f"authority {code}" for code in sorted(agency.las)),
        *(f"courts {code}" for code in sorted(agency.courts)),
        *(f"school {urn}" for urn in sorted(agency.schools)),
        *(("all others",) if agency.default else ()),
    ]
    return ", ".join(areas) or "nobody by itself"


def _summary(found: PolicySet) -> Table:
    numbers = Counter(agency.kind for agency in found.agencies)
    default = {agency.kind: agency.id for agency in found.agencies if agency.default}
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("kind", overflow="fold")
    table.add_column("agencies", justify="right")
    table.add_column("where nobody else serves", overflow="fold")
    for kind in found.kinds:
        table.add_row(kind.kind, str(numbers[kind.kind]), default.get(kind.kind, "–"))
    return table
