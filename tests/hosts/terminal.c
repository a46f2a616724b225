/* A terminal in miniature: it loads the library by name and calls it as MQL5 code does, with UTF-16 text and
 * structs packed to 1 byte at any address.
 *
 *     terminal LIBRARY SCENARIO CONFIG INSTANCE
 *
 * It prints one `name: value` a line and judges nothing but its own footing: the Rust tests compare the lines,
 * and what stands in Redis afterwards, with what must be. */

#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "mt5_redis.h"
#include "platform.h"

#define PATIENCE_MS 30000

/* The structs as MQL5 declares them. */
#pragma pack(push, 1)
typedef struct {
    int64_t time_ms, login, ping_us;
    double balance, equity, margin, margin_free, margin_level, profit, credit;
    int32_t server_offset_s, leverage, positions, orders, build, interval_ms, flags, account;
} instance_t;

typedef struct {
    int64_t time_ms, position, ticket, magic, open_time_ms, close_time_ms;
    double volume, volume_closed, price_open, price_current, price_close;
    double stop_loss, take_profit, profit, swap, commission;
    int32_t event, side, server_offset_s, digits;
} trade_t;

typedef struct {
    int64_t time_ms, expiry_ms, magic, position;
    double volume, price, stop_loss, take_profit;
    int32_t action, server_offset_s;
    double volume_before, volume_after, entry_price;
    int32_t event, side, order_type, found;
} signal_t;
#pragma pack(pop)

#define FUNCTIONS(X) \
    X(abi) X(version) X(open) X(instance_state) X(trade_state) X(open_positions) X(signal) \
    X(committed) X(flush) X(close) X(stats) X(next_event) X(last_error)

/* Every function of the library, by the header's own prototypes. */
static struct {
#define FIELD(name) __typeof__(&mt5redis_##name) name;
    FUNCTIONS(FIELD)
} api;

static const char *library_name;
static library_t library;
static uint16_t config[512], instance[64];

static void fail(const char *what) {
    printf("failed: %s\n", what);
    exit(3);
}

