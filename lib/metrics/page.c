/* The writer of OpenMetrics text. See page.h.
 *
 * A counter's family is named without _total, an info's without _info, while their samples carry it [OpenMetrics 1.0, "Counter", "Info"]; rows of
 * metrics.def give the name as it is searched for, the sample's, so the family's is cut from it here.
 * Cost: some 50 us a page of two hundred samples. The caller's thread. Invariant: what is written ends at the end of a line.
 */
#include "lib/metrics/page.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/memory.h"

static const double WHOLE_MAX = 9007199254740992.0; /* 2^53: up to there every whole number is one */

enum { FIRST_ROOM = 16 * 1024, LINE_MAX_BYTES = 4096 };

void page_fini(struct page *page)
{
    free(page->text);
    *page = (struct page){0};
}

/* A line under way: what does not fit is cut, and such a line is left out. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t size;
};

static PRINTF_LIKE(2, 3) void line_add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->size, sizeof line->text - line->size, format, args);
    va_end(args);
    line->size += n > 0 ? (size_t)n : 0;
    line->size = line->size < sizeof line->text ? line->size : sizeof line->text;
}

static void line_text(struct line *line, const char *text)
{
    size_t n = strlen(text);
    n = n < sizeof line->text - line->size ? n : sizeof line->text - line->size;
    memcpy(line->text + line->size, text, n);
    line->size += n;
}

static void line_put(struct line *line, char c)
{
    if (line->size < sizeof line->text) {
        line->text[line->size++] = c;
    }
}

/* The value of a label, or a help: backslash, line feed and quotation mark escaped. A control character would end the page for its reader. */
static void line_add_escaped(struct line *line, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"' || *c == '\n') {
            line_put(line, '\\');
        }
        line_put(line, *c == '\n' ? 'n' : (unsigned char)*c < ' ' ? ' ' : *c);
    }
}

/* Nearly every value is a count, and formatting a double takes twenty times as long as this. */
static void line_number(struct line *line, double value)
{
    char digits[24], *at = digits + sizeof digits - 1;
    if (!(value >= 0 && value <= WHOLE_MAX && value == (double)(uint64_t)value)) { /* NaN too */
        line_add(line, isnan(value) ? "NaN" : isinf(value) ? (value > 0 ? "+Inf" : "-Inf") : "%.17g", value);
        return;
    }
    uint64_t n = (uint64_t)value;
    *at = '\0';
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    line_text(line, at);
}

static void page_line(struct page *page, const struct line *line)
{
    if (page->is_cut || line->size >= sizeof line->text || page->size + line->size + 1 > PAGE_MAX_BYTES) {
        page->is_cut = true;
        return;
    }
    if (page->size + line->size + 1 > page->room) {
        page->room = page->room == 0 ? FIRST_ROOM : 2 * page->room;
        page->text = memory_resize(page->text, page->room);
    }
    memcpy(page->text + page->size, line->text, line->size);
    page->size += line->size;
    page->text[page->size++] = '\n';
}

static bool ends_with(const char *name, size_t size, const char *ending)
{
    size_t n = strlen(ending);
    return size > n && memcmp(name + size - n, ending, n) == 0;
}

void page_family(struct page *page, enum metric_type type, const char *name, const char *unit, const char *help)
{
    static const struct {
        const char *name, *ending;
    } types[] = {[METRIC_COUNTER] = {"counter", "_total"},
                 [METRIC_GAUGE] = {"gauge", ""},
                 [METRIC_INFO] = {"info", "_info"},
                 [METRIC_HISTOGRAM] = {"histogram", ""}};
    struct line line = {.size = 0};
    size_t size = strlen(name);
    assert(ends_with(name, size, types[type].ending) || types[type].ending[0] == '\0');
    page->type = type;
    page->name = name;
    page->family_size = size - strlen(types[type].ending);
    assert(unit[0] == '\0' || (ends_with(name, page->family_size, unit) && name[page->family_size - strlen(unit) - 1] == '_'));
    line_add(&line, "# TYPE %.*s %s", (int)page->family_size, name, types[type].name);
    page_line(page, &line);
    if (unit[0] != '\0') {
        line.size = 0;
        line_add(&line, "# UNIT %.*s %s", (int)page->family_size, name, unit);
        page_line(page, &line);
    }
    line.size = 0;
    line_add(&line, "# HELP %.*s ", (int)page->family_size, name);
    line_add_escaped(&line, help);
    page_line(page, &line);
}

/* NAME_ENDING{labels,le="..."} */
static void line_begin(struct line *line, const struct page *page, const char *ending, const struct page_label *labels, size_t n, const char *le)
{
    assert(n <= PAGE_LABELS_MAX);
    line->size = 0;
    line_text(line, page->name);
    line_text(line, ending);
    for (size_t i = 0; i < n; i++) {
        line_put(line, i == 0 ? '{' : ',');
        line_text(line, labels[i].name);
        line_text(line, "=\"");
        line_add_escaped(line, labels[i].value);
        line_put(line, '"');
    }
    if (le != NULL) {
        line_text(line, n == 0 ? "{le=\"" : ",le=\"");
        line_text(line, le);
        line_put(line, '"');
    }
    line_text(line, n > 0 || le != NULL ? "} " : " ");
}

void page_sample(struct page *page, const struct page_label *labels, size_t n_labels, double value)
{
    struct line line;
    assert(page->type != METRIC_HISTOGRAM);
    line_begin(&line, page, "", labels, n_labels, NULL);
    line_number(&line, value);
    page_line(page, &line);
}

void page_histogram(struct page *page, const struct page_label *labels, size_t n_labels, const struct histogram *histogram)
{
    struct line line;
    uint64_t n = 0;
    assert(page->type == METRIC_HISTOGRAM);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        char le[32] = "+Inf";
        if (i < HISTOGRAM_BOUNDS) {
            (void)snprintf(le, sizeof le, "%.9g", (double)histogram_bound_ns(i) / 1e9);
        }
        n += histogram->counts[i];
        line_begin(&line, page, "_bucket", labels, n_labels, le);
        line_number(&line, (double)n);
        page_line(page, &line);
    }
    line_begin(&line, page, "_count", labels, n_labels, NULL);
    line_number(&line, (double)n);
    page_line(page, &line);
    line_begin(&line, page, "_sum", labels, n_labels, NULL);
    line_number(&line, (double)histogram->sum_ns / 1e9);
    page_line(page, &line);
}

void page_end(struct page *page)
{
    struct line line = {.size = 0};
    line_add(&line, "# EOF");
    page_line(page, &line);
}
