/* What each close says: the rules of tradebot/strategy/{simple,ema}.py over a block of closes. `custom` is `ema`. */
#ifndef TRADEBOT_SIGNALS_H
#define TRADEBOT_SIGNALS_H

#include "lanes.h"

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

/* What a cross of the averages says, upwards or downwards. */
static inline unsigned cross_signals(const Indicators *now, int is_up, double gain, double loss, int has_rsi) {
    if (is_up) return SHORT_EXIT | (has_rsi && rsi_of(gain, loss) < now->overbought ? LONG_ENTRY : 0u);
    return LONG_EXIT | (has_rsi && rsi_of(gain, loss) > now->oversold ? SHORT_ENTRY : 0u);
}

static inline unsigned ema_signals(Indicators *now, double fast_smoothing, double slow_smoothing, double close) {
    int existed = now->fast.has_value && now->slow.has_value;
    double fast_before = now->fast.value, slow_before = now->slow.value;
    ema_update(&now->fast, fast_smoothing, close);
    ema_update(&now->slow, slow_smoothing, close);
    rsi_update(&now->rsi, close);
    int is_up = fast_before <= slow_before && now->fast.value > now->slow.value;
    int is_down = fast_before >= slow_before && now->fast.value < now->slow.value;
    if (!existed || !(is_up || is_down)) return 0;
    return cross_signals(now, is_up, now->rsi.gain, now->rsi.loss, rsi_exists(&now->rsi));
}

/* Once everything is seeded no step asks for it. */
static inline int is_seeded(const Indicators *now) {
    return now->fast.has_value && now->slow.has_value && now->rsi.has_previous && rsi_exists(&now->rsi);
}

/* Closes in the integers that they came in; `scale` of them are one quote. `signals` takes one byte each. */
typedef struct {
    const int64_t *close;
    double scale;
    int64_t count;
    uint8_t *signals;
    /* The same candles' other columns, which nothing here depends on, or NULL. */
    const int64_t *beside[BESIDE];
} Closes;

/* ---- Lanes ---- */

/* What crosses in a step says, as cross_signals does: without a branch, for no processor foresees a cross. */
ALWAYS_INLINE Masks crosses(Averages before, Averages now, const Indicators *settings) {
    const Masks up = (before.fast <= before.slow) & (now.fast > now.slow);
    const Masks down = (before.fast >= before.slow) & (now.fast < now.slow);
    const Lanes rsi = rsi_in_lanes(now);
    const Masks buys = SHORT_EXIT | ((rsi < everywhere(settings->overbought)) & LONG_ENTRY);
    const Masks sells = LONG_EXIT | ((rsi > everywhere(settings->oversold)) & SHORT_ENTRY);
    return (up & buys) | (down & sells);
}

/* Let every lane take `count` closes, and write what they say where `places` has room for it. */
ALWAYS_INLINE void
run_lanes(Averages *state, const Pace *pace, const Places *places, int64_t count, const Indicators *settings) {
    const Places at = *places;
    const Pace by = *pace;
    Lanes closes[TILE];
    Masks said[TILE];
    Averages now = *state;
    for (int64_t begin = 0; begin < count; begin += TILE) {
        const int64_t steps = count - begin < TILE ? count - begin : TILE;
        read_closes(closes, &at, begin, steps);
        for (int64_t i = 0; i < steps; i++) {
            if (at.beside[0]) fetch_beside(&at, begin, i);
            const Averages next = stepped(now, by, closes[i] / everywhere(by.scale));
            said[i] = crosses(now, next, settings);
            now = next;
        }
        for (int lane = 0; lane < LANES && at.signals[0]; lane++)
            for (int64_t i = 0; i < steps; i++) at.signals[lane][begin + i] = (uint8_t)said[i][lane];
    }
    *state = now;
}

WIDE static void run_lanes_wide(
    Averages *state, const Pace *pace, const Places *places, int64_t count, const Indicators *settings) {
    run_lanes(state, pace, places, count, settings);
}

