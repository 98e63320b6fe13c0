/* counter: a self-describing file of numbers, shared by a unit's processes. */
#include "base/counter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

enum {
	FAMILY_MAX = 64,
	LABELS_MAX = 112,
	SERIES_MAX = 65536,
	CLAIMS_MAX = 32,
	FAMILIES_MAX = 512
};

static const char magic[16] = "codegram stats1";

struct series {
	char family[FAMILY_MAX], labels[LABELS_MAX];
	uint64_t type;
	counter value;
};

struct image {
	char magic[16];
	uint64_t max;
	_Atomic uint64_t count;
	struct series series[];
};

struct counter_file {
	struct image *image;
	size_t bytes;
	int lock_fd; /* -1: not claimed */
};

static counter nobody_reads;

/* Every byte has its place on the disk, or errno tells why not: whoever writes through a map to
 * a hole of a file whose disk is full is killed by SIGBUS. */
static bool
image_back(int fd, size_t bytes)
{
	int e;

	while ((e = posix_fallocate(fd, 0, (off_t)bytes)) == EINTR)
		;
	errno = e;
	return e == 0;
}

/* It is of this version, and its counts fit its size. */
static bool
image_holds(const struct image *image, size_t bytes)
{
	return bytes >= sizeof(*image) && memcmp(image->magic, magic, sizeof(magic)) == 0 &&
	       image->max <= SERIES_MAX && image->count <= image->max &&
	       bytes >= sizeof(*image) + image->max * sizeof(struct series);
}

/* The file that is there, to go on with. */
static struct image *
image_map(int fd, size_t *bytes)
{
	struct stat st;
	struct image *image;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size < sizeof(*image))
		return NULL;
	*bytes = (size_t)st.st_size;
	if (!image_back(fd, *bytes))
		return NULL;
	image = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		return NULL;
	if (image_holds(image, *bytes))
		return image;
	munmap(image, *bytes);
	return NULL;
}

