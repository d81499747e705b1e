"""Earlier runs, kept: every record of a measurement stands in one SQLite file the moment it arrives.

    begin -> Session (write, write, ..., close) -> Entry (what a run was) -> records, or the samples as columns

A run that is killed loses nothing that `write` returned from. Samples stand in typed columns, so that a million of them
come back in seconds; every other record is a line of JSON. Nothing here knows pandas, or what a record means.
"""
