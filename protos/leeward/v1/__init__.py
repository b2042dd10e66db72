"""Generated code of the leeward contract, version 1. Edit the ``.proto`` files beside it."""
