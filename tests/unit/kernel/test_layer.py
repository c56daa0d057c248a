"""What `sam build` puts into the core layer."""

from __future__ import annotations

import platform

from infra.build.kernel import KERNEL, LAMBDA, library_name
from tests.architecture.artifacts import built


def test_the_core_layer_ships_the_kernel_of_its_own_processor_and_no_source() -> None:
    folder = built("CoreLayer") / "python" / "tradebot" / KERNEL
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    assert [path.name for path in folder.glob("*.so")] == [library_name(LAMBDA[architecture])]
    assert list(folder.glob("*.c")) == list(folder.glob("*.h")) == []
