"""HTTP: live mounts, the fused middleware, typed handlers, OpenAPI."""
