"""Start of a worker process: ties its life to the supervisor's, then becomes AWS's runtime interface client.

Run as a script by the venv's interpreter with neither site nor the script's folder on the path, so that a function sees
its own code, its layers and the installed packages, and nothing else of the repository.
"""

import os
import runpy
import sys


def _die_with(supervisor: int) -> None:
    """Have this process killed when the supervisor is gone, whatever it is doing at that moment."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  only here, and it costs 5 ms
        import signal  # noqa: PLC0415

        pr_set_pdeathsig = 1  # prctl(2)
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    else:
        import threading  # noqa: PLC0415
        import time  # noqa: PLC0415

        def watch() -> None:
            while os.getppid() == supervisor:
                time.sleep(1)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
    if os.getppid() != supervisor:  # it went away before the line above took hold
        os._exit(1)


if __name__ == "__main__":
    _die_with(int(sys.argv[1]))
    sys.argv = ["awslambdaric", sys.argv[2]]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
