"""What a run will cost, estimated before anything is started: `python -m lamo.tools.plan`, `make plan`.

Beside the workflow: it reads the configuration and imports the science; no script and no other module imports it.
"""
