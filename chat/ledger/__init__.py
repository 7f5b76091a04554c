"""The ledger: what every request used and cost, the sums of it, and what may be used."""
