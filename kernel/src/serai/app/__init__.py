"""One worker process: puts a deployment together and serves it."""
