"""The collaboration patterns that come with the package, as graphs with places for models."""
