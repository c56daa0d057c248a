/* The backtest loop of tradebot/engine/backtest.py, compiled. One translation unit, so that everything inlines. */
#include "signals.h"

#define EXPORT __attribute__((visibility("default")))

/* library.py holds the same number. */
EXPORT int64_t tradebot_kernel_abi(void) { return 1; }

EXPORT const char *tradebot_kernel_sources(void) { return SOURCE_DIGEST; }

/* Feed closes into indicators alone: what the tests hold against tradebot.strategy. */
EXPORT int32_t tradebot_kernel_signals(Indicators *state, const double *closes, int64_t count, uint8_t *signals) {
    return feed_block(state, closes, count, signals);
}
