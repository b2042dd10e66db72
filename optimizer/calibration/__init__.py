"""Fitting a cascade's threshold to records, with promises that hold for questions to come."""
