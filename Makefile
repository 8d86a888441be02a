# The front door. Everything is done by packaging/dev.py, which Windows can call as `py packaging/dev.py TASK`.
PYTHON ?= python3

.PHONY: demo run test bench
demo run test bench:
	$(PYTHON) packaging/dev.py $@
