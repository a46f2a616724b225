/* What hiredis reaches with commands that are already formatted: sends the same batch again and again and
 * reads every reply. Usage: pipeline PORT BATCH_FILE REPLIES ROUNDS [PAUSE_US]; prints the seconds it took, of its
 * round trips the p50 and p99, µs, and its processor time meanwhile, s. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double used(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int count, char **arguments) {
    if (count < 5) return 2;
    FILE *file = fopen(arguments[2], "rb");
    if (!file) return 3;
    static char batch[1 << 20];
    size_t size = fread(batch, 1, sizeof batch, file);
    fclose(file);
    int replies = atoi(arguments[3]), rounds = atoi(arguments[4]);
    int pause = count > 5 ? atoi(arguments[5]) : 0;
    double *times = calloc(rounds, sizeof *times);

    redisContext *redis = redisConnect("127.0.0.1", atoi(arguments[1]));
    if (!redis || redis->err) return 4;
    double started = now(), used_before = used();
    for (int round = 0; round < rounds; round++) {
        if (pause) usleep(pause);
        double sent = now();
        redisAppendFormattedCommand(redis, batch, size);
        for (int at = 0; at < replies; at++) {
            redisReply *reply;
            if (redisGetReply(redis, (void **)&reply) != REDIS_OK || reply->type == REDIS_REPLY_ERROR) return 5;
            freeReplyObject(reply);
        }
        times[round] = (now() - sent) * 1e6;
    }
    double took = now() - started, worked = used() - used_before;
    qsort(times, rounds, sizeof *times, compare);
    printf("%.6f %.1f %.1f %.6f\n", took, times[rounds / 2], times[rounds / 100 * 99], worked);
    redisFree(redis);
    return 0;
}
