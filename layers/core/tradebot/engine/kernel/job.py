"""A backtest between two processes: the setup and the state as bytes, for one that loads nothing but the kernel.

Whoever plans a backtest writes the first job (`run.first_job`). A run over the next candles returns the job after them;
`run.state_after` and `run.output_of` turn what came out into the domain's values, where somebody reads it.
"""

from __future__ import annotations

from array import array
from ctypes import sizeof

from tradebot.engine.kernel.blocks import SetupBlock, StateBlock
from tradebot.engine.kernel.library import ABI, kernel
from tradebot.engine.kernel.loop import run_loop

TYPE_CHECKING = False  # `typing` takes longer to load than all of the kernel
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from tradebot.engine.kernel.loop import Column, Rows

#: What a job begins with; the border's version follows it, since its blocks are the border's.
MAGIC: Final = b"tradebot job %d\n" % ABI
_FUNDING: Final = 3


def pack_job(setup: SetupBlock, state: StateBlock, funding: Sequence[array[int]]) -> bytes:
    """Return the bytes of a job; little-endian, as every machine is that the kernel is compiled for."""
    return b"".join((MAGIC, setup, state, *(column.tobytes() for column in funding)))


def unpack_job(job: bytes) -> tuple[SetupBlock, StateBlock, list[array[int]]]:
    """Return the blocks of a job, as a copy. Raise ValueError for what is no job of this version."""
    begin = len(MAGIC)
    middle, end = begin + sizeof(SetupBlock), begin + sizeof(SetupBlock) + sizeof(StateBlock)
    if not job.startswith(MAGIC) or len(job) < end:
        raise ValueError("this is no job that this version of the kernel reads: plan the backtest anew")
    setup, state = SetupBlock.from_buffer_copy(job, begin), StateBlock.from_buffer_copy(job, middle)
    width = setup.funding_count * 8
    if len(job) != end + _FUNDING * width:
        raise ValueError("the job's funding history was cut: plan the backtest anew")
    funding = [array("q", job[end + n * width : end + (n + 1) * width]) for n in range(_FUNDING)]
    return setup, state, funding


def run_job(job: bytes, candles: Sequence[Column]) -> tuple[bytes, Rows] | None:
    """Run the next candles (open time in ms, open, high, low, close); return the job after them, and what they brought.

    None where there is no kernel or it declines: `simulate` then does the same with the job's own setup.
    """
    library = kernel()
    if library is None:
        return None
    setup, state, funding = unpack_job(job)
    rows = run_loop(library, setup, state, candles, funding)
    return None if rows is None else (pack_job(setup, state, funding), rows)
