/*
 * A host for Fluent Bit output plugins written in Go. It does to a plugin what Fluent Bit does, so that the real shared object is tested
 * where Fluent Bit is not installed, and it is stricter: memory that the plugin must not touch any more cannot be read or written.
 *
 *   proxy.c       loads a plugin, registers it, initialises instances, flushes, reloads
 *   properties.c  the parameters of an instance
 *   memory.c      buffers that fault when they are read past their end, written to, or used after they were given back
 *   threads.c     the pipeline thread, and calls on a coroutine's small stack
 *   records.c     text logs to chunks
 *   host.c        the commands
 *   flags.c       the command line
 */
#ifndef HOST_H
#define HOST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi.h"

/* A growing byte buffer. */
struct bytes {
    unsigned char *data;
    size_t size;
    size_t capacity;
};

void bytes_append(struct bytes *b, const void *data, size_t size);
void bytes_free(struct bytes *b);
bool bytes_read_file(struct bytes *b, const char *path);
void *must(void *allocated);

/* memory.c: a copy that the receiver may read until it is given back. */
struct guarded {
    unsigned char *data;
    size_t size;
    unsigned char *mapping;
    size_t mapping_size;
};

struct guarded guarded_copy(const void *data, size_t size);
void guarded_give_back(struct guarded *g);

/* threads.c */
void pipeline_start(void);
void pipeline_stop(void);
void pipeline_run(void (*work)(void *), void *argument);
void on_small_stack(void (*work)(void *), void *argument);

/* properties.c */
struct property {
    char *key, *value;
    struct property *next;
};

const char *properties_get(const struct property *p, const char *key);
const char *properties_read(struct property **list, char **words, int count);
void properties_free(struct property *p);

/* host.c and flags.c: both answer the exit code. */
int run_commands(FILE *input, bool script);
int run_flags(int argc, char **argv);

/* proxy.c: every function returns NULL, or the reason why it failed. */
struct flush_options {
    int threads;  /* 0: on the pipeline thread; else so many at once */
    int times;    /* deliveries of the chunk by each thread */
    int retries;  /* deliveries again after FLB_RETRY */
    int delay_ms; /* before such a delivery */
};

struct flush_result {
    long ok, retry, error, other; /* final answers */
    long attempts;
    long slowest_ms;
};

struct totals {
    long instances, flushes, late_reads, overruns;
};

const char *proxy_load(const char *path);
const char *proxy_register(int hot);
const char *proxy_name(void);
const char *proxy_description(void);
const char *proxy_set(const char *name, char **properties, int count);
const char *proxy_init(const char *name);
const char *proxy_flush(const char *name, const char *tag, const struct bytes *chunk, const struct flush_options *options,
                        struct flush_result *result);
const char *proxy_reload(const char *tag, const struct bytes *last_chunk, long *exit_ms);
const char *proxy_exit(long *exit_ms);
const char *proxy_dry_run(void);
struct totals proxy_totals(void);

/* records.c: appends records made from a text log, at most `limit` of them from line `skip` on; answers how many, or -1 with *why. */
struct record_source {
    struct bytes text;
    bool plain; /* every line is a record of its own */
    double base;
    size_t offset;
    long line;
    long made;
    struct container *containers;
};

bool records_open(struct record_source *s, const char *path, bool plain, double base);
long records_next(struct record_source *s, struct bytes *chunk, long limit, const char **why);
void records_close(struct record_source *s);

long now_ms(void);
void wait_ms(long ms);

#endif
