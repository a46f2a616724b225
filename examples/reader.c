/* Prints signals, one on each line, and acknowledges each after printing it: reader redis://127.0.0.1:6392 5 ends
 * after five.
 *
 * It is a follower that uses the C ABI, as any host other than MetaTrader can. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mt5_redis.h"

/* UTF-16 of a text in ASCII. */
static const uint16_t *wide(const char *text, uint16_t *units, size_t capacity)
{
    size_t at = 0;
    for (; text[at] && at + 1 < capacity; at++)
        units[at] = (uint16_t)text[at];
    units[at] = 0;
    return units;
}

static void put(const uint16_t *units)
{
    while (*units)
        putchar(*units < 128 ? *units : '?'), units++;
    putchar(' ');
}

static int failed(void)
{
    uint16_t text[512];
    mt5redis_last_error(text, 512);
    put(text);
    putchar('\n');
    return 1;
}

int main(int count, char **arguments)
{
    uint16_t config[256], instance[41], symbol[49], comment[97];
    long left = count > 2 ? atol(arguments[2]) : -1;
    mt5redis_received_t signal;
    uint16_t name[41], folder[256], all[2];
    int64_t handle = mt5redis_open(wide(count > 1 ? arguments[1] : "", config, 256), wide("example-c", name, 41),
                                   wide(count > 3 ? arguments[3] : "", folder, 256));
    if (handle < 0 || mt5redis_subscribe(handle, NULL, wide("*", all, 2), NULL, 0, 0, MT5REDIS_START_RESUME) < 0)
        return failed();
    while (left != 0) {
        int32_t found = mt5redis_next_signal(handle, &signal, sizeof signal, instance, 41, symbol, 49, comment, 97);
        if (found == MT5REDIS_ERR_GAP || found < 0)
            failed();
        if (found < 0 && found != MT5REDIS_ERR_GAP)
            return 1;
        if (found == 0)
            usleep(1000);
        if (found == 1) {
            put(instance);
            put(symbol);
            printf("%d %g\n", signal.action, signal.volume);
            mt5redis_acknowledge(handle, signal.number);
            left--;
        }
    }
    return mt5redis_close(handle, 1000) < 0 ? failed() : 0;
}
