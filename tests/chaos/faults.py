"""What goes wrong among the load: workers, servers, the network between them, the disk, the clock, a release."""

import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from services.ops.serving import SERVICES
from services.platform.local.embedded import Name, Servers
from services.platform.streaming.service import Service
from tests.chaos.database import Database
from tests.chaos.proxies import TOXIPROXY, Proxies
from tests.chaos.small_disk import SmallDisk, may_mount
from tests.chaos.verifier import Read, read
from tests.chaos.worker import NAMES, THIRD, Workers

# A worker that says nothing for six seconds loses its partitions; this is longer.
STOPPED_SECONDS = 9.0
HELD_SECONDS = 8.0
SLOW_SECONDS = 6.0
CUTTING_SECONDS = 4.0
FULL_SECONDS = 8.0
BESIDE_SECONDS = 4.0
BAD_SECONDS = 6.0
OLD_SECONDS = 8.0
AWAY_SECONDS = 5.0
HELD_BACK_SECONDS = 5.0
JUMPS = (-7_200, 7_200)
# Not a type whose absence is told: that would be told rightly, as far as such a release can know.
FORGOTTEN = ("uk.police.children-linked", "uk.police.risk-assessed", "uk.agency.attribution-confirmed")


@dataclass
class Scene:
    """The relay under load, as far as faults reach it.

    `held_back`: streams whose publisher is to say nothing for now. `forgotten`: what Kafka no longer keeps.
    """

    servers: Servers
    database: Database
    workers: Workers
    proxies: Proxies | None = None
    disk: SmallDisk | None = None
    held_back: set[str] = field(default_factory=set)
    forgotten: list[Read] = field(default_factory=list)


Strike = Callable[[Scene, random.Random], None]


def worker_with(sign: signal.Signals) -> Strike:
    return lambda scene, chance: scene.workers.restart(chance.choice(NAMES), sign)


def worker_stopped(scene: Scene, chance: random.Random) -> None:
    """It wakes after its partitions have moved, in the middle of whatever it did."""
    name = chance.choice(NAMES)
    scene.workers.wait_until_at_work(name)
    process = scene.workers.processes[name]
    process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    process.send_signal(signal.SIGCONT)


def worker_added(scene: Scene, chance: random.Random) -> None:
    """A third, which has its share for a while."""
    scene.workers.start(THIRD)
    scene.workers.wait_until_at_work(THIRD)
    time.sleep(BESIDE_SECONDS)
    scene.workers.dismiss(THIRD, chance.choice((signal.SIGTERM, signal.SIGKILL)))


def partitions_added(scene: Scene, chance: random.Random) -> None:
    """One more in one of the streams."""
    stream = chance.choice(("police.incidents", "court.convictions", "court.order-variations", "agency.responses"))
    admin = KafkaAdminClient(bootstrap_servers=scene.servers.kafka)
    try:
        (known,) = admin.describe_topics([stream])
        admin.create_partitions({stream: len(known["partitions"]) + 1})
    finally:
        admin.close()


def server_restarted(name: Name, *, kill: bool) -> Strike:
    return lambda scene, _: scene.workers.while_all_work(lambda: scene.servers.restart(name, kill=kill))


def unreachable(name: Name) -> Strike:
    """Nothing comes through, either way; in the end it all does, or every connection is found dead."""

    def strike(scene: Scene, chance: random.Random) -> None:
        behind = _behind(scene)
        if chance.random() < 0.5:
            behind.hold(name)
        else:
            behind.swallow(name, HELD_SECONDS - 1)
        time.sleep(HELD_SECONDS)
        behind.heal(name)

    return strike


def slow(name: Name) -> Strike:
    def strike(scene: Scene, _: random.Random) -> None:
        behind = _behind(scene)
        behind.slow_down(name)
        time.sleep(SLOW_SECONDS)
        behind.heal(name)

    return strike


def cut(name: Name) -> Strike:
    """Every connection at once, and for a while all others after so many bytes."""

    def strike(scene: Scene, chance: random.Random) -> None:
        behind = _behind(scene)
        behind.cut(name)
        behind.cut_after(name, chance.randint(1_000, 20_000))
        time.sleep(CUTTING_SECONDS)
        behind.heal(name)
        behind.cut(name)

    return strike


def _behind(scene: Scene) -> Proxies:
    assert scene.proxies is not None
    for name in scene.workers.processes:
        scene.workers.wait_until_at_work(name)
    return scene.proxies


def disk_full(scene: Scene, _: random.Random) -> None:
    assert scene.disk is not None
    scene.disk.fill()
    time.sleep(FULL_SECONDS)
    scene.disk.clear()


def clock_jumps(scene: Scene, chance: random.Random) -> None:
    """By two hours, ahead or back: all halt, and once it is right again they are started again."""
    scene.workers.while_all_work(lambda: scene.database.set_clock(chance.choice(JUMPS)))
    for name in NAMES:
        scene.workers.wait_until_halted(name)
    scene.database.set_clock(0)
    for name in NAMES:
        scene.workers.start(name)


def database_restored(scene: Scene, chance: random.Random) -> None:
    """From a backup that is older than what has been judged and told since."""
    workers = scene.workers
    for name in NAMES:
        workers.end(name, signal.SIGTERM)
    scene.database.back_up()
    for name in NAMES:
        workers.start(name)
    for name in NAMES:
        workers.wait_until_at_work(name)
    time.sleep(chance.uniform(2, OLD_SECONDS))
    for name in NAMES:
        workers.end(name, signal.SIGTERM)
    scene.database.restore()
    workers.command("recover")
    for name in NAMES:
        workers.start(name)


