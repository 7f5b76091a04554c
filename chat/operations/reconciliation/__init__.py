"""Reconciliation: what an environment says was used on a day, against the ledger.

`comparing` asks and stores, `theirs` reads what the service says, `ours` what the ledger has,
`reasons` says what may explain the difference, `showing` puts it into words. Money is not compared:
the service tells resource points, of which no public page says what they cost.
"""
