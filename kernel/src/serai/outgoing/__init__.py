"""HTTP to other systems, only to where this deployment allows it."""
