# Builds the programs, the unit tests and the installation.
#   make            build/release/bin/*        make SAN=1   build/san/bin/* (ASan + UBSan)
#   make tests      the test programs (always with SAN=1 by tools/test)
#   make lint       the laws of the house      make check   everything (tools/test)
#   make install    DESTDIR= PREFIX=/usr/local
MODE	:= $(if $(SAN),san,release)
B	:= build/$(MODE)
GEN	:= $(B)/gen
PREFIX	?= /usr/local
VERSION	:= 0.1.0
CC	?= gcc

WARN	:= -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wformat=2 -Werror
HARDEN	:= -fstack-protector-strong -fPIE \
	$(if $(findstring clang,$(CC)),,-ftrivial-auto-var-init=zero)
comma	:= ,
OPT	:= $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=address$(comma)undefined \
	-fno-sanitize-recover=all,-O2 -g -D_FORTIFY_SOURCE=3)
CFLAGS	?=
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE $(WARN) $(OPT) $(HARDEN) -Iinclude -I$(GEN)/include \
	$(shell pkg-config --cflags libpq) -DCODEGRAM_VERSION='"$(VERSION)"' -DCODEGRAM_PREFIX='"$(PREFIX)"' -MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(OPT) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
LIBS	:= -lfcgi -lpq -lhiredis -ljansson -ljwt -lcrypto -lsystemd -lxxhash -lunistring -lwebsockets -lev -lcurl -lsodium

PROGRAMS := codegram-api codegramctl codegram-worker codegram-scheduler codegram-relay
SOURCES	:= $(filter-out src/main/codegram%,$(sort $(wildcard src/*/*.c)))
QUERIES	:= $(patsubst sql/query/%.sql,%,$(sort $(wildcard sql/query/*.sql)))
GEN_C	:= $(QUERIES:%=$(GEN)/src/store/%.c) $(GEN)/src/store/statements.c
GEN_C	+= $(GEN)/src/queue/library_text.c
GEN_H	:= $(QUERIES:%=$(GEN)/include/store/%.h)
OBJECTS	:= $(SOURCES:src/%.c=$(B)/obj/%.o) $(GEN_C:$(GEN)/src/%.c=$(B)/obj/gen/%.o)
LIBRARY	:= $(B)/libcodegram.a
TEST_C	:= $(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c))
TESTS	:= $(TEST_C:tests/%.c=$(B)/tests/%)
CANARIES := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/canary/*.c))
STAND_IN := $(B)/bin/github-stand-in
STAND_IN_O := $(patsubst tests/%.c,$(B)/obj/tests/%.o,$(filter-out tests/github/test_%,$(wildcard tests/github/*.c)))
ENDED	:= $(B)/obj/tests/support/ended.o
SUPPORT	:= $(filter-out $(ENDED),$(patsubst tests/%.c,$(B)/obj/tests/%.o,$(wildcard tests/support/*.c)))

all: $(PROGRAMS:%=$(B)/bin/%) $(STAND_IN)
tests: all $(TESTS) $(CANARIES)
generated: $(GEN_C) $(GEN_H)

# Nothing here is a chain of temporary files: keep every product.
.SECONDARY:

$(GEN)/include/store/%.h: sql/query/%.sql tools/sqlgen.awk
	@mkdir -p $(@D)
	awk -v mode=header -f tools/sqlgen.awk $< > $@.tmp && mv $@.tmp $@
$(GEN)/src/store/%.c: sql/query/%.sql tools/sqlgen.awk
	@mkdir -p $(@D)
	awk -v mode=body -f tools/sqlgen.awk $< > $@.tmp && mv $@.tmp $@
$(GEN)/src/store/statements.c: $(QUERIES:%=sql/query/%.sql) tools/sqlgen.awk
	@mkdir -p $(@D)
	awk -v mode=index -f tools/sqlgen.awk $(filter %.sql,$^) > $@.tmp && mv $@.tmp $@

# The Redis functions as C, a text for each line (ISO C promises no more than 4095 bytes of one).
$(GEN)/src/queue/library_text.c: $(sort $(wildcard src/queue/library/*.lua))
	@mkdir -p $(@D)
	awk 'BEGIN { print "extern const char *const queue_library_text[];\nconst char *const queue_library_text[] = {" } \
		{ gsub(/[\\"]/, "\\\\&"); print "\t\"" $$0 "\\n\"," } \
		END { print "\t0\n};" }' $^ > $@.tmp && mv $@.tmp $@

$(B)/obj/gen/%.o: $(GEN)/src/%.c Makefile | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(B)/obj/tests/%.o: tests/%.c Makefile | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests -c -o $@ $<
$(B)/obj/%.o: src/%.c Makefile | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(LIBRARY): $(OBJECTS)
	rm -f $@ && $(AR) rcs $@ $^
$(B)/bin/%: $(B)/obj/main/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/bin/codegram-api: $(B)/obj/main/codegram_api.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/bin/codegram-worker: $(B)/obj/main/codegram_worker.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/bin/codegram-scheduler: $(B)/obj/main/codegram_scheduler.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/bin/codegram-relay: $(B)/obj/main/codegram_relay.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
# GitHub's stand-in, for tests and the demo; tools/install leaves it.
$(STAND_IN): $(STAND_IN_O) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lmicrohttpd -lcurl -pthread
# Starts the stand-in itself, without a stack.
$(B)/tests/github/%: $(B)/obj/tests/github/%.o $(ENDED) $(B)/obj/tests/support/github.o $(LIBRARY) | $(STAND_IN)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcriterion -lcurl
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(ENDED) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
$(B)/tests/queue/test_01_%: $(B)/obj/tests/queue/test_01_%.o $(ENDED) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
$(B)/tests/github_client/ask: $(B)/obj/tests/github_client/ask.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tests/queue/test_03_%: $(B)/obj/tests/queue/test_03_%.o $(ENDED) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
$(B)/tests/github_client/%: $(B)/obj/tests/github_client/%.o $(ENDED) $(B)/obj/tests/support/github.o $(LIBRARY) | $(STAND_IN)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
$(B)/tests/support/bench/%: $(B)/obj/tests/support/bench/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/tests/canary/%: $(B)/obj/tests/canary/%.o $(ENDED)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcriterion
$(B)/tests/%: $(B)/obj/tests/%.o $(ENDED) $(SUPPORT) $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcriterion -lcurl

lint:
	tools/lint
check:
	tools/test
# For tools/lint, which compiles each file once more, with clang.
flags:
	$(info $(ALL_CFLAGS))@:
install: all
	tools/install "$(DESTDIR)" "$(PREFIX)" "$(B)"
clean:
	rm -rf build

.PHONY: all tests generated lint check flags install clean
-include $(OBJECTS:.o=.d) $(SUPPORT:.o=.d) $(ENDED:.o=.d) $(TESTS:$(B)/%=$(B)/obj/%.d) $(wildcard $(B)/obj/main/*.d) $(STAND_IN_O:.o=.d)
