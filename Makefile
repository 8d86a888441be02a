# The front door. Everything is done by packaging/dev.py, which Windows can call as `py packaging/dev.py TASK`.
PYTHON ?= python3

.PHONY: demo run test bench bundle
demo run test bench:
	$(PYTHON) packaging/dev.py $@

# CUDA=1 takes a PyTorch that is built for CUDA, which is four times as large; LINTIAN_ALL=1 checks its libraries too.
bundle:
	$(PYTHON) packaging/dev.py bundle $(if $(CUDA),--cuda) $(if $(LINTIAN_ALL),--lintian-all)
