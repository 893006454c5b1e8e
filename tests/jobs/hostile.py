"""Pickles made to do harm: to run something, to take all memory, to take for ever, to be read as another thing."""

import struct

MEBI = 1 << 20


def named(module: str, name: str, *arguments: bytes) -> bytes:
    """A call of what is named, in the words of protocol 4."""
    return text(module) + text(name) + b"\x93(" + b"".join(arguments) + b"tR"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def long(digits: bytes) -> bytes:
    return b"\x8b" + struct.pack("<i", len(digits)) + digits


def get(slot: int) -> bytes:
    return b"j" + struct.pack("<I", slot)


def laughing(times: int) -> bytes:
    """A list of the same list twice, and so on: written out it is 2 to the power of `times` lists."""
    return b"]\x94" + b"".join(b"(" + get(number) * 2 + b"l\x94" for number in range(times)) + b"(" + get(times) + b"l"


def tuples(times: int) -> bytes:
    """A tuple of the same tuple twice, and so on: its hash takes 2 to the power of `times` steps."""
    return b"K\x01\x94" + b"".join(get(number) + b"\x86\x94" for number in range(times))


REMEMBERED = b"](" + b"N" * 500_000 + b"e\x94"

EVIL = {
    "os.system": b"cos\nsystem\n(S'true'\ntR.",
    "posix.system": named("posix", "system", text("true")) + b".",
    "eval": named("builtins", "eval", text("1")) + b".",
    "getattr": named("builtins", "getattr", text("a"), text("b")) + b".",
    "a path in a name": named("datetime", "sys.modules", text("a")) + b".",
    "a method of what may be named": named("datetime", "datetime.fromtimestamp", b"K\x01") + b".",
    "a builder's own parts": named("datetime", "datetime.__globals__") + b".",
    "names put together from the memo": text("os") + b"\x94" + text("system") + b"\x94" + b"h\x00h\x01\x93)R.",
    "an instance": b"(cos\nsystem\nS'true'\no.",
    "an old instance": b"(S'true'\nios\nsystem\n.",
    "an object with arguments": text("os") + text("system") + b"\x93(" + text("true") + b"t\x81.",
    "an object with keywords": text("os") + text("system") + b"\x93)}\x92.",
    "an identifier with arguments": text("uuid") + text("UUID") + b"\x93(" + text("true") + b"t\x81.",
    "another's reconstructor": named(
        "copyreg", "_reconstructor", b"cdatetime\ndatetime\n", b"cbuiltins\nobject\n", b"N"
    )
    + b".",
    "an extension": b"\x82\x01.",
    "a long extension": b"\x84\x01\x00\x00\x00.",
    "a persistent id": b"P1\n.",
    "a persistent id on the stack": b"K\x01Q.",
    "a buffer": b"\x97.",
    "a buffer made read-only": b"\x97\x98.",
    "a call of a call": named("datetime", "date", b"C\x04\x07\xea\x01\x02") + b")R.",
    "state for what may be named": text("datetime") + text("date") + b"\x93}" + text("x") + b"K\x01sb.",
    "state for a list": b"]}" + text("x") + b"K\x01sb.",
    "items for a tuple": b")K\x01a.",
    "items for what may be named": text("builtins") + text("set") + b"\x93K\x01a.",
    "a call with a list": text("builtins") + text("set") + b"\x93]R.",
}
"""Would run, build or change something."""

LARGE = {
    "8 bytes of a slot": b"N\x94r\xff\xff\xff\x7f.",
    "a text that is not there": b"\x8d\xff\xff\xff\xff\xff\x0f\x00\x00.",
    "bytes that are not there": b"\x8e\xff\xff\xff\xff\xff\x0f\x00\x00.",
    "a bytearray that is not there": b"\x96\xff\xff\xff\xff\xff\x0f\x00\x00.",
    "a frame that is not there": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
    "a number of less than no bytes": b"\x8b\xff\xff\xff\xff.",
    "bytes of a number": named("builtins", "bytes", long(b"\xff\xff\xff\xff\x7f")) + b".",
    "a bytearray of a number": named("builtins", "bytearray", long(b"\xff\xff\xff\xff\x7f")) + b".",
    "a list of a range": named("builtins", "set", named("builtins", "range", long(b"\xff\xff\xff\xff\x7f"))) + b".",
    "lists that laugh": laughing(60) + b".",
    "tuples that laugh": tuples(60) + b".",
    "a long text many times": b"](" + text("x" * 1000) + b"\x94" + get(0) * 100_000 + b"e.",
    "a long number many times": b"](" + long(b"\x7f" * 1700) + b"\x94" + get(0) * 100_000 + b"e.",
    "a set of one list many times": REMEMBERED + b"cbuiltins\nset\n\x94" + b"h\x01h\x00\x85R" * 100_000 + b".",
    "bytes of one text many times": (
        text("x" * MEBI)
        + b"\x94c_codecs\nencode\n\x94"
        + text("latin1")
        + b"\x94"
        + b"h\x01h\x00h\x02\x86R" * 100_000
        + b"."
    ),
    "many lists": b"]" * 4 * MEBI,
    "many dicts": b"}" * 4 * MEBI,
    "many remembered": b"}\x94" * 2 * MEBI,
    "many marks": b"(" * 4 * MEBI,
    "many in one": b"(" + b"N" * (4 * MEBI - 3) + b"l.",
    "a nest of tuples": b")" + b"\x85" * (4 * MEBI - 2) + b".",
    "a nest of lists": b"(" * MEBI + b"l" * MEBI + b".",
}
"""Would take more memory than there is."""

