"""How much is taken at once: about as much as fits the time, since what is read and not judged is read again."""

FIRST = 32


class Portion:
    """The size of the next portion. It doubles while portions are finished, and shrinks to what was finished."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, min(FIRST, most)

    def took(self, offered: int, done: int) -> None:
        """`done` of `offered` fitted the time."""
        if done < offered:
            self.size = max(1, done)
        elif done >= self.size:
            self.size = min(self.most, 2 * self.size)
