"""Discovery, states and life of plugins."""
