/* A bare pair by hiredis: one process appends to streams in turn, another waits at all of them in a consumer group.
 * Usage: reading write PORT COUNT STREAMS PAUSE_US, and reading read PORT COUNT STREAMS GROUP; the reader prints "ready",
 * and then how long each entry took from the call that appended it, ns. "hand" in place of "write" lets a second thread
 * append what the first one hands over, so that the call does not wait for the network. */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static redisReply *good(redisReply *reply) {
    if (!reply || reply->type == REDIS_REPLY_ERROR) exit(5);
    return reply;
}

/* The entry that waits for the second thread: when it was handed over, ns; 0: none. */
static long long handed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;

static void append(redisContext *redis, long stream, long long called) {
    /* As long as a signal. */
    char payload[113];
    memset(payload, 'x', sizeof payload);
    freeReplyObject(good(redisCommand(redis, "XADD bare:%ld * t %lld d %b", stream, called, payload, sizeof payload)));
}

static int write_entries(redisContext *redis, long count, long streams, int pause) {
    for (long at = 0; at < count; at++) {
        usleep(pause);
        append(redis, at % streams, now());
    }
    return 0;
}

struct job {
    redisContext *redis;
    long count, streams;
};

static void *append_handed(void *argument) {
    struct job *job = argument;
    for (long at = 0; at < job->count; at++) {
        pthread_mutex_lock(&lock);
        while (!handed) pthread_cond_wait(&filled, &lock);
        long long called = handed;
        handed = 0;
        pthread_mutex_unlock(&lock);
        append(job->redis, at % job->streams, called);
    }
    return NULL;
}

static int hand_entries(redisContext *redis, long count, long streams, int pause) {
    struct job job = {redis, count, streams};
    pthread_t thread;
    if (pthread_create(&thread, NULL, append_handed, &job)) return 7;
    for (long at = 0; at < count;) {
        usleep(pause);
        pthread_mutex_lock(&lock);
        /* The thread may still have the last one, if it was not given a processor: then the next turn hands it over. */
        if (!handed) {
            handed = now();
            at++;
        }
        pthread_mutex_unlock(&lock);
        pthread_cond_signal(&filled);
    }
    pthread_join(thread, NULL);
    return 0;
}

static int read_entries(redisContext *redis, long count, long streams, const char *group) {
    static const char *const words[] = {"XREADGROUP", "GROUP", "", "one", "COUNT", "256", "BLOCK", "5000", "STREAMS"};
    enum { WORDS = sizeof words / sizeof *words };
    long long *times = calloc(count, sizeof *times);
    const char **command = calloc(WORDS + 2 * streams, sizeof *command);
    memcpy(command, words, sizeof words);
    command[2] = group;
    for (long stream = 0; stream < streams; stream++) {
        char *name = malloc(32);
        snprintf(name, 32, "bare:%ld", stream);
        command[WORDS + stream] = name;
        command[WORDS + streams + stream] = ">";
        freeReplyObject(good(redisCommand(redis, "XGROUP CREATE %s %s $ MKSTREAM", name, group)));
    }
    printf("ready\n");
    fflush(stdout);
    for (long at = 0; at < count;) {
        redisReply *reply = good(redisCommandArgv(redis, WORDS + 2 * streams, command, NULL));
        if (reply->type == REDIS_REPLY_NIL) return 6;
        long long came = now();
        for (size_t stream = 0; stream < reply->elements; stream++) {
            redisReply *entries = reply->element[stream]->element[1];
            for (size_t entry = 0; entry < entries->elements && at < count; entry++)
                times[at++] = came - atoll(entries->element[entry]->element[1]->element[1]->str);
        }
        freeReplyObject(reply);
    }
    for (long at = 0; at < count; at++) printf("%lld\n", times[at]);
    return 0;
}

int main(int count, char **arguments) {
    if (count != 6) return 2;
    redisContext *redis = redisConnect("127.0.0.1", atoi(arguments[2]));
    if (!redis || redis->err) return 4;
    long entries = atol(arguments[3]), streams = atol(arguments[4]);
    if (!strcmp(arguments[1], "write")) return write_entries(redis, entries, streams, atoi(arguments[5]));
    if (!strcmp(arguments[1], "hand")) return hand_entries(redis, entries, streams, atoi(arguments[5]));
    return read_entries(redis, entries, streams, arguments[5]);
}
