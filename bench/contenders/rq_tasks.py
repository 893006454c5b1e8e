"""The task of the RQ contenders."""


def repeat(size: int) -> dict[str, str]:
    """As many letters as were ordered."""
    return {"text": "x" * size}
