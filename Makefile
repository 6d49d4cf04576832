# testctr-script: `make run` and `make test` are all that a fresh Debian 12 needs. See README.md.
#
#   deps         install the Debian packages that are missing (through root or sudo)
#   all          build/testctr-script
#   run          set up, build, and run an example script in the embedded image
#   test         build everything and run every test that needs no other image
#   test-old-kernel  the same as on a kernel without the newer system calls
#   test-images  the tests in real images (images/*.yaml), made when absent
#   images       the images of images/*.yaml as OCI layouts under build/images; IMAGES="name..." makes only these
#   bench        measure against the limits, with the peers beside us
#   conformance  the same tests run by the tools whose formats we read
#   asan tsan    the unit tests and some more under a sanitizer
#   fuzz         every parser of outside data, FUZZ_SECONDS each
#   install      the program, its manual pages and the completions of shells, below $(DESTDIR)$(PREFIX)
#   install-built  the same of a program that is there, which is not built
#   clean        remove what was built
#
# JOBS=n limits parallel work (tests, which wait for half of their time, are one more at a time), DEPS= leaves out the check of packages, TESTS="group..." limits `make test` and `make test-old-kernel`.

BUILD        ?= build
PREFIX       ?= /usr/local
JOBS         ?= $(shell nproc)
DEPS         ?= third_party/install
FUZZ_SECONDS ?= 20
TESTS        ?=
IMAGES       ?=
CMAKE        := cmake -G Ninja -S .
NINJA        := ninja -j $(JOBS)
TEST_JOBS     = $(shell expr $(JOBS) + 1)

# An empty DEPS is "leave it out".
deps_of = $(if $(DEPS),@$(DEPS) $(1))

.PHONY: all deps run test test-old-kernel test-images images bench conformance asan tsan fuzz install install-built clean
.DEFAULT_GOAL := all

deps:
	$(call deps_of,build test)

all:
	$(call deps_of,build)
	@$(MAKE) -s --no-print-directory $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) --quiet testctr-script

$(BUILD)/build.ninja:
	$(CMAKE) -B $(BUILD)

run: all
	$(BUILD)/testctr-script run builtin tests/examples/hello.txt

test: deps all
	@$(NINJA) -C $(BUILD) --quiet all-tests
	@tests/run --build $(BUILD) -j $(TEST_JOBS) $(TESTS)

test-old-kernel: deps all
	@$(NINJA) -C $(BUILD) --quiet all-tests
	@tests/run --old-kernel --build $(BUILD) -j $(JOBS) $(TESTS)

images: all
	$(call deps_of,images)
	@$(NINJA) -C $(BUILD) --quiet mkimage
	@images/build --build $(BUILD) $(IMAGES)

test-images: deps all
	@$(NINJA) -C $(BUILD) --quiet all-tests mkimage
	@missing="$$(images/build --build $(BUILD) --missing)"; \
	  test -z "$$missing" || $(MAKE) --no-print-directory images IMAGES="$$(echo $$missing)"
	@tests/run --build $(BUILD) -j $(JOBS) --images images

bench: all
	$(call deps_of,bench)
	@$(NINJA) -C $(BUILD) --quiet mkimage bench-start bench-compare
	@test -e $(BUILD)/images/golang/index.json || $(MAKE) --no-print-directory images IMAGES=golang
	@tests/bench/run --build $(BUILD)

conformance: deps all
	$(call deps_of,conformance)
	@$(NINJA) -C $(BUILD) --quiet all-tests
	@tests/run --build $(BUILD) -j $(JOBS) conformance

asan:
	$(call deps_of,build test)
	@$(CMAKE) -B $(BUILD)-asan -DTESTCTR_SANITIZE=address,undefined >/dev/null
	@$(NINJA) -C $(BUILD)-asan --quiet testctr-script all-tests
	@tests/run --build $(BUILD)-asan -j $(JOBS) --sanitizer unit

tsan:
	$(call deps_of,build test)
	@$(CMAKE) -B $(BUILD)-tsan -DTESTCTR_SANITIZE=thread >/dev/null
	@$(NINJA) -C $(BUILD)-tsan --quiet all-tests
	@tests/run --build $(BUILD)-tsan -j $(JOBS) --sanitizer unit

fuzz:
	$(call deps_of,build test fuzz)
	@$(CMAKE) -B $(BUILD)-fuzz -DTESTCTR_SANITIZE=fuzzer -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang >/dev/null
	@$(NINJA) -C $(BUILD)-fuzz --quiet all-fuzzers
	@tests/fuzz/run --build $(BUILD)-fuzz --seconds $(FUZZ_SECONDS)

install: all
	@$(MAKE) --no-print-directory install-built

# The pages and the completions are made by the program itself, for all to read whatever the umask is.
install-built:
	umask 022; install -D -m 755 $(BUILD)/testctr-script $(DESTDIR)$(PREFIX)/bin/testctr-script
	umask 022; $(BUILD)/testctr-script help --man-pages $(DESTDIR)$(PREFIX)/share/man
	umask 022; install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	umask 022; $(BUILD)/testctr-script completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/testctr-script
	umask 022; $(BUILD)/testctr-script completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_testctr-script
	umask 022; $(BUILD)/testctr-script completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/testctr-script.fish

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz
