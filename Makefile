# What can be done with this checkout; `make` alone lists it. Each target installs what it needs where it
# can (scripts/prepare.sh), and says what is missing where it cannot.

TERMINALS ?= 100
SECONDS ?= 20
# single, sentinel or cluster.
TOPOLOGY ?= single
# chaos and mql5-mutants: the first seed, drawn unless it is given; how many seeds a scenario has; how many mutants.
SEED ?=
ROUNDS ?= 2
MUTANTS ?= 300
# no: leave out the Windows DLL and its tests.
WINDOWS ?= yes
export WINDOWS

.DEFAULT_GOAL := help
.PHONY: help demo test test-servers chaos mql5 mql5-mutants mql5-bench windows dist bench bench-quick model memory fuzz lint clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## 100 terminals, three Redis servers, and a check of every record (TERMINALS=100 SECONDS=20 TOPOLOGY=single)
	@scripts/prepare.sh run
	cargo build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/mt5fleet demo --topology $(TOPOLOGY) --terminals $(TERMINALS) --seconds $(SECONDS)

test: ## format, lints and all tests, the DLL's under Wine among them (WINDOWS=no: without those)
	@scripts/test.sh

test-servers: ## the Rust tests against Redis 8.0 and Valkey 8.1, fetched from Debian 13
	@scripts/prepare.sh run test
	@scripts/servers.sh

chaos: ## faults of every kind at full rate, and a check of every record (SEED= ROUNDS=2)
	@scripts/prepare.sh run
	CHAOS_SEED=$(SEED) CHAOS_ROUNDS=$(ROUNDS) cargo test --release --test chaos -- --test-threads=2

mql5: ## the MQL5 sources alone: checked, and run against the DLL in a stand-in terminal under Wine
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	cargo test --test mql5 --test mql5_imports

mql5-mutants: ## changes single tokens of the MQL5 sources and counts who notices (SEED=1 MUTANTS=300 FILES=)
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@target/python/bin/python tests/mql5/run.py mutants $(or $(SEED),1) $(MUTANTS) $(FILES) --build target/mql5-mutants

mql5-bench: ## the time of a publishing call, seen by an MQL5 program under Wine
	@scripts/prepare.sh run test windows
	@scripts/windows.sh
	@target/python/bin/python tests/mql5/run.py bench

windows: ## mt5_redis.dll for 64-bit Windows
	@scripts/prepare.sh windows
	@scripts/windows.sh

dist: windows ## dist/mt5-redis-<version>.zip: what a trader and an operator copy
	@scripts/prepare.sh dist
	@scripts/pack.py $${CARGO_TARGET_DIR:-target}/x86_64-win7-windows-gnu/release/mt5_redis.dll dist

bench: ## the figures and tables of docs/performance.md, all in one run (some twenty minutes)
	@scripts/prepare.sh bench windows
	@scripts/windows.sh
	cargo build --release
	cargo bench --bench bridge -- write
	cargo bench -p mt5fleet --bench overload

bench-quick: ## the same in less than a minute: a tenth of the rounds, without the fleet and Windows, only printed
	@scripts/prepare.sh bench
	cargo build --release
	cargo bench --bench bridge -- quick

model: ## the hand-overs between threads in every order, by loom
	@scripts/prepare.sh
	@scripts/model.sh

memory: ## the library in a C program under valgrind
	@scripts/prepare.sh run test
	@scripts/memory.sh

fuzz: ## each fuzz target for a short while (SECONDS_EACH=30)
	@scripts/prepare.sh fuzz
	@scripts/fuzz.sh

lint: ## format and lints only
	@scripts/prepare.sh lint
	@scripts/lint.sh

clean: ## remove everything that was built
	cargo clean
	rm -rf dist
