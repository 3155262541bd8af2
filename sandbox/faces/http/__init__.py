"""The HTTP face: FastAPI over the service's use cases. Thin: parse strictly, call, answer."""
