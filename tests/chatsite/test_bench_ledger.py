"""`bench ledger`: sums of synthetic rows, in a database of their own; its totals are right."""

from __future__ import annotations

from chatsite.bench import ledger


def test_a_small_ledger_is_summed():
    said: list[str] = []
    measured = ledger.measure(300, said.append)
    assert measured.rows["Usage"] == 300
    assert measured.troubles == []
    assert said == ["Writing 300 rows and asking …"]
    assert "over 90 days" in ledger.table(measured)
