/* commit: which one the program was built from. The one file that is compiled anew for each. */
#include "main/program.h"

#ifndef CODEGRAM_COMMIT
#define CODEGRAM_COMMIT ""
#endif

const char program_commit[] = CODEGRAM_COMMIT;
