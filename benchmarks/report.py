"""How long it takes to write the page of ``cbpf triage --html``, and to open it in a browser.

    python -m benchmarks.report [--files 10000] [--filters 60] [--density 0.25]

The results are made up; ``--density`` is how many of the cells have packets. Times in the browser are those of its own
clock: until the page has drawn itself (navigation timing), to sort by a column, to find files, to draw the rows at
another place, and to show a file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

from cbpf.triage.report.html import page
from tests.triage.browser import Browser, browser
from tests.triage.made_up import report

_RUNS = 3
_STEPS = {
    "open": "performance.getEntriesByType('navigation')[0].duration",
    "first paint": "performance.getEntriesByType('paint')[0]?.startTime ?? 0",
    "sort by a filter": "(() => { const begin = performance.now(); sortBy(3); return performance.now() - begin; })()",
    "find files": "(() => { byId('find-file').value = 'site-12'; const begin = performance.now(); refresh();"
    " return performance.now() - begin; })()",
    "all files again": "(() => { byId('find-file').value = ''; const begin = performance.now(); refresh();"
    " return performance.now() - begin; })()",
    "scroll": "(() => { byId('grid').scrollTop = 1e5; const begin = performance.now(); drawRows();"
    " return performance.now() - begin; })()",
    "show a file": "(async () => { const begin = performance.now(); await showFile(FILES.length - 1);"
    " return performance.now() - begin; })()",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--filters", type=int, default=60)
    parser.add_argument("--density", type=float, default=0.25)
    asked = parser.parse_args()
    made = report(asked.files, asked.filters, density=asked.density)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        start = perf_counter()
        with path.open("w", encoding="utf-8") as file:
            file.writelines(page(made))
        print(f"{'write':18} {perf_counter() - start:8.3f} s, {path.stat().st_size / 1e6:.1f} MB")
        with browser() as chromium:
            for name, seconds in _best(chromium, path).items():
                print(f"{name:18} {seconds:8.3f} s")


def _best(chromium: Browser, path: Path) -> dict[str, float]:
    """The shortest time of some runs for each step, in seconds."""
    runs = []
    for _ in range(_RUNS):
        chromium.open(path)
        runs.append({name: chromium.run(script) / 1000 for name, script in _STEPS.items()})
    return {name: min(run[name] for run in runs) for name in _STEPS}


if __name__ == "__main__":
    main()
