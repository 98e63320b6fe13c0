/* metric: looks a family up in metric.def. */
#include "model/metric.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *family, *help;
} metrics[] = {
#define METRIC(family, help) { family, help },
#include "model/metric.def"
#undef METRIC
};

const char *
metric_help(const char *family)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++)
		if (strcmp(metrics[i].family, family) == 0)
			return metrics[i].help;
	return "";
}
