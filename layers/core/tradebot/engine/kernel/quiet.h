/* Runs of candles in which nothing happens: most of them. What might be more than that is left to the rules in
   kernel.c, which take the candle from its beginning, so that nothing is decided here. */
#ifndef TRADEBOT_QUIET_H
#define TRADEBOT_QUIET_H

#include "run.h"

/* A stretch of candles of one block: index of the first one and of the one after the last. */
typedef struct {
    int64_t begin;
    int64_t end;
    /* Of the block's first candle, whose signal is codes[0]. */
    int64_t origin;
    const uint8_t *codes;
    /* No price of the block is above it. */
    int64_t top;
} Stretch;

static void pass(Run *run, Stretch stretch, int64_t end) {
    State *state = run->state;
    if (end == stretch.begin) return;
    state->tally.candles += end - stretch.begin;
    if (state->position.side) state->tally.candles_in_position += end - stretch.begin;
    state->last_open_ms = run->input->open_time_ms[end - 1];
    state->last_close_ms = state->last_open_ms + run->setup->timeframe_ms;
    state->last_close = run->input->close[end - 1] * run->setup->candle_factor;
}

static inline int reaches_limit(const Run *run, int64_t equity) {
    return run->has_limits && run->state->day_latch == NO_REASON &&
           (equity <= run->loss_level || equity >= run->target_level);
}

/* The candle of a stretch before which the day ends or a settlement is due, if none is missing. */
static int64_t quiet_end(const Run *run, Stretch stretch) {
    const int64_t length = run->setup->timeframe_ms, expected = run->state->last_close_ms;
    const int64_t before_stamp = run->next_stamp_ms - length + 1;
    const int64_t bound = run->day_end_ms < before_stamp ? run->day_end_ms : before_stamp;
    if (bound <= expected) return stretch.begin;
    const int64_t count = (bound - expected - 1) / length + 1;
    return count < stretch.end - stretch.begin ? stretch.begin + count : stretch.end;
}

/* Flat, nothing pending: until an entry is signalled, a candle is missing or the day ends. Exits are not heard. */
static int64_t pass_flat(Run *run, Stretch stretch) {
    const int64_t *open_time_ms = run->input->open_time_ms;
    const int64_t balance = run->state->balance, length = run->setup->timeframe_ms, end = quiet_end(run, stretch);
    const uint8_t *codes = stretch.codes - stretch.origin;
    const uint32_t heard = run->heard & (LONG_ENTRY | SHORT_ENTRY);
    int64_t *equity = run->output->equity - run->output->first;
    int64_t expected = run->state->last_close_ms, i = stretch.begin;
    if (reaches_limit(run, balance)) return i;
    for (; i < end; i++) {
        if ((open_time_ms[i] != expected) | ((codes[i] & heard) != 0)) break;
        equity[i] = balance;
        expected += length;
    }
    pass(run, stretch, i);
    return i;
}

static inline int64_t nearer(int64_t side, int64_t a, int64_t b) { return side > 0 ? (a > b ? a : b) : (a < b ? a : b); }

/* Whether a price is at `line`, or beyond it on the side where a position of `side` loses. */
static inline int is_beyond(int64_t side, int64_t price, int64_t line) {
    return side > 0 ? price <= line : price >= line;
}

/* Whether no price up to `top` can take the open position's equity out of 64 bits. */
static int equity_fits(const Run *run, int64_t top) {
    int64_t entry = run->state->position.price, worth = run->worth < 0 ? -run->worth : run->worth;
    wide farthest = (wide)worth * (top > entry ? top : entry);
    return is_narrow(run->state->balance + farthest) && is_narrow(run->state->balance - farthest);
}

/* Held, nothing pending: until a level is met, a signal is given, a settlement is due, a candle is missing or the day
   ends. `side` is a constant where this is inlined, and so is `factor` where it is 1. The barrier is the nearer of stop
   and liquidation. */
static inline __attribute__((always_inline)) int64_t
pass_held(Run *run, Stretch stretch, const int64_t side, const int64_t factor) {
    const Input *input = run->input;
    Position *position = &run->state->position;
    const int64_t length = run->setup->timeframe_ms, end = quiet_end(run, stretch);
    const int64_t balance = run->state->balance, worth = run->worth, entry = position->price;
    const int64_t take_profit = position->take_profit, stop_loss = position->stop_loss;
    const int64_t has_trailing = position->has_trailing;
    const int watches = run->has_limits && run->state->day_latch == NO_REASON;
    int64_t *equity = run->output->equity - run->output->first;
    int64_t extreme = position->extreme, trailing = position->trailing;
    int64_t barrier = run->has_liquidation ? nearer(side, run->stop, run->liquidation) : run->stop;
    int64_t expected = run->state->last_close_ms, i = stretch.begin;
    const int64_t *times = input->open_time_ms, *opens = input->open, *highs = input->high, *lows = input->low;
    const int64_t *closes = input->close;
    const uint8_t *codes = stretch.codes - stretch.origin;
    const uint32_t heard = run->heard;
    for (; i < end; i++) {
        if ((times[i] != expected) | ((codes[i] & heard) != 0)) break;
        int64_t open = opens[i] * factor, high = highs[i] * factor, low = lows[i] * factor, close = closes[i] * factor;
        int64_t against = side > 0 ? low : high, favour = side > 0 ? high : low;
        if (is_beyond(side, open, barrier) | is_beyond(side, against, barrier) |
            is_beyond(-side, open, take_profit) | is_beyond(-side, favour, take_profit) |
            is_beyond(-side, close, take_profit))
            break;
        int64_t now_trailing = trailing, now_barrier = barrier, now_extreme = extreme;
        if (side > 0 ? favour > extreme : favour < extreme) {
            now_extreme = favour;
            if (has_trailing) {
                now_trailing = nearer(side, trailing, stop_level(run, side, favour, run->setup->trailing_stop_ppm));
                now_barrier = nearer(side, barrier, now_trailing);
                /* Where the candle is left to the rules, they say the same of it. */
                if (is_beyond(side, trailing, stop_loss) & !is_beyond(side, now_trailing, stop_loss))
                    position->trailing_since_ms = times[i];
            }
        }
        int64_t now = balance + worth * (close - entry);
        if (is_beyond(side, close, now_barrier)) break;
        if (watches && (now <= run->loss_level || now >= run->target_level)) break;
        equity[i] = now;
        trailing = now_trailing;
        barrier = now_barrier;
        extreme = now_extreme;
        expected += length;
    }
    position->extreme = extreme;
    position->trailing = trailing;
    know_stop(run);
    pass(run, stretch, i);
    return i;
}

static int64_t pass_quietly(Run *run, Stretch stretch) {
    const State *state = run->state;
    if (state->exit_reason != NO_REASON || state->entry_side) return stretch.begin;
    if (!state->position.side) return pass_flat(run, stretch);
    const int64_t factor = run->setup->candle_factor;
    if (!equity_fits(run, stretch.top * factor)) return stretch.begin;
    if (factor == 1) return state->position.side > 0 ? pass_held(run, stretch, 1, 1) : pass_held(run, stretch, -1, 1);
    return state->position.side > 0 ? pass_held(run, stretch, 1, factor) : pass_held(run, stretch, -1, factor);
}

#endif
