"""Policy and agencies for commands, which know the rules of every service: a row that no rule uses is a mistake."""

from pathlib import Path

from services.ops.all_rules import ASKED_OF_POLICY
from services.platform.policy import load as reading
from services.platform.policy.policy import PolicySet


def load(policy: Path, agencies: Path) -> PolicySet:
    """As `services.platform.policy.load.load`, with all names that any rule uses."""
    return reading.load(policy, agencies, ASKED_OF_POLICY, used=ASKED_OF_POLICY)
