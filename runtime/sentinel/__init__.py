"""Find what is sensitive in a text: detectors behind one interface, and how they combine.

Used by edge, gateway and optimizer alike; knows no policy, no release and no transport.
"""
