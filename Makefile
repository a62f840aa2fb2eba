# Each target does all the set-up it needs; the plain command behind each one is in README.md.
VENV := .venv
PY := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)/python
READY := $(VENV)/.ready
TWICE := -n 2 --dist loadfile --no-loadscope-reorder # two processes; each takes the next file in pytest's order
RIGHT_PYTHON := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# Where several processes run at once, each computes in one thread.
test test-browser: export TF_NUM_INTRAOP_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help install lab dashboard test test-all test-browser chromium test-order test-lax test-vgg16 test-variants test-oldest test-newest notebooks notebooks-vgg16 student gallery bench figures address lock

help:            ## list the targets
	@awk -F ' *## ' '/^[a-z0-9 -]+:.*## / {sub(/:.*/, "", $$1); printf "  make %-24s %s\n", $$1, $$2}' Makefile

install: $(READY) ## set up .venv from requirements.lock, once

lab: $(READY)     ## open JupyterLab on the notebooks
	$(PY) -m jupyterlab --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

dashboard: $(READY) ## the explorers on one page, without code, for this machine alone
	TQDM_DISABLE=1 $(PY) -m voila notebooks/explorer.ipynb --Voila.ip=127.0.0.1 --VoilaConfiguration.extension_denylist=jupyterlab-jupytext

test: $(READY)    ## unit tests, notebook rules, and every notebook executed and compared
	$(PY) -m pytest --nbval $(TWICE)

test-all: test test-browser test-order test-variants test-vgg16 ## the long tests too

test-browser: $(READY) ## every notebook and the explorers in JupyterLab, in a headless Chromium
	$(PY) -m pytest tests/browser -n 3 --maxschedchunk 1

chromium: $(READY) ## install a Chromium for make test-browser, where there is none
	$(PY) -m playwright install --with-deps chromium

test-order: $(READY) ## the notebooks out of order: cells twice, sections alone, long cells interrupted
	$(PY) -m pytest tests/order

test-lax: $(READY) ## as make test, but outputs are not compared: for other systems and releases
	$(PY) -m pytest --nbval-lax

test-vgg16: $(READY) ## every notebook with VGG16's architecture and random weights; prints time and memory
	CNN_MODEL=vgg16 CNN_WEIGHTS=none $(PY) tests/notebooks.py measure

test-variants: $(READY) ## the notebooks again: other terminal width, AVX2 only, one thread
	COLUMNS=200 $(PY) -m pytest --nbval notebooks
	ONEDNN_MAX_CPU_ISA=AVX2 $(PY) -m pytest --nbval notebooks
	OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(PY) -m pytest --nbval notebooks

test-oldest test-newest: ## the same, lax, with the oldest or newest releases that requirements.txt admits; needs uv
	uv venv --seed --clear --python 3.11 .venv-$(@:test-%=%)
	uv pip install --python .venv-$(@:test-%=%) --resolution $(if $(filter %oldest,$@),lowest-direct,highest) -r requirements.txt
	.venv-$(@:test-%=%)/bin/python -m pytest --nbval-lax

notebooks: $(READY) ## write the notebooks from their scripts and execute them; ONE=05 for one of them
	$(PY) tests/notebooks.py build $(ONE)

notebooks-vgg16: $(READY) ## run the notebooks with VGG16 and its ImageNet weights into test-results/
	CNN_MODEL=vgg16 $(PY) tests/notebooks.py measure

student: $(READY) ## copies of the notebooks without solutions and outputs, for a class: a folder and a zip
	$(PY) tests/notebooks.py student

gallery: $(READY) ## draw every filter of the bundled network into images/gallery; goes on where it stopped
	$(PY) -c "import helpers; helpers.render_gallery(helpers.load_model('mini_vgg16'))"

bench: $(READY)   ## speed and quality, as ratios measured side by side; takes half an hour
	for script in tests/benchmarks/*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

figures: $(READY) ## draw the pictures of README.md and the animation of 01
	$(PY) tests/figures.py

address:          ## copy the repository's address from pyproject.toml into README.md
	@name=$$(sed -n 's#^Repository = "https://github.com/\(.*\)"#\1#p' pyproject.toml); \
	sed -i.old -E "s#(mybinder.org/v2/gh/|github.com/|research.google.com/github/)[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-]#\1$$name#g" README.md && rm README.md.old

lock:             ## derive requirements.lock from requirements.txt; needs uv
	uv pip compile --quiet --universal --python-version 3.11 --no-header requirements.txt -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  if $$candidate -c '$(RIGHT_PYTHON)' 2>/dev/null; then found=$$candidate; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "This package needs Python 3.11, 3.12 or 3.13 and found none: install one from python.org, or name it with 'make PYTHON=/path/to/python3'." >&2; exit 1; fi; \
	if uv --version >/dev/null 2>&1; then \
	  { [ -x $(PY) ] || uv venv --seed --python "$$(command -v $$found)" $(VENV); } && uv pip install --python $(VENV) -r requirements.lock; \
	else \
	  { [ -x $(PY) ] || $$found -m venv $(VENV); } && $(PY) -m pip install -r requirements.lock; fi
	@mkdir -p $(VENV)/share/jupyter/lab/settings  # no pop-up about Jupyter's news
	@echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}' > $(VENV)/share/jupyter/lab/settings/overrides.json
	@touch $(READY)
