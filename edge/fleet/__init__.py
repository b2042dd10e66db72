"""This device as part of a fleet: takes signed states, keeps the last good one, reports."""
