/*
 * Buffers lent to a plugin for the length of one call. The bytes end where an unreadable page begins, so that a read past the end faults;
 * they cannot be written; and when given back they become unreadable, so that a pointer that was kept faults too. The addresses of the
 * last buffers stay reserved for a while: a stale pointer must not meet a newer buffer.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

enum { QUARANTINE = 64 };

static struct guarded quarantine[QUARANTINE];
static unsigned quarantine_next;
static pthread_mutex_t quarantine_lock = PTHREAD_MUTEX_INITIALIZER;

void *must(void *allocated)
{
    if (allocated == NULL || allocated == MAP_FAILED) {
        perror("plugin-host: memory");
        exit(70);
    }
    return allocated;
}

void bytes_append(struct bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = (b->size + size) * 2;
        b->data = must(realloc(b->data, b->capacity));
    }
    if (size > 0) {
        memcpy(b->data + b->size, data, size);
    }
    b->size += size;
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

bool bytes_read_file(struct bytes *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    char part[65536];
    size_t n;

    if (f == NULL) {
        return false;
    }
    while ((n = fread(part, 1, sizeof(part), f)) > 0) {
        bytes_append(b, part, n);
    }
    bool read = !ferror(f);
    fclose(f);
    return read;
}

struct guarded guarded_copy(const void *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size + page - 1) / page * page;
    struct guarded g = {.size = size, .mapping_size = room + page};

    g.mapping = must(mmap(NULL, g.mapping_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    g.data = g.mapping + room - size;
    if (size > 0) {
        memcpy(g.data, data, size);
        mprotect(g.mapping, room, PROT_READ);
    }
    mprotect(g.mapping + room, page, PROT_NONE);
    return g;
}

void guarded_give_back(struct guarded *g)
{
    must(mmap(g->mapping, g->mapping_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0));

    pthread_mutex_lock(&quarantine_lock);
    struct guarded oldest = quarantine[quarantine_next];
    quarantine[quarantine_next] = *g;
    quarantine_next = (quarantine_next + 1) % QUARANTINE;
    pthread_mutex_unlock(&quarantine_lock);

    if (oldest.mapping != NULL) {
        munmap(oldest.mapping, oldest.mapping_size);
    }
    *g = (struct guarded){0};
}
