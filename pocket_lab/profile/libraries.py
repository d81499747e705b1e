"""Which files belong to libraries: Python, an installed package, or this one."""

from __future__ import annotations

import site
import sysconfig

from pocket_lab.executors.faults.frames import is_machinery

_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {site.getusersitepackages()}
)


def is_library(file: str) -> bool:
    """Whether a file belongs to Pocket Lab, Python or an installed package."""
    return file.startswith(("<frozen", *_LIBRARIES)) or is_machinery(file)
