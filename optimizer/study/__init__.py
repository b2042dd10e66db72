"""Studies: the file, the journal, the budget, the run, and what is read off the record."""
