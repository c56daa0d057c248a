/* A bot under way: what the rules read, and small answers about it. Levels as in levels.py, settlements as in
   funding_times.py. */
#ifndef TRADEBOT_RUN_H
#define TRADEBOT_RUN_H

#include "arithmetic.h"
#include "blocks.h"

#define DAY_MS 86400000
#define NEVER_MS ((int64_t)1 << 62)
#define ASSUMED_INTERVAL_MS 28800000

typedef struct {
    const Setup *setup;
    const Input *input;
    State *state;
    Output *output;
    /* Not zero: something did not fit 64 bits, or only the plain engine can say it in words. */
    int32_t unfit;
    uint32_t heard;
    int64_t day_end_ms;
    /* Equity at which the day's limits are reached. */
    int64_t loss_level;
    int64_t target_level;
    int64_t has_limits;
    /* Of the open position: money units per price unit with its sign, the tighter stop, and its liquidation price. */
    int64_t worth;
    int64_t stop;
    int64_t stop_reason;
    int64_t has_liquidation;
    int64_t liquidation;
    int64_t next_stamp_ms;
} Run;

/* ceil(price x (1 - ppm)) and floor(price x (1 + ppm)), on ticks. */
static inline int64_t lowered(Run *run, int64_t price, int64_t ppm) {
    wide unit = (wide)run->setup->tick * MILLION;
    return narrowed(ceiling_of((wide)price * (MILLION - ppm), unit) * run->setup->tick, &run->unfit);
}

static inline int64_t raised(Run *run, int64_t price, int64_t ppm) {
    wide unit = (wide)run->setup->tick * MILLION;
    return narrowed(floor_of((wide)price * (MILLION + ppm), unit) * run->setup->tick, &run->unfit);
}

static inline int64_t stop_level(Run *run, int64_t side, int64_t price, int64_t ppm) {
    return side > 0 ? lowered(run, price, ppm) : raised(run, price, ppm);
}

static inline int64_t take_profit_level(Run *run, int64_t side, int64_t price, int64_t ppm) {
    return side > 0 ? raised(run, price, ppm) : lowered(run, price, ppm);
}

/* What a market order pays (buys) or gets, rounded against us. */
static inline int64_t market_fill(Run *run, int is_buy, int64_t price) {
    const Setup *setup = run->setup;
    wide unit = (wide)setup->tick * MILLION;
    wide ticks = is_buy ? ceiling_of((wide)price * (MILLION + setup->slippage_ppm), unit)
                        : floor_of((wide)price * (MILLION - setup->slippage_ppm), unit);
    return narrowed(ticks * setup->tick, &run->unfit);
}

static inline int64_t on_step(const Setup *setup, int64_t quantity) {
    return (int64_t)floor_of(quantity, setup->step) * setup->step;
}

/* Quantity x price is a whole number of money units, because a quantity that trades is a multiple of the step. */
static inline int64_t value_of(Run *run, int64_t quantity, int64_t price) {
    return narrowed((wide)(quantity / run->setup->grain) * price, &run->unfit);
}

/* What one market order can close of the open position. */
static int64_t exit_quantity(const Run *run) {
    const Setup *setup = run->setup;
    int64_t quantity = on_step(setup, run->state->position.quantity);
    if (quantity > setup->max_qty) quantity = setup->max_qty;
    return !setup->is_futures && quantity < setup->min_qty ? 0 : quantity;
}

static void know_stop(Run *run) {
    const Position *position = &run->state->position;
    run->stop = position->stop_loss;
    run->stop_reason = STOP_LOSS;
    if (position->has_trailing && (position->side > 0 ? position->trailing > position->stop_loss
                                                      : position->trailing < position->stop_loss)) {
        run->stop = position->trailing;
        run->stop_reason = TRAILING_STOP;
    }
}

/* Rule 17, with W = cost / leverage + funding, multiplied out. */
static void know_liquidation(Run *run) {
    const Setup *setup = run->setup;
    const Position *position = &run->state->position;
    run->has_liquidation = setup->is_futures != 0;
    if (!run->has_liquidation) return;
    int64_t side = position->side, leverage = setup->leverage;
    wide backing = (wide)position->cost + ((wide)position->funding + setup->maintenance_amount) * leverage;
    wide above = wide_product((wide)position->cost * leverage - side * backing, MILLION, &run->unfit);
    above = wide_product(above, setup->grain, &run->unfit);
    wide below = wide_product((wide)position->quantity * leverage, setup->tick, &run->unfit);
    below = wide_product(below, MILLION - side * setup->maintenance_ppm, &run->unfit);
    if (run->unfit || below <= 0) {
        run->unfit = 1;
        return;
    }
    wide ticks = side > 0 ? ceiling_of(above, below) : floor_of(above, below);
    run->liquidation = narrowed(wide_product(ticks, setup->tick, &run->unfit), &run->unfit);
}

