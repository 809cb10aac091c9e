"""By what a service judges what it reads."""

from dataclasses import dataclass
from functools import cached_property

from schemas.registry import REGISTRY, Registry
from services.platform.domain.linking.defendants import Knowing
from services.platform.domain.linking.speaking import MaySpeak, speakers
from services.platform.policy.policy import PolicySet
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.streaming.service import Service


def knowing(policies: PolicySet, pseudonyms: Pseudonyms) -> Knowing:
    """How a deployment knows defendants."""
    return Knowing(policies.names_nobody, policies.force_codes.__contains__, pseudonyms.of)


@dataclass(frozen=True)
class Judging:
    """The rules of one service, the policy, the contract and the release."""

    service: Service
    policies: PolicySet
    pseudonyms: Pseudonyms
    release: str
    contract: Registry = REGISTRY

    @cached_property
    def knowing(self) -> Knowing:
        return knowing(self.policies, self.pseudonyms)

    @cached_property
    def may_speak(self) -> MaySpeak:
        return speakers(self.policies)

    @property
    def judged_by(self) -> str:
        """What a refusal was judged by: another release or another policy may accept the record."""
        return f"{self.release}+{self.policies.version}"
