/* A bare pair by hiredis: one process appends to a stream, another waits there in a consumer group.
 * Usage: reading write PORT COUNT PAUSE_US, and reading read PORT GROUP COUNT; the reader prints "ready", and then how
 * long each entry took from the call that appended it, ns. */
#include <hiredis/hiredis.h>
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

static int write_entries(redisContext *redis, long count, int pause) {
    /* As long as a signal. */
    char payload[113];
    memset(payload, 'x', sizeof payload);
    for (long at = 0; at < count; at++) {
        usleep(pause);
        freeReplyObject(good(redisCommand(redis, "XADD bare * t %lld d %b", now(), payload, sizeof payload)));
    }
    return 0;
}

static int read_entries(redisContext *redis, const char *group, long count) {
    long long *times = calloc(count, sizeof *times);
    freeReplyObject(good(redisCommand(redis, "XGROUP CREATE bare %s $ MKSTREAM", group)));
    printf("ready\n");
    fflush(stdout);
    for (long at = 0; at < count;) {
        redisReply *reply =
            good(redisCommand(redis, "XREADGROUP GROUP %s one COUNT 256 BLOCK 5000 STREAMS bare >", group));
        if (reply->type == REDIS_REPLY_NIL) return 6;
        long long came = now();
        redisReply *entries = reply->element[0]->element[1];
        for (size_t entry = 0; entry < entries->elements && at < count; entry++)
            times[at++] = came - atoll(entries->element[entry]->element[1]->element[1]->str);
        freeReplyObject(reply);
    }
    for (long at = 0; at < count; at++) printf("%lld\n", times[at]);
    return 0;
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    redisContext *redis = redisConnect("127.0.0.1", atoi(arguments[2]));
    if (!redis || redis->err) return 4;
    if (!strcmp(arguments[1], "write")) return write_entries(redis, atol(arguments[3]), atoi(arguments[4]));
    return read_entries(redis, arguments[3], atol(arguments[4]));
}
