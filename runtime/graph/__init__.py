"""The collaboration graph document: types, parsing, validation, canonical hash."""
