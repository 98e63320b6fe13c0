# Builds the programs, the unit tests and the installation.
#   make            build/release/bin/*        make SAN=1   build/san/bin/* (ASan + UBSan)
#   make tests      the test programs (always with SAN=1 by tools/test)
#   make lint       the laws of the house      make check   everything (tools/test)
#   make install    DESTDIR= PREFIX=/usr/local make uninstall, the same words
# Whatever a flag is built into is built again when the flag changes. PREFIX is in no program:
# each looks beside itself.
MODE	:= $(if $(SAN),san,release)
B	:= build/$(MODE)
GEN	:= $(B)/gen
PREFIX	?= /usr/local
ifeq ($(origin CC),default)
CC	:= gcc
endif
CFLAGS	?=
LDFLAGS	?=
# What was built is installed as it is, whoever calls: sudo forgets CC and CFLAGS.
ifeq ($(MAKECMDGOALS),install)
-include $(B)/built.mk
endif

WARN	:= -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wformat=2 -Werror
HARDEN	:= -fstack-protector-strong -fPIE \
	$(if $(findstring clang,$(CC)),,-ftrivial-auto-var-init=zero)
comma	:= ,
OPT	:= $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=address$(comma)undefined \
	-fno-sanitize-recover=all,-O2 -g -D_FORTIFY_SOURCE=3)
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE $(WARN) $(OPT) $(HARDEN) -Iinclude -I$(GEN)/include \
	$(shell pkg-config --cflags libpq) -MMD -MP $(CFLAGS)
ALL_LDFLAGS := $(OPT) -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
LIBS	:= -lfcgi -lpq -lhiredis -ljansson -ljwt -lcrypto -lsystemd -lxxhash -lunistring -lwebsockets -lev -lcurl -lsodium
# In a checkout the programs know their commit; a source archive has the version alone.
# (describe --dirty would write the index, as root perhaps.)
GIT	:= GIT_OPTIONAL_LOCKS=0 git -c safe.directory='*'
COMMIT	:= $(if $(wildcard .git),$(shell $(GIT) describe --always 2>/dev/null))
COMMIT	:= $(COMMIT)$(if $(COMMIT),$(shell $(GIT) diff --quiet HEAD || echo -dirty))

