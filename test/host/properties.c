/*
 * The parameters of an instance, looked up as Fluent Bit does: in any case, the first of two wins, and its own keys are not shown.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host.h"

/* Keys that Fluent Bit takes for itself and never shows to a plugin. */
static bool reserved(const char *key)
{
    static const char *const words[] = {"match", "match_regex", "alias", "log_level", "log_suppress_interval", "host", "port", "ipv6",
                                        "retry_limit", "workers", "storage.total_limit_size", "name", "routes", "processors"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(key, words[i]) == 0) {
            return true;
        }
    }
    return strncasecmp(key, "tls", 3) == 0 || strncasecmp(key, "net.", 4) == 0 || strncasecmp(key, "oauth2", 6) == 0;
}

const char *properties_get(const struct property *p, const char *key)
{
    if (reserved(key)) {
        return NULL;
    }
    for (; p != NULL; p = p->next) {
        if (strcasecmp(p->key, key) == 0) {
            return p->value;
        }
    }
    return NULL;
}

/* Reads words of the form key=value. Answers the first that is none. */
const char *properties_read(struct property **list, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        char *equal = strchr(words[i], '=');
        if (equal == NULL) {
            return words[i];
        }
        struct property *p = must(calloc(1, sizeof(*p)));
        p->key = must(strndup(words[i], (size_t)(equal - words[i])));
        p->value = must(strdup(equal + 1));
        *list = p;
        list = &p->next;
    }
    return NULL;
}

void properties_free(struct property *p)
{
    while (p != NULL) {
        struct property *next = p->next;
        free(p->key);
        free(p->value);
        free(p);
        p = next;
    }
}
