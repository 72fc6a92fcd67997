/*
 * The commands of the plugin host, one a line, from standard input, a file (--script) or made from flags. Each answers with one line on
 * standard output: "ok", with key=value words, or "fail" and the reason. The plugin's own log lines go to standard error.
 *
 *   load PATH                          dlopen
 *   register                           PreRegister(0), Register                                       name=
 *   dry-run                            PreRegister, Register, PreExit, ExitCtx(NULL), Unregister
 *   set ID key=value …                 the parameters that the next Init of ID reads
 *   init ID [key=value …]              Init on the pipeline thread
 *   flush ID TAG FILE [option …]       delivers a chunk of msgpack
 *   log ID TAG FILE [option …]         delivers a container log; see records.c                        records=
 *   text ID TAG FILE [option …]        delivers a plain log
 *       options: threads=N times=N     N deliveries from each of N threads (threads=0: the pipeline thread)
 *                retries=N delay-ms=N  deliveries of the whole chunk again after FLB_RETRY
 *                lines=N pace-ms=N     records in a chunk, pause between chunks (log, text)
 *                base=SECONDS          the time of the first line (log, text); now, when absent
 *       answers: ok= retry= error= attempts= slowest_ms=
 *   pack log|text FILE OUT [option …]  writes the chunk to a file instead                             records=
 *   reload [TAG FILE]                  a hot reload, the chunk being the last that the old instances get  exit_ms=
 *   signal HUP|CONT                    as Fluent Bit handles it: SIGSEGV's handler is set again, without SA_ONSTACK
 *   stat                               rss_kb= threads= fds= instances= flushes= late_reads= overruns=
 *   exit                               PreExit(0), ExitCtx, Unregister                                exit_ms=
 *   wait-file PATH MS                  until the file is there
 *   sleep-ms N
 *   quit                               exit, and the end of the process; so does the end of the input
 *
 * A word may hold "quoted parts" with \n \t \" \\ in them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum { MAX_WORDS = 256 };

struct options {
    struct flush_options flush;
    long lines, pace_ms;
    double base;
};

static bool finished;

static void set_signal_handlers(void);

static void on_signal(int number)
{
    set_signal_handlers();
    if (number == SIGSEGV || number == SIGFPE) {
        static const char text[] = "plugin-host: caught a fatal signal in the host's own handler\n";
        if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
            _exit(134);
        }
        abort();
    }
}

static void set_signal_handlers(void)
{
    static const int numbers[] = {SIGHUP, SIGCONT, SIGSEGV, SIGFPE};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        signal(numbers[i], on_signal);
    }
}

static bool answer(const char *why, const char *format, ...)
{
    va_list arguments;
    if (why != NULL) {
        printf("fail %s\n", why);
    } else {
        printf("ok");
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
    }
    fflush(stdout);
    return why == NULL;
}

/* Splits a line into words in place. Answers how many there are, or -1 for too many or an open quote. */
static int split(char *line, char **words)
{
    int count = 0;
    char *from = line, *to = line;

    for (;;) {
        while (*from == ' ') {
            from++;
        }
        if (*from == '\0' || *from == '\n') {
            return count;
        }
        if (count == MAX_WORDS) {
            return -1;
        }
        words[count++] = to;
        bool quoted = false;
        for (; *from != '\0' && *from != '\n' && (quoted || *from != ' '); from++) {
            if (*from == '"') {
                quoted = !quoted;
            } else if (quoted && *from == '\\' && from[1] != '\0') {
                from++;
                *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
            } else {
                *to++ = *from;
            }
        }
        if (quoted) {
            return -1;
        }
        bool more = *from == ' ';
        from += more;
        *to++ = '\0';
        if (!more) {
            return count;
        }
    }
}