static struct image *
image_make(const char *path, size_t max, size_t *bytes)
{
	char next[4096];
	struct image *image;
	int fd, why;

	*bytes = sizeof(*image) + max * sizeof(struct series);
	snprintf(next, sizeof(next), "%s.new", path);
	fd = open(next, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return NULL;
	image = image_back(fd, *bytes)
	            ? mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
	            : MAP_FAILED;
	why = errno;
	close(fd);
	if (image != MAP_FAILED) {
		memcpy(image->magic, magic, sizeof(magic));
		image->max = max;
		if (rename(next, path) == 0)
			return image;
		why = errno;
		munmap(image, *bytes);
	}
	unlink(next);
	errno = why;
	return NULL;
}

struct counter_file *
counter_open(const char *path, size_t max)
{
	struct counter_file *f = calloc(1, sizeof(*f));
	int fd;

	if (f == NULL)
		return NULL;
	f->lock_fd = -1;
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) >= 0) {
		f->image = image_map(fd, &f->bytes);
		close(fd);
	}
	if (f->image != NULL && f->image->max < max) {
		munmap(f->image, f->bytes);
		f->image = NULL;
	}
	if (f->image == NULL)
		f->image = image_make(path, max, &f->bytes);
	if (f->image == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

void
counter_close(struct counter_file *f)
{
	if (f == NULL)
		return;
	munmap(f->image, f->bytes);
	if (f->lock_fd >= 0)
		close(f->lock_fd);
	free(f);
}

/* A lock of the open file: children keep it by what they inherit, and it dies with the last. */
static bool
lock_whole(int fd, int command, struct flock *lock)
{
	*lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	return fcntl(fd, command, lock) == 0;
}

struct counter_file *
counter_claim(const char *dir, const char *name, size_t max)
{
	struct counter_file *f;
	struct flock lock;
	char path[4096], number[16] = "";

	for (int i = 1; i <= CLAIMS_MAX; i++) {
		int fd;
		if (i > 1)
			snprintf(number, sizeof(number), "-%d", i);
		snprintf(path, sizeof(path), "%s/%s%s.lock", dir, name, number);
		if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0)
			return NULL;
		if (!lock_whole(fd, F_OFD_SETLK, &lock)) {
			close(fd);
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s%s.stats", dir, name, number);
		if ((f = counter_open(path, max)) != NULL)
			f->lock_fd = fd;
		else
			close(fd);
		return f;
	}
	return NULL;
}

counter *
counter_get(
    struct counter_file *f, const char *family, enum counter_type type, const char *labels)
{
	struct series *s;

	if (f == NULL)
		return &nobody_reads;
	for (uint64_t i = 0; i < f->image->count; i++) {
		s = &f->image->series[i];
		if (strcmp(s->family, family) != 0 || strcmp(s->labels, labels) != 0)
			continue;
		s->type = type; /* an older program may have called it another */
		return &s->value;
	}
	if (f->image->count == f->image->max || strlen(family) >= FAMILY_MAX ||
	    strlen(labels) >= LABELS_MAX) {
		LOG(LEVEL_WARN, "stats.no_room", L_TEXT("family", family),
		    L_TEXT("labels", labels));
		return &nobody_reads;
	}
	s = &f->image->series[f->image->count];
	snprintf(s->family, sizeof(s->family), "%s", family);
	snprintf(s->labels, sizeof(s->labels), "%s", labels);
	s->type = type;
	atomic_fetch_add(&f->image->count, 1);
	return &s->value;
}

#define PULSE_ENDED (UINT64_C(1) << 63) /* as it was asked to */
#define PULSE_SLACK 1000000             /* microseconds between two looks at one clock */
#define PULSE "codegram_part_age_seconds"
#define PULSE_LABEL "part=\""

counter *
counter_pulse(struct counter_file *f, const char *part)
{
	char labels[LABELS_MAX];
	counter *pulse;

	snprintf(labels, sizeof(labels), PULSE_LABEL "%s\"", part);
	pulse = counter_get(f, PULSE, BEAT, labels);
	counter_beat(pulse);
	return pulse;
}

void
counter_beat_end(counter *pulse)
{
	atomic_fetch_or(pulse, PULSE_ENDED);
}

/* Upper bounds in microseconds; one more bucket takes the rest. */
static const int64_t steps[HISTOGRAM_STEPS] = { 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 500000, 2500000, 10000000 };

void
histogram_get(
    struct counter_file *f, struct histogram *h, const char *family, const char *labels)
{
	const char *comma = *labels ? "," : "";
	char all[LABELS_MAX];

	for (int i = 0; i < HISTOGRAM_STEPS; i++) {
		snprintf(
		    all, sizeof(all), "%s%sle=\"%g\"", labels, comma, (double)steps[i] / 1e6);
		h->bucket[i] = counter_get(f, family, HISTOGRAM, all);
	}
	snprintf(all, sizeof(all), "%s%sle=\"+Inf\"", labels, comma);
	h->bucket[HISTOGRAM_STEPS] = counter_get(f, family, HISTOGRAM, all);
	h->sum = counter_get(f, family, HISTOGRAM, labels);
}

void
histogram_add(struct histogram *h, int64_t micros)
{
	for (int i = HISTOGRAM_STEPS; i >= 0 && (i == HISTOGRAM_STEPS || micros <= steps[i]);
	     i--)
		counter_add(h->bucket[i], 1);
	counter_add(h->sum, (uint64_t)(micros > 0 ? micros : 0));
}

/* Where the label le begins, or NULL. */
static const char *
le_of(const char *labels)
{
	const char *behind = strstr(labels, ",le=\"");

	if (strncmp(labels, "le=\"", 4) == 0)
		return labels;
	return behind ? behind + 1 : NULL;
}

static void
print_series(const struct series *s, uint64_t value, struct buf *out)
{
	const char *le = le_of(s->labels);
	bool bucket = s->type == HISTOGRAM && le != NULL;
	bool sum = s->type == HISTOGRAM && !bucket;

	buf_format(out, "%.*s%s%s%.*s%s ", FAMILY_MAX, s->family,
	    s->type != HISTOGRAM ? ""
	    : bucket             ? "_bucket"
	                         : "_sum",
	    *s->labels ? "{" : "", LABELS_MAX, s->labels, *s->labels ? "}" : "");
	if (sum || s->type == BEAT)
		buf_format(out, "%.6f\n", (double)value / 1e6);
	else
		buf_format(out, "%llu\n", (unsigned long long)value);
	/* The last bucket holds every observation: it is the count, too. */
	if (bucket && strcmp(le, "le=\"+Inf\"") == 0) {
		size_t keep = (size_t)(le - s->labels);
		if (keep > 0)
			keep--;
		buf_format(out, "%s_count%s%.*s%s %llu\n", s->family, keep ? "{" : "",
		    (int)keep, s->labels, keep ? "}" : "", (unsigned long long)value);
	}
}

struct gathered {
	struct image *image[COUNTER_FILES_MAX]; /* copies */
	size_t count;
	bool lives[COUNTER_FILES_MAX];
};

/* What a file holds now; NULL unless it is one of ours. A copy, since a map of somebody else's
 * file may have holes, or lose its end, while it is read. */
static struct image *
image_copy(int fd)
{
	struct stat st;
	struct image *image;
	size_t got = 0, size;
	ssize_t n = 1;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size < sizeof(*image) ||
	    (size_t)st.st_size > sizeof(*image) + SERIES_MAX * sizeof(struct series))
		return NULL;
	size = (size_t)st.st_size;
	if ((image = malloc(size)) == NULL)
		return NULL;
	while (got < size && (n = read(fd, (char *)image + got, size - got)) > 0)
		got += (size_t)n;
	if (image_holds(image, got))
		return image;
	free(image);
	return NULL;
}

