/* version: the release that these sources are; the commit is main/commit.c's. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define CODEGRAM_VERSION "0.1.0"

#endif