static void run_lanes_in_halves(
    Averages *state, const Pace *pace, const Places *places, int64_t count, const Indicators *settings) {
    run_lanes(state, pace, places, count, settings);
}

typedef void (*LaneRunner)(Averages *, const Pace *, const Places *, int64_t, const Indicators *);

/* The true averages in the first lane; in the others a guess that has seen the closes before their part. */
static inline Averages averages_before(
    const Indicators *state, LaneRunner run, const Pace *pace, const Places *places, int64_t steps) {
    Places before = *places;
    for (int lane = 1; lane < LANES; lane++) before.closes[lane] -= steps;
    before.signals[0] = NULL;
    before.beside[0] = NULL;
    Lanes first;
    read_closes(&first, &before, 0, 1);
    first /= everywhere(pace->scale);
    Averages guess = {first, first, first, everywhere(state->rsi.gain), everywhere(state->rsi.loss)};
    run(&guess, pace, &before, steps, state);
    guess.fast[0] = state->fast.value;
    guess.slow[0] = state->slow.value;
    guess.previous[0] = state->rsi.previous;
    guess.gain[0] = state->rsi.gain;
    guess.loss[0] = state->rsi.loss;
    return guess;
}

/* Take the closes from `begin` on in lanes, if they are long enough for it; return the first that is left. */
static int64_t take_in_lanes(Indicators *state, const Closes *closes, int64_t begin) {
    const int64_t length = (closes->count - begin) / LANES;
    const int64_t steps = steps_to_forget(&state->fast, &state->slow, &state->rsi);
    if (length < steps) return begin;
    const Pace pace = {
        ema_smoothing(&state->fast), ema_smoothing(&state->slow), (double)state->rsi.period, closes->scale};
    Places places;
    for (int lane = 0; lane < LANES; lane++) {
        places.closes[lane] = closes->close + begin + lane * length;
        places.signals[lane] = closes->signals + begin + lane * length;
        for (int column = 0; column < BESIDE; column++) {
            const int64_t *cells = closes->beside[column];
            places.beside[lane * BESIDE + column] = cells ? cells + begin + lane * length : NULL;
        }
    }
    const LaneRunner run = has_wide_registers() ? run_lanes_wide : run_lanes_in_halves;
    const Averages start = averages_before(state, run, &pace, &places, steps);
    Averages end = start;
    run(&end, &pace, &places, length, state);
    int good = 1;
    while (good < LANES && is_same(&end, good - 1, &start, good)) good++;
    state->fast.value = end.fast[good - 1];
    state->slow.value = end.slow[good - 1];
    state->rsi.previous = end.previous[good - 1];
    state->rsi.gain = end.gain[good - 1];
    state->rsi.loss = end.loss[good - 1];
    return begin + good * length;
}

/* ---- Feeding ---- */

static inline double close_of(const Closes *closes, int64_t i) { return (double)closes->close[i] / closes->scale; }

static void feed_ema(Indicators *state, const Closes *closes) {
    /* A copy of its own stays in registers. */
    Indicators now = *state;
    const double fast_smoothing = ema_smoothing(&now.fast), slow_smoothing = ema_smoothing(&now.slow);
    int64_t i = 0;
    for (; i < closes->count && !is_seeded(&now); i++)
        closes->signals[i] = (uint8_t)ema_signals(&now, fast_smoothing, slow_smoothing, close_of(closes, i));
    i = take_in_lanes(&now, closes, i);
    for (; i < closes->count; i++)
        closes->signals[i] = (uint8_t)ema_signals(&now, fast_smoothing, slow_smoothing, close_of(closes, i));
    *state = now;
}

static void feed_simple(Indicators *state, const Closes *closes) {
    const double smoothing = ema_smoothing(&state->fast);
    for (int64_t i = 0; i < closes->count; i++)
        closes->signals[i] = (uint8_t)simple_signals(state, smoothing, close_of(closes, i));
}

static void feed(Indicators *state, const Closes *closes) {
    if (state->strategy == STRATEGY_EMA)
        feed_ema(state, closes);
    else
        feed_simple(state, closes);
}

#endif
