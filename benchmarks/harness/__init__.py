"""Load, processes, records: what measures, knowing none of the servers."""
