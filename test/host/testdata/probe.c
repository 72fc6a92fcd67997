/*
 * A plugin without Go that writes down every call that it receives, to the file that PROBE_OUT names, and misbehaves when asked to, so that
 * the host itself can be tested. Parameters: answer (what flushes answer, a digit for each, the last one repeating), init (what Init
 * answers), sin (keep: read a chunk after its flush; write: change a chunk; beyond: read past its end; late: read a parameter in flush; nil:
 * dereference nothing). PROBE_OVERRUN=1 in the environment makes Register fill in a member that old hosts do not have.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct definition {
    int type, proxy, flags;
    char *name, *description;
    int event_type;
};

struct api {
    const char *(*get)(const char *, void *);
};

struct view {
    char *name;
    struct api *api;
    void *instance;
    struct {
        void *remote;
    } *context;
};

struct self {
    char id[32], answers[32], sin[32];
    int flushes;
    const char *kept;
    struct view *view;
};

static void record(const char *format, ...)
{
    va_list arguments;
    const char *path = getenv("PROBE_OUT");
    FILE *f = path == NULL ? NULL : fopen(path, "a");
    if (f == NULL) {
        return;
    }
    va_start(arguments, format);
    vfprintf(f, format, arguments);
    va_end(arguments);
    fputc('\n', f);
    fclose(f);
}

static void read_parameter(struct view *v, const char *key, char *to, size_t size)
{
    const char *value = v->api->get(key, v->instance);
    snprintf(to, size, "%s", value == NULL ? "" : value);
}

int FLBPluginPreRegister(int hot)
{
    record("pre_register %d", hot);
    return 0;
}

int FLBPluginRegister(struct definition *d)
{
    d->type = 2;
    d->proxy = 11;
    d->name = strdup("probe");
    d->description = strdup("records what it gets");
    const char *overrun = getenv("PROBE_OVERRUN");
    if (overrun != NULL && *overrun == '1') {
        d->event_type = 1;
    }
    record("register");
    return 0;
}

int FLBPluginUnregister(struct definition *d)
{
    record("unregister %s", d->name);
    free(d->name);
    free(d->description);
    return 0;
}

int FLBPluginInit(struct view *v)
{
    char text[256], answer[16];
    struct self *s = calloc(1, sizeof(*s));
    read_parameter(v, "ID", s->id, sizeof(s->id));
    read_parameter(v, "answer", s->answers, sizeof(s->answers));
    read_parameter(v, "sin", s->sin, sizeof(s->sin));
    read_parameter(v, "text", text, sizeof(text));
    read_parameter(v, "init", answer, sizeof(answer));
    char host[16];
    read_parameter(v, "Host", host, sizeof(host));
    s->view = v;
    v->context->remote = s;
    record("init %s text=[%s] host=[%s] main_thread=%d", s->id, text, host, getpid() == (int)syscall(SYS_gettid));
    if (answer[0] != '\0') {
        return atoi(answer);
    }
    return 1;
}

int FLBPluginFlushCtx(void *remote, const char *data, size_t size, char *tag)
{
    struct self *s = remote;
    volatile char seen = 0;

    if (strcmp(s->sin, "keep") == 0 && s->kept != NULL) {
        seen = *s->kept;
    }
    s->kept = data;
    if (strcmp(s->sin, "write") == 0) {
        *(char *)(uintptr_t)data = 0;
    }
    if (strcmp(s->sin, "beyond") == 0) {
        seen = data[size];
    }
    if (strcmp(s->sin, "late") == 0) {
        s->view->api->get("id", s->view->instance);
    }
    if (strcmp(s->sin, "nil") == 0) {
        seen = *(volatile char *)NULL;
    }
    (void)seen;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = sum * 31 + (unsigned char)data[i];
    }
    int n = __atomic_fetch_add(&s->flushes, 1, __ATOMIC_RELAXED);
    int last = (int)strlen(s->answers) - 1;
    int answer = last < 0 ? 1 : s->answers[n < last ? n : last] - '0';
    record("flush %s %s %zu %u -> %d", s->id, tag, size, sum, answer);
    return answer;
}

int FLBPluginOutputPreExit(int hot)
{
    record("pre_exit %d", hot);
    return 0;
}

int FLBPluginExitCtx(void *remote)
{
    struct self *s = remote;
    record("exit %s", s == NULL ? "(null)" : s->id);
    free(s);
    return 1;
}

int FLBPluginExit(void)
{
    record("exit without a context");
    return 1;
}
