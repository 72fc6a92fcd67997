/*
 * The binary interface between Fluent Bit and an output plugin written in Go, as Fluent Bit 3.2 has it. Later versions only append members.
 */
#ifndef ABI_H
#define ABI_H

#include <stddef.h>

/* What a flush answers. */
enum { FLUSH_ERROR = 0, FLUSH_OK = 1, FLUSH_RETRY = 2 };

/* The kinds that a plugin gives itself in FLBPluginRegister. */
enum { KIND_OUTPUT = 2, PROXY_GO = 11 };

/* Filled in by FLBPluginRegister. 32 bytes: event_type, which later versions have behind it, does not exist here. */
struct plugin_definition {
    int type;
    int proxy;
    int flags;
    char *name;
    char *description;
};
_Static_assert(sizeof(struct plugin_definition) == 32, "Fluent Bit 3.2 reserves 32 bytes");

struct instance;

/* The functions that the host lends to a plugin. A Go output plugin uses only the first. */
struct host_api {
    const char *(*output_get_property)(const char *key, struct instance *instance);
    const char *(*input_get_property)(const char *key, void *instance);
    void *(*output_get_cmt_instance)(struct instance *instance);
    void *(*input_get_cmt_instance)(void *instance);
    void (*log_print)(int type, const char *file, int line, const char *format, ...);
    int (*input_log_check)(void *instance, int level);
    int (*output_log_check)(struct instance *instance, int level);
    const char *(*custom_get_property)(const char *key, void *instance);
    int (*custom_log_check)(void *instance, int level);
};

/* Where Init leaves what every later call about the instance receives. */
struct remote_context {
    void *remote;
    void *proxy;
};

/* What FLBPluginInit receives. One object serves all instances of a plugin: instance and context change with each Init. */
struct init_view {
    char *name;
    struct host_api *api;
    struct instance *instance;
    struct remote_context *context;
    int (*init)(struct init_view *);
    int (*flush)(const void *, size_t, const char *);
    int (*flush_ctx)(void *, const void *, size_t, char *);
    int (*exit)(void);
    int (*exit_ctx)(void *);
};

#endif
