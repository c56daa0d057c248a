/* EMA and RSI: the operations of tradebot/strategy/indicators.py, in its order. Compiled without contraction. */
#ifndef TRADEBOT_INDICATORS_H
#define TRADEBOT_INDICATORS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t period;
    int64_t count;
    int64_t has_value;
    double total;
    double value;
} Ema;

typedef struct {
    int64_t period;
    int64_t count;
    int64_t has_previous;
    double previous;
    double gain;
    double loss;
} Rsi;

static inline void ema_seed(Ema *ema, double close) {
    ema->count += 1;
    ema->total += close;
    if (ema->count >= ema->period) {
        ema->value = ema->total / (double)ema->period;
        ema->has_value = 1;
    }
}

static inline void ema_update(Ema *ema, double smoothing, double close) {
    if (ema->has_value)
        ema->value = (close - ema->value) * smoothing + ema->value;
    else
        ema_seed(ema, close);
}

static inline double ema_smoothing(const Ema *ema) { return 2.0 / (double)(ema->period + 1); }

static inline void rsi_seed(Rsi *rsi, double rise, double fall) {
    double n = (double)rsi->period;
    rsi->count += 1;
    rsi->gain += rise;
    rsi->loss += fall;
    if (rsi->count == rsi->period) {
        rsi->gain = rsi->gain / n;
        rsi->loss = rsi->loss / n;
    }
}

static inline void rsi_update(Rsi *rsi, double close) {
    if (!rsi->has_previous) {
        rsi->has_previous = 1;
        rsi->previous = close;
        return;
    }
    double change = close - rsi->previous;
    double rise = change > 0 ? change : 0.0;
    double fall = change > 0 ? 0.0 : -change;
    rsi->previous = close;
    if (rsi->count < rsi->period) {
        rsi_seed(rsi, rise, fall);
        return;
    }
    double n = (double)rsi->period, rest = (double)(rsi->period - 1);
    rsi->gain = (rsi->gain * rest + rise) / n;
    rsi->loss = (rsi->loss * rest + fall) / n;
}

static inline double rsi_of(double gain, double loss) {
    double total = gain + loss;
    return total == 0 ? 50.0 : 100.0 * (gain / total);
}

static inline int rsi_exists(const Rsi *rsi) { return rsi->count >= rsi->period; }

#endif
