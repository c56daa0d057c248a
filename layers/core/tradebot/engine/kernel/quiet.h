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
    /* Not zero: somewhere in the block a candle does not follow the one before it. */
    int64_t breaks;
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

/* The candle of a stretch before which one is missing, the day ends or a settlement is due. */
static int64_t quiet_end(const Run *run, Stretch stretch) {
    const int64_t length = run->setup->timeframe_ms, expected = run->state->last_close_ms;
    const int64_t before_stamp = run->next_stamp_ms - length + 1;
    const int64_t bound = run->day_end_ms < before_stamp ? run->day_end_ms : before_stamp;
    const int64_t *times = run->input->open_time_ms;
    if (bound <= expected || times[stretch.begin] != expected) return stretch.begin;
    const int64_t count = (bound - expected - 1) / length + 1;
    const int64_t end = count < stretch.end - stretch.begin ? stretch.begin + count : stretch.end;
    if (!stretch.breaks) return end;
    int64_t i = stretch.begin + 1;
    while (i < end && times[i] - times[i - 1] == length) i++;
    return i;
}

/* The first candle from `begin` on whose close says one of `heard`, or `end`: eight at a time, as most say nothing. */
static inline int64_t next_signal(Stretch stretch, int64_t end, uint32_t heard) {
    const uint64_t any = heard * 0x0101010101010101u;
    const uint8_t *codes = stretch.codes - stretch.origin;
    int64_t i = stretch.begin;
    for (; i + 8 <= end; i += 8) {
        uint64_t eight;
        __builtin_memcpy(&eight, codes + i, 8);
        /* The lowest byte is the first: little-endian, as every machine is that this is compiled for. */
        if (eight & any) return i + __builtin_ctzll(eight & any) / 8;
    }
    while (i < end && !(codes[i] & heard)) i++;
    return i;
}

/* Flat, nothing pending: until an entry is signalled, a candle is missing or the day ends. Exits are not heard. */
static int64_t pass_flat(Run *run, Stretch stretch) {
    const int64_t balance = run->state->balance;
    if (reaches_limit(run, balance)) return stretch.begin;
    const int64_t end = next_signal(stretch, quiet_end(run, stretch), run->heard & (LONG_ENTRY | SHORT_ENTRY));
    int64_t *equity = run->output->equity - run->output->first;
    for (int64_t i = stretch.begin; i < end; i++) equity[i] = balance;
    pass(run, stretch, end);
    return end;
}

static inline int64_t nearer(int64_t side, int64_t a, int64_t b) {
    return side > 0 ? (a > b ? a : b) : (a < b ? a : b);
}

/* Whether a price is at `line`, or beyond it on the side where a position of `side` loses. */
static inline int is_beyond(int64_t side, int64_t price, int64_t line) {
    return side > 0 ? price <= line : price >= line;
}

/* Prices from here on, and what they are worth, could leave 64 bits in a sum. */
#define FAR ((int64_t)1 << 61)

/* Whether no price up to `top` can take the open position's equity, or a level beside it, out of 64 bits. */
static int sums_fit(const Run *run, int64_t top) {
    int64_t entry = run->state->position.price, worth = run->worth < 0 ? -run->worth : run->worth;
    if (top >= FAR || run->state->position.extreme >= FAR) return 0;
    wide farthest = (wide)worth * (top > entry ? top : entry);
    return is_narrow(run->state->balance + farthest) && is_narrow(run->state->balance - farthest);
}

/* How far from the extreme the trailing stop is at least, on its tick: the extreme only moves on in favour. A short's
   quiet candles stay above its take profit. */
static int64_t least_trail(const Run *run, int64_t side) {
    const Position *position = &run->state->position;
    int64_t price = position->extreme;
    if (!position->has_trailing) return FAR;
    if (side < 0 && position->take_profit < price) price = position->take_profit;
    return (int64_t)floor_of((wide)price * run->setup->trailing_stop_ppm, MILLION) - run->setup->tick;
}

/* Held, nothing pending: until a level may be met, a signal is given, a settlement is due, a candle is missing or the
   day ends. `side` is a constant where this is inlined, and so is `factor` where it is 1. The barrier is the nearer of
   stop and liquidation; a trailing stop is worked out at the end, and until then taken for nearer than it is. */
static inline __attribute__((always_inline)) int64_t
pass_held(Run *run, Stretch stretch, const int64_t side, const int64_t factor) {
    const Input *input = run->input;
    Position *position = &run->state->position;
    const int64_t balance = run->state->balance, worth = run->worth, entry = position->price;
    const int64_t take_profit = position->take_profit, trail = side * least_trail(run, side);
    const int watches = run->has_limits && run->state->day_latch == NO_REASON;
    const int64_t loss_level = watches ? run->loss_level : INT64_MIN;
    const int64_t target_level = watches ? run->target_level : INT64_MAX;
    const int64_t barrier = run->has_liquidation ? nearer(side, run->stop, run->liquidation) : run->stop;
    const int64_t end = next_signal(stretch, quiet_end(run, stretch), run->heard);
    const int64_t *opens = input->open, *highs = input->high, *lows = input->low, *closes = input->close;
    int64_t *equity = run->output->equity - run->output->first;
    int64_t extreme = position->extreme, i = stretch.begin;
    for (; i < end; i++) {
        const int64_t open = opens[i] * factor, close = closes[i] * factor;
        const int64_t favour = (side > 0 ? highs[i] : lows[i]) * factor;
        const int64_t against = (side > 0 ? lows[i] : highs[i]) * factor;
        const int64_t farthest = nearer(side, extreme, favour), now = balance + worth * (close - entry);
        const int64_t line = nearer(side, barrier, farthest - trail);
        if (is_beyond(side, open, line) | is_beyond(side, against, line) | is_beyond(side, close, line) |
            is_beyond(-side, open, take_profit) | is_beyond(-side, favour, take_profit) |
            is_beyond(-side, close, take_profit) | (now <= loss_level) | (now >= target_level))
            break;
        equity[i] = now;
        extreme = farthest;
    }
    /* Which candle drew the trailing stop past the stop loss each is asked in turn, until one did. */
    for (int64_t seen = stretch.begin; seen < i && run->stop_reason == STOP_LOSS; seen++)
        see(run, highs[seen] * factor, lows[seen] * factor, input->open_time_ms[seen]);
    see(run, extreme, extreme, NONE);
    pass(run, stretch, i);
    return i;
}

static int64_t pass_quietly(Run *run, Stretch stretch) {
    const State *state = run->state;
    if (state->exit_reason != NO_REASON || state->entry_side) return stretch.begin;
    if (!state->position.side) return pass_flat(run, stretch);
    const int64_t factor = run->setup->candle_factor;
    if (!sums_fit(run, stretch.top * factor)) return stretch.begin;
    if (factor == 1) return state->position.side > 0 ? pass_held(run, stretch, 1, 1) : pass_held(run, stretch, -1, 1);
    return state->position.side > 0 ? pass_held(run, stretch, 1, factor) : pass_held(run, stretch, -1, factor);
}

#endif