static double wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *read_options(char **words, int count, struct options *o)
{
    static char why[256];
    *o = (struct options){.flush = {.times = 1, .delay_ms = 100}, .lines = 10000, .base = wall_clock()};
    for (int i = 0; i < count; i++) {
        char *value = strchr(words[i], '='), *end;
        double number = value == NULL ? -1 : strtod(value + 1, &end);
        if (value == NULL || number < 0 || *end != '\0') {
            snprintf(why, sizeof(why), "want an option with a number, not %s", words[i]);
            return why;
        }
        *value = '\0';
        if (strcmp(words[i], "threads") == 0) {
            o->flush.threads = (int)number;
        } else if (strcmp(words[i], "times") == 0) {
            o->flush.times = (int)number;
        } else if (strcmp(words[i], "retries") == 0) {
            o->flush.retries = (int)number;
        } else if (strcmp(words[i], "delay-ms") == 0) {
            o->flush.delay_ms = (int)number;
        } else if (strcmp(words[i], "lines") == 0) {
            o->lines = (long)number;
        } else if (strcmp(words[i], "pace-ms") == 0) {
            o->pace_ms = (long)number;
        } else if (strcmp(words[i], "base") == 0) {
            o->base = number;
        } else {
            snprintf(why, sizeof(why), "unknown option %s", words[i]);
            return why;
        }
    }
    return NULL;
}

static bool answer_flush(const char *why, const struct flush_result *r, long records)
{
    return answer(why, " ok=%ld retry=%ld error=%ld attempts=%ld slowest_ms=%ld records=%ld", r->ok, r->retry, r->error + r->other,
                  r->attempts, r->slowest_ms, records);
}

static bool command_flush(char **words, int count)
{
    struct options o;
    struct bytes chunk = {0};
    struct flush_result result = {0};
    const char *why = read_options(words + 4, count - 4, &o);

    if (why == NULL && !bytes_read_file(&chunk, words[3])) {
        why = "cannot read the chunk";
    }
    if (why == NULL) {
        why = proxy_flush(words[1], words[2], &chunk, &o.flush, &result);
    }
    bytes_free(&chunk);
    return answer_flush(why, &result, 0);
}

static void add(struct flush_result *sum, const struct flush_result *r)
{
    sum->ok += r->ok;
    sum->retry += r->retry;
    sum->error += r->error;
    sum->other += r->other;
    sum->attempts += r->attempts;
    sum->slowest_ms = r->slowest_ms > sum->slowest_ms ? r->slowest_ms : sum->slowest_ms;
}

static bool command_log(char **words, int count, bool plain)
{
    struct options o;
    struct record_source source = {0};
    struct flush_result sum = {0};
    const char *why = read_options(words + 4, count - 4, &o);

    if (why == NULL && !records_open(&source, words[3], plain, o.base)) {
        why = "cannot read the log";
    }
    while (why == NULL) {
        struct bytes chunk = {0};
        struct flush_result result = {0};
        long made = records_next(&source, &chunk, o.lines, &why);
        if (made > 0) {
            why = proxy_flush(words[1], words[2], &chunk, &o.flush, &result);
            add(&sum, &result);
        }
        bytes_free(&chunk);
        if (made < o.lines) {
            break;
        }
        wait_ms(o.pace_ms);
    }
    long records = source.made;
    records_close(&source);
    return answer_flush(why, &sum, records);
}

static bool command_pack(char **words, int count)
{
    struct options o;
    struct record_source source = {0};
    struct bytes chunk = {0};
    const char *why = read_options(words + 4, count - 4, &o);

    if (why == NULL && !records_open(&source, words[2], strcmp(words[1], "text") == 0, o.base)) {
        why = "cannot read the log";
    }
    if (why == NULL) {
        records_next(&source, &chunk, INT32_MAX, &why);
    }
    FILE *out = why == NULL ? fopen(words[3], "wb") : NULL;
    if (why == NULL && (out == NULL || fwrite(chunk.data, 1, chunk.size, out) != chunk.size)) {
        why = "cannot write the chunk";
    }
    if (out != NULL && fclose(out) != 0) {
        why = "cannot write the chunk";
    }
    long records = source.made;
    records_close(&source);
    bytes_free(&chunk);
    return answer(why, " records=%ld", records);
}

static bool command_reload(char **words, int count)
{
    struct bytes chunk = {0};
    long exit_ms = 0;

    if (count == 3 && !bytes_read_file(&chunk, words[2])) {
        return answer("cannot read the chunk", "");
    }
    const char *why = proxy_reload(count == 3 ? words[1] : "", count == 3 ? &chunk : NULL, &exit_ms);
    bytes_free(&chunk);
    return answer(why, " exit_ms=%ld", exit_ms);
}

