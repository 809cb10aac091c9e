"""The image is built, and the compose file's containers run from it: an event goes in, a notification comes out.

A container engine with a Docker API is needed: at DOCKER_HOST, or at its usual socket.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import yaml
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network

from services.ops.starting import SERVICE_NAMES
from services.platform.project import PROJECT

pytestmark = pytest.mark.containers

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
EXAMPLE = "schemas/examples/police.incidents/incident-reported/high-risk-strangulation.json"
PATIENCE = 120.0
OFTEN = 0.5  # seconds
# These options are called the same in the compose file and at the engine.
SAME = ("cap_drop", "read_only", "security_opt", "user")
NOBODY = "65534"

# Each container is removed by the test that started it: no other one has to be fetched to watch over them.
testcontainers_config.ryuk_disabled = True


@pytest.fixture(scope="module")
def engine() -> None:
    try:
        docker = DockerClient().client
        docker.ping()
    except Exception as problem:  # noqa: BLE001 - whatever it is, there is no engine to test on
        pytest.skip(f"no container engine answers: set DOCKER_HOST, or start one ({type(problem).__name__})")
    docker.close()


@pytest.fixture(scope="module")
def image(engine: None) -> Iterator[str]:  # noqa: ARG001 - it is skipped without one
    """The image as it is deployed; kept, so that the next build is quick."""
    # Packages come over the host's network, as it may know a registry that a container's does not.
    built = DockerImage(
        PROJECT, dockerfile_path="deploy/Dockerfile", tag="referral-relay:tests", clean_up=False, network_mode="host"
    )
    with built:
        yield str(built)


@pytest.fixture(scope="module")
def relay(image: str) -> Iterator[Mapping[str, DockerContainer]]:
    """All containers of the compose file, healthy: first its servers, then the services."""
    with Network() as network, ExitStack() as stack:
        running: dict[str, DockerContainer] = {}
        for names in (("kafka", "postgres"), SERVICE_NAMES):
            running |= {name: stack.enter_context(started(name, image, network)) for name in names}
            for name in names:
                until_healthy(name, running[name])
        yield running


def test_an_event_that_is_published_in_a_container_reaches_an_agency(relay: Mapping[str, DockerContainer]) -> None:
    said = run(relay["incidents"], "relay", "publish", EXAMPLE)
    deadline = time.monotonic() + PATIENCE
    while not (heard := run(relay["responses"], "relay", "subscribe", "idva-larkmead", "--json", "--no-follow")):
        assert time.monotonic() < deadline, said + logs_of(relay["incidents"])
        time.sleep(OFTEN)

    (notification,) = map(json.loads, heard.splitlines())
    reported = json.loads((PROJECT / EXAMPLE).read_text())["subject"]
    assert notification["data"]["subject"] == f"{reported}/party/1"


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_a_service_is_not_root_and_cannot_write_beside_its_code(
    relay: Mapping[str, DockerContainer], name: str
) -> None:
    assert run(relay[name], "id", "-u").strip() == NOBODY
    assert relay[name].exec(["touch", "/app/written"]).exit_code != 0


def test_a_service_that_is_told_to_stop_ends_in_order(relay: Mapping[str, DockerContainer]) -> None:
    container = relay["responses"].get_wrapped_container()
    container.stop(timeout=int(COMPOSE["responses"]["stop_grace_period"].removesuffix("s")))
    try:
        assert container.wait()["StatusCode"] == 0
    finally:
        container.start()
        until_healthy("responses", relay["responses"])


@contextmanager
def started(name: str, image: str, network: Network) -> Iterator[DockerContainer]:
    """A container as the compose file has it, but for its volumes, its ports on this machine and its restarts."""
    wanted: Mapping[str, Any] = COMPOSE[name]
    container = DockerContainer(
        image if "build" in wanted else wanted["image"],
        env={key: str(value) for key, value in wanted["environment"].items()},
        network=network,
        network_aliases=[name],
        **{option: wanted[option] for option in SAME if option in wanted},
    )
    if "command" in wanted:
        container.with_command(wanted["command"])
    with container:
        yield container


def until_healthy(name: str, container: DockerContainer) -> None:
    """Asks what the compose file has its engine ask."""
    how, *check = COMPOSE[name]["healthcheck"]["test"]
    assert how == "CMD"
    deadline = time.monotonic() + PATIENCE
    while container.get_wrapped_container().status in ("created", "running"):
        if container.exec(check).exit_code == 0:
            return
        assert time.monotonic() < deadline, f"{name} is not healthy:\n{logs_of(container)}"
        time.sleep(OFTEN)
        container.reload()
    pytest.fail(f"{name} has ended:\n{logs_of(container)}")


def run(container: DockerContainer, *command: str) -> str:
    """What a command says that is run in a container."""
    done = container.exec([*command])
    said = done.output.decode(errors="replace")
    assert done.exit_code == 0, said
    return said


def logs_of(container: DockerContainer) -> str:
    return b"\n".join(container.get_logs()).decode(errors="replace")[-4_000:]
