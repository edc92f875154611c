"""``python -m cbpf`` is the command ``cbpf``."""

from __future__ import annotations

from cbpf.cli import main

if __name__ == "__main__":
    main()
