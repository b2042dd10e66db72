"""Translation between the contract's messages and the runtime's types, validating both ways."""
