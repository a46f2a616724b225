/* What one call costs its caller: this library beside what one would use instead, by the same clock, in the
 * same loop, with payloads of the same size. Compiled once for each PEER:
 *
 *     call PATTERN THREADS CALLS TARGET [FOLDER]
 *
 * PATTERN is `burst` (1,000 calls back to back, then a wait until they have left), or a number of calls a
 * second. TARGET is a port for zmq and hiredis, a configuration for the bridge, nothing for rdkafka, which
 * brings its own broker. Prints one line: mean, p50, p99, p99.9, max (ns), allocations a call. The mean of a
 * burst has no clock in it; the other figures hold the clock's own cost, which PEER none shows. */

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BURST 1000
#define PAYLOAD 130

/* Every allocation of the process comes by here; each thread counts its own. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
static __thread uint64_t allocations;
void *malloc(size_t size) { allocations++; return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { allocations++; return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { allocations++; return __libc_realloc(old, size); }
int posix_memalign(void **out, size_t align, size_t size) {
    allocations++;
    *out = __libc_memalign(align, size);
    return *out ? 0 : 12;
}

static void fail(const char *what) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

/* A peer: opened once, then by each thread; a call; and a wait until all calls have left the process. */
static void peer_open(const char *target, const char *folder);
static void *peer_thread(int number);
static void peer_call(void *thread, long number);
static void peer_drain(void *thread);

#if defined(PEER_none)

static void peer_open(const char *target, const char *folder) { (void)target; (void)folder; }
static void *peer_thread(int number) { (void)number; return NULL; }
static void peer_call(void *thread, long number) { (void)thread; __asm__ volatile("" : : "r"(number)); }
static void peer_drain(void *thread) { (void)thread; }

#elif defined(PEER_signal) || defined(PEER_trade) || defined(PEER_price) || defined(PEER_heartbeat)

#include "mt5_redis.h"

static int64_t handle;
static uint16_t symbol[16], comment[64], server[32], currency[8];

static uint16_t *wide(const char *text, uint16_t *out) {
    size_t at = 0;
    do out[at] = (unsigned char)text[at];
    while (text[at++]);
    return out;
}

static void peer_open(const char *target, const char *folder) {
    uint16_t config[4096], instance[16], place[4096];
    handle = mt5redis_open(wide(target, config), wide("1.Bench", instance), wide(folder, place));
    if (handle < 0) fail("mt5redis_open");
    wide("EURUSD", symbol);
    wide("ma cross 14/50 H1", comment);
    wide("MetaQuotes-Demo", server);
    wide("EUR", currency);
}

static void *peer_thread(int number) { (void)number; return NULL; }

static void peer_call(void *thread, long number) {
    (void)thread;
#if defined(PEER_signal)
    mt5redis_signal_t signal = {0};
    signal.magic = number;
    signal.time_ms = 1763800000000 + number;
    signal.volume = 0.1;
    signal.price = 1.10345;
    signal.stop_loss = 1.1;
    signal.take_profit = 1.11;
    signal.action = MT5REDIS_ACTION_BUY;
    int64_t sequence = mt5redis_signal(handle, &signal, symbol, comment);
#elif defined(PEER_trade) || defined(PEER_price)
    mt5redis_trade_t state = {0};
    state.position = number % 5 + 1;
    state.ticket = state.position;
    state.time_ms = 1763800000000 + number;
    state.volume = 0.1;
    state.price_open = state.price_current = 1.10345;
    state.profit = (double)number;
#ifdef PEER_price
    state.event = MT5REDIS_EVENT_PRICE;
#else
    state.event = MT5REDIS_EVENT_CHANGE;
#endif
    state.side = MT5REDIS_SIDE_BUY;
    state.digits = 5;
    int64_t sequence = mt5redis_trade_state(handle, &state, symbol, comment);
#else
    mt5redis_instance_t state = {0};
    state.time_ms = 1763800000000 + number;
    state.login = 1;
    state.balance = state.equity = 1000;
    int64_t sequence = mt5redis_instance_state(handle, &state, server, server, currency, symbol);
    if (sequence == MT5REDIS_ERR_QUEUE_FULL) return;
#endif
    if (sequence < 0) fail("a call");
}

static void peer_drain(void *thread) {
    (void)thread;
    if (mt5redis_flush(handle, 60000) < 0) fail("mt5redis_flush");
}

#elif defined(PEER_zmq)

#include <signal.h>
#include <sys/prctl.h>
#include <zmq.h>

static void *context;
static char address[64];

static void peer_open(const char *target, const char *folder) {
    (void)folder;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%s", target);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        void *reader = zmq_socket(zmq_ctx_new(), ZMQ_PULL);
        if (zmq_bind(reader, address)) _exit(1);
        char message[256];
        for (;;) zmq_recv(reader, message, sizeof message, 0);
    }
    context = zmq_ctx_new();
}

static void *peer_thread(int number) {
    (void)number;
    int unlimited = 0;
    void *socket = zmq_socket(context, ZMQ_PUSH);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    if (zmq_connect(socket, address)) fail("zmq_connect");
    return socket;
}

static void peer_call(void *thread, long number) {
    char payload[PAYLOAD] = {0};
    memcpy(payload, &number, sizeof number);
    if (zmq_send(thread, payload, PAYLOAD, 0) != PAYLOAD) fail("zmq_send");
}

