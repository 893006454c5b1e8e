"""The environment of each contender: made when it is first asked for, and again when its pinned packages change."""

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.rounds import Failed, progress

HERE = Path(__file__).resolve().parent
CONTENDERS = HERE / "contenders"
PLACE = HERE.parent / ".venv-bench"
INSTALL_S = 300


def environment(name: str) -> Path:
    """The `bin` of the environment that `contenders/NAME.txt` pins. Raises `Failed` where it cannot be made."""
    wanted = CONTENDERS / f"{name}.txt"
    place, digest = PLACE / name, hashlib.sha256(wanted.read_bytes()).hexdigest()
    stamp = place / "made-of"
    if not stamp.is_file() or stamp.read_text() != digest:
        progress(f"making the environment {name} ...")
        ran([sys.executable, "-m", "venv", "--clear", str(place)], name)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        ran([*pip, "--no-deps", "-r", str(wanted)], name)
        stamp.write_text(digest)
    return place / "bin"


def ran(command: list[str], name: str) -> None:
    """One step of the making."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"the environment {name} was not made within {INSTALL_S} s") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"the environment {name} cannot be made: {error.stderr.strip()[-300:]}") from None
