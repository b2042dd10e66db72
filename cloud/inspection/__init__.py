"""The second line: the gateway scans what it receives and refuses what it may not see."""