static void load(void) {
    library = LOAD(library_name);
    if (!library) fail("the library does not load");
    /* By memcpy, since C knows no cast from an address of data to one of a function. */
#define RESOLVE(name) \
    { \
        __typeof__(SYMBOL(library, "")) symbol = SYMBOL(library, "mt5redis_" #name); \
        if (!symbol) fail("mt5redis_" #name " is not exported"); \
        memcpy(&api.name, &symbol, sizeof symbol); \
    }
    FUNCTIONS(RESOLVE)
}

/* ASCII as UTF-16. */
static void widen(uint16_t *to, size_t room, const char *from) {
    size_t at = 0;
    for (; from[at] && at + 1 < room; at++) to[at] = (unsigned char)from[at];
    to[at] = 0;
}

static void print_number(const char *name, int64_t value) { printf("%s: %lld\n", name, (long long)value); }

/* UTF-16 as UTF-8; all that the library says is within the first plane. */
static void print_text(const char *name, const uint16_t *text) {
    printf("%s: ", name);
    for (; *text; text++) {
        if (*text >= 0x800) printf("%c%c", 0xE0 | *text >> 12, 0x80 | (*text >> 6 & 0x3F));
        else if (*text >= 0x80) putchar(0xC0 | *text >> 6);
        putchar(*text >= 0x80 ? 0x80 | (*text & 0x3F) : *text);
    }
    putchar('\n');
}

static void print_error(const char *name, int64_t code) {
    uint16_t text[512];
    print_number(name, code);
    api.last_error(text, 512);
    print_text("  because", text);
}

/* An address as awkward as MQL5's: odd. */
static void *packed(unsigned char *place, const void *value, size_t size) {
    return memcpy(place + !((uintptr_t)place & 1), value, size);
}

static int64_t send_heartbeat(int64_t handle) {
    instance_t state = {
        .time_ms = 1763800000000, .login = 5012345, .ping_us = 18250, .balance = 10000.25, .equity = 10016.5,
        .margin = 331.04, .margin_free = 9685.46, .margin_level = 3025.75, .profit = 16.25, .credit = 1.5,
        .server_offset_s = 7200, .leverage = 500, .positions = 3, .orders = 2, .build = 5200, .interval_ms = 1000,
        .flags = MT5REDIS_FLAG_CONNECTED | MT5REDIS_FLAG_HEDGING, .account = MT5REDIS_ACCOUNT_REAL,
    };
    unsigned char place[sizeof state + 1];
    return api.instance_state(handle, packed(place, &state, sizeof state), u"Demo-Server", u"Брокер", u"EUR",
                              u"terminal.c");
}

static int64_t send_trade(int64_t handle, int64_t position, int32_t event) {
    trade_t state = {
        .time_ms = 1763800000001, .position = position, .ticket = 78, .magic = -9, .open_time_ms = 1763799000000,
        .close_time_ms = event == MT5REDIS_EVENT_CLOSE ? 1763800060000 : 0, .volume = 0.3, .volume_closed = 0.2,
        .price_open = 1.10345, .price_current = 1.10401, .price_close = 1.105, .stop_loss = 1.1, .take_profit = 1.12,
        .profit = 16.8, .swap = -0.12, .commission = -1.5, .event = event, .side = MT5REDIS_SIDE_SELL,
        .server_offset_s = -18000, .digits = 5,
    };
    unsigned char place[sizeof state + 1];
    return api.trade_state(handle, packed(place, &state, sizeof state), u"EURUSD", u"größer 买入");
}

static int64_t send_signal(int64_t handle, int64_t magic) {
    signal_t signal = {
        .time_ms = 1763800000002, .expiry_ms = 1763800100000, .magic = magic, .position = 77, .volume = 0.25,
        .price = 1.10345, .stop_loss = 1.1, .take_profit = 1.12, .action = MT5REDIS_ACTION_SELL,
        .server_offset_s = 7200,
    };
    unsigned char place[sizeof signal + 1];
    return api.signal(handle, packed(place, &signal, sizeof signal), u"XAUUSD.m", u"ma cross");
}

/* A full queue is no failure: the record was not accepted, so it is offered again. */
static void insist_on_signal(int64_t handle, int64_t magic) {
    int64_t result;
    while ((result = send_signal(handle, magic)) == MT5REDIS_ERR_QUEUE_FULL) PAUSE();
    if (result <= 0) print_error("signal", result), fail("a signal was refused");
}

static int64_t open_session(void) {
    int64_t handle = api.open(config, instance, u".");
    if (handle <= 0) print_error("open", handle), fail("mt5redis_open");
    return handle;
}

/* Waits until at most `expected` threads are left besides main's. A library that was closed must end its
 * threads; and under Wine 8 a process that ends at the same moment as one of its threads may hang. */
static void print_threads(int expected) {
    int left;
    for (int patience = PATIENCE_MS; (left = thread_count() - 1) > expected && patience > 0; patience--) PAUSE();
    print_number("threads_left", left);
}

/* One of each, the answers to every question, and a close. */
static int scenario_send(void) {
    static uint16_t text[8192];
    print_number("version_length", api.version(text, 8192));
    print_text("version", text);
    int64_t handle = open_session();
    print_number("heartbeat", send_heartbeat(handle));
    print_number("open", send_trade(handle, 77, MT5REDIS_EVENT_OPEN));
    print_number("change", send_trade(handle, 77, MT5REDIS_EVENT_CHANGE));
    print_number("open_another", send_trade(handle, 79, MT5REDIS_EVENT_OPEN));
    print_number("close_another", send_trade(handle, 79, MT5REDIS_EVENT_CLOSE));
    const int64_t open_positions[] = {77};
    print_number("open_positions", api.open_positions(handle, 0, open_positions, 1));
    for (int64_t magic = 1; magic <= 100; magic++) insist_on_signal(handle, magic);
    print_number("flush", api.flush(handle, PATIENCE_MS));
    print_number("committed_ris", api.committed(handle, MT5REDIS_LANE_RIS));
    print_number("committed_rts", api.committed(handle, MT5REDIS_LANE_RTS));
    print_number("committed_rtss", api.committed(handle, MT5REDIS_LANE_RTSS));
    if (api.stats(handle, text, 8192) >= 8192) fail("the statistics do not fit");
    print_text("stats", text);
    while (api.next_event(handle, text, 512) > 0) print_text("event", text);
    print_number("closed", api.close(handle, PATIENCE_MS));
    print_error("signal_after_close", send_signal(handle, 101));
    print_threads(0);
    return 0;
}

#define THREADS 8
#define SIGNALS_A_THREAD 250

typedef struct {
    int number;
    int64_t flushed, closed;
} worker_t;

THREAD(work) {
    worker_t *self = argument;
    uint16_t own[64];
    char name[16];
    snprintf(name, sizeof name, "thread-%d", self->number);
    widen(own, 64, name);
    int64_t handle = api.open(config, own, u".");
    if (handle <= 0) print_error("open", handle), fail("mt5redis_open");
    send_heartbeat(handle);
    for (int64_t magic = 1; magic <= SIGNALS_A_THREAD; magic++) insist_on_signal(handle, magic);
    self->flushed = api.flush(handle, PATIENCE_MS);
    self->closed = api.close(handle, PATIENCE_MS);
    return THREAD_END;
}

/* Several Expert Advisors, each on its thread with a handle of its own. */
static int scenario_threads(void) {
    thread_t threads[THREADS];
    worker_t workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){i, -1, -1};
        if (!START(&threads[i], work, &workers[i])) fail("a thread does not start");
    }
    for (int i = 0; i < THREADS; i++) {
        JOIN(threads[i]);
        print_number("flush", workers[i].flushed);
        print_number("closed", workers[i].closed);
    }
    print_threads(0);
    return 0;
}

