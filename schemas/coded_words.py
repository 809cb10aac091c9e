"""Closed lists of words, each with the sentence that a person reads in its place."""

from enum import StrEnum
from typing import Self


class CodedWord(StrEnum):
    """A word of a closed list, as a program compares it; `sentence` is for people."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Self:
        coded = str.__new__(cls, word)
        coded._value_ = word
        coded.sentence = sentence
        return coded
