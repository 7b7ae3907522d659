"""The routes, the checks in front of them, and uvicorn's protocols."""