typedef struct {
    int64_t at_ms;
    /* Index in the history, or NONE. */
    int64_t known;
} Settlement;

static Settlement first_settlement(const Run *run, int64_t from_ms) {
    const int64_t *stamps = run->input->funding_ms;
    int64_t low = 0, count = run->setup->funding_count, high = count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (stamps[middle] < from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    int64_t assumed_ms = (int64_t)ceiling_of(from_ms, ASSUMED_INTERVAL_MS) * ASSUMED_INTERVAL_MS;
    if (low < count && (low > 0 || stamps[low] <= assumed_ms)) return (Settlement){stamps[low], low};
    return (Settlement){assumed_ms, NONE};
}

/* Know what follows from the open position, and the first settlement that it pays. */
static void hold(Run *run, int64_t from_stamp_ms) {
    /* All that lies on the step, be it more than one order may sell. */
    int64_t quantity = on_step(run->setup, run->state->position.quantity);
    run->worth = quantity / run->setup->grain * run->state->position.side;
    know_stop(run);
    know_liquidation(run);
    run->next_stamp_ms = run->setup->is_futures ? first_settlement(run, from_stamp_ms).at_ms : NEVER_MS;
}

/* What a price ends the position by: liquidation, stop, take profit, in this order. */
static inline int64_t passed_at(const Run *run, int64_t price) {
    const Position *position = &run->state->position;
    if (position->side > 0) {
        if (run->has_liquidation && price <= run->liquidation) return LIQUIDATION;
        if (price <= run->stop) return run->stop_reason;
        return price >= position->take_profit ? TAKE_PROFIT : NO_REASON;
    }
    if (run->has_liquidation && price >= run->liquidation) return LIQUIDATION;
    if (price >= run->stop) return run->stop_reason;
    return price <= position->take_profit ? TAKE_PROFIT : NO_REASON;
}

/* What a range ends it by: of stop and liquidation the nearer, then the take profit. */
static inline int64_t touched_in(const Run *run, int64_t high, int64_t low) {
    const Position *position = &run->state->position;
    if (position->side > 0) {
        if (run->has_liquidation && run->liquidation > run->stop) {
            if (low <= run->liquidation) return LIQUIDATION;
        } else if (low <= run->stop) {
            return run->stop_reason;
        }
        return high >= position->take_profit ? TAKE_PROFIT : NO_REASON;
    }
    if (run->has_liquidation && run->liquidation < run->stop) {
        if (high >= run->liquidation) return LIQUIDATION;
    } else if (high >= run->stop) {
        return run->stop_reason;
    }
    return low <= position->take_profit ? TAKE_PROFIT : NO_REASON;
}

/* As passed_at, for the open of a candle: what rests there is the stop of before the last one. A stop loss that the last
   candle has drawn the trailing stop past gives its name to an open beyond both. */
static inline int64_t passed_at_open(const Run *run, int64_t price) {
    const Position *position = &run->state->position;
    int64_t reason = passed_at(run, price);
    if (reason != TRAILING_STOP || position->trailing_since_ms != run->state->last_open_ms) return reason;
    return (position->side > 0 ? price <= position->stop_loss : price >= position->stop_loss) ? STOP_LOSS : reason;
}

/* Let the range of the candle of `open_ms` move the extreme and with it the trailing stop, never back. */
static inline void see(Run *run, int64_t high, int64_t low, int64_t open_ms) {
    Position *position = &run->state->position;
    int is_long = position->side > 0;
    int64_t extreme = is_long ? high : low;
    if (is_long ? extreme <= position->extreme : extreme >= position->extreme) return;
    position->extreme = extreme;
    if (!position->has_trailing) return;
    int64_t moved = stop_level(run, position->side, extreme, run->setup->trailing_stop_ppm);
    if (is_long ? moved > position->trailing : moved < position->trailing) {
        int64_t before = run->stop_reason;
        position->trailing = moved;
        know_stop(run);
        if (run->stop_reason != before) position->trailing_since_ms = open_ms;
    }
}

static inline int64_t equity_at(Run *run, int64_t price) {
    int64_t change, moved, equity;
    if (!run->state->position.side) return run->state->balance;
    run->unfit |= __builtin_sub_overflow(price, run->state->position.price, &moved);
    run->unfit |= __builtin_mul_overflow(run->worth, moved, &change);
    run->unfit |= __builtin_add_overflow(run->state->balance, change, &equity);
    return equity;
}

static inline void append(Table *table, const int64_t *row, int64_t columns) {
    int64_t *place = table->columns + table->count;
    for (int64_t i = 0; i < columns; i++) place[i * table->capacity] = row[i];
    table->count += 1;
}

static inline void skip(Run *run, int64_t reason) {
    int64_t row[] = {run->state->last_close_ms, reason};
    append(&run->output->skips, row, 2);
}

#endif
