"""The folder that this project lies in."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
