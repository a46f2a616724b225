# What can be done with this checkout; `make` alone lists it. Each target installs what it needs where it
# can (scripts/prepare.sh), and says what is missing where it cannot.

TERMINALS ?= 100
SECONDS ?= 20
# no: leave out the Windows DLL and its tests.
WINDOWS ?= yes
export WINDOWS

.DEFAULT_GOAL := help
.PHONY: help demo test windows dist bench fuzz lint clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: ## 100 terminals, three Redis servers, and a check of every record (TERMINALS=100 SECONDS=20)
	@scripts/prepare.sh run
	cargo build --release --workspace
	$${CARGO_TARGET_DIR:-target}/release/mt5fleet demo --terminals $(TERMINALS) --seconds $(SECONDS)

test: ## format, lints and all tests, the DLL's under Wine among them (WINDOWS=no: without those)
	@scripts/test.sh

windows: ## mt5_redis.dll for 64-bit Windows
	@scripts/prepare.sh windows
	@scripts/windows.sh

dist: windows ## dist/mt5-redis-<version>.zip: what a trader and an operator copy
	@scripts/prepare.sh dist
	@scripts/pack.py $${CARGO_TARGET_DIR:-target}/x86_64-win7-windows-gnu/release/mt5_redis.dll dist

bench: ## the figures of docs/performance.md
	@scripts/prepare.sh bench
	cargo bench
	cargo bench -p mt5fleet --bench overload

fuzz: ## each fuzz target for a short while (SECONDS_EACH=30)
	@scripts/prepare.sh fuzz
	@scripts/fuzz.sh

lint: ## format and lints only
	@scripts/prepare.sh lint
	@scripts/lint.sh

clean: ## remove everything that was built
	cargo clean
	rm -rf dist
