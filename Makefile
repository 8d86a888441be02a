# The front door. Everything is done by packaging/dev.py, which Windows can call as `py packaging/dev.py TASK`.
PYTHON ?= python3

.PHONY: demo run test
demo run test:
	$(PYTHON) packaging/dev.py $@
