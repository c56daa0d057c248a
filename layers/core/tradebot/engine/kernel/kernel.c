/* The backtest loop of backtest_run.py, compiled. One translation unit, so that everything inlines. */
#include "ledger.h"
#include "quiet.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- Days ---- */

/* The equity that reaches a limit, for (equity - base) x 1,000,000 <= -base x loss, and >= base x target. */
static void know_day(Run *run) {
    const Setup *setup = run->setup;
    const State *state = run->state;
    run->day_end_ms = (state->day + 1) * DAY_MS;
    run->has_limits = setup->max_daily_loss_ppm != NONE || setup->daily_target_ppm != NONE;
    run->loss_level = INT64_MIN;
    run->target_level = INT64_MAX;
    wide base = state->day_base;
    if (setup->max_daily_loss_ppm != NONE)
        run->loss_level = narrowed(base + floor_of(-base * setup->max_daily_loss_ppm, MILLION), &run->unfit);
    if (setup->daily_target_ppm != NONE)
        run->target_level = narrowed(base + ceiling_of(base * setup->daily_target_ppm, MILLION), &run->unfit);
}

static void new_day(Run *run, int64_t open_ms) {
    State *state = run->state;
    int64_t equity = equity_at(run, state->last_close);
    if (state->has_day) {
        int64_t row[] = {state->day, state->day_base, equity, state->daily_pnl, state->trades_today};
        append(&run->output->days, row, 5);
    }
    state->has_day = 1;
    state->day = (int64_t)floor_of(open_ms, DAY_MS);
    state->day_base = equity;
    state->daily_pnl = 0;
    state->trades_today = 0;
    state->day_latch = NO_REASON;
    know_day(run);
}

/* ---- Funding ---- */

/* Pay or receive every settlement before `end_ms`. */
static void settle_funding(Run *run, int64_t end_ms, int64_t open) {
    const Setup *setup = run->setup;
    State *state = run->state;
    Position *position = &state->position;
    Settlement one = first_settlement(run, run->next_stamp_ms);
    while (one.at_ms < end_ms && !run->unfit) {
        int64_t rate = setup->assumed_rate, price = open, divisor = setup->open_divisor;
        if (one.known != NONE) {
            rate = run->input->funding_rate[one.known];
            if (run->input->funding_mark[one.known] != NONE) {
                price = run->input->funding_mark[one.known];
                divisor = setup->mark_divisor;
            }
        }
        wide value = wide_product((wide)position->quantity * price, -position->side * rate, &run->unfit);
        wide amount = wide_product(floor_of(value, divisor), setup->fee_unit, &run->unfit);
        int64_t paid = narrowed(amount, &run->unfit);
        add(run, &position->funding, paid);
        add(run, &state->balance, paid);
        add(run, &state->tally.funding, paid);
        state->tally.funding_assumed += one.known == NONE;
        state->tally.funding_known += one.known != NONE;
        one = first_settlement(run, one.at_ms + 1);
    }
    hold(run, end_ms);
}

/* ---- Leaving and entering ---- */

/* A level that the open passed, or (is_at_open = 0) that the range touched. */
static void leave_by_level(Run *run, int64_t reason, int64_t open_ms, int64_t open, int is_at_open, int64_t at_ms) {
    const Position *position = &run->state->position;
    int64_t price;
    if (reason == TAKE_PROFIT)
        price = position->take_profit;
    else if (reason == LIQUIDATION)
        price = run->liquidation;
    else
        price = market_fill(run, position->side < 0, is_at_open ? open : run->stop);
    leave(run, reason, price, at_ms, open_ms);
}

static void carried_in(Run *run, int64_t open_ms, int64_t open) {
    State *state = run->state;
    if (run->next_stamp_ms <= open_ms) settle_funding(run, open_ms + 1, open);
    int64_t reason = passed_at_open(run, open);
    if (reason != NO_REASON)
        leave_by_level(run, reason, open_ms, open, 1, open_ms);
    else if (state->exit_reason != NO_REASON)
        leave(run, state->exit_reason, market_fill(run, state->position.side < 0, open), open_ms, open_ms);
}

/* Why the pending entry may not be carried out now, or NONE. */
static int64_t entry_refusal(const Run *run, int64_t open_ms) {
    const Setup *setup = run->setup;
    const State *state = run->state;
    if (2 * (open_ms - state->entry_close_ms) > setup->timeframe_ms) return SKIP_STALE_SIGNAL;
    if (state->day_latch == DAILY_LOSS) return SKIP_PAUSED_DAILY_LOSS;
    if (state->day_latch == DAILY_TARGET) return SKIP_PAUSED_DAILY_TARGET;
    if (setup->max_daily_trades != NONE && state->trades_today >= setup->max_daily_trades)
        return SKIP_PAUSED_MAX_TRADES;
    return NONE;
}

