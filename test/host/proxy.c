/*
 * The part of Fluent Bit that stands between its engine and a plugin: the order of calls, what each call receives, and which thread and
 * stack it runs on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { MAX_INSTANCES = 32, NAME_SIZE = 64, CANARY_SIZE = 96, CANARY = 0xA5 };

/* One [OUTPUT] section. next_properties are those of the configuration that the next Init reads. */
struct instance {
    char name[NAME_SIZE];
    struct property *properties, *next_properties;
    struct remote_context context;
    bool running;
};

/* One registration: what the plugin may fill in, and bytes behind it that it must leave alone. */
struct registration {
    struct plugin_definition definition;
    unsigned char canary[CANARY_SIZE];
};

static struct {
    char *path;
    void *object;
    int (*pre_register)(int);
    int (*register_)(struct plugin_definition *);
    int (*unregister)(struct plugin_definition *);
    int (*pre_run)(int);
    int (*pre_exit)(int);
    struct registration *registration;
    struct init_view view;
    struct host_api api;
    char name[256], description[256];
    struct instance instances[MAX_INSTANCES];
    int count;
} proxy;

static struct totals totals;
static char reason[512];

static const char *fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    return reason;
}

static const char *get_property(const char *key, struct instance *instance)
{
    if (instance == NULL) {
        __atomic_add_fetch(&totals.late_reads, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    return properties_get(instance->properties, key);
}

static struct instance *find(const char *name)
{
    for (int i = 0; i < proxy.count; i++) {
        if (strcmp(proxy.instances[i].name, name) == 0) {
            return &proxy.instances[i];
        }
    }
    return NULL;
}

static void *symbol(const char *name)
{
    return dlsym(proxy.object, name);
}

/* ISO C has no conversion from an object pointer to a function pointer; POSIX promises that copying the bytes works. */
#define RESOLVE(target, name)                        \
    do {                                             \
        void *found = symbol(name);                  \
        memcpy(&(target), &found, sizeof(found));    \
    } while (0)

const char *proxy_load(const char *path)
{
    if (proxy.object != NULL) {
        return fail("a plugin is loaded already");
    }
    proxy.object = dlopen(path, RTLD_LAZY);
    if (proxy.object == NULL) {
        return fail("%s", dlerror());
    }
    RESOLVE(proxy.pre_register, "FLBPluginPreRegister");
    RESOLVE(proxy.register_, "FLBPluginRegister");
    RESOLVE(proxy.unregister, "FLBPluginUnregister");
    RESOLVE(proxy.pre_run, "FLBPluginOutputPreRun");
    RESOLVE(proxy.pre_exit, "FLBPluginOutputPreExit");
    RESOLVE(proxy.view.init, "FLBPluginInit");
    RESOLVE(proxy.view.flush, "FLBPluginFlush");
    RESOLVE(proxy.view.flush_ctx, "FLBPluginFlushCtx");
    RESOLVE(proxy.view.exit, "FLBPluginExit");
    RESOLVE(proxy.view.exit_ctx, "FLBPluginExitCtx");
    proxy.api.output_get_property = get_property;
    proxy.view.api = &proxy.api;
    if (proxy.register_ == NULL || proxy.view.init == NULL || (proxy.view.flush == NULL && proxy.view.flush_ctx == NULL)) {
        return fail("FLBPluginRegister, FLBPluginInit or a flush function is missing");
    }
    proxy.path = must(strdup(path));
    return NULL;
}

static bool overrun(const struct registration *r)
{
    for (size_t i = 0; i < CANARY_SIZE; i++) {
        if (r->canary[i] != CANARY) {
            return true;
        }
    }
    return false;
}

static const char *register_new(int hot, struct registration **made)
{
    if (proxy.pre_register != NULL && proxy.pre_register(hot) == -1) {
        return fail("FLBPluginPreRegister answered -1");
    }
    struct registration *r = must(calloc(1, sizeof(*r)));
    r->definition.type = KIND_OUTPUT;
    memset(r->canary, CANARY, CANARY_SIZE);
    if (proxy.register_(&r->definition) == -1) {
        free(r);
        return fail("FLBPluginRegister answered -1");
    }
    if (overrun(r)) {
        totals.overruns++;
        return fail("FLBPluginRegister wrote past the 32 bytes of the definition");
    }
    if (r->definition.type != KIND_OUTPUT || r->definition.proxy != PROXY_GO || r->definition.name == NULL) {
        return fail("registered as type %d, proxy %d, name %s", r->definition.type, r->definition.proxy,
                    r->definition.name == NULL ? "(none)" : r->definition.name);
    }
    snprintf(proxy.name, sizeof(proxy.name), "%s", r->definition.name);
    snprintf(proxy.description, sizeof(proxy.description), "%s",
             r->definition.description == NULL ? "" : r->definition.description);
    *made = r;
    return NULL;
}

static void unregister(struct registration *r)
{
    if (proxy.unregister != NULL) {
        proxy.unregister(&r->definition);
    }
    totals.overruns += overrun(r);
    free(r);
}

const char *proxy_register(int hot)
{
    if (proxy.object == NULL) {
        return fail("no plugin is loaded");
    }
    if (proxy.registration != NULL) {
        return fail("registered already");
    }
    return register_new(hot, &proxy.registration);
}

const char *proxy_name(void) { return proxy.name; }
const char *proxy_description(void) { return proxy.description; }

/* Sets what the next Init of the instance will read, making the instance when there is none of the name. */
const char *proxy_set(const char *name, char **properties, int count)
{
    struct instance *instance = find(name);
    if (instance == NULL) {
        if (proxy.count == MAX_INSTANCES || strlen(name) >= NAME_SIZE) {
            return fail("too many instances, or too long a name");
        }
        instance = &proxy.instances[proxy.count++];
        *instance = (struct instance){0};
        strcpy(instance->name, name);
    }
    properties_free(instance->next_properties);
    instance->next_properties = NULL;
    const char *bad = properties_read(&instance->next_properties, properties, count);
    return bad == NULL ? NULL : fail("want key=value, not %s", bad);
}

/* The configuration in force becomes the one set last; without a new one it is read again. */
static void take_configuration(struct instance *instance)
{
    if (instance->next_properties != NULL) {
        properties_free(instance->properties);
        instance->properties = instance->next_properties;
        instance->next_properties = NULL;
    }
    instance->context = (struct remote_context){0};
}

struct init_call {
    struct instance *instance;
    int answer;
};

static void init_work(void *argument)
{
    struct init_call *call = argument;
    proxy.view.name = proxy.name;
    proxy.view.instance = call->instance;
    proxy.view.context = &call->instance->context;
    call->answer = proxy.view.init(&proxy.view);
    /* The next instance would be seen through a kept pointer; a look-up from now on is counted as a fault of the plugin. */
    proxy.view.instance = NULL;
    if (call->answer > 0 && proxy.pre_run != NULL) {
        proxy.pre_run(1);
    }
}

const char *proxy_init(const char *name)
{
    if (find(name) == NULL) {
        const char *why = proxy_set(name, NULL, 0);
        if (why != NULL) {
            return why;
        }
    }
    struct instance *instance = find(name);
    if (proxy.registration == NULL || instance->running) {
        return fail("not registered, or running already");
    }
    take_configuration(instance);
    struct init_call call = {.instance = instance};
    pipeline_run(init_work, &call);
    if (call.answer <= 0) {
        return fail("FLBPluginInit answered %d", call.answer);
    }
    instance->running = true;
    totals.instances++;
    return NULL;
}

struct one_flush {
    void *remote;
    const struct guarded *chunk;
    char *tag;
    int answer;
};

static void flush_work(void *argument)
{
    struct one_flush *f = argument;
    f->answer = proxy.view.flush_ctx != NULL ? proxy.view.flush_ctx(f->remote, f->chunk->data, f->chunk->size, f->tag)
                                             : proxy.view.flush(f->chunk->data, f->chunk->size, f->tag);
}

struct flush_call {
    struct instance *instance;
    const char *tag;
    const struct bytes *chunk;
    const struct flush_options *options;
    struct flush_result result;
};

/* One delivery, with the retries that Fluent Bit makes: the whole chunk again, in fresh memory. */
static void deliver(struct flush_call *call)
{
    for (int attempt = 0;; attempt++) {
        struct guarded chunk = guarded_copy(call->chunk->data, call->chunk->size);
        char *tag = must(strdup(call->tag));
        struct one_flush f = {.remote = call->instance->context.remote, .chunk = &chunk, .tag = tag};
        long start = now_ms();

        on_small_stack(flush_work, &f);

        long took = now_ms() - start;
        memset(tag, '?', strlen(tag));
        free(tag);
        guarded_give_back(&chunk);
        __atomic_add_fetch(&totals.flushes, 1, __ATOMIC_RELAXED);
        call->result.attempts++;
        if (took > call->result.slowest_ms) {
            call->result.slowest_ms = took;
        }
        if (f.answer == FLUSH_RETRY && attempt < call->options->retries) {
            wait_ms(call->options->delay_ms);
            continue;
        }
        switch (f.answer) {
        case FLUSH_OK: call->result.ok++; break;
        case FLUSH_RETRY: call->result.retry++; break;
        case FLUSH_ERROR: call->result.error++; break;
        default: call->result.other++;
        }
        return;
    }
}

static void deliver_all(void *argument)
{
    struct flush_call *call = argument;
    for (int i = 0; i < call->options->times; i++) {
        deliver(call);
    }
}

static void *deliver_thread(void *argument)
{
    deliver_all(argument);
    return NULL;
}

const char *proxy_flush(const char *name, const char *tag, const struct bytes *chunk, const struct flush_options *options,
                        struct flush_result *result)
{
    struct instance *instance = find(name);
    if (instance == NULL || !instance->running) {
        return fail("no running instance of that name");
    }
    struct flush_call call = {.instance = instance, .tag = tag, .chunk = chunk, .options = options};
    if (options->threads == 0) {
        pipeline_run(deliver_all, &call);
        *result = call.result;
        return NULL;
    }
    struct flush_call *calls = must(calloc((size_t)options->threads, sizeof(*calls)));
    pthread_t *threads = must(calloc((size_t)options->threads, sizeof(*threads)));
    int started = 0;
    for (; started < options->threads; started++) {
        calls[started] = call;
        if (pthread_create(&threads[started], NULL, deliver_thread, &calls[started]) != 0) {
            break;
        }
    }
    *result = (struct flush_result){0};
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        result->ok += calls[i].result.ok;
        result->retry += calls[i].result.retry;
        result->error += calls[i].result.error;
        result->other += calls[i].result.other;
        result->attempts += calls[i].result.attempts;
        if (calls[i].result.slowest_ms > result->slowest_ms) {
            result->slowest_ms = calls[i].result.slowest_ms;
        }
    }
    free(calls);
    free(threads);
    return started == options->threads ? NULL : fail("only %d threads could be started", started);
}

struct exit_call {
    int hot;
    long slowest_ms;
};

static void call_exit(void *remote, int hot)
{
    if (proxy.pre_exit != NULL) {
        proxy.pre_exit(hot);
    }
    if (proxy.view.exit_ctx != NULL) {
        proxy.view.exit_ctx(remote);
    } else if (proxy.view.exit != NULL) {
        proxy.view.exit();
    }
}

static void exit_work(void *argument)
{
    struct exit_call *call = argument;
    for (int i = 0; i < proxy.count; i++) {
        struct instance *instance = &proxy.instances[i];
        if (!instance->running) {
            continue;
        }
        long start = now_ms();
        call_exit(instance->context.remote, call->hot);
        long took = now_ms() - start;
        if (took > call->slowest_ms) {
            call->slowest_ms = took;
        }
        instance->running = false;
        totals.instances--;
    }
}

/* The order of a hot reload: the new registration comes before the last flushes and the end of the old instances. */
const char *proxy_reload(const char *tag, const struct bytes *last_chunk, long *exit_ms)
{
    if (proxy.registration == NULL) {
        return fail("not registered");
    }
    void *again = dlopen(proxy.path, RTLD_LAZY);
    if (again == NULL) {
        return fail("%s", dlerror());
    }
    struct registration *fresh;
    const char *why = register_new(1, &fresh);
    if (why != NULL) {
        return why;
    }
    bool was_running[MAX_INSTANCES];
    for (int i = 0; i < proxy.count; i++) {
        was_running[i] = proxy.instances[i].running;
        if (was_running[i] && last_chunk != NULL) {
            struct flush_options once = {.times = 1};
            struct flush_result ignored;
            proxy_flush(proxy.instances[i].name, tag, last_chunk, &once, &ignored);
        }
    }
    struct exit_call call = {.hot = 1};
    pipeline_run(exit_work, &call);
    *exit_ms = call.slowest_ms;
    pipeline_stop();
    unregister(proxy.registration);
    dlclose(again);
    proxy.registration = fresh;

    pipeline_start();
    const char *first = NULL;
    static char kept[sizeof(reason)];
    for (int i = 0; i < proxy.count; i++) {
        if (was_running[i] || proxy.instances[i].next_properties != NULL) {
            why = proxy_init(proxy.instances[i].name);
            if (why != NULL && first == NULL) {
                snprintf(kept, sizeof(kept), "%s: %s", proxy.instances[i].name, why);
                first = kept;
            }
        }
    }
    return first;
}

const char *proxy_exit(long *exit_ms)
{
    struct exit_call call = {0};
    pipeline_run(exit_work, &call);
    *exit_ms = call.slowest_ms;
    pipeline_stop();
    if (proxy.registration != NULL) {
        unregister(proxy.registration);
        proxy.registration = NULL;
    }
    for (int i = 0; i < proxy.count; i++) {
        properties_free(proxy.instances[i].properties);
        properties_free(proxy.instances[i].next_properties);
    }
    proxy.count = 0;
    return NULL;
}

/* What `fluent-bit --dry-run` does: the end of an instance that never began. */
const char *proxy_dry_run(void)
{
    if (proxy.object == NULL) {
        return fail("no plugin is loaded");
    }
    struct registration *r;
    const char *why = register_new(0, &r);
    if (why != NULL) {
        return why;
    }
    call_exit(NULL, 0);
    unregister(r);
    return NULL;
}

struct totals proxy_totals(void) { return totals; }
