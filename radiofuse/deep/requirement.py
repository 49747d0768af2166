"""How the room gets what it needs, for those who find it missing."""

from __future__ import annotations

HOW_TO_INSTALL = "install the build of torch that suits your machine, then: pip install 'radiofuse[deep]'"
