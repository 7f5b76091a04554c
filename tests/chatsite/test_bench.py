"""The bench works and can be trusted: it measures everything, and a wrong answer does not pass."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from chatsite.bench import answer, client_readers, load
from tests import processes


def test_every_numbered_word_of_an_answer_is_found_again():
    numbers = [answer.newest_number(word) for word in answer.words(500)]
    assert numbers == answer.numbers(500)
    assert len(numbers) > 300


def test_markup_is_not_taken_for_words():
    html = '<div id="message-12-tail"><h3>Tide</h3><span class="s2">x</span></div>'
    assert answer.newest_number(html) is None


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (answer.text(200), ""),
        (answer.text(199).replace("tide1", ""), "the page shows 'comes2' where"),
        (answer.text(150), "the page shows None where"),
        (answer.text(201), "where the answer has None"),
    ],
)
def test_an_answer_that_is_not_whole_is_noticed(text, trouble):
    reading = load.Reading(_plan("relay"), load.Seat("ws://", "stream"))
    reading.take(text)
    reading.take("[DONE]")
    assert trouble in reading.trouble() if trouble else reading.trouble() == ""


def test_a_page_that_is_not_told_the_end_is_noticed():
    reading = load.Reading(_plan("page"), load.Seat("ws://", "stream"))
    reading.take('<hx-partial hx-target="#message-2-blocks" hx-swap="beforeend">a</hx-partial>')
    assert reading.trouble() == "the socket closed before the answer was done"


def test_the_age_of_a_text_is_from_its_token_to_the_frame_that_shows_it():
    reading = load.Reading(_plan("relay"), load.Seat("ws://", "stream"))
    sent = [float(number) for number in range(20)]
    for token, now in zip(answer.tokens(20), sent, strict=True):
        reading.take(token, now + 0.25)
    assert reading.ages(sent) == [250.0] * len(answer.numbers(20))


@pytest.mark.server
def test_a_small_bench_measures_everything(tmp_path):
    words = ["--streams", "3", "--tokens", "20", "--rounds", "1", "--long", "100"]
    said, report = _benched("streams", words, tmp_path)
    assert report["troubles"] == []
    assert report["machine"]["cores"]
    measured = report["measured"]
    assert [outcome["tokens"] for outcome in measured["ours"] + measured["relay"]] == [60, 60]
    assert measured["long"][0]["tokens"] == 4 * 100
    assert all(figure["ours"] is not None for figure in report["figures"])
    assert "server CPU a token" in said


@pytest.mark.server
def test_a_small_bench_of_the_client_measures_all_readers(tmp_path):
    said, report = _benched("client", ["--chunks", "300", "--rounds", "1"], tmp_path)
    assert report["troubles"] == []
    assert set(report["microseconds"]) == {"ours", "httpx-sse", "openai"}
    assert all(report["microseconds"].values())
    assert "ours is" in said


async def test_a_reader_that_misses_text_is_noticed():
    async def answer_half(_base_url, _messages):
        return "half"

    read = await client_readers.measured(answer_half, "http://127.0.0.1:1/v1", 10)
    assert "not the text" in read.trouble


def _benched(kind, words, folder):
    """What a bench said, and its report."""
    file = folder / "bench.json"
    done = subprocess.run(
        processes.manage("bench", kind, *words, "--json", str(file)),
        cwd=processes.PROJECT,
        env=os.environ | {"CHATSITE_DATA_DIR": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads(file.read_text())


def _plan(kind):
    return load.Plan(
        kind=kind,
        seats=[],
        tokens=200,
        rate=50.0,
        patience=1.0,
        upstream="http://127.0.0.1:1/v1",
        server_pid=0,
        upstream_pid=0,
    )
