#include "waterfall.h"

#include <inttypes.h>
#include <stdlib.h>

#include "escape.h"
#include "format.h"

enum { WIDTH = 1000, LABEL = 330, RIGHT = 10, ROW = 15, TOP = 20, LINES = 4 };

/* The place for a blob of that size: a new one, or that of the smallest. NULL: it is too small. */
static struct waterfall_bar *place(struct waterfall *waterfall, uint64_t size) {
  if (waterfall->count < WATERFALL_BARS)
    return &waterfall->bars[waterfall->count++];
  struct waterfall_bar *least = waterfall->bars;
  for (size_t i = 1; i < waterfall->count; i++)
    if (waterfall->bars[i].size < least->size)
      least = &waterfall->bars[i];
  waterfall->left_out++;
  return size > least->size ? least : NULL;
}

void waterfall_add(struct waterfall *waterfall, const struct dray_event *event) {
  struct waterfall_bar *bar = event->u.blob.from ? place(waterfall, event->u.blob.size) : NULL;
  if (!bar)
    return;
  bar->began = event->u.blob.began;
  bar->seconds = event->u.blob.seconds;
  bar->size = event->u.blob.size;
  bar->resumed = event->u.blob.resumed;
  snprintf(bar->digest, sizeof bar->digest, "%s", event->u.blob.digest);
  snprintf(bar->from, sizeof bar->from, "%s", event->u.blob.from);
  snprintf(bar->to, sizeof bar->to, "%s", event->u.blob.to);
}

static int by_beginning(const void *one, const void *other) {
  const struct waterfall_bar *a = *(const struct waterfall_bar *const *)one,
                             *b = *(const struct waterfall_bar *const *)other;
  return (a->began > b->began) - (a->began < b->began);
}

static double at(double when, double seconds) {
  return LABEL + (WIDTH - LABEL - RIGHT) * (seconds > 0 ? when / seconds : 0);
}

static void write_bar(FILE *file, const struct waterfall_bar *bar, int y, double seconds) {
  char size[64];
  double left = at(bar->began, seconds), width = at(bar->began + bar->seconds, seconds) - left;
  dray_format_bytes(size, bar->size);
  fprintf(file, "<g><title>%s, ", size);
  escape_html(file, bar->from);
  fputs(" to ", file);
  escape_html(file, bar->to);
  fprintf(file, ", from %.2f s to %.2f s%s</title><text x=\"0\" y=\"%d\">", bar->began,
          bar->began + bar->seconds, bar->resumed ? ", resumed" : "", y + ROW - 4);
  escape_html(file, bar->digest);
  fprintf(file,
          "  %s</text><rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/></g>\n",
          size, bar->resumed ? "resumed" : "sent", left, y + 2, width > 1 ? width : 1, ROW - 4);
}

void waterfall_write(const struct waterfall *waterfall, FILE *file, double seconds) {
  const struct waterfall_bar *order[WATERFALL_BARS];
  int height = TOP + (int)waterfall->count * ROW;
  char count[64];
  if (waterfall->count == 0)
    return;
  for (size_t i = 0; i < waterfall->count; i++) {
    order[i] = &waterfall->bars[i];
    if (order[i]->began + order[i]->seconds > seconds)
      seconds = order[i]->began + order[i]->seconds;
  }
  qsort(order, waterfall->count, sizeof(void *), by_beginning);
  fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">\n", WIDTH,
          height);
  for (int i = 0; i <= LINES; i++) {
    double x = at(seconds * i / LINES, seconds);
    fprintf(file,
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text x=\"%.1f\" y=\"12\" "
            "text-anchor=\"%s\">%.1f s</text>\n",
            x, x, TOP - 4, height, x, i == LINES ? "end" : "middle", seconds * i / LINES);
  }
  for (size_t i = 0; i < waterfall->count; i++)
    write_bar(file, order[i], TOP + (int)i * ROW, seconds);
  fputs("</svg>\n", file);
  if (waterfall->left_out)
    fprintf(file, "<p>%s not shown: they are smaller than these.</p>\n",
            format_count(count, waterfall->left_out, "more blob"));
}