/* Unloads the library under its running threads, again and again, and goes on where it was. */
static int scenario_reload(void) {
    int64_t first = 0, last = 0, magic = 0;
    for (int round = 1; round <= 20; round++) {
        last = open_session();
        if (!first) first = last;
        for (int i = 0; i < 10; i++) insist_on_signal(last, ++magic);
        if (!UNLOAD(library)) fail("the library does not unload");
        if (!IS_LOADED(library_name)) fail("the library left its threads behind");
        load();
        /* As a change of the timeframe does: close and open without waiting. */
        if (round % 2 == 0) api.close(last, 0);
    }
    insist_on_signal(first, ++magic);
    print_number("flush", api.flush(first, PATIENCE_MS));
    print_number("sent", magic);
    print_number("closed", api.close(first, PATIENCE_MS));
    return 0;
}

static atomic_int calls, flushes;

THREAD(send_for_ever) {
    (void)argument;
    int64_t handle = api.open(config, instance, u".");
    for (int64_t magic = 1;; magic++) {
        send_heartbeat(handle);
        send_trade(handle, magic, MT5REDIS_EVENT_OPEN);
        if (send_signal(handle, magic) < 0) PAUSE();
        if (magic % 100 == 0) atomic_fetch_add(&calls, 1);
    }
    return THREAD_END;
}

THREAD(wait_for_ever) {
    (void)argument;
    int64_t handle = api.open(config, instance, u".");
    send_signal(handle, 0);
    for (;; atomic_fetch_add(&flushes, 1)) api.flush(handle, atomic_load(&flushes) ? PATIENCE_MS : 500);
    return THREAD_END;
}

