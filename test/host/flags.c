/*
 * The command line. Flags are turned into commands, so that there is one way of doing things.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { MAX_FLAGS = 200 };

static int usage(void)
{
    fprintf(stderr, "usage: plugin-host                       commands from standard input; see host.c\n"
                    "       plugin-host --script FILE         commands from a file; ends with 1 at the first that fails\n"
                    "       plugin-host --plugin FILE [--dry-run] [-p key=value]… [--tag TAG] [--reload N] [--threads N]\n"
                    "                   [--pace-ms N] [--lines N] [--log FILE | --text FILE | --chunk FILE]…\n");
    return 64;
}

/* Appends a word, quoted for split. */
static void script_word(FILE *script, const char *word)
{
    fputs(" \"", script);
    for (; *word != '\0'; word++) {
        if (*word == '\n') {
            fputs("\\n", script);
        } else {
            if (*word == '"' || *word == '\\') {
                fputc('\\', script);
            }
            fputc(*word, script);
        }
    }
    fputc('"', script);
}

int run_flags(int argc, char **argv)
{
    const char *plugin = NULL, *tag = "docker", *inputs[MAX_FLAGS], *kinds[MAX_FLAGS], *parameters[MAX_FLAGS];
    int input_count = 0, parameter_count = 0, threads = 0, reloads = 0, pace = 0, lines = 10000;
    bool dry_run = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dry-run") == 0) {
            dry_run = true;
            continue;
        }
        if (i + 1 == argc || input_count == MAX_FLAGS || parameter_count == MAX_FLAGS - 2) {
            return usage();
        }
        const char *flag = argv[i], *value = argv[++i];
        if (strcmp(flag, "--plugin") == 0) {
            plugin = value;
        } else if (strcmp(flag, "-p") == 0) {
            parameters[parameter_count++] = value;
        } else if (strcmp(flag, "--tag") == 0) {
            tag = value;
        } else if (strcmp(flag, "--threads") == 0) {
            threads = atoi(value);
        } else if (strcmp(flag, "--reload") == 0) {
            reloads = atoi(value);
        } else if (strcmp(flag, "--pace-ms") == 0) {
            pace = atoi(value);
        } else if (strcmp(flag, "--lines") == 0) {
            lines = atoi(value);
        } else if (strcmp(flag, "--log") == 0 || strcmp(flag, "--text") == 0 || strcmp(flag, "--chunk") == 0) {
            kinds[input_count] = strcmp(flag, "--chunk") == 0 ? "flush" : flag + 2;
            inputs[input_count++] = value;
        } else {
            return usage();
        }
    }
    if (plugin == NULL) {
        return usage();
    }
    FILE *script = must(tmpfile());
    fputs("load", script);
    script_word(script, plugin);
    if (dry_run) {
        fputs("\ndry-run\n", script);
    } else {
        fputs("\nregister\ninit main", script);
        for (int i = 0; i < parameter_count; i++) {
            script_word(script, parameters[i]);
        }
        fputc('\n', script);
        for (int round = 0; round <= reloads; round++) {
            fputs(round > 0 ? "reload\n" : "", script);
            for (int i = 0; i < input_count; i++) {
                fprintf(script, "%s main", kinds[i]);
                script_word(script, tag);
                script_word(script, inputs[i]);
                fprintf(script, " threads=%d lines=%d pace-ms=%d retries=1\n", threads, lines, pace);
            }
        }
        fputs("stat\nquit\n", script);
    }
    rewind(script);
    int status = run_commands(script, true);
    fclose(script);
    return status;
}
