/* What a signal costs a Windows program, and how many of them its lane carries; the same on Linux, to stand
 * beside it. The library is loaded by name, as a terminal does.
 *
 *     windows LIBRARY CONFIG FOLDER CALLS
 *
 * Prints the mean, p50 and p99 of a call (ns; bursts of 1,000 calls, then a wait until they have left), and
 * signals a second from the first of CALLS calls to the last commit. Half of the bursts are timed as a whole,
 * for the mean; the others call by call, by the processor's counter, because Wine's clock steps by 100 ns. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "mt5_redis.h"
#include "../../tests/hosts/platform.h"

#define BURST 1000
#define PATIENCE_MS 60000

static __typeof__(&mt5redis_open) open_session;
static __typeof__(&mt5redis_signal) give_signal;
static __typeof__(&mt5redis_flush) flush;
static __typeof__(&mt5redis_close) close_session;
static int64_t handle;

static void fail(const char *what) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ASCII as UTF-16. */
static const uint16_t *wide(const char *text) {
    uint16_t *copy = calloc(strlen(text) + 1, sizeof *copy);
    for (size_t at = 0; text[at]; at++) copy[at] = (unsigned char)text[at];
    return copy;
}

static void *symbol(library_t library, const char *name) {
    __typeof__(SYMBOL(library, "")) found = SYMBOL(library, name);
    void *address;
    if (!found) fail(name);
    memcpy(&address, &found, sizeof address);
    return address;
}

static void call(void) {
    static uint16_t text[] = {'E', 'U', 'R', 'U', 'S', 'D', 0};
    mt5redis_signal_t signal = {.volume = 0.1, .price = 1.10345, .stop_loss = 1.1, .take_profit = 1.2, .magic = 42, .action = 1};
    if (give_signal(handle, &signal, text, text) <= 0) fail("mt5redis_signal");
}

static void drain(void) {
    if (flush(handle, PATIENCE_MS) != 0) fail("mt5redis_flush");
}

static int by_size(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

int main(int count, char **arguments) {
    if (count != 5) fail("windows LIBRARY CONFIG FOLDER CALLS");
    library_t library = LOAD(arguments[1]);
    if (!library) fail("loading the library");
    open_session = (__typeof__(open_session))symbol(library, "mt5redis_open");
    give_signal = (__typeof__(give_signal))symbol(library, "mt5redis_signal");
    flush = (__typeof__(flush))symbol(library, "mt5redis_flush");
    close_session = (__typeof__(close_session))symbol(library, "mt5redis_close");
    handle = open_session(wide(arguments[2]), wide("1.Bench"), wide(arguments[3]));
    if (handle <= 0) fail("mt5redis_open");
    long calls = atol(arguments[4]) / BURST * BURST, measured = 0;
    uint64_t *ticks = calloc((size_t)calls, sizeof *ticks);
    double whole_ns = 0, begun = now_ns();
    uint64_t begun_ticks = __rdtsc();
    for (long done = 0; done < calls; done += BURST) {
        double start = now_ns();
        for (int at = 0; at < BURST; at++) call();
        whole_ns += now_ns() - start;
        drain();
        for (int at = 0; at < BURST; at++) {
            uint64_t before = __rdtsc();
            call();
            ticks[measured++] = __rdtsc() - before;
        }
        drain();
    }
    double ns_a_tick = (now_ns() - begun) / (double)(__rdtsc() - begun_ticks);
    qsort(ticks, (size_t)measured, sizeof *ticks, by_size);
    double start = now_ns();
    for (long at = 0; at < calls; at++) call();
    drain();
    double seconds = (now_ns() - start) / 1e9;
    printf("%.1f %.1f %.1f %.0f\n", whole_ns / (double)calls, (double)ticks[measured / 2] * ns_a_tick,
           (double)ticks[measured * 99 / 100] * ns_a_tick, (double)calls / seconds);
    close_session(handle, PATIENCE_MS);
    return 0;
}
