"""Where the history file is, and whether its file system is one of this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

HOME = "POCKET_LAB_HOME"
_FILE = "history.db"
_MOUNTS = Path("/proc/self/mountinfo")
_SHARED = {
    *("nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "9p", "afs", "ceph", "lustre"),
    *("glusterfs", "gpfs", "beegfs", "panfs", "pvfs2", "vboxsf"),
}
_LOCAL_FUSE = {"fuse.fuse-overlayfs"}


def default_path() -> Path:
    """`history.db` in the folder that POCKET_LAB_HOME names, or else in the user's data folder."""
    home = os.environ.get(HOME)
    if home:
        return Path(home).expanduser() / _FILE
    from platformdirs import user_data_path

    return user_data_path("pocket-lab", appauthor=False) / _FILE


def shared_file_system(path: Path) -> str | None:
    """The kind of network file system that a path is on, or None where it is local or the system does not tell."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return None
    kind = _file_system(path.resolve(), mounts)
    is_foreign_fuse = kind.startswith("fuse.") and kind not in _LOCAL_FUSE
    return kind if kind in _SHARED or is_foreign_fuse else None


def _file_system(path: Path, mounts: str) -> str:
    """The file system of the innermost mount; of two on one folder, the later one hides the earlier."""
    found, depth = "", -1
    for line in mounts.splitlines():
        fields, _, source = line.partition(" - ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4]))
        if len(folder.parts) >= depth and path.is_relative_to(folder):
            found, depth = source.split()[0], len(folder.parts)
    return found
