"""Earlier runs: every record of a measurement is in one SQLite file as soon as it arrives.

In: `Archive.begin` gives a Session, which writes each record. Out: an Entry for each run, and its records or its samples as
columns. A run that is killed loses nothing that `write` returned from. Nothing here knows pandas, or what a record means.
"""
