# The tasks of the project; `make help` lists them.
PREFIX ?= /usr/local
BIN := .build/bin
# The release build has its own directory, so that it does not invalidate the debug build of the tests.
RELEASE := .build/release-build
SWIFT_FLAGS := -c release --static-swift-stdlib --scratch-path $(RELEASE)

.PHONY: help build test unit system check fmt bench bench-scale demo install uninstall packages test-packages images clean

help:
	@echo "make build     build roost, roostd, roost-shim and roost-helper into $(BIN)"
	@echo "make demo      install the required packages, build, and run samples/redis"
	@echo "make test      install the tests' packages and run all tests"
	@echo "make check     check formatting, style and the module dependencies"
	@echo "make bench-scale  measure the recovery time of a killed engine with 1000 containers"
	@echo "make bench     benchmark Roost, and a Docker Engine for comparison if DOCKER_HOST_PEER is set"
	@echo "make install   install below PREFIX ($(PREFIX)), with completions and a systemd unit"
	@echo "make fmt clean"

packages:
	@scripts/install-packages build

test-packages:
	@scripts/install-packages test

build: packages
	swift build $(SWIFT_FLAGS)
	@mkdir -p $(BIN)
	@for name in roost roostd roost-shim roost-helper; do install -m 755 $(RELEASE)/release/$$name $(BIN)/$$name; done
	@strip --strip-debug $(BIN)/roost $(BIN)/roostd
	@strip $(BIN)/roost-shim $(BIN)/roost-helper

demo: build
	@scripts/install-packages demo
	@scripts/demo

test: test-packages
	@scripts/test

unit: packages
	swift test --skip SystemTests

check: packages
	swift format lint --strict --recursive Sources Tests Package.swift
	swift test --filter StructureTests

fmt:
	swift format --in-place --recursive Sources Tests Package.swift

bench-scale: build
	@scripts/bench-scale

bench: build
	@scripts/bench

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 $(BIN)/roost $(BIN)/roostd $(BIN)/roost-shim $(BIN)/roost-helper $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BIN)/roost --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/roost
	$(BIN)/roost --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_roost
	$(BIN)/roost --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/roost.fish
	install -D -m 644 schemas/compose.schema.json $(DESTDIR)$(PREFIX)/share/roost/compose.schema.json
	for unit in roost.service roost.socket; do sed 's|@PREFIX@|$(PREFIX)|g' scripts/systemd/$$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit; done
	install -D -m 644 scripts/systemd/roost.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/roost.conf
	[ -n "$(DESTDIR)" ] || getent group roost >/dev/null || groupadd --system roost

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,roost roostd roost-shim roost-helper)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,roost.service roost.socket)
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/roost.conf

clean:
	rm -rf .build
