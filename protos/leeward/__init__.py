"""Generated code of the leeward contract."""
