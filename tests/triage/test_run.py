"""Many files: which are looked at, what is kept of a run that is killed, and what becomes of processes that die."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cbpf import FilterError
from cbpf.errors import CbpfError, SavefileError
from cbpf.triage import run, survey
from cbpf.triage.ledger import ResultsError, filters_hash, read_results
from cbpf.triage.record import to_json
from cbpf.triage.result import FileResult
from cbpf.triage.run import Progress, triage
from cbpf.triage.survey import Examiner, triage_file
from tests.capture.tools import SAMPLES

FILTERS = {"web": "port 80 or port 443", "arp": "arp", "everything": ""}


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    """A folder with captures, a folder, and what else lies around."""
    folder = tmp_path / "heap"
    (folder / "more" / "deep").mkdir(parents=True)
    for number, path in enumerate(SAMPLES[:6]):
        shutil.copy(path, folder if number % 2 else folder / "more" / "deep")
    (folder / "notes.txt").write_text("nothing\n")
    (folder / "empty").touch()
    (folder / "more" / "archive.gz").write_bytes(b"\x1f\x8b but no more than that")
    os.symlink("nowhere", folder / "broken")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture
def in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_WORTH_WORKERS", 0)


def _alone(result: FileResult) -> FileResult:
    return triage_file(result.path, FILTERS)


@pytest.mark.parametrize("worth", [0, 1 << 40])
def test_captures_in_folders_are_found(heap: Path, worth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_WORTH_WORKERS", worth)
    told: list[Progress] = []
    results = list(triage([str(heap)], FILTERS, jobs=2, progress=told.append))
    names = sorted(os.path.basename(result.path) for result in results)
    assert names == sorted([*(path.name for path in SAMPLES[:6]), "archive.gz"])
    for result in results:
        assert result == _alone(result)
    assert told[-1].done == told[-1].files
    assert told[-1].bytes == told[-1].size
    assert sorted(each.done for each in told) == [each.done for each in told]


def test_named_files_are_reported_whatever_they_are(heap: Path) -> None:
    named = [str(heap / name) for name in ("notes.txt", "pipe", "broken", "missing")]
    results = {os.path.basename(result.path): result for result in triage([*named, named[0]], FILTERS)}
    assert sorted(results) == ["broken", "missing", "notes.txt", "pipe"]
    assert all(result.facts is None and result.trouble for result in results.values())


def test_names_that_are_no_text(tmp_path: Path, in_workers: None) -> None:
    for name in (b"a\xff\n'.pcap", b"-n\t$(x).pcap"):
        shutil.copy(SAMPLES[0], tmp_path / os.fsdecode(name))
    results = tmp_path / "results"
    found = list(triage([str(tmp_path)], FILTERS, results=str(results)))
    assert {os.fsencode(Path(result.path).name) for result in found} == {b"a\xff\n'.pcap", b"-n\t$(x).pcap"}
    assert read_results(str(results)) == {result.path: result for result in found}


def test_wrong_filters_are_told_at_once(heap: Path) -> None:
    with pytest.raises(FilterError):
        next(triage([str(heap)], {"x": "port port"}))


# The results file.


def test_a_run_is_gone_on_with(heap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "results.jsonl")
    running = triage([str(heap)], FILTERS, results=path)
    first = [next(running), next(running)]
    running.close()
    assert list(read_results(path).values()) == first
    looked = []
    examine = Examiner.examine

    def watched(self: Examiner, path: str, **options: object) -> object:
        looked.append(path)
        return examine(self, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Examiner, "examine", watched)
    results = list(triage([str(heap)], FILTERS, results=path, resume=True))
    assert not {result.path for result in first} & set(looked)
    assert len(results) == len({result.path for result in results}) == 7
    assert read_results(path) == {result.path: result for result in results}


def test_files_that_have_changed_are_looked_at_again(heap: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "results.jsonl")
    before = {result.path: result for result in triage([str(heap)], FILTERS, results=path)}
    changed = next(each for each, result in before.items() if result.trouble is None)
    shutil.copy(SAMPLES[7], changed)
    after = {result.path: result for result in triage([str(heap)], FILTERS, results=path, resume=True)}
    assert after[changed] == triage_file(changed, FILTERS) != before[changed]
    assert {**before, changed: after[changed]} == after == read_results(path)


def test_files_that_could_not_be_read_are_looked_at_again(
    heap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions may be other ones then, with the same size and time of the file."""
    path = str(tmp_path / "results.jsonl")

    def refused(path: str) -> None:
        try:
            raise PermissionError(errno.EACCES, "Permission denied")
        except PermissionError as error:
            raise SavefileError("cannot open: Permission denied", path=path) from error

    with monkeypatch.context() as patch:
        patch.setattr(survey, "open_savefile", refused)
        assert all(result.trouble for result in triage([str(heap)], FILTERS, results=path))
    assert read_results(path) == {}
    results = list(triage([str(heap)], FILTERS, results=path, resume=True))
    assert read_results(path) == {result.path: result for result in results}
    assert results == list(map(_alone, results))
    assert {result.trouble is None for result in results} == {True, False}


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_half_a_line_is_cut_off(heap: Path, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.jsonl"
    whole = {result.path: result for result in triage([str(heap)], FILTERS, results=str(path))}
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_results(str(path))) == len(whole) - 1
    again = {result.path: result for result in triage([str(heap)], FILTERS, results=str(path), resume=True)}
    assert again == whole == read_results(str(path))
    path.write_bytes(path.read_bytes()[:cut])  # the header is not whole
    assert {result.path: result for result in triage([str(heap)], FILTERS, results=str(path), resume=True)} == whole