/* A number of /proc/self/status. */
static long status_of(const char *key)
{
    char line[256];
    long value = -1;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtol(line + strlen(key), NULL, 10);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return value;
}

static long open_files(void)
{
    long count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d != NULL && readdir(d) != NULL) {
        count++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return count - 3; /* ".", ".." and the folder itself */
}

static bool command_stat(void)
{
    struct totals t = proxy_totals();
    return answer(NULL, " rss_kb=%ld threads=%ld fds=%ld instances=%ld flushes=%ld late_reads=%ld overruns=%ld", status_of("VmRSS:"),
                  status_of("Threads:"), open_files(), t.instances, t.flushes, t.late_reads, t.overruns);
}

static bool command_wait_file(const char *path, long ms)
{
    for (long end = now_ms() + ms; access(path, F_OK) != 0; wait_ms(10)) {
        if (now_ms() >= end) {
            return answer("the file did not appear in time", "");
        }
    }
    return answer(NULL, "");
}

static bool command_exit(void)
{
    long exit_ms;
    const char *why = proxy_exit(&exit_ms);
    return answer(why, " exit_ms=%ld", exit_ms);
}

static bool execute(char *line)
{
    char *words[MAX_WORDS];
    int count = split(line, words);

    if (count == 0 || (count > 0 && words[0][0] == '#')) {
        return true;
    }
    if (count < 0) {
        return answer("too many words, or an open quote", "");
    }
#define IS(word, least) (strcmp(words[0], word) == 0 && count >= (least))
    if (IS("load", 2)) {
        return answer(proxy_load(words[1]), "");
    }
    if (IS("register", 1)) {
        const char *why = proxy_register(0);
        return answer(why, " name=%s description=\"%s\"", proxy_name(), proxy_description());
    }
    if (IS("dry-run", 1)) {
        return answer(proxy_dry_run(), "");
    }
    if (IS("set", 2)) {
        return answer(proxy_set(words[1], words + 2, count - 2), "");
    }
    if (IS("init", 2)) {
        const char *why = count > 2 ? proxy_set(words[1], words + 2, count - 2) : NULL;
        return answer(why != NULL ? why : proxy_init(words[1]), "");
    }
    if (IS("flush", 4)) {
        return command_flush(words, count);
    }
    if (IS("log", 4) || IS("text", 4)) {
        return command_log(words, count, words[0][0] == 't');
    }
    if (IS("pack", 4)) {
        return command_pack(words, count);
    }
    if (IS("reload", 1) && count != 2) {
        return command_reload(words, count);
    }
    if (IS("signal", 2)) {
        raise(strcmp(words[1], "CONT") == 0 ? SIGCONT : SIGHUP);
        return answer(NULL, "");
    }
    if (IS("stat", 1)) {
        return command_stat();
    }
    if (IS("wait-file", 3)) {
        return command_wait_file(words[1], strtol(words[2], NULL, 10));
    }
    if (IS("sleep-ms", 2)) {
        wait_ms(strtol(words[1], NULL, 10));
        return answer(NULL, "");
    }
    if (IS("exit", 1)) {
        return command_exit();
    }
    if (IS("quit", 1)) {
        finished = true;
        return command_exit();
    }
#undef IS
    return answer("unknown command, or too few words; see host.c", "");
}

/* Executes the commands of a file. In a script the first failure is the end; a driver at the other end of a pipe decides itself. */
int run_commands(FILE *input, bool script)
{
    char *line = NULL;
    size_t capacity = 0;
    int status = 0;

    while (!finished && getline(&line, &capacity, input) > 0) {
        if (!execute(line) && script) {
            status = 1;
            break;
        }
    }
    free(line);
    if (!finished) {
        long exit_ms;
        proxy_exit(&exit_ms);
    }
    return status;
}

int main(int argc, char **argv)
{
    set_signal_handlers();
    signal(SIGPIPE, SIG_IGN);
    if (argc == 1) {
        return run_commands(stdin, false);
    }
    if (argc == 3 && strcmp(argv[1], "--script") == 0) {
        FILE *script = fopen(argv[2], "r");
        if (script == NULL) {
            perror(argv[2]);
            return 66;
        }
        int status = run_commands(script, true);
        fclose(script);
        return status;
    }
    return run_flags(argc, argv);
}
