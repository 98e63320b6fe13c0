/* metric: the names and help texts of everything that /metrics shows. */
#ifndef MODEL_METRIC_H
#define MODEL_METRIC_H

/* "" for an unknown family. */
const char *metric_help(const char *family);

#endif