def test_results_files_that_do_not_fit(heap: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    list(triage([str(heap)], FILTERS, results=str(path)))
    had = path.read_bytes()
    for filters, resume, what in (
        (FILTERS, False, "already"),
        ({**FILTERS, "arp": "rarp"}, True, "other filters"),
        ({"web": ""}, True, "other filters"),
    ):
        with pytest.raises(ResultsError, match=what):
            list(triage([str(heap)], filters, results=str(path), resume=resume))
    assert path.read_bytes() == had
    for text in ("hello\n", "{}\n", "[]\n", json.dumps({"triage": 2, "filters": "x"}) + "\n"):
        path.write_text(text)
        with pytest.raises(ResultsError):
            list(triage([str(heap)], FILTERS, results=str(path), resume=True))
        assert path.read_text() == text
    with pytest.raises(ResultsError, match="cannot open"):
        list(triage([str(heap)], FILTERS, results=str(tmp_path / "no" / "folder")))
    with pytest.raises(ResultsError, match="cannot read"):
        read_results(str(tmp_path / "missing"))


def test_the_hash_of_filters_depends_on_all_of_them() -> None:
    hashes = [filters_hash(each) for each in ({}, {"a": ""}, {"b": ""}, {"a": "b"}, {"a": "", "b": ""})]
    assert len(set(hashes)) == len(hashes)


# Processes that die.

_SLOW = """
import sys, time
from cbpf.triage import run, survey, worker
run._WORTH_WORKERS = 0
for result in run.triage(sys.argv[2:], {"web": "port 80", "arp": "arp"}, jobs=2, results=sys.argv[1], resume=True):
    print(result.path, flush=True)
"""


def _many(folder: Path, number: int) -> Path:
    """A folder of captures that take a while."""
    folder.mkdir()
    (sample,) = (path for path in SAMPLES if path.name == "http.pcap")
    header, records = sample.read_bytes()[:24], sample.read_bytes()[24:]
    for each in range(number):
        (folder / f"{each:03}.pcap").write_bytes(header + records * 40)
    return folder


def _start(results: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _SLOW, results, folder], stdout=subprocess.PIPE, text=True)


def _children(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


def _gone(process: int) -> bool:
    for _ in range(200):
        status = Path(f"/proc/{process}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc with processes in it")


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_keeps_what_is_done(tmp_path: Path, how: signal.Signals) -> None:
    folder, results = _many(tmp_path / "heap", 30), tmp_path / "results.jsonl"
    process = _start(results, folder)
    assert process.stdout is not None
    printed = [process.stdout.readline().strip() for _ in range(3)]
    workers = _children(process.pid)
    assert len(workers) == 2
    process.send_signal(how)
    printed += process.stdout.read().split()
    assert process.wait(30) != 0
    assert all(map(_gone, workers))
    kept = read_results(str(results))
    assert set(printed) <= set(kept)
    assert len(kept) < 30
    again = _start(results, folder)
    assert len(set(again.communicate(timeout=60)[0].split())) == 30
    lines = results.read_text().splitlines()
    assert len(lines) == 31
    assert {path: to_json(result) for path, result in read_results(str(results)).items()} == {
        json.loads(line)[0]: line for line in lines[1:]
    }


@needs_proc
def test_a_process_that_dies_costs_its_file_only(tmp_path: Path, in_workers: None) -> None:
    folder, path = _many(tmp_path / "heap", 12), str(tmp_path / "results.jsonl")
    running = triage([str(folder)], FILTERS, jobs=2, results=path)
    results = [next(running)]
    victim = next(child for child in _children(os.getpid()) if "cbpf.triage.worker" in _command(child))
    os.kill(victim, signal.SIGKILL)
    results += running
    assert len({result.path for result in results}) == 12
    dead = [result for result in results if result.trouble]
    assert [result.trouble for result in dead] == ["the process that looked at it was killed (SIGKILL)"]
    assert dead[0].size > 0
    assert len(read_results(path)) == 11  # whoever goes on looks at it again
    again = list(triage([str(folder)], FILTERS, jobs=2, results=path, resume=True))
    assert len(again) == 12
    assert not any(result.trouble for result in again)


@pytest.mark.parametrize("possible", [0, 1])
def test_there_are_as_many_processes_as_the_system_allows(
    heap: Path, in_workers: None, possible: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Few(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: object, **options: object) -> None:
            started.append(arguments)
            if len(started) > possible:
                raise OSError(errno.EMFILE, "Too many open files")
            super().__init__(*arguments, **options)  # type: ignore[call-overload]

        def __del__(self, **_: object) -> None:
            if hasattr(self, "returncode"):
                super().__del__()

    monkeypatch.setattr("cbpf.triage.workers.subprocess.Popen", Few)
    if possible:
        assert len(list(triage([str(heap)], FILTERS, jobs=3))) == 7
    else:
        with pytest.raises(CbpfError, match="cannot start a process: Too many open files"):
            list(triage([str(heap)], FILTERS, jobs=3))
    assert len(started) == possible + 1


def _command(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_nothing_in_the_current_folder_is_run(
    tmp_path: Path, in_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "signal", "cbpf", "queue"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')")
    for name in ("a.pcap", "b.pcap"):
        shutil.copy(SAMPLES[0], tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    assert [result.trouble for result in triage(["a.pcap", "b.pcap"], FILTERS)] == [None, None]
