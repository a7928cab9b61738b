"""Who asks: clients, keys, permissions."""
