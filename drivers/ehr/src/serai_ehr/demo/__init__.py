"""`ehr_demo`: a made-up company that goes on living, computed anew by every process from a seed and the time."""