/* Ends the process amid all of it: threads inside calls, open handles, records on their way. */
static int scenario_exit(void) {
    thread_t threads[4];
    for (int i = 0; i < 4; i++) {
        if (!(i ? START(&threads[i], send_for_ever, NULL) : START(&threads[i], wait_for_ever, NULL)))
            fail("a thread does not start");
    }
    while (atomic_load(&calls) < 10 || !atomic_load(&flushes)) PAUSE();
    return 7;
}

/* Every way to call it wrong that could harm the host. */
static int scenario_errors(void) {
    uint16_t buffer[4], unterminated[5000];
    for (int i = 0; i < 5000; i++) unterminated[i] = u'x';
    print_error("old_include", api.abi(MT5REDIS_ABI_VERSION, sizeof(instance_t), 136, sizeof(signal_t)));
    print_error("no_instance", api.open(config, NULL, NULL));
    print_error("foreign_instance", api.open(config, u"a b", NULL));
    print_error("unterminated_instance", api.open(config, unterminated, NULL));
    print_error("unterminated_config", api.open(unterminated, instance, NULL));
    print_error("bad_url", api.open(u"redis://:secret@", instance, NULL));
    print_error("no_file", api.open(u"not-there.toml", instance, NULL));
    print_error("zero_handle", send_signal(0, 1));
    print_error("wrong_handle", send_signal(-123456789, 1));
    print_error("close_of_nothing", api.close(1, 0));

    int64_t handle = api.open(u"redis://127.0.0.1:1", instance, u".");
    print_number("signal_without_server", send_signal(handle, 1));
    print_error("flush_without_server", api.flush(handle, 50));
    print_error("close_without_server", api.close(handle, 50));
    print_error("close_again", api.close(handle, 0));

    handle = open_session();
    print_error("null_instance", api.instance_state(handle, NULL, NULL, NULL, NULL, NULL));
    print_error("null_trade", api.trade_state(handle, NULL, NULL, NULL));
    print_error("null_signal", api.signal(handle, NULL, NULL, NULL));
    print_error("null_positions", api.open_positions(handle, 0, NULL, 1));
    print_error("negative_count", api.open_positions(handle, 0, NULL, -1));
    print_error("wrong_lane", api.committed(handle, 3));
    mt5redis_signal_t signal = {.volume = 1, .action = MT5REDIS_ACTION_BUY};
    print_error("null_symbol", api.signal(handle, &signal, NULL, NULL));
    print_error("unterminated_symbol", api.signal(handle, &signal, unterminated, NULL));
    print_error("unterminated_comment", api.signal(handle, &signal, u"EURUSD", unterminated));
    signal.volume = NAN;
    print_error("nan_volume", api.signal(handle, &signal, u"EURUSD", NULL));

    print_number("version_into_null", api.version(NULL, 100));
    print_number("version_into_nothing", api.version(buffer, -1));
    print_number("version_cut", api.version(buffer, 4));
    print_text("version_start", buffer);
    print_number("stats_into_null", api.stats(handle, NULL, 0) > 0);

    signal = (mt5redis_signal_t){.action = MT5REDIS_ACTION_CLOSE};
    print_number("signal_without_comment", api.signal(handle, &signal, u"EURUSD", NULL));
    print_number("closed", api.close(handle, PATIENCE_MS));
    /* The signal without a server has a thread that goes on trying. */
    print_threads(1);
    return 0;
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        int (*run)(void);
    } scenarios[] = {{"send", scenario_send},       {"threads", scenario_threads}, {"reload", scenario_reload},
                     {"exit", scenario_exit},       {"errors", scenario_errors}};
    if (count != 5) fail("usage: terminal LIBRARY SCENARIO CONFIG INSTANCE");
    library_name = arguments[1];
    widen(config, 512, arguments[3]);
    widen(instance, 64, arguments[4]);
    load();
    print_number("abi", api.abi(MT5REDIS_ABI_VERSION, sizeof(instance_t), sizeof(trade_t), sizeof(signal_t)));
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(scenarios[i].name, arguments[2]) == 0) return scenarios[i].run();
    fail("no such scenario");
    return 1;
}
