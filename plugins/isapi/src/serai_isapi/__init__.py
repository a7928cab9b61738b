"""isapi: the company's employees and departments, read from the HR system of record and served as an API."""
