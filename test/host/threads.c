/*
 * Fluent Bit calls Init, Flush and ExitCtx on its pipeline thread, a new one after each hot reload, and Flush in a coroutine whose stack is
 * 24 KiB. Go must find its way on such a stack, so the host flushes in the same way.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "host.h"

enum { COROUTINE_STACK = 24 * 1024 };

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*work)(void *);
    void *argument;
    bool running, stopping;
} pipeline = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *pipeline_main(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pipeline.lock);
    while (!pipeline.stopping) {
        if (pipeline.work == NULL) {
            pthread_cond_wait(&pipeline.changed, &pipeline.lock);
            continue;
        }
        void (*work)(void *) = pipeline.work;
        void *argument = pipeline.argument;
        pthread_mutex_unlock(&pipeline.lock);
        work(argument);
        pthread_mutex_lock(&pipeline.lock);
        pipeline.work = NULL;
        pthread_cond_broadcast(&pipeline.changed);
    }
    pthread_mutex_unlock(&pipeline.lock);
    return NULL;
}

void pipeline_start(void)
{
    if (pipeline.running) {
        return;
    }
    pipeline.stopping = false;
    if (pthread_create(&pipeline.thread, NULL, pipeline_main, NULL) != 0) {
        perror("plugin-host: pipeline thread");
        exit(70);
    }
    pipeline.running = true;
}

void pipeline_stop(void)
{
    if (!pipeline.running) {
        return;
    }
    pthread_mutex_lock(&pipeline.lock);
    pipeline.stopping = true;
    pthread_cond_broadcast(&pipeline.changed);
    pthread_mutex_unlock(&pipeline.lock);
    pthread_join(pipeline.thread, NULL);
    pipeline.running = false;
}

/* Runs work on the pipeline thread and returns when it is done. */
void pipeline_run(void (*work)(void *), void *argument)
{
    pipeline_start();
    pthread_mutex_lock(&pipeline.lock);
    pipeline.work = work;
    pipeline.argument = argument;
    pthread_cond_broadcast(&pipeline.changed);
    while (pipeline.work != NULL) {
        pthread_cond_wait(&pipeline.changed, &pipeline.lock);
    }
    pthread_mutex_unlock(&pipeline.lock);
}

struct coroutine {
    ucontext_t caller, self;
    void (*work)(void *);
    void *argument;
};

static _Thread_local struct coroutine *starting;

static void coroutine_main(void)
{
    struct coroutine *c = starting;
    c->work(c->argument);
}

/* Runs work on a stack of a coroutine's size. The page below it is unreadable: an overflow faults instead of spoiling the heap. */
void on_small_stack(void (*work)(void *), void *argument)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *mapping = must(mmap(NULL, COROUTINE_STACK + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(mapping, page, PROT_NONE);

    struct coroutine c = {.work = work, .argument = argument};
    getcontext(&c.self);
    c.self.uc_stack.ss_sp = mapping + page;
    c.self.uc_stack.ss_size = COROUTINE_STACK;
    c.self.uc_link = &c.caller;
    makecontext(&c.self, coroutine_main, 0);
    starting = &c;
    swapcontext(&c.caller, &c.self);
    munmap(mapping, COROUTINE_STACK + page);
}

long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wait_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}