PROGRAMS := codegram-api codegramctl codegram-worker codegram-scheduler codegram-relay
SOURCES	:= $(filter-out src/main/codegram% src/main/commit.c,$(sort $(wildcard src/*/*.c)))
QUERIES	:= $(patsubst sql/query/%.sql,%,$(sort $(wildcard sql/query/*.sql)))
LUA	:= $(sort $(wildcard src/queue/library/*.lua))
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
# Test programs that need less than a whole stack: nothing, a verdict, GitHub's stand-in.
ALONE	:= github_client/ask support/bench/%
SMALL	:= unit/% canary/% queue/test_01_% queue/test_03_%
GITHUB	:= github/% github_client/%

all: $(PROGRAMS:%=$(B)/bin/%) $(STAND_IN)
tests: all $(TESTS) $(CANARIES)
generated: $(GEN_C) $(GEN_H)

# Nothing here is a chain of temporary files: keep every product.
.SECONDARY:
.SECONDEXPANSION:

# ---- stamps: they change when what they hold does, and with them what is made of it

# keep LINES: the target holds these lines, each in quotes, and is touched only when others
# stood there; $(call keep,LINES,COMMAND) does COMMAND then, too.
keep	= @mkdir -p $(@D); printf '%s\n' $1 | cmp -s - $@ || { $(if $2,$2;) printf '%s\n' $1 >$@; }
quoted	= '$(subst ','\'',$1)'

$(B)/built.mk: always
	$(call keep,$(foreach name,CC CFLAGS LDFLAGS,$(call quoted,$(name) := $($(name)))))
$(B)/flags: always
	$(call keep,$(call quoted,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS)))
$(B)/commit: always
	$(call keep,$(call quoted,$(COMMIT)))
# Which files there are; what was made of one that is gone goes, too.
$(B)/files: always
	$(call keep,$(SOURCES) $(QUERIES) $(LUA),rm -f '' $(filter-out $(GEN_C) $(GEN_H),$(wildcard $(GEN)/src/*/*.c $(GEN)/include/*/*.h)))

# ---- what is generated

$(GEN)/include/store/%.h: sql/query/%.sql tools/sqlgen.awk
	@mkdir -p $(@D)
	awk -v mode=header -f tools/sqlgen.awk $< > $@.tmp && mv $@.tmp $@
$(GEN)/src/store/%.c: sql/query/%.sql tools/sqlgen.awk
	@mkdir -p $(@D)
	awk -v mode=body -f tools/sqlgen.awk $< > $@.tmp && mv $@.tmp $@
$(GEN)/src/store/statements.c: $(QUERIES:%=sql/query/%.sql) tools/sqlgen.awk $(B)/files
	@mkdir -p $(@D)
	awk -v mode=index -f tools/sqlgen.awk $(filter %.sql,$^) > $@.tmp && mv $@.tmp $@

# The Redis functions as C, a text for each line (ISO C promises no more than 4095 bytes of one).
$(GEN)/src/queue/library_text.c: $(LUA) $(B)/files
	@mkdir -p $(@D)
	awk 'BEGIN { print "extern const char *const queue_library_text[];\nconst char *const queue_library_text[] = {" } \
		{ gsub(/[\\"]/, "\\\\&"); print "\t\"" $$0 "\\n\"," } \
		END { print "\t0\n};" }' $(LUA) > $@.tmp && mv $@.tmp $@

# ---- objects and programs

define compile
@mkdir -p $(@D)
$(CC) $(ALL_CFLAGS) $1 -c -o $@ $<
endef

$(B)/obj/gen/%.o: $(GEN)/src/%.c $(B)/flags | $(GEN_H)
	$(call compile)
$(B)/obj/tests/%.o: tests/%.c $(B)/flags | $(GEN_H)
	$(call compile,-Itests)
$(B)/obj/%.o: src/%.c $(B)/flags | $(GEN_H)
	$(call compile)
$(B)/obj/main/commit.o: src/main/commit.c $(B)/flags $(B)/commit
	$(call compile,-DCODEGRAM_COMMIT='"$(COMMIT)"')

$(LIBRARY): $(OBJECTS) $(B)/files
	rm -f $@ && $(AR) rcs $@ $(OBJECTS)

# The objects before the library, then the libraries that this program's kind needs.
define link
@mkdir -p $(@D)
$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $1 $(LIBS)
endef

$(B)/bin/codegram%: $(B)/obj/main/codegram$$(subst -,_,$$*).o $(B)/obj/main/commit.o $(LIBRARY) $(B)/built.mk
	$(call link)
# GitHub's stand-in, for tests and the demo; tools/install leaves it.
$(STAND_IN): $(STAND_IN_O) $(LIBRARY)
	$(call link,-lmicrohttpd -pthread)
beside	= $(if $(filter $(ALONE),$1),,$(ENDED) $(if $(filter $(SMALL),$1),,\
	$(if $(filter $(GITHUB),$1),$(B)/obj/tests/support/github.o,$(SUPPORT))))
$(B)/tests/%: $(B)/obj/tests/%.o $$(call beside,$$*) $(LIBRARY) | $$(if $$(filter $$(GITHUB),$$*),$(STAND_IN))
	$(call link,-lcriterion)

lint:
	tools/lint
check:
	tools/test
# For tools/lint, which compiles each file once more, with clang.
flags:
	$(info $(ALL_CFLAGS))@:
install: all
	tools/install "$(DESTDIR)" "$(PREFIX)" "$(B)"
uninstall:
	tools/install --remove "$(DESTDIR)" "$(PREFIX)"
clean:
	rm -rf build

.PHONY: all tests generated lint check flags install uninstall clean always
-include $(OBJECTS:.o=.d) $(SUPPORT:.o=.d) $(ENDED:.o=.d) $(TESTS:$(B)/%=$(B)/obj/%.d) $(wildcard $(B)/obj/main/*.d) $(STAND_IN_O:.o=.d)
