"""Where libpcap 1.10.3 is known to be wrong, as a table: an expression, and packets that tell.

Every packet says what is right and what libpcap makes of it:

    lost      matches, and libpcap says it does not          found     matches, for libpcap too
    taken     does not match, and libpcap says it does       passed    does not match, for libpcap neither

The numbers of items are those of the sheets: B1 to B23 of section 7 of filter-language.md, L1 to L15 of section 15 of
linktypes.md, A1 to A12, 3b and the issue numbers of sections 3c and 3d of peers.md.
"""

from __future__ import annotations

from typing import Final

from .arithmetic import ARITHMETIC, CHAINS
from .common import Fault, Packet, Whose
from .links import LINK_TYPES
from .live import LIVE
from .optimizer import OPTIMIZER
from .tunnels import TUNNELS
from .wireless import WIRELESS

__all__ = ["FAULTS", "Fault", "Packet", "Whose"]

FAULTS: Final = (*OPTIMIZER, *ARITHMETIC, *CHAINS, *TUNNELS, *LINK_TYPES, *WIRELESS, *LIVE)