def service_away(scene: Scene, chance: random.Random) -> None:
    """For longer than Kafka keeps the streams that others own."""
    workers, away = scene.workers, chance.choice(("convictions", "order_variations"))
    others = [name for name in SERVICES if name != away]
    for name in NAMES:
        workers.end(name, signal.SIGTERM)
    workers.start(NAMES[0], "services.ops.serving", *others)
    workers.wait_until_at_work(NAMES[0])
    time.sleep(AWAY_SECONDS)
    workers.end(NAMES[0], signal.SIGTERM)
    _forget(scene, SERVICES[away])
    workers.command("fill", away)
    for name in NAMES:
        workers.start(name)


def _forget(scene: Scene, away: Service) -> None:
    """As Kafka does when the time of a stream is up: whatever all others have read of the streams that are not its."""
    with psycopg.connect(scene.database.url) as conn:
        rows = conn.execute(
            """select topic, partition, min(next_offset) from stream_position
            where service <> %s and topic <> %s and topic = any(%s) group by 1, 2 having min(next_offset) > 0""",
            (away.name, away.owns, list(away.reads)),
        ).fetchall()
    before = {(topic, partition): offset for topic, partition, offset in rows}
    kept = read(scene.servers.kafka, away.reads)
    scene.forgotten += [r for r in kept if r.offset < before.get((r.topic, r.partition), 0)]
    admin = KafkaAdminClient(bootstrap_servers=scene.servers.kafka)
    try:
        admin.delete_records({TopicPartition(*place): offset for place, offset in before.items()})
    finally:
        admin.close()


def rule_raises(scene: Scene, chance: random.Random) -> None:
    _bad_release(scene, chance.choice(NAMES), "raises")


def schema_refuses(scene: Scene, chance: random.Random) -> None:
    _bad_release(scene, chance.choice(NAMES), "refuses", chance.choice(FORGOTTEN))


def _bad_release(scene: Scene, name: str, *how: str) -> None:
    """One worker is released badly, beside one that is not; it is taken back, unless it halts before."""
    workers = scene.workers
    workers.end(name, signal.SIGTERM)
    workers.start(name, "tests.chaos.bad_release", *how)
    back_at = time.monotonic() + BAD_SECONDS
    workers.wait_until_at_work(name)
    while workers.processes[name].poll() is None and time.monotonic() < back_at:
        time.sleep(0.05)
    if workers.processes[name].poll() is None:
        workers.end(name, signal.SIGTERM)
    else:
        workers.wait_until_halted(name)
    workers.start(name)


def stream_held_back(scene: Scene, chance: random.Random) -> None:
    """Its publisher says nothing for a while, and then everything, long after the other streams' events."""
    stream = chance.choice(("police.incidents", "court.convictions", "court.order-variations"))
    scene.held_back.add(stream)
    time.sleep(HELD_BACK_SECONDS)
    scene.held_back.remove(stream)


# Does one of its kind, and returns once it is over; which worker, or stream, chance says.
KINDS: Mapping[str, Strike] = {
    "worker killed": worker_with(signal.SIGKILL),
    "worker ended": worker_with(signal.SIGTERM),
    "worker stopped and woken": worker_stopped,
    "worker added and taken away": worker_added,
    "partition added": partitions_added,
    "broker killed": server_restarted("kafka", kill=True),
    "broker restarted": server_restarted("kafka", kill=False),
    "broker unreachable": unreachable("kafka"),
    "broker slow": slow("kafka"),
    "broker cut off": cut("kafka"),
    "database killed": server_restarted("postgres", kill=True),
    "database restarted": server_restarted("postgres", kill=False),
    "database unreachable": unreachable("postgres"),
    "database slow": slow("postgres"),
    "database cut off": cut("postgres"),
    "database's disk full": disk_full,
    "clock jumps": clock_jumps,
    "database restored": database_restored,
    "service away, then filled": service_away,
    "rule raises": rule_raises,
    "schema refuses": schema_refuses,
    "stream held back": stream_held_back,
}
# What needs nothing but the relay and its servers, and takes a few seconds.
SHORT = (
    *("worker killed", "worker ended", "broker killed", "broker restarted", "database killed", "database restarted"),
    *("partition added", "stream held back"),
)
BEHIND_PROXIES = frozenset(
    f"{server} {what}" for server in ("broker", "database") for what in ("unreachable", "slow", "cut off")
)
ON_SMALL_DISK = frozenset({"database's disk full"})


def left_out() -> Mapping[str, str]:
    """Kinds that cannot be had here, and why."""
    found = dict[str, str]()
    if not TOXIPROXY.exists():
        found |= dict.fromkeys(BEHIND_PROXIES, "toxiproxy is not here")
    if not may_mount():
        found |= dict.fromkeys(ON_SMALL_DISK, "no small disk may be mounted here")
    return found


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; its own chance, so that it is the same whatever happens before it."""

    kind: str
    seed: int

    def strike(self, scene: Scene) -> None:
        KINDS[self.kind](scene, random.Random(self.seed))  # noqa: S311 - a seed must give the same fault again


def faults(seed: int, number: int, kinds: Sequence[str]) -> Sequence[Fault]:
    """So many, of each kind as often as of any other, give or take one, in the order that the seed gives."""
    chance = random.Random(seed)  # noqa: S311 - a seed must give the same faults again
    drawn = [kind for _ in range(-(-number // len(kinds))) for kind in chance.sample(kinds, len(kinds))][:number]
    chance.shuffle(drawn)
    return [Fault(kind, chance.randrange(2**32)) for kind in drawn]
