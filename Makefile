# `make` alone lists the targets. Each target installs what it needs (scripts/prepare.sh), or says what is missing.

TERMINALS ?= 100
SECONDS ?= 20
# single, sentinel or cluster.
TOPOLOGY ?= single
# chaos and mql5-mutants: the first seed, drawn unless it is given; how many seeds a scenario has, and how often export's
# troubles come; how many mutants.
SEED ?=
ROUNDS ?= 2
MUTANTS ?= 300
# mutants: only these tables and entries of tests/mql5/mutants.
NAMES ?=
# copier: how long it plays.
MINUTES ?= 60
# no: leave out the Windows DLL and its tests.
WINDOWS ?= yes
export WINDOWS

.DEFAULT_GOAL := help
.PHONY: help demo web web-bench screenshots test test-servers chaos mql5 mutants mql5-mutants mql5-bench copier windows dist \
	bench bench-quick bench-export bench-python export remote-order wheels model memory fuzz lint clean

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## run 100 accounts that copy 10, and check every record and copy (TERMINALS=100 SECONDS=20 TOPOLOGY=single)
	@scripts/prepare.sh run
	cargo build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/mt5fleet demo --copy --topology $(TOPOLOGY) --terminals $(TERMINALS) \
		--seconds $(SECONDS)

web: ## build the page of mt5fleet web, and check its types; cargo build embeds it
	@scripts/prepare.sh web
	@scripts/web.sh

web-bench: web ## measure mt5fleet web with 1,000 instances and five open pages (INSTANCES=1000 SECONDS=20)
	@scripts/prepare.sh run browser
	cargo build --release --package mt5fleet
	cd fleet/web && MT5FLEET=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/mt5fleet SECONDS=$(SECONDS) node tests/run.mjs bench

screenshots: web ## make the pictures of the page in docs/screenshots, of a simulated fleet
	@scripts/prepare.sh run browser
	cargo build --workspace
	cd fleet/web && MT5FLEET=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/mt5fleet node tests/run.mjs screenshots

test: ## check format and lints, run all tests, also of the DLL under Wine (WINDOWS=no: without those)
	@scripts/test.sh

test-servers: ## run the Rust tests against Redis 8.0 and Valkey 8.1, fetched from Debian 13
	@scripts/prepare.sh run test
	@scripts/servers.sh

export: ## kill mt5fleet export --follow and its masters again and again, and compare PostgreSQL with Redis (ROUNDS=2)
	@scripts/prepare.sh run test
	EXPORT_ROUNDS=$(ROUNDS) cargo test --package mt5fleet --test export -- follow

chaos: ## inject faults of every kind at full rate, and check every record (SEED= ROUNDS=2)
	@scripts/prepare.sh run
	CHAOS_SEED=$(SEED) CHAOS_ROUNDS=$(ROUNDS) cargo test --release --test chaos -- --test-threads=2

mql5: ## check the MQL5 sources, and run them against the DLL in a stand-in terminal under Wine
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	cargo test --test mql5 --test mql5_imports

mutants: ## make each mistake of tests/mql5/mutants in the MQL5 sources, and expect its scenario to fail (NAMES=)
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@target/python/bin/python tests/mql5/run.py mutants written $(NAMES)

mql5-mutants: ## change single tokens of the MQL5 sources, and count what notices (SEED=1 MUTANTS=300 FILES=)
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@target/python/bin/python tests/mql5/run.py mutants $(or $(SEED),1) $(MUTANTS) $(FILES) --build target/mql5-mutants

mql5-bench: ## measure a publishing call in an MQL5 program under Wine
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@target/python/bin/python tests/mql5/run.py bench

copier: ## play sources and followers in generated scenarios, and compare each follower with a model (SEED= MINUTES=60)
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@target/python/bin/python tests/mql5/run.py copier $(or $(SEED),$(shell date +%s)) $(MINUTES)

windows: ## build mt5_redis.dll for 64-bit Windows
	@scripts/prepare.sh windows
	@scripts/windows.sh

dist: windows ## pack dist/mt5-redis-<version>.zip for traders and operators
	@scripts/prepare.sh dist
	@scripts/pack.py $${CARGO_TARGET_DIR:-target}/x86_64-win7-windows-gnu/release/mt5_redis.dll dist

bench: ## measure the figures and tables of docs/performance.md in one run (about twenty minutes)
	@scripts/prepare.sh bench windows test
	@scripts/windows.sh
	cargo build --release
	cargo bench --bench bridge -- write
	cargo bench -p mt5fleet --bench overload

bench-quick: ## print the same in less than a minute: a tenth of the rounds, without the fleet and Windows
	@scripts/prepare.sh bench
	cargo build --release
	cargo bench --bench bridge -- quick

bench-export: ## measure how many rows a second mt5fleet export writes, and put the table into docs/export.md
	@scripts/prepare.sh run test
	cargo build --release
	cargo bench -p mt5fleet --bench export

remote-order: ## a remote order from Python to a follower under Wine, with each part killed at each step
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@MT5REDIS_LONG=yes scripts/pytest.sh python/tests/test_remote_order.py

bench-python: ## measure how fast the Python package reads states and events
	@scripts/prepare.sh run test
	@target/python/bin/python -B python/bench.py

wheels: ## pack the Python package: dist/mt5redis-*.whl for Linux, Windows, and without the library
	@scripts/prepare.sh test $(if $(filter no,$(WINDOWS)),,windows)
	@scripts/wheels.sh

model: ## check the hand-overs between threads in every order, with loom
	@scripts/prepare.sh
	@scripts/model.sh

memory: ## run the library in a C program under valgrind
	@scripts/prepare.sh run test
	@scripts/memory.sh

fuzz: ## run each fuzz target briefly (SECONDS_EACH=30)
	@scripts/prepare.sh fuzz
	@scripts/fuzz.sh

lint: ## check format and lints
	@scripts/prepare.sh lint
	@scripts/lint.sh

clean: ## remove everything that was built
	cargo clean
	rm -rf dist
