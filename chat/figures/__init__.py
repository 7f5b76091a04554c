"""What the ledger comes to, as it is read: sums, speeds and failures of any time, exactly."""