SLOW = {
    "a hash without end": b"}" + tuples(100) + b"Ns.",
    "a member without end": b"\x8f(" + tuples(100) + b"\x90.",
    "numbers of one hash": b"}("
    + b"".join(long((i * (2**61 - 1)).to_bytes(10, "little")) + b"N" for i in range(1, 90_000))
    + b"u.",
    "slots of one hash": b"N" + b"".join(b"p%d\n" % (i * (2**61 - 1)) for i in range(1, 90_000)) + b".",
    "a decimal many times": (text("9" * 4000) + b"\x94cdecimal\nDecimal\n\x94" + b"h\x01h\x00\x85R" * 200_000 + b"."),
    "a state of many many times": (
        b"}(" + (text("a") + b"N") * 100_000 + b"u\x94cuuid\nUUID\n)\x81" + b"h\x00b" * 200_000 + b"."
    ),
    "a number of a million digits": b"I" + b"9" * MEBI + b"\n.",
    "a long of a million digits": b"L" + b"9" * MEBI + b"L\n.",
    "a fraction of a million digits": b"F" + b"1" * MEBI + b"\n.",
    "a decimal of a million digits": named("decimal", "Decimal", text("9" * MEBI)) + b".",
    "a decimal of a large power": named("decimal", "Decimal", text("1E+" + "9" * 30)) + b".",
    "a megabyte of a number": long(b"\x7f" * MEBI) + b".",
    "time of a megabyte": named("datetime", "timedelta", long(b"\x7f" * MEBI), b"K\x00", b"K\x00") + b".",
    "a line that does not end": b"V" + b"a" * MEBI,
    "lines that are nothing": b"p\n" * MEBI,
}
"""Would take for ever."""

TWISTED = {
    "nothing": b"",
    "only the end": b".",
    "two values": b"NN.",
    "no end": b"\x80\x04N",
    "something after the end": b"N.N.",
    "a mark alone": b"(.",
    "no mark": b"Nl.",
    "items before the mark": b"N(K\x01ae.",
    "an odd number of items": b"}(K\x01u.",
    "from an empty memo": b"h\x00.",
    "from an empty stack": b"\x94.",
    "a tuple of too few": b"N\x86.",
    "a day of month 13": named("datetime", "date", b"C\x04\x07\xea\x0d\x02") + b".",
    "a moment of hour 99": named("datetime", "datetime", b"C\x0a\x07\xea\x01\x02\x63\x00\x00\x00\x00\x00") + b".",
    "a moment with a 20th byte": named("datetime", "datetime", b"C\x14" + b"\x01" * 20) + b".",
    "a moment of text": named("datetime", "datetime", text("\x07\xea\x01\x02\x03\x04\x05\x00\x00\x00")) + b".",
    "a moment with a zone of text": named("datetime", "datetime", b"C\x0a" + b"\x01" * 10, text("UTC")) + b".",
    "a zone of 100 hours": named(
        "datetime", "timezone", named("datetime", "timedelta", b"K\x64", b"K\x00", b"K\x00")
    ) + b".",
    "a span of texts": named("datetime", "timedelta", text("a"), text("b"), text("c")) + b".",
    "a span of too many days": named("datetime", "timedelta", long(b"\x7f" * 8), b"K\x00", b"K\x00") + b".",
    "an identifier without a number": b"cuuid\nUUID\n)\x81.",
    "an identifier of text": b"cuuid\nUUID\n)\x81}" + text("int") + text("5") + b"sb.",
    "an identifier of 200 bits": b"cuuid\nUUID\n)\x81}" + text("int") + long(b"\x7f" * 25) + b"sb.",
    "bytes in another code": named("_codecs", "encode", text("a"), text("rot13")) + b".",
    "bytes of no letters": named("_codecs", "encode", text("日"), text("latin1")) + b".",
    "text that is no UTF-8": b"\x8c\x01\xff.",
    "a fraction that is none": b"Fnan\n.",
}  # fmt: skip
"""No pickle that Python writes."""

CORPUS = {**EVIL, **LARGE, **SLOW, **TWISTED}
