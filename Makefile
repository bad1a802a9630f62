# Builds the extension with PGXS: make && sudo make install && make installcheck.
#
# Knobs:  OPTFLAGS    extra optimisation flags, for instance OPTFLAGS=-march=native (default: none, so that
#                     a package runs on every machine of its architecture)
#         ASSERTIONS  1 defines GAMELAN_DEBUG, which turns on the expensive internal checks
#         WERROR      empty to build with a compiler whose new warnings are not errors yet
#
# The core's unit tests, benchmarks and the gateway are built by CMakeLists.txt from the same sources.

EXTENSION = extension/gamelan
EXTENSION_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/gamelan.control)
MODULE_big = gamelan
PGFILEDESC = "gamelan - a database as a real-time game server"

SOURCES := $(filter-out %_test.cpp %_fuzz.cpp %_bench.cpp, $(sort \
	$(wildcard core/*.cpp core/*/*.cpp core/*/*/*.cpp games/*/native/*.cpp) \
	$(wildcard extension/*/*.cpp extension/*/*/*.cpp bgworker/*.cpp bgworker/*/*.cpp)))
OBJECT_DIR = build/extension
CONTROL_DIR = build/control
OBJS = $(SOURCES:%.cpp=$(OBJECT_DIR)/%.o)

INSTALL_SCRIPT_PARTS := $(sort $(wildcard extension/sql/[0-9]*.sql))
INSTALL_SCRIPT_BUILT = extension/gamelan--$(EXTENSION_VERSION).sql
# From each version that was released; extension/upgrade/build.sh says what they are made of.
UPGRADE_SOURCES := $(wildcard extension/upgrade/*)
UPGRADABLE_VERSIONS := $(sort $(foreach step,$(notdir $(wildcard extension/upgrade/*--*.sql)),$(firstword $(subst --, ,$(step)))))
UPGRADE_SCRIPTS_BUILT = $(UPGRADABLE_VERSIONS:%=extension/gamelan--%--$(EXTENSION_VERSION).sql)
DATA_built = $(INSTALL_SCRIPT_BUILT) $(UPGRADE_SCRIPTS_BUILT)
# For libraries of native systems: #include <gamelan/system.hpp>, with -I$(pg_config --includedir-server)/extension.
HEADERS = include/gamelan/system.hpp

# Tests against an installed server (see "make installcheck" in CONTRIBUTING.md). Both suites use one database,
# because a cluster plays the worlds of one database: the one named by gamelan.database.
# Texts in the tests have letters of more than one byte, whatever the cluster was made with.
REGRESS_OPTS = --encoding=UTF8
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation
override CONTRIB_TESTDB = contrib_regression
override ISOLATION_TESTDB = contrib_regression
TAP_TESTS = 1
PROVE_TESTS = $(sort $(wildcard test/tap/t/*.pl))

EXTRA_CLEAN = $(OBJECT_DIR) $(CONTROL_DIR)

PG_CONFIG ?= pg_config

# Debian's server is built with LLVM; PGXS would compile bitcode without our C++ standard.
override with_llvm := no

OPTFLAGS ?=
ASSERTIONS ?= 0
WERROR ?= -Werror
WARNINGS = -Wall -Wextra -Wshadow -Wno-register $(WERROR)

# PostgreSQL 15 leaves PGDLLEXPORT empty; with hidden visibility nothing would be exported.
# -ffp-contract=off: a world's state must be the same bits on every machine.
PG_CXXFLAGS = -std=c++20 -fvisibility=hidden -fvisibility-inlines-hidden -ffp-contract=off \
	$(WARNINGS) $(if $(filter 1,$(ASSERTIONS)),-DGAMELAN_DEBUG=1) $(OPTFLAGS)
# -isystem for a directory that PGXS also names with -I wins, and keeps the server's headers out of our warnings.
PG_CPPFLAGS = -I. '-DPGDLLEXPORT=__attribute__((visibility("default")))' \
	-isystem $(shell $(PG_CONFIG) --includedir-server) -isystem $(shell $(PG_CONFIG) --includedir)
SHLIB_LINK = -lzstd -lcrypto -lstdc++

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The inner loops of the simulation. None of these flags changes a result: traps and errno are not looked at.
KERNEL_OBJS = $(filter $(OBJECT_DIR)/core/automaton/% $(OBJECT_DIR)/core/query/% $(OBJECT_DIR)/core/store/% \
	$(OBJECT_DIR)/core/kernel/% $(OBJECT_DIR)/core/spatial/%, $(OBJS))
$(KERNEL_OBJS): override CXXFLAGS += -O3 -fno-trapping-math -fno-math-errno

# PGXS of a distribution does not follow headers; the compiler's own dependency files do.
$(OBJECT_DIR)/%.o: %.cpp $(OBJECT_DIR)/flags
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# Changes only when the flags do, so that ASSERTIONS=1 after a plain build compiles everything again.
BUILD_FLAGS = $(CXX) $(CXXFLAGS) $(CPPFLAGS)
$(OBJECT_DIR)/flags: .FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(BUILD_FLAGS))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(BUILD_FLAGS))' > $@

$(INSTALL_SCRIPT_BUILT): $(INSTALL_SCRIPT_PARTS) extension/gamelan.control Makefile
	cat $(INSTALL_SCRIPT_PARTS) > $@.new
	mv $@.new $@

extension/gamelan--%--$(EXTENSION_VERSION).sql: $(UPGRADE_SOURCES) $(INSTALL_SCRIPT_PARTS) extension/gamelan.control Makefile
	extension/upgrade/build.sh $* $(EXTENSION_VERSION) $(INSTALL_SCRIPT_PARTS) > $@.new
	mv $@.new $@

# Libraries with a fault each, which the torture test has to find: core/base/control_build.hpp. Nobody installs them.
# What has the fault is compiled again, and linked with the rest of the sound one.
CONTROL_BUILDS = flush checksums chain
CONTROL_SOURCES_flush = bgworker/flusher
CONTROL_SOURCES_checksums = core/codec/checkpoint extension/pg/world_history
CONTROL_SOURCES_chain = extension/pg/world_history

control-builds: $(CONTROL_BUILDS:%=$(CONTROL_DIR)/%/gamelan.so)
define control_build
$(CONTROL_DIR)/$(1)/%.o: %.cpp $(OBJECT_DIR)/flags
	@mkdir -p $$(@D)
	$$(CXX) $$(CXXFLAGS) $$(CPPFLAGS) -DGAMELAN_BREAK_$(shell echo $(1) | tr a-z A-Z) -MMD -MP -c -o $$@ $$<
$(CONTROL_DIR)/$(1)/gamelan.so: $(MODULE_big)$(DLSUFFIX) $(CONTROL_SOURCES_$(1):%=$(CONTROL_DIR)/$(1)/%.o)
	$$(CXX) -shared -s -o $$@ $$(filter-out $(CONTROL_SOURCES_$(1):%=$(OBJECT_DIR)/%.o),$$(OBJS)) \
		$(CONTROL_SOURCES_$(1):%=$(CONTROL_DIR)/$(1)/%.o) $$(LDFLAGS) $$(SHLIB_LINK)
-include $(CONTROL_SOURCES_$(1):%=$(CONTROL_DIR)/$(1)/%.d)
endef
$(foreach build,$(CONTROL_BUILDS),$(eval $(call control_build,$(build))))

installcheck: installcheck-preloaded
installcheck-preloaded:
	@found="$$($(bindir)/psql -XAtqc 'SHOW shared_preload_libraries' postgres)" || exit 1; \
	case ",$$found," in *gamelan*) ;; *) \
	  echo "installcheck needs a server that preloads the extension. Put into its postgresql.conf"; \
	  echo "    shared_preload_libraries = 'gamelan'"; \
	  echo "    gamelan.database = '$(CONTRIB_TESTDB)'"; \
	  echo "restart it, and try again. (./gamelan test needs none of this: it makes its own servers.)"; \
	  exit 1;; \
	esac

# A shared library links with whatever it lacks, since the server brings the rest; what is ours must be in it.
all: $(OBJECT_DIR)/complete
$(OBJECT_DIR)/complete: $(MODULE_big)$(DLSUFFIX)
	@if nm --undefined-only --demangle $< | grep 'gamelan::'; then \
	  echo "$< lacks these functions of its own"; exit 1; \
	fi
	@touch $@

.FORCE:
.PHONY: .FORCE installcheck-preloaded control-builds
-include $(OBJS:.o=.d)
