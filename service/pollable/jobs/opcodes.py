"""A pickle of plain data, read opcode by opcode. Nothing is imported, looked up or called by a name in it.

`pickletools` takes the bytes apart and says what each opcode means. Those that no plain data has are not here.
"""

import pickletools
import struct
from collections.abc import Callable
from types import FunctionType
from typing import Any

from pollable.jobs.pickle_names import TOO_LARGE, Identifier, Members, Unreadable, exactly, identifier, named

FAULTS = (IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error)
"""What `read` raises for bytes that are no pickle of plain data."""


class Pairs(list[tuple[Any, Any]]):
    """A dict's items. No dict: nothing is hashed or compared before it is known to be small."""

    __slots__ = ()


class Machine:
    """A pickle that is being read: a stack with marks, a memo, and how much may yet be copied."""

    def __init__(self, size: int) -> None:
        self.size = self.may_copy = size
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def pop(self, kind: type) -> Any:
        """The newest value, which must be of this very kind."""
        return exactly(kind, self.stack.pop())

    def items(self, count: int | None = None) -> list[Any]:
        """The newest values: as many, or all since the last mark."""
        begin = self.marks.pop() if count is None else len(self.stack) - count
        if begin < 0:
            raise IndexError
        taken = self.stack[begin:]
        del self.stack[begin:]
        return taken

    def pairs(self, count: int | None = None) -> Pairs:
        """The newest values, two by two."""
        items = self.items(count)
        return Pairs(zip(items[::2], items[1::2], strict=True))

    def add(self, kind: type, items: list[Any]) -> None:
        """Add to the newest value, which must be of this very kind."""
        exactly(kind, self.stack[-1]).extend(items)

    def put(self, slot: int) -> None:
        """Remember the newest value."""
        # Python numbers them as they come.
        if slot > self.size:
            raise IndexError
        self.memo[slot] = self.stack[-1]

    def named(self) -> Any:
        """What the two newest texts name."""
        name, module = self.pop(str), self.pop(str)
        return named(f"{module} {name}")

    def reduce(self) -> Any:
        """What is named below its arguments, built of them."""
        arguments = self.pop(tuple)
        # What is remembered may be an argument again and again, and each time be copied.
        self.may_copy -= sum(len(each) for each in arguments if type(each) in (str, list))
        if self.may_copy < 0:
            raise Unreadable(TOO_LARGE)
        return self.pop(FunctionType)(*arguments)

    def new(self) -> Identifier:
        """The one kind of object that is made before its state is known."""
        if self.pop(tuple) or self.pop(FunctionType) is not identifier:
            raise TypeError
        return Identifier()

    def build(self) -> None:
        """Give it its state: a number, and maybe how safely it was made."""
        state, built = self.pop(Pairs), exactly(Identifier, self.stack[-1])
        for key, value in state if len(state) <= 2 else ():
            if exactly(str, key) == "int":
                built.number = value


def read(data: bytes, *, most_steps: int) -> Any:
    """The data of a pickle, as far as it is plain; what is shared in it, or holds itself, stays so.

    Raises `Unreadable` and what is in `FAULTS`.
    """
    machine = Machine(len(data))
    for step, (opcode, argument, at) in enumerate(pickletools.genops(data)):
        if step == most_steps:
            raise Unreadable(TOO_LARGE)
        if opcode.name in _ARGUMENTS:
            machine.stack.append(argument)
        elif opcode.name in _VALUES:
            machine.stack.append(_VALUES[opcode.name](machine, argument))
        elif opcode.name != "STOP":
            _CHANGES[opcode.name](machine, argument)
        elif at == len(data) - 1 and len(machine.stack) == 1:
            return machine.stack[0]
    raise IndexError


_ARGUMENTS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE",
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
}  # fmt: skip
"""Opcodes that put their argument on the stack."""

_VALUES: dict[str, Callable[[Machine, Any], Any]] = {
    "NONE": lambda *_: None, "NEWTRUE": lambda *_: True, "NEWFALSE": lambda *_: False,
    "EMPTY_LIST": lambda *_: [], "LIST": lambda m, _: m.items(),
    "EMPTY_DICT": lambda *_: Pairs(), "DICT": lambda m, _: m.pairs(),
    "EMPTY_SET": lambda *_: Members(), "FROZENSET": lambda m, _: Members(m.items()),
    "EMPTY_TUPLE": lambda *_: (), "TUPLE": lambda m, _: tuple(m.items()), "TUPLE1": lambda m, _: tuple(m.items(1)),
    "TUPLE2": lambda m, _: tuple(m.items(2)), "TUPLE3": lambda m, _: tuple(m.items(3)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, slot: m.memo[slot]),
    "GLOBAL": lambda _, name: named(name), "STACK_GLOBAL": lambda m, _: m.named(),
    "REDUCE": lambda m, _: m.reduce(), "NEWOBJ": lambda m, _: m.new(),
}  # fmt: skip
"""Opcodes that put a value on the stack."""

_CHANGES: dict[str, Callable[[Machine, Any], object]] = {
    # These two change nothing in what the others mean.
    **dict.fromkeys(("PROTO", "FRAME"), lambda *_: None),
    "MARK": lambda m, _: m.marks.append(len(m.stack)), "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, slot: m.put(slot)),
    "APPEND": lambda m, _: m.add(list, m.items(1)), "APPENDS": lambda m, _: m.add(list, m.items()),
    "SETITEM": lambda m, _: m.add(Pairs, m.pairs(2)), "SETITEMS": lambda m, _: m.add(Pairs, m.pairs()),
    "ADDITEMS": lambda m, _: m.add(Members, m.items()), "BUILD": lambda m, _: m.build(),
}  # fmt: skip
"""Opcodes that change what is there."""
