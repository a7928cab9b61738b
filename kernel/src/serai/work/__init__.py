"""Work that happens later: jobs."""
