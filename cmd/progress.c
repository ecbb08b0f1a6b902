#include "progress.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "format.h"

enum { LINE_MS = 10 * 1000, RATE_MS = 1000, BAR = 20 };

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_init(struct progress *progress, enum progress_kind wanted, const struct log *log,
                   bool several) {
  bool bars = wanted == PROGRESS_BAR || wanted == PROGRESS_AUTO;
  *progress = (struct progress){.kind = wanted, .several = several, .since_ms = now_ms()};
  if (bars)
    progress->kind = log->terminal ? PROGRESS_BAR : PROGRESS_PLAIN;
}

/* Of the bytes since the last time. -1: that was less than ms ago. */
static int take_rate(struct progress *progress, uint64_t moved, int64_t ms) {
  int64_t now = now_ms(), elapsed = now - progress->since_ms;
  if (elapsed < ms)
    return -1;
  uint64_t delta = moved > progress->since_bytes ? moved - progress->since_bytes : 0;
  progress->rate = delta * 1000 / (uint64_t)elapsed;
  progress->since_ms = now;
  progress->since_bytes = moved;
  return 0;
}

/* "3 of 10 images" */
static void write_images(FILE *file, const struct dray_event *event) {
  char known[64];
  fprintf(file, "%" PRIu64 " of %s", event->u.tick.totals.images,
          format_count(known, event->u.tick.known_images, "image"));
}

/* "512.0 MiB of 1.0 GiB, 98.3 MiB/s, 5s left" */
static void write_bytes(const struct progress *progress, FILE *file, uint64_t moved,
                        uint64_t known) {
  char moved_text[64], known_text[64], rate_text[64], left[64];
  fprintf(file, "%s of %s, %s/s", dray_format_bytes(moved_text, moved),
          dray_format_bytes(known_text, known), dray_format_bytes(rate_text, progress->rate));
  if (progress->rate > 0 && known > moved)
    fprintf(file, ", %s left", format_time_left(left, (known - moved) / progress->rate));
}

static void show_line(const struct progress *progress, struct log *log,
                      const struct dray_event *event) {
  struct text line;
  text_begin(&line);
  if (progress->several) {
    write_images(line.file, event);
    fputs(", ", line.file);
  }
  write_bytes(progress, line.file, event->u.tick.moved_bytes, event->u.tick.known_bytes);
  text_done(&line);
  log_say(log, DRAY_LOG_INFO, NULL, "%s", line.data);
  text_free(&line);
}

static int columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "[#####     ] what", cut to the width of the screen: a line that wraps can't be written over. */
static void write_bar(FILE *file, uint64_t done, uint64_t all, struct text *what, int width) {
  int filled = all ? (int)(BAR * (done < all ? (double)done / (double)all : 1)) : 0;
  text_done(what);
  int room = width - BAR - 4;
  if (room >= 10)
    fprintf(file, "[%.*s%*s] %.*s", filled, "####################", BAR - filled, "", room,
            what->data);
  else
    fprintf(file, "%.*s", width - 1, what->data);
  text_free(what);
}

static void show_bars(const struct progress *progress, struct log *log,
                      const struct dray_event *event) {
  uint64_t moved = event->u.tick.moved_bytes, known = event->u.tick.known_bytes;
  int width = columns();
  struct text out, what;
  char count[64];
  text_begin(&out);
  if (progress->several) {
    text_begin(&what);
    write_images(what.file, event);
    write_bar(out.file, event->u.tick.totals.images, event->u.tick.known_images, &what, width);
    fputc('\n', out.file);
  }
  text_begin(&what);
  write_bytes(progress, what.file, moved, known);
  fprintf(what.file, ", %s", format_count(count, event->u.tick.active, "blob"));
  write_bar(out.file, moved, known, &what, width);
  text_done(&out);
  log_show_bars(log, out.data, progress->several ? 2 : 1);
  text_free(&out);
}

void progress_tick(struct progress *progress, struct log *log, const struct dray_event *event) {
  switch (progress->kind) {
  case PROGRESS_PLAIN:
    if (take_rate(progress, event->u.tick.moved_bytes, LINE_MS) == 0)
      show_line(progress, log, event);
    return;
  case PROGRESS_BAR:
    take_rate(progress, event->u.tick.moved_bytes, RATE_MS);
    show_bars(progress, log, event);
    return;
  case PROGRESS_AUTO:
  case PROGRESS_NONE:
    return;
  }
}
