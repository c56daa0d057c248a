/* What each close says: the rules of tradebot/strategy/{simple,ema}.py over a block of closes. `custom` is `ema`. */
#ifndef TRADEBOT_SIGNALS_H
#define TRADEBOT_SIGNALS_H

#include "indicators.h"

enum { STRATEGY_SIMPLE = 0, STRATEGY_EMA = 1 };
enum { LONG_ENTRY = 1, LONG_EXIT = 2, SHORT_ENTRY = 4, SHORT_EXIT = 8 };

/* `simple` uses `fast` as its one average. */
typedef struct {
    int64_t strategy;
    double oversold;
    double overbought;
    Ema fast;
    Ema slow;
    Rsi rsi;
} Indicators;

static inline unsigned simple_signals(Indicators *now, double smoothing, double close) {
    Ema ema_before = now->fast;
    Rsi rsi_before = now->rsi;
    ema_update(&now->fast, smoothing, close);
    rsi_update(&now->rsi, close);
    unsigned signals = 0;
    int above = 0, below = 0;
    int has_rsi = rsi_exists(&now->rsi);
    double rsi = has_rsi ? rsi_of(now->rsi.gain, now->rsi.loss) : 0.0;
    if (rsi_before.has_previous && ema_before.has_value) {
        above = rsi_before.previous <= ema_before.value && close > now->fast.value;
        below = rsi_before.previous >= ema_before.value && close < now->fast.value;
    }
    if (above) {
        signals |= SHORT_EXIT;
        if (has_rsi && rsi < now->overbought) signals |= LONG_ENTRY;
    }
    if (below && !above) {
        signals |= LONG_EXIT;
        if (has_rsi && rsi > now->oversold) signals |= SHORT_ENTRY;
    }
    if (rsi_exists(&rsi_before)) {
        double before = rsi_of(rsi_before.gain, rsi_before.loss);
        if (before >= now->overbought && rsi < now->overbought)
            signals |= LONG_EXIT;
        else if (before <= now->oversold && rsi > now->oversold)
            signals |= SHORT_EXIT;
    }
    return signals;
}

static inline unsigned cross_signals(const Indicators *now, double fast_before, double slow_before) {
    unsigned signals = 0;
    int has_rsi = rsi_exists(&now->rsi);
    if (fast_before <= slow_before && now->fast.value > now->slow.value) {
        signals |= SHORT_EXIT;
        if (has_rsi && rsi_of(now->rsi.gain, now->rsi.loss) < now->overbought) signals |= LONG_ENTRY;
    }
    if (fast_before >= slow_before && now->fast.value < now->slow.value) {
        signals |= LONG_EXIT;
        if (has_rsi && rsi_of(now->rsi.gain, now->rsi.loss) > now->oversold) signals |= SHORT_ENTRY;
    }
    return signals;
}

static inline unsigned ema_signals(Indicators *now, double fast_smoothing, double slow_smoothing, double close) {
    int existed = now->fast.has_value && now->slow.has_value;
    double fast_before = now->fast.value, slow_before = now->slow.value;
    ema_update(&now->fast, fast_smoothing, close);
    ema_update(&now->slow, slow_smoothing, close);
    rsi_update(&now->rsi, close);
    return existed ? cross_signals(now, fast_before, slow_before) : 0;
}

/* Once everything is seeded nothing in the loop asks for it, and the state stays in registers. */
static inline int is_seeded(const Indicators *now) {
    return now->fast.has_value && now->slow.has_value && now->rsi.has_previous && rsi_exists(&now->rsi);
}

/* A block of candles in the integers that they came in; `scale` of them are one quote. `bits` gathers every bit of every
   price: they are read while the averages wait for one another, and warm for the loop that follows. */
typedef struct {
    const int64_t *open;
    const int64_t *high;
    const int64_t *low;
    const int64_t *close;
    double scale;
    int64_t bits;
} Prices;

static inline double next_close(Prices *prices, int64_t i) {
    int64_t close = prices->close[i];
    prices->bits |= prices->open[i] | prices->high[i] | prices->low[i] | close;
    return (double)close / prices->scale;
}

static void ema_block_seeded(Indicators *state, Prices *given, int64_t begin, int64_t count, uint8_t *signals) {
    Prices prices = *given;
    double fast = state->fast.value, slow = state->slow.value, previous = state->rsi.previous;
    double gain = state->rsi.gain, loss = state->rsi.loss;
    const double fast_smoothing = ema_smoothing(&state->fast), slow_smoothing = ema_smoothing(&state->slow);
    const double n = (double)state->rsi.period, rest = (double)(state->rsi.period - 1);
    for (int64_t i = begin; i < count; i++) {
        double close = next_close(&prices, i), fast_before = fast, slow_before = slow;
        fast = (close - fast) * fast_smoothing + fast;
        slow = (close - slow) * slow_smoothing + slow;
        double change = close - previous;
        previous = close;
        double rise = change > 0 ? change : 0.0, fall = change > 0 ? 0.0 : -change;
        gain = (gain * rest + rise) / n;
        loss = (loss * rest + fall) / n;
        unsigned said = 0;
        if (__builtin_expect(fast_before <= slow_before && fast > slow, 0)) {
            said = SHORT_EXIT | (rsi_of(gain, loss) < state->overbought ? LONG_ENTRY : 0u);
        } else if (__builtin_expect(fast_before >= slow_before && fast < slow, 0)) {
            said = LONG_EXIT | (rsi_of(gain, loss) > state->oversold ? SHORT_ENTRY : 0u);
        }
        signals[i] = (uint8_t)said;
    }
    given->bits = prices.bits;
    state->fast.value = fast;
    state->slow.value = slow;
    state->rsi.previous = previous;
    state->rsi.gain = gain;
    state->rsi.loss = loss;
}

/* Feed `count` closes; `signals` takes one byte each. */
static void feed_block(Indicators *state, Prices *prices, int64_t count, uint8_t *signals) {
    const double fast_smoothing = ema_smoothing(&state->fast);
    if (state->strategy == STRATEGY_EMA) {
        const double slow_smoothing = ema_smoothing(&state->slow);
        int64_t i = 0;
        for (; i < count && !is_seeded(state); i++)
            signals[i] = (uint8_t)ema_signals(state, fast_smoothing, slow_smoothing, next_close(prices, i));
        ema_block_seeded(state, prices, i, count, signals);
        return;
    }
    for (int64_t i = 0; i < count; i++) 
        signals[i] = (uint8_t)simple_signals(state, fast_smoothing, next_close(prices, i));
}

#endif