static int enter(Run *run, int64_t open_ms, int64_t open) {
    State *state = run->state;
    int64_t quantity = 0, reason = entry_refusal(run, open_ms);
    if (reason == NONE) reason = size_entry(run, &quantity);
    if (reason != NONE || run->unfit) {
        state->entry_side = 0;
        skip(run, reason);
        return 0;
    }
    return book_entry(run, quantity, market_fill(run, state->entry_side > 0, open), open_ms);
}

static void held(Run *run, const int64_t *candle, int64_t open_ms, int64_t close_ms, int is_fresh) {
    int64_t open = candle[0], high = candle[1], low = candle[2];
    run->state->tally.candles_in_position += 1;
    if (run->next_stamp_ms < close_ms) settle_funding(run, close_ms, open);
    if (is_fresh) {
        int64_t passed = passed_at(run, open);
        if (passed != NO_REASON) {
            leave_by_level(run, passed, open_ms, open, 1, open_ms);
            return;
        }
    }
    int64_t reason = touched_in(run, high, low);
    if (reason != NO_REASON)
        leave_by_level(run, reason, open_ms, open, 0, close_ms - 1);
    else
        see(run, high, low, open_ms);
}

/* ---- The close ---- */

/* What is pending leaves at the next open, so nothing is pending when a close begins; and a close asks by rank, the
   greatest first. So the first to ask is the one that counts. */
static void want_exit(State *state, int64_t reason) {
    if (state->exit_reason != NO_REASON) return;
    state->exit_reason = reason;
    state->exit_close_ms = state->last_close_ms;
    state->exit_close = state->last_close;
}

/* The strategy's interface asserts that no close contradicts itself: a defect, which the plain engine says in words. */
static int contradicts(unsigned code) {
    return (code & (LONG_ENTRY | LONG_EXIT)) == (LONG_ENTRY | LONG_EXIT) ||
           (code & (SHORT_ENTRY | SHORT_EXIT)) == (SHORT_ENTRY | SHORT_EXIT) ||
           (code & (LONG_ENTRY | SHORT_ENTRY)) == (LONG_ENTRY | SHORT_ENTRY);
}

static void hear(Run *run, unsigned code, int was_leaving) {
    State *state = run->state;
    int64_t held_side = state->position.side;
    if (held_side && code & (held_side > 0 ? LONG_EXIT : SHORT_EXIT)) want_exit(state, EXIT_SIGNAL);
    int64_t side = code & LONG_ENTRY ? 1 : code & SHORT_ENTRY ? -1 : 0;
    if (!side) return;
    if (was_leaving || (held_side && state->exit_reason != NO_REASON && side == -held_side)) {
        state->entry_side = side;
        state->entry_close_ms = state->last_close_ms;
        state->entry_close = state->last_close;
    }
}

static void decide(Run *run, unsigned code, int64_t level, int64_t limit, int is_after_gap) {
    State *state = run->state;
    int was_leaving = !state->position.side;
    run->unfit |= contradicts(code);
    if (level != NO_REASON) want_exit(state, level);
    if (state->day_latch == NO_REASON) state->day_latch = limit;
    if (state->day_latch != NO_REASON && state->position.side) want_exit(state, state->day_latch);
    hear(run, code, was_leaving);
    state->tally.entry_signals += state->entry_side != 0;
    if (!is_after_gap) return;
    state->gaps += 1;
    if (state->entry_side) {
        state->entry_side = 0;
        skip(run, SKIP_GAP);
    }
}

static inline int64_t close_candle(Run *run, int64_t close, unsigned code, int is_after_gap) {
    const State *state = run->state;
    int64_t equity = equity_at(run, close), limit = NO_REASON, level = NO_REASON;
    if (run->has_limits && state->day_latch == NO_REASON)
        limit = equity <= run->loss_level ? DAILY_LOSS : equity >= run->target_level ? DAILY_TARGET : NO_REASON;
    if (state->position.side) level = passed_at(run, close);
    if (code | (unsigned)limit | (unsigned)level | (unsigned)is_after_gap)
        decide(run, code, level, limit, is_after_gap);
    return equity;
}

/* ---- One candle, in the order of the rules; `candle` is open, high, low, close ---- */

static int comes_late(Run *run, int64_t open_ms) {
    if (!run->state->has_last) return 0;
    if (open_ms < run->state->last_close_ms) {
        run->unfit = 1;
        return 0;
    }
    int64_t row[] = {run->state->last_close_ms, open_ms};
    append(&run->output->gaps, row, 2);
    return 1;
}