/* Whether the process that claimed NAME.stats is there; of an unclaimed file nobody knows. */
static bool
lives(int dir_fd, const char *file)
{
	char name[NAME_MAX + 1];
	struct flock lock;
	bool known, held;
	int fd;

	snprintf(name, sizeof(name), "%.*s.lock", (int)(strlen(file) - 6), file);
	if ((fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC)) < 0)
		return true;
	known = lock_whole(fd, F_OFD_GETLK, &lock);
	held = known && lock.l_type != F_UNLCK;
	close(fd);
	return held || !known;
}

static void
gather(const char *dir, struct gathered *all)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d != NULL && all->count < COUNTER_FILES_MAX && (entry = readdir(d)) != NULL) {
		size_t len = strlen(entry->d_name);
		int fd;
		if (len < 6 || strcmp(entry->d_name + len - 6, ".stats") != 0)
			continue;
		if ((fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC)) < 0)
			continue;
		all->image[all->count] = image_copy(fd);
		all->lives[all->count] = lives(dirfd(d), entry->d_name);
		all->count += all->image[all->count] != NULL;
		close(fd);
	}
	if (d != NULL)
		closedir(d);
}

static void
drop(struct gathered *all)
{
	for (size_t i = 0; i < all->count; i++)
		free(all->image[i]);
}

/* ---- pulses */

/* A beat that lies in the future is of an earlier boot: nobody has turned since this one. */
static uint64_t
age_of(uint64_t beat)
{
	uint64_t now = (uint64_t)clock_mono();

	beat &= ~PULSE_ENDED;
	if (beat > now)
		return beat < now + PULSE_SLACK ? 0 : now;
	return now - beat;
}

static void
pulse_of(const struct series *s, bool alive, struct pulse *out)
{
	const char *name = s->labels + strlen(PULSE_LABEL);
	uint64_t beat = s->value;

	*out = (struct pulse){
		.age = (int64_t)age_of(beat), .ended = (beat & PULSE_ENDED) != 0, .lives = alive
	};
	snprintf(out->part, sizeof(out->part), "%.*s", (int)strcspn(name, "\""), name);
}

size_t
counter_pulses(const char *dir, struct pulse *out, size_t max)
{
	struct gathered all = { .count = 0 };
	size_t count = 0;

	gather(dir, &all);
	for (size_t i = 0; i < all.count; i++)
		for (uint64_t k = 0; k < all.image[i]->count && count < max; k++) {
			const struct series *s = &all.image[i]->series[k];
			if (s->type == BEAT && strcmp(s->family, PULSE) == 0 &&
			    memcmp(s->labels, PULSE_LABEL, strlen(PULSE_LABEL)) == 0 &&
			    memchr(s->labels, '\0', LABELS_MAX) != NULL)
				pulse_of(s, all.lives[i], &out[count++]);
		}
	drop(&all);
	return count;
}

