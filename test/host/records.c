/*
 * Text logs to chunks. A plain log makes a record {"log": LINE} of every line. A container log has three kinds of lines:
 *
 *   # a comment; empty lines are skipped too
 *   @NAME id=HEX key=value …          a container: its id, and labels that its records carry
 *   SECONDS NAME STREAM TEXT          a line that the container wrote, so long after the start; TEXT is the rest of the line
 *
 * and makes the records of Docker's fluentd log driver: container_id, container_name (with a slash), source, log, labels.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { MAX_LABELS = 16 };

struct container {
    const char *name, *id;
    size_t name_size, id_size;
    struct {
        const char *key, *value;
        size_t key_size, value_size;
    } labels[MAX_LABELS];
    int label_count;
    struct container *next;
};

struct span {
    const char *start;
    size_t size;
};

static void put_byte(struct bytes *b, unsigned value)
{
    unsigned char c = (unsigned char)value;
    bytes_append(b, &c, 1);
}

static void put_big_endian(struct bytes *b, uint32_t value, int size)
{
    while (size-- > 0) {
        put_byte(b, value >> (8 * size) & 0xff);
    }
}

static void put_string(struct bytes *b, const char *text, size_t size)
{
    if (size < 32) {
        put_byte(b, 0xa0 | (unsigned)size);
    } else if (size < 1 << 8) {
        put_byte(b, 0xd9);
        put_big_endian(b, (uint32_t)size, 1);
    } else if (size < 1 << 16) {
        put_byte(b, 0xda);
        put_big_endian(b, (uint32_t)size, 2);
    } else {
        put_byte(b, 0xdb);
        put_big_endian(b, (uint32_t)size, 4);
    }
    bytes_append(b, text, size);
}

static void put_pair(struct bytes *b, const char *key, struct span value)
{
    put_string(b, key, strlen(key));
    put_string(b, value.start, value.size);
}

/* The beginning of an event: [[EventTime, {}], {so many members}]. */
static void put_event(struct bytes *b, double seconds, unsigned members)
{
    uint32_t whole = (uint32_t)seconds;

    put_byte(b, 0x92);
    put_byte(b, 0x92);
    put_byte(b, 0xd7);
    put_byte(b, 0x00);
    put_big_endian(b, whole, 4);
    put_big_endian(b, (uint32_t)((seconds - whole) * 1e6) * 1000, 4);
    put_byte(b, 0x80);
    put_byte(b, 0xde);
    put_big_endian(b, members, 2);
}

/* Cuts the next word off a line. */
static struct span word(struct span *line)
{
    struct span w = {.start = line->start};
    while (w.size < line->size && line->start[w.size] != ' ') {
        w.size++;
    }
    size_t used = w.size < line->size ? w.size + 1 : w.size;
    line->start += used;
    line->size -= used;
    return w;
}

static struct container *find_container(struct record_source *s, struct span name)
{
    for (struct container *c = s->containers; c != NULL; c = c->next) {
        if (c->name_size == name.size && memcmp(c->name, name.start, name.size) == 0) {
            return c;
        }
    }
    return NULL;
}

static const char *declare(struct record_source *s, struct span line)
{
    struct span name = word(&line);
    struct container *c = must(calloc(1, sizeof(*c)));
    c->name = name.start;
    c->name_size = name.size;
    c->id = "";
    c->next = s->containers;
    s->containers = c;
    while (line.size > 0) {
        struct span pair = word(&line);
        const char *equal = memchr(pair.start, '=', pair.size);
        if (equal == NULL) {
            return "a container's label is not key=value";
        }
        size_t key_size = (size_t)(equal - pair.start);
        struct span value = {equal + 1, pair.size - key_size - 1};
        if (key_size == 2 && memcmp(pair.start, "id", 2) == 0) {
            c->id = value.start;
            c->id_size = value.size;
            continue;
        }
        if (c->label_count == MAX_LABELS) {
            return "a container has too many labels";
        }
        c->labels[c->label_count].key = pair.start;
        c->labels[c->label_count].key_size = key_size;
        c->labels[c->label_count].value = value.start;
        c->labels[c->label_count].value_size = value.size;
        c->label_count++;
    }
    return NULL;
}

static const char *put_container_line(struct record_source *s, struct span line, struct bytes *chunk)
{
    struct span when = word(&line), name = word(&line), stream = word(&line);
    struct container *c = find_container(s, name);
    char number[32], *end;

    if (c == NULL) {
        return "a line of a container that was not declared";
    }
    snprintf(number, sizeof(number), "%.*s", (int)when.size, when.start);
    double seconds = strtod(number, &end);
    if (end == number || *end != '\0') {
        return "a line does not begin with seconds";
    }
    put_event(chunk, s->base + seconds, 4 + (unsigned)c->label_count);
    put_pair(chunk, "container_id", (struct span){c->id, c->id_size});
    put_string(chunk, "container_name", 14);
    char slashed[256];
    int slashed_size = snprintf(slashed, sizeof(slashed), "/%.*s", (int)c->name_size, c->name);
    put_string(chunk, slashed, (size_t)slashed_size < sizeof(slashed) ? (size_t)slashed_size : sizeof(slashed) - 1);
    put_pair(chunk, "source", stream);
    put_pair(chunk, "log", line);
    for (int i = 0; i < c->label_count; i++) {
        put_string(chunk, c->labels[i].key, c->labels[i].key_size);
        put_string(chunk, c->labels[i].value, c->labels[i].value_size);
    }
    return NULL;
}

bool records_open(struct record_source *s, const char *path, bool plain, double base)
{
    *s = (struct record_source){.plain = plain, .base = base};
    return bytes_read_file(&s->text, path);
}

long records_next(struct record_source *s, struct bytes *chunk, long limit, const char **why)
{
    long made = 0;

    while (made < limit && s->offset < s->text.size) {
        struct span line = {(const char *)s->text.data + s->offset, 0};
        size_t left = s->text.size - s->offset;
        const char *end = memchr(line.start, '\n', left);
        line.size = end == NULL ? left : (size_t)(end - line.start);
        s->offset += line.size + (end != NULL);
        s->line++;

        *why = NULL;
        if (s->plain) {
            put_event(chunk, s->base + (double)s->made / 1000, 1);
            put_pair(chunk, "log", line);
        } else if (line.size == 0 || line.start[0] == '#') {
            continue;
        } else if (line.start[0] == '@') {
            line.start++;
            line.size--;
            *why = declare(s, line);
            if (*why == NULL) {
                continue;
            }
        } else {
            *why = put_container_line(s, line, chunk);
        }
        if (*why != NULL) {
            return -1;
        }
        made++;
        s->made++;
    }
    return made;
}

void records_close(struct record_source *s)
{
    while (s->containers != NULL) {
        struct container *next = s->containers->next;
        free(s->containers);
        s->containers = next;
    }
    bytes_free(&s->text);
}