/* It has no flush; a thousand messages are gone long before this. */
static void peer_drain(void *thread) { (void)thread; usleep(5000); }

#elif defined(PEER_rdkafka)

#include <librdkafka/rdkafka.h>

static rd_kafka_t *producer;
static rd_kafka_topic_t *topic;

static void peer_open(const char *target, const char *folder) {
    (void)target;
    (void)folder;
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *settings[][2] = {{"test.mock.num.brokers", "1"}, {"acks", "1"}, {"linger.ms", "0"},
                                 {"queue.buffering.max.messages", "1000000"}, {"log_level", "0"}};
    for (size_t at = 0; at < sizeof settings / sizeof *settings; at++)
        if (rd_kafka_conf_set(conf, settings[at][0], settings[at][1], error, sizeof error)) fail(error);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!producer) fail(error);
    topic = rd_kafka_topic_new(producer, "bench", NULL);
}

static void *peer_thread(int number) { (void)number; return NULL; }

static void peer_call(void *thread, long number) {
    (void)thread;
    char payload[PAYLOAD] = {0};
    memcpy(payload, &number, sizeof number);
    if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload, PAYLOAD, NULL, 0, NULL))
        fail("rd_kafka_produce");
}

static void peer_drain(void *thread) {
    (void)thread;
    rd_kafka_flush(producer, 60000);
}

#elif defined(PEER_hiredis)

#include <hiredis/hiredis.h>

static int port;

static void peer_open(const char *target, const char *folder) { (void)folder; port = atoi(target); }

static void *peer_thread(int number) {
    (void)number;
    redisContext *connection = redisConnect("127.0.0.1", port);
    if (!connection || connection->err) fail("redisConnect");
    return connection;
}

static void peer_call(void *thread, long number) {
    char payload[PAYLOAD] = {0};
    memcpy(payload, &number, sizeof number);
    redisReply *reply = redisCommand(thread, "XADD bench * d %b", payload, (size_t)PAYLOAD);
    if (!reply || reply->type == REDIS_REPLY_ERROR) fail("XADD");
    freeReplyObject(reply);
}

static void peer_drain(void *thread) { (void)thread; }

#else
#error "define one PEER_*"
#endif

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static long rate, calls;
static pthread_barrier_t together;

struct result {
    int number;
    uint32_t *times;
    double untimed;
    uint64_t allocations;
};

static int compare(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static void *run(void *argument) {
    struct result *result = argument;
    void *thread = peer_thread(result->number);
    peer_call(thread, 0);
    peer_drain(thread);
    result->times = malloc(sizeof(uint32_t) * calls);
    memset(result->times, 0, sizeof(uint32_t) * calls);
    pthread_barrier_wait(&together);

    int64_t due = now();
    for (long at = 0; at < calls; at++) {
        if (rate == 0 && at % BURST == 0) peer_drain(thread);
        if (rate > 0) {
            due += 1000000000 / rate;
            struct timespec until = {due / 1000000000, due % 1000000000};
            /* A short pause is spun through: sleeping would cost more than it lasts. */
            if (rate < 5000) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            while (now() < due) {}
        }
        uint64_t before = allocations;
        int64_t start = now();
        peer_call(thread, at);
        int64_t took = now() - start;
        result->allocations += allocations - before;
        result->times[at] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    if (rate == 0) {
        int64_t spent = 0;
        for (long at = 0; at < calls; at += BURST) {
            peer_drain(thread);
            int64_t start = now();
            for (long in = at; in < at + BURST; in++) peer_call(thread, in);
            spent += now() - start;
        }
        result->untimed = (double)spent / calls;
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count < 5) fail("call PATTERN THREADS CALLS TARGET [FOLDER]: an argument is missing, which");
    rate = strcmp(arguments[1], "burst") ? atol(arguments[1]) : 0;
    int threads = atoi(arguments[2]);
    calls = atol(arguments[3]);
    if (rate == 0) calls = (calls + BURST - 1) / BURST * BURST;
    peer_open(arguments[4], count > 5 ? arguments[5] : "");

    pthread_barrier_init(&together, NULL, threads);
    struct result results[threads];
    pthread_t ids[threads];
    for (int at = 0; at < threads; at++) {
        results[at] = (struct result){.number = at};
        if (threads > 1) pthread_create(&ids[at], NULL, run, &results[at]);
        else run(&results[at]);
    }
    uint32_t *all = malloc(sizeof(uint32_t) * calls * threads);
    double mean = 0, allocated = 0;
    for (int at = 0; at < threads; at++) {
        if (threads > 1) pthread_join(ids[at], NULL);
        memcpy(all + at * calls, results[at].times, sizeof(uint32_t) * calls);
        double timed = 0;
        for (long in = 0; in < calls; in++) timed += results[at].times[in];
        mean += (rate ? timed / calls : results[at].untimed) / threads;
        allocated += (double)results[at].allocations / calls / threads;
    }
    long total = calls * threads;
    qsort(all, total, sizeof *all, compare);
    printf("%.1f %u %u %u %u %.3f\n", mean, all[total / 2], all[total * 99 / 100], all[total * 999 / 1000],
           all[total - 1], allocated);
    fflush(stdout);
    _exit(0);
}