/* ---- one series of several files */

struct place {
	const struct series *series;
	size_t file;
};

/* Every series, those of one name together and their files in order. */
struct index {
	struct place *place;
	size_t count;
};

static int
by_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->series->family, y->series->family);

	if (order == 0)
		order = strcmp(x->series->labels, y->series->labels);
	return order ? order : x->file < y->file ? -1 : x->file > y->file;
}

static bool
index_make(const struct gathered *all, struct index *out)
{
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++)
		count += all->image[i]->count;
	*out = (struct index){ .place = calloc(count + 1, sizeof(struct place)) };
	if (out->place == NULL)
		return false;
	for (size_t i = 0; i < all->count; i++)
		for (uint64_t k = 0; k < all->image[i]->count; k++)
			out->place[out->count++] =
			    (struct place){ &all->image[i]->series[k], i };
	qsort(out->place, out->count, sizeof(*out->place), by_name);
	return true;
}

static bool
same_name(const struct place *a, const struct place *b)
{
	return strcmp(a->series->family, b->series->family) == 0 &&
	       strcmp(a->series->labels, b->series->labels) == 0;
}

/* What `before` and one more file come to; `lived`: one of those before lives. */
static uint64_t
join(const struct series *s, uint64_t before, bool lived, bool lives_too)
{
	uint64_t more = s->type == BEAT ? age_of(s->value) : s->value;

	switch (s->type) {
	case GAUGE:
	case MEASURE:
		if (lives_too != lived)
			return lives_too ? more : before;
		return more > before ? more : before;
	case PRESENT: return lives_too ? before + more : before;
	case BEAT: return more < before ? more : before;
	default: return before + more;
	}
}

/* Of the series in this file and all behind it; false: one before it has had it, or nobody who
 * measures it runs. */
static bool
merged(const struct gathered *all, const struct index *index, struct place of, uint64_t *value)
{
	const struct place *end = index->place + index->count,
	                   *at = bsearch(
	                       &of, index->place, index->count, sizeof(*index->place), by_name);
	bool found_living = false;

	*value = of.series->type == BEAT ? UINT64_MAX : 0;
	if (at == NULL || (at > index->place && same_name(at - 1, &of)))
		return false;
	for (; at < end && same_name(at, &of); at++) {
		*value = join(at->series, *value, found_living, all->lives[at->file]);
		found_living = found_living || all->lives[at->file];
	}
	return found_living || of.series->type != MEASURE;
}

/* Every series of the family in all files. */
static void
print_family(
    const struct gathered *all, const struct index *index, const char *family, struct buf *out)
{
	uint64_t value;

	for (size_t i = 0; i < all->count; i++)
		for (uint64_t k = 0; k < all->image[i]->count; k++) {
			const struct series *s = &all->image[i]->series[k];
			if (strcmp(s->family, family) == 0 &&
			    merged(all, index, (struct place){ s, i }, &value))
				print_series(s, value, out);
		}
}

/* Families come one after the other in a file, so those that were printed are few. */
struct printed {
	const char *family[FAMILIES_MAX];
	size_t count;
};

static bool
seen_before(struct printed *p, const char *family)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->family[i], family) == 0)
			return true;
	if (p->count < FAMILIES_MAX)
		p->family[p->count++] = family;
	return false;
}

void
counter_print(const char *dir, const char *(*help)(const char *family), struct buf *out)
{
	static const char *const types[] = { "counter", "gauge", "histogram", "gauge", "gauge",
		"gauge" };
	struct gathered all = { .count = 0 };
	struct printed printed = { .count = 0 };
	struct index index;

	gather(dir, &all);
	if (!index_make(&all, &index))
		out->failed = true;
	for (size_t i = 0; i < all.count && !out->failed; i++) {
		for (uint64_t k = 0; k < all.image[i]->count; k++) {
			const struct series *s = &all.image[i]->series[k];
			if (s->type > MEASURE || seen_before(&printed, s->family))
				continue;
			buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", s->family,
			    help(s->family), s->family, types[s->type]);
			print_family(&all, &index, s->family, out);
		}
	}
	free(index.place);
	drop(&all);
}
