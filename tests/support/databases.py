"""Databases of a test's own on servers that it shares with others."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from services.platform.local.embedded import Servers


@contextmanager
def empty_database(servers: Servers) -> Iterator[str]:
    """The URL of a database that holds nothing, and is gone at the end."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(servers.database, autocommit=True) as connection:
        connection.execute(SQL("create database {}").format(Identifier(name)))
    yield servers.database.removesuffix("postgres") + name
    with psycopg.connect(servers.database, autocommit=True) as connection:
        connection.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))
