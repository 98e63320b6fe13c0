/* failpoint: dies on purpose at a named place, so that tests see what is left when a program is
 * killed between two steps. Off unless FAILPOINTS is on. */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

/* `dir` is kept, not copied; a file of a point's name in it arms that point once. */
void failpoint_open(const char *dir);

/* Kills this process with SIGKILL, as nothing else could be so sudden, when the point is
 * armed; the one that removes the file is the one that dies. */
void failpoint(const char *name);

#endif