static inline int64_t take_candle(Run *run, int64_t open_ms, const int64_t *candle, unsigned code) {
    State *state = run->state;
    int64_t close_ms = open_ms + run->setup->timeframe_ms;
    int is_after_gap = open_ms != state->last_close_ms && comes_late(run, open_ms), is_fresh = 0;
    if (open_ms >= run->day_end_ms) new_day(run, open_ms);
    if (state->position.side) carried_in(run, open_ms, candle[0]);
    if (state->entry_side && !state->position.side) is_fresh = enter(run, open_ms, candle[0]);
    if (state->position.side) held(run, candle, open_ms, close_ms, is_fresh);
    state->has_last = 1;
    state->last_open_ms = open_ms;
    state->last_close_ms = close_ms;
    state->last_close = candle[3];
    state->tally.candles += 1;
    return close_candle(run, candle[3], code, is_after_gap);
}

/* ---- Blocks of candles ---- */

/* The state of a candle that only warms up is its indicators and where it stood. */
static void warm_up(Run *run, const Input *input, int64_t count, int64_t factor) {
    State *state = run->state;
    int64_t last = input->next + count - 1;
    state->has_last = 1;
    state->last_open_ms = input->open_time_ms[last];
    state->last_close_ms = state->last_open_ms + run->setup->timeframe_ms;
    state->last_close = input->close[last] * factor;
    state->warm_up_left -= count;
}

static void trade(Run *run, const Input *input, int64_t count, const uint8_t *codes, int64_t top) {
    int64_t factor = run->setup->candle_factor, first = input->next, end = first + count, i = first;
    int64_t *equity = run->output->equity - run->output->first;
    if (!run->state->tally.has_first_open) {
        run->state->tally.has_first_open = 1;
        run->state->tally.first_open = input->open[first] * factor;
    }
    while (i < end && !run->unfit) {
        i = pass_quietly(run, (Stretch){i, end, first, codes, top});
        if (i == end) break;
        int64_t candle[] = {
            input->open[i] * factor, input->high[i] * factor, input->low[i] * factor, input->close[i] * factor};
        equity[i] = take_candle(run, input->open_time_ms[i], candle, codes[i - first] & run->heard);
        i += 1;
    }
}

/* Whether all are exact as floats, and as price units within 64 bits. */
static int fit(const Prices *prices, int64_t factor) {
    int64_t ignored;
    return (uint64_t)prices->bits < (uint64_t)1 << 53 && !__builtin_mul_overflow(prices->bits, factor, &ignored);
}

static int has_room(const Output *output) {
    return output->trades.count + BLOCK * TRADES_A_CANDLE <= output->trades.capacity &&
           output->skips.count + BLOCK * SKIPS_A_CANDLE <= output->skips.capacity &&
           output->days.count + BLOCK <= output->days.capacity && output->gaps.count + BLOCK <= output->gaps.capacity;
}

EXPORT int32_t tradebot_kernel_run(const Setup *setup, State *state, Input *input, Output *output) {
    Run run = {.setup = setup, .input = input, .state = state, .output = output};
    uint8_t codes[BLOCK];
    run.day_end_ms = INT64_MIN;
    /* Short signals are not heard on spot. */
    run.heard = setup->is_futures ? 15u : LONG_ENTRY | LONG_EXIT;
    run.next_stamp_ms = NEVER_MS;
    if (state->has_day) know_day(&run);
    if (state->position.side) hold(&run, state->last_close_ms);
    while (input->next < input->count && !run.unfit) {
        int64_t count = input->count - input->next;
        if (count > BLOCK) count = BLOCK;
        if (state->warm_up_left > 0 && count > state->warm_up_left) count = state->warm_up_left;
        if (!has_room(output)) return FULL;
        Prices prices = {input->open + input->next,
                         input->high + input->next,
                         input->low + input->next,
                         input->close + input->next,
                         (double)setup->candle_scale,
                         0};
        feed_block(&state->indicators, &prices, count, codes);
        if (!fit(&prices, setup->candle_factor)) return DECLINED;
        if (state->warm_up_left > 0)
            warm_up(&run, input, count, setup->candle_factor);
        else
            trade(&run, input, count, codes, prices.bits);
        input->next += count;
    }
    return run.unfit ? DECLINED : DONE;
}

/* ---- About the library ---- */

/* library.py holds the same number. */
EXPORT int64_t tradebot_kernel_abi(void) { return 1; }

/* Which block is how long: 0 setup, 1 state, 2 input, 3 output. */
EXPORT int64_t tradebot_kernel_size(int64_t block) {
    const int64_t sizes[] = {sizeof(Setup), sizeof(State), sizeof(Input), sizeof(Output)};
    return block >= 0 && block < 4 ? sizes[block] : 0;
}

EXPORT const char *tradebot_kernel_sources(void) { return SOURCE_DIGEST; }

/* Feed closes into indicators alone: what the tests hold against tradebot.strategy. */
EXPORT void tradebot_kernel_signals(
    Indicators *indicators, const int64_t *closes, int64_t scale, int64_t count, uint8_t *codes) {
    Prices prices = {closes, closes, closes, closes, (double)scale, 0};
    feed_block(indicators, &prices, count, codes);
}
