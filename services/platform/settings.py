"""What a deployer sets: the one place where the environment is read."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.platform.problems import CannotBeginError
from services.platform.project import PROJECT

BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
LAST_PORT = 65_535


class SettingsError(CannotBeginError):
    """A setting that cannot be used; the text is for the person who set it and never holds the value."""


@dataclass(frozen=True)
class Addresses:
    """Where Kafka (host:port, several with commas) and PostgreSQL (a URL, which may hold a password) are."""

    kafka: str
    database: str = field(repr=False)


class Settings(BaseSettings):
    """Each field is an environment variable: `kafka` is RELAY_KAFKA, and so on."""

    model_config = SettingsConfigDict(env_prefix="RELAY_", frozen=True, hide_input_in_errors=True)

    kafka: str | None = Field(default=None, min_length=1)
    database: str | None = Field(default=None, min_length=1, repr=False)
    agencies: Path = PROJECT / "deploy" / "agencies"
    policy: Path = PROJECT / "deploy" / "policy"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    actor: str | None = Field(default=None, min_length=1, description="who says what `relay respond` and `link` send")
    http_port: int = Field(default=0, ge=0, le=65_535, description="health and metrics; 0 takes a free port")

    @model_validator(mode="after")
    def both_servers_or_neither(self) -> Self:
        if (self.kafka is None) != (self.database is None):
            missing = "RELAY_KAFKA" if self.kafka is None else "RELAY_DATABASE"
            raise ValueError(f"set RELAY_KAFKA and RELAY_DATABASE, both or neither: {missing} is not set")
        return self

    @model_validator(mode="after")
    def servers_have_addresses(self) -> Self:
        """Whatever would read them later might quote them, and a password with them."""
        if self.kafka is not None and not all(map(_is_broker, self.kafka.split(","))):
            raise ValueError("RELAY_KAFKA is no address: write host:port, several with commas and no spaces")
        if self.database is not None and not _is_database(self.database):
            raise ValueError("RELAY_DATABASE is no address: write postgresql://user:password@host:port/database")
        return self

    @model_validator(mode="after")
    def folders_exist(self) -> Self:
        for name, folder in (("RELAY_AGENCIES", self.agencies), ("RELAY_POLICY", self.policy)):
            if name.removeprefix("RELAY_").lower() in self.model_fields_set and not folder.is_dir():
                raise ValueError(f"{name} names a folder that does not exist")
        return self

    @property
    def servers(self) -> Addresses | None:
        """The servers that the environment names."""
        if self.kafka is None or self.database is None:
            return None
        return Addresses(self.kafka, self.database)


def load_settings() -> Settings:
    """Reads the environment; raises SettingsError in plain words."""
    try:
        return Settings()
    except ValidationError as problem:
        raise SettingsError("; ".join(_in_words(error["loc"], error["msg"]) for error in problem.errors())) from None


def _is_broker(text: str) -> bool:
    found = BROKER.fullmatch(text)
    return found is not None and 0 < int(found["port"]) <= LAST_PORT


def _is_database(text: str) -> bool:
    """Whether PostgreSQL's own client can read it."""
    try:
        ports = str(conninfo_to_dict(text).get("port", ""))
    except psycopg.ProgrammingError:
        return False
    numbers = all(port.isascii() and port.isdigit() for port in ports.split(",") if port)
    return numbers and text.startswith(("postgresql://", "postgres://"))


def _in_words(place: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"RELAY_{str(place[0]).upper()}: {message}" if place else message
