"""What the fault tests, the soak and the abuse tests share: the stack, its clients, the ledger and the faults."""
