"""Finds and loads the compiled loop of this machine. Where there is none that fits, the plain engine serves."""

from __future__ import annotations

import ctypes
import os
from functools import cache

from tradebot.engine.kernel.blocks import BLOCKS

TYPE_CHECKING = False  # `typing` takes longer to load than all of the kernel
if TYPE_CHECKING:
    from typing import Final

#: Raised with every change of what crosses the border: the functions, their arguments, the layout of the blocks.
ABI: Final = 2


def library_path() -> str:
    """Return where the library of this machine lies, if it was compiled."""
    # `platform` and `pathlib` say the same, and take longer to import than the library to load.
    system, _, _, _, machine = os.uname()
    folder = __file__.rpartition("/")[0]
    return f"{folder}/_kernel.{system.lower()}-{machine.lower()}.so"


def load_from(path: str) -> ctypes.CDLL | None:
    """Load a library; None where it is absent, made for another machine, or speaks another version of the border."""
    try:
        library = ctypes.CDLL(path)
        abi = library.tradebot_kernel_abi
    except (OSError, AttributeError):
        return None
    abi.argtypes, abi.restype = [], ctypes.c_int64
    if abi() != ABI:
        return None
    size = library.tradebot_kernel_size
    size.argtypes, size.restype = [ctypes.c_int64], ctypes.c_int64
    if any(size(number) != ctypes.sizeof(block) for number, block in enumerate(BLOCKS)):
        return None
    library.tradebot_kernel_run.argtypes = [ctypes.POINTER(block) for block in BLOCKS]
    library.tradebot_kernel_run.restype = ctypes.c_int32
    return library


@cache
def kernel() -> ctypes.CDLL | None:
    """Return this machine's library, loaded once."""
    if not hasattr(os, "uname"):  # Windows, which the plain engine serves
        return None
    return load_from(library_path())


def source_digest(library: ctypes.CDLL) -> str:
    """Return the digest of the sources that a library was compiled from (infra/build/kernel.py)."""
    digest = library.tradebot_kernel_sources
    digest.argtypes, digest.restype = [], ctypes.c_char_p
    text: bytes = digest()
    return text.decode()
