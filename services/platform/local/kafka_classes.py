"""Starts Kafka once and keeps the classes that Java loads for it, so that every later start takes a third of the time.

`make install` runs it. An archive that does not fit (another Java, other jars) is passed over by Java itself.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from services.platform.local.keeper import CLASSES, Kafka


def main() -> None:
    made = CLASSES.with_suffix(".new")
    with TemporaryDirectory(dir=CLASSES.parent.parent, prefix="classes-") as folder:
        kafka = Kafka(Path(folder))
        kafka.prepare()
        kafka.java_options = ["-XX:+IgnoreUnrecognizedVMOptions", f"-XX:ArchiveClassesAtExit={made}"]
        kafka.start()
        try:
            kafka.wait_until_ready()
        finally:
            kafka.stop(kafka.polite)
    if not made.exists():  # a Java that keeps none: the next `make install` need not try again
        made.touch()
    made.replace(CLASSES)


if __name__ == "__main__":
    main()
