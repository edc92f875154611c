"""The page in a real browser: it opens, sorts, finds, and says how to extract; whatever files are called."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cbpf.counts import Count
from cbpf.triage.report.commands import extract
from cbpf.triage.report.html import page
from cbpf.triage.report.model import Report, in_trouble, matched, most
from cbpf.triage.report.units import duration, moment, number, percent, shown, size
from cbpf.triage.result import FileResult, Summary, Timeline

from .browser import CHROMIUM, Browser, browser
from .made_up import filters, merged, report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

PHONE = 375  # pixels across


def saved(made: Report, path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(page(made))
    return path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def made() -> Report:
    return report(120, 30, hostile=True)


@pytest.fixture(scope="module")
def path(made: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(made, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def opened(chromium: Browser, path: Path) -> Iterator[Browser]:
    chromium.open(path)
    yield chromium
    assert chromium.complaints == []
    assert chromium.requests == [path.as_uri()]


def texts(page: Browser, selector: str) -> list[str]:
    found: list[str] = page.run(f"[...document.querySelectorAll({selector!r})].map(each => each.textContent)")
    return found


def rows_in_order(page: Browser) -> list[str]:
    """The names of all files as they are sorted, those that are not drawn too."""
    found: list[str] = page.run("matrix.rows.map(file => DATA.files.path[file])")
    return found


def panel(page: Browser) -> dict[str, Any]:
    """What the panel says."""
    page.wait("byId('panel').open")
    found: dict[str, Any] = page.run(
        "({title: byId('panel-title').textContent, text: byId('panel-body').textContent,"
        " command: byId('panel-body').querySelector('code')?.textContent,"
        " facts: Object.fromEntries([...byId('panel-body').querySelectorAll('.facts dt')]"
        ".map(each => [each.textContent, each.nextSibling.textContent]))})"
    )
    return found


def test_it_opens_and_says_what_there_is(opened: Browser, made: Report) -> None:
    assert opened.run("document.title") == f"Triage of {len(made.files)} captures"
    key = texts(opened, "#key dd")
    assert key[0].startswith(number(len(made.files)))
    assert key[1].startswith(number(made.summary.packets.packets))
    assert key[3].startswith(number(len(matched(made))))
    assert f"{len(in_trouble(made.files))} files" in opened.run("byId('notices').textContent")
    names = texts(opened, "#filter-list button.link")
    assert names == [shown(each.filter.name) for each in matched(made)][: len(names)]
    assert len(names) == 12
    opened.run("byId('filter-list').querySelector('.after button').click()")
    assert len(texts(opened, "#filter-list button.link")) == len(matched(made))
    assert texts(opened, "#talkers td bdi") == [name for name, _ in most(made.summary.talkers, 10)]


def test_it_sorts_by_any_column(opened: Browser, made: Report) -> None:
    by_path = {shown(file.path): file for file in made.files}
    name = matched(made)[0].filter.name
    place = [each.name for each in made.filters].index(name)
    keys: dict[str, Callable[[FileResult], float]] = {
        "packets": lambda file: file.summary.packets.packets,
        "first": lambda file: file.summary.packets.first or float("inf"),
        str(place): lambda file: file.summary.filters.get(name, Count()).packets,
    }
    for sort, key in keys.items():
        for turn in range(2):
            opened.run(f"document.querySelector('[data-sort=\"{sort}\"]').click()")
            found = [key(by_path[each]) for each in rows_in_order(opened)]
            assert found == sorted(found, reverse=(sort != "first") != bool(turn))
            pressed = opened.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')")
            assert pressed == ("descending" if (sort != "first") != bool(turn) else "ascending")
    drawn = texts(opened, "#table tbody .base")
    assert drawn == [each.rpartition("/")[2] for each in rows_in_order(opened)][: len(drawn)]


def test_it_finds_files_and_filters(opened: Browser, made: Report) -> None:
    opened.run("byId('find-file').value = 'SITE-12 day'; byId('find-file').dispatchEvent(new Event('input'))")
    assert set(rows_in_order(opened)) == {file.path for file in made.files if "site-12" in file.path}
    opened.run("byId('find-file').value = ''; byId('which').value = 'trouble'; refresh()")
    assert set(rows_in_order(opened)) == {shown(file.path) for file in in_trouble(made.files)}
    opened.run("byId('which').value = 'all'; byId('tag').value = 'voice'; refresh()")
    wanted = {each.name for each in made.filters if "voice" in each.tags}
    assert set(texts(opened, "#table thead .f span")) == wanted
    opened.run("byId('tag').value = ''; byId('find-filter').value = 'dns err'; refresh()")
    assert texts(opened, "#table thead .f span") == ["dns-errors"]
    opened.run("byId('find-file').value = 'no such file'; refresh()")
    assert texts(opened, "#table tbody td") == ["No file is like that."]


def test_a_cell_says_how_to_extract_its_packets(opened: Browser, made: Report) -> None:
    opened.run("byId('matrix').scrollIntoView()")
    x, y, row, column = opened.run(
        "(() => { const cell = document.querySelector('#table td.c'); const box = cell.getBoundingClientRect();"
        " return [box.x + 9, box.y + 9, +cell.dataset.row, +cell.dataset.column]; })()"
    )
    opened.click(x, y)
    said = panel(opened)
    file = next(each for each in made.files if shown(each.path) == rows_in_order(opened)[row])
    filter = made.filters[opened.run(f"matrix.columns[{column - 1}]")]
    count = file.summary.filters[filter.name]
    assert said["title"] == filter.name
    assert said["command"] == extract([file], filter)
    assert said["facts"]["Packets"] == f"{number(count.packets)} of {number(file.summary.packets.packets)}"
    assert said["facts"]["Share"] == percent(count.packets / file.summary.packets.packets)
    opened.run("document.querySelector('.copy').click()")
    opened.wait("document.querySelector('.copy').textContent === 'Copied'")
    opened.key("Escape")
    opened.wait("!byId('panel').open")


def test_the_keyboard_is_enough(opened: Browser, made: Report) -> None:
    opened.run("document.querySelector('#table [data-row][tabindex=\"0\"]').focus()")
    opened.key("ArrowDown")
    assert opened.run("document.activeElement.dataset.row") == "1"
    while (row := int(opened.run("document.activeElement.dataset.row"))) < 60:
        opened.key("PageDown")
    while not opened.run("document.activeElement.classList.contains('c')"):
        opened.key("ArrowRight")
    box = opened.run(
        "(() => { const box = document.activeElement.getBoundingClientRect(); return [box.left, box.right]; })()"
    )
    assert 0 <= box[0] < box[1] <= 1280
    opened.key("Enter")
    assert panel(opened)["command"].startswith("cbpf filter ")
    opened.key("Escape")
    opened.key("Home")
    opened.key("Enter")
    opened.wait("byId('panel-kind').textContent === 'File'")
    assert panel(opened)["title"] == rows_in_order(opened)[row]


def test_every_command_is_what_it_should_be(opened: Browser, made: Report) -> None:
    found = opened.run(
        "(async () => { const all = []; for (const file of FILES) { const detail = await details(file);"
        " for (const [filter] of detail.cells) all.push(commandOf(detail, DATA.filters[filter])); } return all; })()"
    )
    names = [each.name for each in made.filters]
    assert found == [
        extract([file], made.filters[names.index(name)])
        for file in made.files
        for name, count in file.summary.filters.items()
        if count.packets
    ]


def test_a_file_and_a_filter_have_a_panel(opened: Browser, made: Report) -> None:
    place = next(place for place, file in enumerate(made.files) if file.facts and file.trouble)
    opened.run(f"showFile({place})")
    said, file = panel(opened), made.files[place]
    assert file.facts is not None
    assert f"damaged: {file.trouble}" in said["text"]
    assert said["facts"]["SHA-256"] == file.facts.sha256
    assert said["facts"]["Packets"] == number(file.summary.packets.packets)
    best = matched(made)[0]
    opened.run(f"showFilter({made.filters.index(best.filter)})")
    said = panel(opened)
    assert said["title"] == best.filter.name
    assert (
        said["command"] == f"cbpf filter --recursive -r captures -w all-{best.filter.name}.pcap {best.filter.asked!r}"
    )
    assert said["facts"]["Files"] == number(len(best.files))


def test_only_rows_in_sight_exist(opened: Browser, made: Report) -> None:
    assert opened.run("document.querySelectorAll('#table tbody tr').length") < 100
    opened.run("byId('grid').scrollTop = 1e9")
    opened.wait(f"document.querySelector('[data-row=\"{len(made.files) - 1}\"]')")
    last = opened.run(f"document.querySelector('[data-row=\"{len(made.files) - 1}\"] .base').textContent")
    assert rows_in_order(opened)[-1].endswith(last)
    inside = opened.run(
        "document.querySelector('#table tbody tr:last-child').getBoundingClientRect().bottom"
        " <= byId('grid').getBoundingClientRect().bottom + 1"
    )
    assert inside


def test_the_timeline_begins_with_the_first_packet(opened: Browser, made: Report) -> None:
    """Intervals begin on round times, which may be before all packets."""
    first = texts(opened, "#timeline svg text")[1]
    assert moment(made.summary.packets.first, digits=3).startswith(first)
    place = next(place for place, file in enumerate(made.files) if file.summary.timeline.intervals)
    opened.run(f"showFile({place})")
    first = texts(opened, "#panel-body svg text")[1]
    assert moment(made.files[place].summary.packets.first, digits=3).startswith(first)


def test_a_filter_can_be_laid_over_the_timeline(opened: Browser) -> None:
    assert opened.run("document.querySelectorAll('#timeline .some').length") == 0
    opened.run("byId('overlay').selectedIndex = 1; byId('overlay').dispatchEvent(new Event('change'))")
    assert opened.run("document.querySelector('#timeline .some').getAttribute('d').length") > 10
    for choice in ("byId('measure').value = 'bytes'", "byId('scale').value = 'log'"):
        opened.run(f"{choice}; drawTimeline()")
    x, y = opened.run(
        "(() => { const box = byId('timeline').getBoundingClientRect(); return [box.x + 300, box.y + 90]; })()"
    )
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    opened.wait("byId('readout').textContent.includes(' UTC, ')")


def test_timelines_of_other_widths_are_laid_over_each_other(chromium: Browser, tmp_path: Path) -> None:
    """Intervals are as wide as the wider ones: as wide as those of the sum of both."""
    base = report(20, 5)
    name = matched(base)[0].filter.name
    narrow = base.summary.timeline
    coarse = Timeline(narrow.shift + 3, {min(narrow.intervals) >> 3: (0, 0)})
    wide = merged([base.summary._replace(timeline=coarse), base.summary]).timeline
    assert wide.shift == coarse.shift
    timelines = {name: Timeline(wide.shift, dict.fromkeys(wide.intervals, (1, 2)))}
    chromium.open(saved(base._replace(summary=base.summary._replace(timelines=timelines)), tmp_path / "wide.html"))
    widened = "widened(DATA.timeline, Object.values(DATA.timelines)[0][1]).slice(0, 4)"
    start, each, places, packets = chromium.run(widened)
    assert each == (1 << wide.shift) / 1000
    found = {round(start / each) + place: count for place, count in zip(places, packets, strict=True)}
    assert found == {place: counts[0] for place, counts in wide.intervals.items() if counts[0]}
    chromium.run("byId('overlay').selectedIndex = 1; drawTimeline()")
    paths = chromium.run("['.all', '.some'].map(each => document.querySelector(`#timeline ${each}`).getAttribute('d'))")
    columns = [re.findall(r"M(\d+) ", path) for path in paths]
    assert columns[0] == columns[1]
    assert chromium.complaints == []


def test_a_phone_shows_it_without_scrolling_sideways(chromium: Browser, path: Path) -> None:
    chromium.open(path, width=PHONE, height=812)
    assert chromium.run("document.documentElement.scrollWidth") == PHONE
    assert chromium.run("innerWidth") == PHONE
    for what in ("showCell(3, [...CELLS[3].keys()][0])", "showFile(7)", "showFilter(RANKED[0])"):
        chromium.run(what)
        assert panel(chromium)["title"]
        chromium.wait("byId('panel').getAnimations().length === 0")
        box = chromium.run(
            "(() => { const box = byId('panel').getBoundingClientRect(); return [box.left, box.right]; })()"
        )
        assert box == [0, PHONE]
        assert chromium.run("byId('panel').scrollWidth") <= PHONE
    assert chromium.run("document.documentElement.scrollWidth") == PHONE
    assert chromium.complaints == []


def test_names_are_nothing_but_names(opened: Browser, made: Report) -> None:
    assert {shown(file.path) for file in made.files} == set(rows_in_order(opened))
    marks = ("damaged", "unreadable")
    for file in made.files[-11:]:
        name = shown(file.path)
        opened.run(f"byId('find-file').value = {json.dumps(name)}; refresh()")
        drawn = set(texts(opened, "#table tbody button.file"))
        assert name in drawn or any(name + mark in drawn for mark in marks)
        opened.run(f"showFile({made.files.index(file)})")
        assert panel(opened)["title"] == name
    assert opened.run("document.scripts.length") == 3
    assert opened.run("document.images.length") == 0


def test_the_page_may_do_nothing_else(chromium: Browser, path: Path) -> None:
    chromium.open(path)
    chromium.run(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )
    assert chromium.run("typeof window.ran") == "undefined"
    refused = "fetch('http://192.0.2.1/').then(() => 'done', () => 'refused')"
    assert chromium.run(refused) == "refused"
    assert any("Content Security Policy" in each for each in chromium.complaints)


CONTRAST = """
((selectors) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => rgb(color).slice(0, 3)
    .map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (rgb(color)[3] === 255) return color;
    }
    return "white";
  };
  return selectors.map((selector) => {
    const element = document.querySelector(selector);
    const [one, other] = [getComputedStyle(element).color, behind(element)].map(light);
    return [selector, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
  });
})
"""


@pytest.mark.parametrize("dark", [False, True])
def test_everything_can_be_read(chromium: Browser, path: Path, dark: bool) -> None:
    chromium.open(path, dark=dark)
    cells = [f"#table td.h{step}" for step in range(5)]
    chromium.run("byId('which').value = 'matched'; sortBy('packets')")
    other = [
        "h1",
        ".muted",
        ".notice strong",
        "button.link",
        "#table .n",
        ".file .base",
        ".list th",
        "select",
        "footer",
    ]
    for selector, contrast in chromium.run(f"{CONTRAST}({json.dumps(cells + other)})"):
        assert contrast >= 4.5, selector  # WCAG 2.2, 1.4.3
    chromium.run("byId('which').value = 'trouble'; refresh()")
    ((_, contrast),) = chromium.run(f"{CONTRAST}(['.mark'])")
    assert contrast >= 4.5


def test_controls_have_names_and_tables_have_heads(opened: Browser) -> None:
    unnamed = (
        "[...document.querySelectorAll('input, select, button')].filter(each => !each.labels?.length"
        " && !each.getAttribute('aria-label') && !each.textContent.trim()).map(each => each.outerHTML)"
    )
    assert opened.run(unnamed) == []
    assert opened.run("[...document.querySelectorAll('thead th')].every(each => each.scope === 'col')")
    assert opened.run("[...document.querySelectorAll('#table tbody th')].every(each => each.scope === 'row')")
    assert opened.run("document.querySelectorAll('#table tbody [tabindex=\"0\"]').length") == 1
    assert opened.run("document.querySelectorAll('td.c:not([aria-label])').length") == 0
    ids = opened.run("[...document.querySelectorAll('[id]')].map(each => each.id)")
    assert len(ids) == len(set(ids))


def test_printed_pages_have_what_paper_has_room_for(opened: Browser, made: Report) -> None:
    columns = len(matched(made))
    opened.resize(718, 1000)  # A4 without margins
    opened.run("dispatchEvent(new Event('beforeprint'))")
    opened.call("Emulation.setEmulatedMedia", media="print")
    assert opened.run("document.querySelectorAll('#table tbody tr').length") == len(made.files)
    assert opened.run("document.documentElement.scrollWidth") <= 724
    names = texts(opened, "#table thead .f span")
    assert 10 <= len(names) < columns
    assert names == [shown(each.filter.name) for each in matched(made)][: len(names)]
    opened.call("Emulation.setEmulatedMedia", media="")
    opened.run("dispatchEvent(new Event('afterprint'))")
    assert opened.run("document.querySelectorAll('#table tbody tr').length") < 100
    assert len(texts(opened, "#table thead .f span")) == columns


def test_numbers_read_as_in_text(opened: Browser) -> None:
    times = [
        0,
        1,
        999,
        1000,
        59_999,
        999_499,
        999_999,
        1_000_000,
        59_999_999,
        60_000_000,
        3_599_999_999,
        10**12,
        4 * 10**15,
    ]
    assert opened.run(f"{times}.map(duration)") == [duration(1000 * each) for each in times]
    assert opened.run(f"{times}.map(size)") == [size(each) for each in times]
    assert opened.run(f"{times}.map(each => moment(each, 3))") == [moment(1000 * each, digits=3) for each in times]
    parts = [0, 1e-9, 0.0004, 0.0005, 0.1234, 0.5, 0.9994, 0.99951, 1]
    assert opened.run(f"{parts}.map(percent)") == [percent(each) for each in parts]


def test_rare_protocols_are_a_click_away(chromium: Browser, tmp_path: Path) -> None:
    protocols = {"eth/ip/tcp": Count(5000, 1)} | {f"eth/ip/udp/{each}": Count(2, 1) for each in range(30)}
    base = report(3, 3)
    made = base._replace(summary=base.summary._replace(protocols=protocols))
    chromium.open(saved(made, tmp_path / "rare.html"))
    names = "#protocols .leaf bdi"
    assert texts(chromium, names) == ["eth", "ip", "tcp", "udp"]
    assert texts(chromium, "#protocols button") == ["30 more"]
    chromium.run("document.querySelector('#protocols button').click()")
    assert len(texts(chromium, names)) == 34


def test_nothing_at_all(chromium: Browser, tmp_path: Path) -> None:
    for made in (Report([], filters(3), Summary()), Report([], [], Summary())):
        chromium.open(saved(made, tmp_path / "empty.html"), width=PHONE)
        assert chromium.complaints == []
        assert chromium.run("byId('subtitle').textContent") == "There are no packets."
        assert chromium.run("byId('filter-list').textContent") == "None of them matched anything."


@pytest.mark.slow
def test_many_files(chromium: Browser, tmp_path: Path) -> None:
    many = report(10_000, 60)
    chromium.open(saved(many, tmp_path / "many.html"))
    assert chromium.run("document.querySelectorAll('#table tbody tr').length") < 100
    chromium.run("showFile(9999)")
    assert panel(chromium)["title"] == many.files[9999].path
    assert chromium.complaints == []
