"""Names of a port's things outside it: ``port.name``."""

from __future__ import annotations


class Ref(str):
    """The full name of something that a port has (a station, a resource, a calendar, a flow): ``port.name``.

    It is the text itself, so it serves as a key, in a table and as the address of draws; ``port`` and ``name`` are its
    two halves. No port's name has a dot in it.

    Parameters
    ----------
    port, name : str

    Examples
    --------
    >>> Ref("zhangmu", "gate"), Ref("zhangmu", "gate").port, Ref("zhangmu", "gate").name
    ('zhangmu.gate', 'zhangmu', 'gate')
    >>> Ref.seen_from("gyirong", "gate"), Ref.seen_from("gyirong", "zhangmu.gate")
    ('gyirong.gate', 'zhangmu.gate')
    """

    __slots__ = ()

    def __new__(cls, port: str, name: str) -> Ref:
        """Put the two together."""
        return super().__new__(cls, f"{port}.{name}")

    @classmethod
    def parse(cls, full: str) -> Ref:
        """Read ``port.name``."""
        port, _, name = full.partition(".")
        return cls(port, name)

    @classmethod
    def seen_from(cls, port: str, reference: str) -> Ref:
        """The thing that a port calls ``name``, or ``other_port.name`` if another port has it."""
        home, _, name = reference.rpartition(".")
        return cls(home or port, name)

    @property
    def port(self) -> str:
        """The port that has it."""
        return self.partition(".")[0]

    @property
    def name(self) -> str:
        """Name of the thing within its port."""
        return self.partition(".")[2]

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # made of two texts, not of one
        return self.port, self.name
