# Fedlog's commands. `make help` lists them.
SHELL  := bash
PYTHON ?= python3.11
BUILD  := $(or $(FEDLOG_BUILD),build)
CORE   := $(BUILD)/env/core/bin/python
UV     := $(BUILD)/bootstrap/bin/uv
# Whole, that is: an environment whose installation was interrupted has a Python, too.
INFRA  := { [ -e $(BUILD)/env/core/.installed ] || { echo 'Nothing is installed yet: `make up`.' >&2; exit 1; }; }; $(CORE) -m infra
FORMAT ?= table
POMS   := pom.xml $(filter-out infra/jvm/connect/pom.xml,$(wildcard infra/jvm/*/pom.xml))
JAVAS  := $(shell find infra/jvm -name '*.java' -o -name '*.properties')

# What can be said on the command line: make up DATA=… SPEED=…
export FEDLOG_DATA  := $(or $(DATA),$(FEDLOG_DATA))
export FEDLOG_READER := $(or $(READER),$(FEDLOG_READER))
export FEDLOG_SPEED := $(or $(SPEED),$(FEDLOG_SPEED))
export FEDLOG_POSITIONS := $(or $(POSITIONS),$(FEDLOG_POSITIONS))
# Tests without servers share the machine with the live loop, which often waits, and give way to it. Of those with
# servers, which often wait too, three files run at a time, each with servers of its own. What takes longest begins first.
# The four real days leave nothing to others; and they leave alone what holds a rate, or ends when it is quiet.
BY_THREE := --numprocesses 3 --dist loadfile --no-loadscope-reorder

# What XLA has compiled once, every later process that needs it reads from here: seconds less for each start.
export JAX_COMPILATION_CACHE_DIR := $(or $(JAX_COMPILATION_CACHE_DIR),$(abspath $(BUILD))/xla)
# What compiles in milliseconds too: there are hundreds of such things, in each process again.
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0

# Python's modules are compiled once, when they are installed. Else each process does it that cannot keep the result.
export UV_COMPILE_BYTECODE := 1

# What there is to fetch, for somebody who waits.
MB_core     := 600
MB_spark    := 500
MB_superset := 200
MB_jars     := 400

# Maven compiles, and fetches, with the Java that the servers get.
MAVEN := $(if $(FEDLOG_JAVA),JAVA_HOME="$(FEDLOG_JAVA)") mvn -B -ntp
# Of what Maven says, what a person wants to see, as it comes.
TOLD  := grep --line-buffered -E 'Building |BUILD|ERROR'

# What a machine lacks is said before anything is installed, whatever is in MAKEFLAGS.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help up down status watch logs models verify lineage rollback release inspect diff tail batch analytics report replay redrive retrain compare export import quality bench bench-aggregation bench-evaluation bench-sink bench-replay bench-dashboards byzantine test check clean install preflight

help: ## What can be done.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

up: install ## Start everything, wait until it is healthy, say where to look (DATA=file|synthetic READER=file SPEED=120|max).
	@$(INFRA) up

down: ## Stop everything; the data stays.
	@$(INFRA) down

status: ## What runs, what is on the log, what is in the views (FORMAT=json).
	@$(INFRA) status --format $(FORMAT)

watch: ## What flows, live: rates, lags, the newest model, errors beside persistence, anomalies (ctrl-C ends it).
	@$(INFRA) watch

logs: ## Follow the logs (SERVICE=name for one).
	@$(INFRA) logs $(SERVICE)

models: ## The versions of the global model, through kcat.
	@$(INFRA) models

verify: ## Make every global model again from its members and every view from the topics, and compare every byte.
	@$(INFRA) verify

lineage: ## From PREDICTION=id back to the readings behind it, every link checked (DEPTH=1 FORMAT=json).
	@$(INFRA) lineage $(or $(PREDICTION),$(error Which one? make lineage PREDICTION=id)) --depth $(or $(DEPTH),1) --format $(FORMAT)

rollback: ## Have everybody stand on VERSION=n of the global model until `make release` (REASON="…").
	@$(INFRA) rollback $(or $(VERSION),$(error Which one? make rollback VERSION=n)) $(if $(REASON),--reason "$(REASON)")

release: ## Let what everybody stands on be decided again, after a rollback.
	@$(INFRA) release $(if $(REASON),--reason "$(REASON)")

inspect: ## A version of the global model: arrays, distance to its parent, contributors, errors (VERSION=n FORMAT=json).
	@$(INFRA) inspect $(if $(VERSION),--version $(VERSION)) --format $(FORMAT)

diff: ## Two versions of the global model beside each other: A=n B=m (FORMAT=json).
	@$(INFRA) diff $(or $(A),$(error Which ones? make diff A=n B=m)) $(or $(B),$(error Which ones? make diff A=n B=m)) --format $(FORMAT)

tail: ## Decoded events of TOPIC=name as JSON lines (DEVICE=id SINCE=2004-03-05T12:00 LAST=n; FOLLOW=no to stop at the end).
	@$(INFRA) tail $(or $(TOPIC),$(error Which one? make tail TOPIC=name)) $(if $(filter no,$(FOLLOW)),--no-follow) \
	  $(if $(DEVICE),--device "$(DEVICE)") $(if $(SINCE),--since "$(SINCE)") $(if $(LAST),--last $(LAST))

batch: ## Evaluate all readings with the fleet's model (VERSION=n FROM=2004-03-05 UNTIL=… STARTS=0:100,1:90 ENDS=… FORMAT=json).
	@$(INFRA) batch $(if $(VERSION),--version $(VERSION)) $(if $(FROM),--since "$(FROM)") $(if $(UNTIL),--until "$(UNTIL)") \
	  $(if $(STARTS),--starts "$(STARTS)") $(if $(ENDS),--ends "$(ENDS)") --format $(FORMAT)

analytics: ## What there is to be said of the fleet's days that are over, as events (POSITIONS=file SOURCE=local|stream|batch VERSION=n).
	@$(INFRA) analytics $(if $(SOURCE),--source $(SOURCE)) $(if $(VERSION),--version $(VERSION))

report: ## A page with plots of what was forecast, and how well (DEVICES=a,b FROM=2004-03-05 UNTIL=… OUT=file).
	@$(INFRA) report $(if $(OUT),--out "$(OUT)") $(if $(DEVICES),--devices "$(DEVICES)") $(if $(FROM),--since "$(FROM)") \
	  $(if $(UNTIL),--until "$(UNTIL)") $(if $(ENDS),--ends "$(ENDS)")

replay: ## Drop the views and rebuild them from the topics (VIEW=mongo|models|champion|…|checkpoints; INTO=database AS_OF=version|place|time: beside).
	@$(INFRA) replay $(if $(VIEW),--view $(VIEW)) $(if $(INTO),--into "$(INTO)") $(if $(AS_OF),--as-of "$(AS_OF)")

redrive: ## Put records that became dead letters of the sink into its views after all (LETTER=id TOPIC=name).
	@$(INFRA) redrive $(if $(LETTER),--letter "$(LETTER)") $(if $(TOPIC),--topic $(TOPIC))

retrain: ## Run the stream again under other settings into topics INTO.…: STRATEGY= PARAMETERS= LEARNER= SET="name=value …" (AGAIN=1).
	@$(INFRA) retrain $(or $(INTO),$(error Name a prefix: make retrain INTO=name STRATEGY=median)) $(if $(AGAIN),--again) \
	  $(if $(STRATEGY),--set strategy=$(STRATEGY)) $(if $(PARAMETERS),--set "strategy_parameters=$(PARAMETERS)") \
	  $(if $(LEARNER),--set "learner=$(LEARNER)") $(foreach each,$(SET),--set "$(each)")

compare: ## Two trainings' errors on the same targets, side by side: A= B= (none: the original; FORMAT=json).
	@$(INFRA) compare --a "$(A)" --b "$(B)" --format $(FORMAT)

export: ## All topics into a new folder of Avro files, to be handed on (DIR=folder).
	@$(INFRA) export "$(or $(DIR),$(error Where to? make export DIR=folder))"

import: install ## What was exported into an empty log, every record at its offset (DIR=folder).
	@$(INFRA) import "$(or $(DIR),$(error From where? make import DIR=folder))"

quality: install $(BUILD)/env/core/.bench ## How good the forecasts are: DATA=file SCORE_FROM=2004-03-07 (FORMAT=json ENGINE=flink).
	@$(CORE) -m benchmarks.quality --data $(or $(DATA),$(error Name a raw file: make quality DATA=file SCORE_FROM=date)) \
	  --score-from $(or $(SCORE_FROM),$(error From when on to score: SCORE_FROM=2004-03-07)) --format $(FORMAT) --engine $(or $(ENGINE),core)

bench: install $(BUILD)/env/core/.bench ## How fast training is, beside its baselines: DATA=file (FORMAT=json).
	@$(CORE) -m benchmarks.throughput --data $(or $(DATA),$(error Name a raw file: make bench DATA=file)) --format $(FORMAT)

bench-aggregation: install $(BUILD)/env/core/.bench $(BUILD)/env/flower/.installed ## A window of 10,000 devices, strategy by strategy, beside Flower's (FORMAT=json).
	@$(CORE) -m benchmarks.aggregation --format $(FORMAT)

bench-evaluation: install $(BUILD)/env/core/.bench ## How fast evaluation is on Spark, beside its baselines: DATA=file (FORMAT=json).
	@$(CORE) -m benchmarks.evaluation --data $(or $(DATA),$(error Name a raw file: make bench-evaluation DATA=file)) --format $(FORMAT)

bench-sink: install $(BUILD)/env/core/.bench $(BUILD)/jars/.connect ## How fast the sink is, beside MongoDB's own connector and bare pymongo (FORMAT=json).
	@$(CORE) -m benchmarks.sink --format $(FORMAT)

bench-replay: install $(BUILD)/env/core/.bench ## Every view rebuilt from 1,000,000 events, and the server's share of it (EVENTS=n FORMAT=json).
	@$(CORE) -m benchmarks.sink.rebuild $(if $(EVENTS),--events $(EVENTS)) --format $(FORMAT)

bench-dashboards: install $(BUILD)/env/core/.bench ## How long every dashboard's charts take with 1,000,000 predictions stored, beside plain scans (PREDICTIONS=n FORMAT=json).
	@$(CORE) -m benchmarks.dashboards $(if $(PREDICTIONS),--predictions $(PREDICTIONS)) --format $(FORMAT)

byzantine: install $(BUILD)/env/core/.bench ## What ten lying devices do to the fleet's forecasts, by strategy: DATA=file (FORMAT=json).
	@$(CORE) -m benchmarks.aggregation.byzantine --data $(or $(DATA),$(error Name a raw file: make byzantine DATA=file)) --format $(FORMAT)

test: install $(BUILD)/env/core/.dev $(BUILD)/env/core/.bench $(BUILD)/env/flower/.installed $(BUILD)/jars/.connect $(if $(ARGS),,$(BUILD)/jars/spark.jsa) ## Everything the project promises, on real servers (ARGS=… for pytest).
	@$(if $(ARGS),$(CORE) -m pytest $(ARGS),\
	$(CORE) -m pytest $(BY_THREE) tests/unit tests/e2e/test_live_loop.py && \
	$(CORE) -m pytest $(BY_THREE) -m "not alone" tests/integration && \
	$(CORE) -m pytest -m "alone or e2e" tests/e2e/real_days tests/integration)

check: preflight $(BUILD)/env/core/.dev $(BUILD)/env/core/.bench ## Lint and types.
	@$(CORE) -m ruff check .
	@$(CORE) -m ruff format --check .
	@$(CORE) -m mypy schemas forecaster producers flink_training aggregator_stream spark_analytics mongo_sink infra benchmarks

clean: ## Delete all data, the log included (YES=1: do not ask).
	@if [ -e $(BUILD)/env/core/.installed ]; then $(INFRA) clean $(if $(YES),--yes); else echo "Nothing is installed yet, and nothing was deleted."; fi

preflight:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or name it with make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m infra.preflight $(filter up,$(MAKECMDGOALS))

install: preflight $(BUILD)/env/core/.installed $(BUILD)/env/spark/.installed $(BUILD)/env/superset/.installed $(BUILD)/jars/.installed

$(UV): requirements/bootstrap.txt
	@echo "installing uv"
	@$(PYTHON) -m venv $(BUILD)/bootstrap
	@$(BUILD)/bootstrap/bin/python -m pip install -q --require-hashes -r $<
	@touch $@

$(BUILD)/env/%/.installed: requirements/%.txt $(UV)
	@echo "installing the $* environment$(if $(MB_$*), (some $(MB_$*) MB to fetch))"
	@$(UV) venv -q --allow-existing --python $(PYTHON) $(BUILD)/env/$*
	@VIRTUAL_ENV=$(abspath $(BUILD))/env/$* $(UV) pip sync --require-hashes $<
	@touch $@

$(BUILD)/env/core/.dev: requirements/dev.txt $(BUILD)/env/core/.installed
	@echo "installing what the checks need"
	@VIRTUAL_ENV=$(abspath $(BUILD))/env/core $(UV) pip install --require-hashes -r $<
	@touch $@

$(BUILD)/env/core/.bench: requirements/bench.txt $(BUILD)/env/core/.installed
	@echo "installing what the benchmarks compare with"
	@VIRTUAL_ENV=$(abspath $(BUILD))/env/core $(UV) pip install --require-hashes -r $<
	@touch $@

$(BUILD)/jars/.installed: $(POMS) $(JAVAS)
	@echo "fetching the servers' jars with Maven (some $(MB_jars) MB, in six parts)"
	@$(MAVEN) package -Dfedlog.jars=$(abspath $(BUILD))/jars | $(TOLD) ; exit $${PIPESTATUS[0]}
	@touch $@

$(BUILD)/jars/.connect: pom.xml infra/jvm/connect/pom.xml
	@echo "fetching MongoDB's own connector with Maven"
	@$(MAVEN) -f infra/jvm/connect/pom.xml package -Dfedlog.jars=$(abspath $(BUILD))/jars | $(TOLD) ; exit $${PIPESTATUS[0]}
	@touch $@

$(BUILD)/jars/spark.jsa: spark_analytics/archiving.py $(BUILD)/env/spark/.installed $(BUILD)/jars/.installed
	@echo "archiving the classes that Spark loads, for it is started some fifty times"
	@$(if $(FEDLOG_JAVA),JAVA_HOME="$(FEDLOG_JAVA)") $(BUILD)/env/spark/bin/python -m spark_analytics.archiving $(BUILD)/jars/spark 2>$@.log || { cat $@.log >&2; exit 1; }
