"""Keys in files: made once, by one process, for its owner's eyes alone."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from chatsite import keyfiles
from chatsite.keyfiles import KeyFile
from tests.processes import PROJECT


def numbers(first: int = 1):
    """Makes key-1, key-2 and so on."""
    return (f"key-{number}" for number in itertools.count(first)).__next__


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "data" / "keys" / "secret"
    key = keyfiles.read_or_create(path)
    assert len(key) >= 50
    assert keyfiles.read_or_create(path) == key
    assert mode(path) == 0o600
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_the_caller_may_say_what_a_new_key_looks_like(tmp_path):
    assert keyfiles.read_or_create(tmp_path / "key", make=lambda: "made") == "made"
    assert keyfiles.read_or_create(tmp_path / "key", make=lambda: "again") == "made"


def test_several_lines_are_kept(tmp_path):
    path = tmp_path / "sealing"
    path.touch(mode=0o600)
    path.write_text("new\nold\n")
    assert keyfiles.read_or_create(path).split() == ["new", "old"]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_way_out(tmp_path, bits):
    path = tmp_path / "key"
    path.write_text("key")
    path.chmod(bits)
    with pytest.raises(keyfiles.KeyFileError, match=f"chmod 600 {path}"):
        keyfiles.read_or_create(path)


def test_an_empty_key_is_refused(tmp_path):
    path = tmp_path / "key"
    path.touch(mode=0o600)
    with pytest.raises(keyfiles.KeyFileError, match="is empty"):
        keyfiles.read_or_create(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(keyfiles.KeyFileError, match="file/key"):
        keyfiles.read_or_create(tmp_path / "file" / "key")


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    path = tmp_path / "keys" / "secret"
    program = (
        "import pathlib, sys; from chatsite import keyfiles\n"
        "sys.stdin.read(1)\n"
        "sys.stdout.write(keyfiles.read_or_create(pathlib.Path(sys.argv[1])))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, path],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    keys = {racer.communicate("!")[0] for racer in racers}
    assert keys == {path.read_text().strip()}
    assert [racer.returncode for racer in racers] == [0] * 4


def test_a_key_file_that_changes_is_noticed(tmp_path):
    path = tmp_path / "sealing"
    ours, other = KeyFile(path, make=numbers()), KeyFile(path, make=numbers(10))
    assert ours.keys() == other.keys() == ("key-1",)
    other.add()
    assert ours.keys() == ("key-10", "key-1")
    assert mode(path) == 0o600
    ours.drop_all_but_newest()
    assert other.keys() == ("key-10",)
    assert [file.name for file in tmp_path.iterdir()] == ["sealing"]


def test_a_key_file_that_cannot_be_read_for_a_while_changes_nothing(tmp_path):
    file = KeyFile(tmp_path / "sealing", make=numbers())
    for spoil in (
        lambda: file.path.chmod(0o644),
        lambda: file.path.write_text(""),
        file.path.unlink,
    ):
        spoil()
        assert file.keys() == ("key-1",)


def test_what_a_killed_process_left_is_removed_before_the_file_is_changed_again(tmp_path):
    file = KeyFile(tmp_path / "sealing", make=numbers())
    (tmp_path / ".sealing.0123456789abcdef").write_text("half a ke")
    with file.held():
        assert sorted(each.name for each in tmp_path.iterdir()) == ["sealing", "sealing.lock"]


def test_a_key_file_shows_no_key(tmp_path):
    file = KeyFile(tmp_path / "sealing", make=numbers())
    assert "key-1" not in repr(file)
