/* What fills do to the books: ledger.py and sizing.py for one whole fill at one price. */
#ifndef TRADEBOT_LEDGER_H
#define TRADEBOT_LEDGER_H

#include "run.h"

/* A fee in money units, rounded up to 0.00000001 quote. */
static int64_t fee_on(Run *run, int64_t quote, int64_t ppm) {
    wide unit = (wide)MILLION * run->setup->fee_unit;
    return narrowed(ceiling_of((wide)quote * ppm, unit) * run->setup->fee_unit, &run->unfit);
}

static void add(Run *run, int64_t *total, int64_t amount) { *total = sum(*total, amount, &run->unfit); }

static void write_trade(Run *run, const int64_t *row) {
    append(&run->output->trades, row, TRADE_COLUMNS);
    add(run, &run->state->tally.fees, row[FEE]);
}

/* ---- Leaving ---- */

static void count_round_trip(Run *run, int64_t realized) {
    Tally *tally = &run->state->tally;
    tally->round_trips += 1;
    if (realized > 0) {
        tally->wins += 1;
        add(run, &tally->gross_profit, realized);
    } else if (realized < 0) {
        tally->losses += 1;
        add(run, &tally->gross_loss, realized);
    }
}

/* Return the realised PnL of an exit of `quantity` for `quote` less `fee`. */
static int64_t book_exit(Run *run, int64_t quantity, int64_t quote, int64_t fee) {
    State *state = run->state;
    Position *position = &state->position;
    int64_t cost = run->setup->is_futures ? position->cost : value_of(run, quantity, position->price);
    int64_t gross = narrowed(position->side * ((wide)quote - cost), &run->unfit);
    int64_t realized = narrowed((wide)gross - position->entry_fee - fee + position->funding, &run->unfit);
    state->balance = narrowed((wide)state->balance + gross - fee, &run->unfit);
    add(run, &state->daily_pnl, realized);
    state->dust = position->quantity - quantity;
    state->dust_cost = position->cost - cost;
    return realized;
}

/* The whole isolated margin is lost; funding so far came out of it, or went into it. */
static int64_t book_liquidation(Run *run) {
    State *state = run->state;
    const Position *position = &state->position;
    const Setup *setup = run->setup;
    wide unit = (wide)setup->leverage * setup->fee_unit;
    int64_t margin = narrowed(ceiling_of(position->cost, unit) * setup->fee_unit, &run->unfit);
    int64_t realized = narrowed(-(wide)margin - position->entry_fee, &run->unfit);
    state->balance = narrowed((wide)state->balance - margin - position->funding, &run->unfit);
    add(run, &state->daily_pnl, realized);
    return realized;
}

static void leave(Run *run, int64_t reason, int64_t price, int64_t at_ms, int64_t open_ms) {
    State *state = run->state;
    const Setup *setup = run->setup;
    Position *position = &state->position;
    int is_maker = reason == TAKE_PROFIT;
    int64_t quantity = on_step(setup, position->quantity);
    int64_t quote = value_of(run, quantity, price), fee = 0, realized;
    if (reason == LIQUIDATION) {
        realized = book_liquidation(run);
    } else {
        fee = fee_on(run, quote, is_maker ? setup->maker_ppm : setup->taker_ppm);
        realized = book_exit(run, quantity, quote, fee);
    }
    int64_t row[TRADE_COLUMNS] = {
        [AT_MS] = at_ms,
        [CANDLE_MS] = open_ms,
        [LEG] = 1,
        [POSITION_SIDE] = position->side,
        [REASON] = reason,
        [IS_MAKER] = is_maker,
        [PRICE] = quote ? price : 0,
        [QUANTITY] = quantity,
        [QUOTE] = quote,
        [FEE] = fee,
        [COMMISSION] = fee,
        [FUNDING] = position->funding,
        [REALIZED_PNL] = realized,
    };
    write_trade(run, row);
    count_round_trip(run, realized);
    position->side = 0;
    state->exit_reason = NO_REASON;
    run->next_stamp_ms = NEVER_MS;
}

/* ---- Entering ---- */

static int64_t protective_stop(Run *run, int64_t side, int64_t close) {
    const Setup *setup = run->setup;
    int64_t stop = stop_level(run, side, close, setup->stop_loss_ppm);
    if (setup->trailing_stop_ppm == NONE) return stop;
    int64_t trailing = stop_level(run, side, close, setup->trailing_stop_ppm);
    return side > 0 ? (trailing > stop ? trailing : stop) : (trailing < stop ? trailing : stop);
}

/* Return the reason why no entry of `quantity` can be, or NONE. */
static int64_t refusal(Run *run, int64_t quantity) {
    const Setup *setup = run->setup;
    const State *state = run->state;
    int64_t sellable = quantity, close = state->entry_close;
    if (!setup->is_futures) {
        wide commission = ceiling_of((wide)quantity * setup->taker_ppm, MILLION);
        int64_t left = narrowed((wide)state->dust + quantity - commission, &run->unfit);
        sellable = narrowed(floor_of(left, setup->step) * setup->step, &run->unfit);
    }
    if ((quantity < sellable ? quantity : sellable) < setup->min_qty || quantity <= 0) return SKIP_BELOW_MIN_QTY;
    int64_t stop = protective_stop(run, state->entry_side, close);
    wide least = wide_product(setup->min_notional, setup->grain, &run->unfit);
    wide value = wide_product((wide)sellable * stop, 100, &run->unfit);
    wide notional = (wide)quantity * close;
    if (value < wide_product(least, 101, &run->unfit) || notional < least) return SKIP_BELOW_MIN_NOTIONAL;
    if (setup->notional_cap != NONE && notional > wide_product(setup->notional_cap, setup->grain, &run->unfit))
        return SKIP_BEYOND_BRACKET;
    return NONE;
}

/* Rules 7 to 9: write the quantity of an entry at the deciding close, or return why there is none. */
static int64_t size_entry(Run *run, int64_t *quantity) {
    const Setup *setup = run->setup;
    const State *state = run->state;
    wide wanted = setup->size_ppm == NONE ? (wide)setup->size_fixed * MILLION : (wide)state->balance * setup->size_ppm;
    wide wanted_unit = MILLION;
    /* 0.99 x free / (1 + leverage x taker); on spot the taker is left out. */
    wide cap = ((wide)state->balance - state->dust_cost) * 99 * MILLION;
    wide cap_unit = 100 * (MILLION + (wide)(setup->is_futures ? setup->leverage * setup->taker_ppm : 0));
    wide left = wide_product(wanted, cap_unit, &run->unfit), right = wide_product(cap, wanted_unit, &run->unfit);
    wide size = left < right ? wanted : cap, unit = left < right ? wanted_unit : cap_unit;
    if (size <= 0) return SKIP_NO_FREE_BALANCE;
    size = wide_product(wide_product(size, setup->leverage, &run->unfit), setup->grain, &run->unfit);
    unit = wide_product(wide_product(unit, state->entry_close, &run->unfit), setup->step, &run->unfit);
    if (run->unfit || unit <= 0) {
        run->unfit = 1;
        return SKIP_NO_FREE_BALANCE;
    }
    wide lots = floor_of(size, unit);
    wide amount = wide_product(lots, setup->step, &run->unfit);
    *quantity = amount > setup->max_qty ? setup->max_qty : (int64_t)amount;
    return refusal(run, *quantity);
}

static void set_levels(Run *run, int64_t price) {
    const Setup *setup = run->setup;
    Position *position = &run->state->position;
    position->price = price;
    position->stop_loss = stop_level(run, position->side, price, setup->stop_loss_ppm);
    position->take_profit = take_profit_level(run, position->side, price, setup->take_profit_ppm);
    position->has_trailing = setup->trailing_stop_ppm != NONE;
    position->trailing =
        position->has_trailing ? stop_level(run, position->side, price, setup->trailing_stop_ppm) : 0;
    position->extreme = price;
}

static void write_entry(Run *run, int64_t price, int64_t base_commission, int64_t open_ms) {
    const Position *position = &run->state->position;
    int64_t row[TRADE_COLUMNS] = {
        [AT_MS] = open_ms,
        [CANDLE_MS] = open_ms,
        [POSITION_SIDE] = position->side,
        [PRICE] = position->entry_quote ? price : 0,
        [QUANTITY] = position->entry_quantity,
        [QUOTE] = position->entry_quote,
        [FEE] = position->entry_fee,
        [COMMISSION] = base_commission ? base_commission : run->setup->is_futures ? position->entry_fee : 0,
        [IS_BASE_COMMISSION] = base_commission != 0,
    };
    write_trade(run, row);
}

/* Nothing of it could be sold: the coins stay as dust, at the cost that no exit has borne. */
static int is_dust(Run *run, int64_t price) {
    if (run->setup->is_futures) return exit_quantity(run) <= 0;
    int64_t quantity = exit_quantity(run);
    return quantity <= 0 || (wide)quantity * price < (wide)run->setup->min_notional * run->setup->grain;
}

static void turn_to_dust(Run *run) {
    State *state = run->state;
    Position *position = &state->position;
    add(run, &state->balance, position->entry_fee);
    state->dust = position->quantity;
    state->dust_cost = narrowed((wide)position->cost + position->entry_fee, &run->unfit);
    position->side = 0;
    state->exit_reason = NO_REASON;
}

/* Buy or sell short at the open; tell whether a position stands. */
static int book_entry(Run *run, int64_t quantity, int64_t price, int64_t open_ms) {
    State *state = run->state;
    const Setup *setup = run->setup;
    Position *position = &state->position;
    int64_t quote = value_of(run, quantity, price), base_commission = 0, fee;
    if (setup->is_futures) {
        fee = fee_on(run, quote, setup->taker_ppm);
    } else {
        base_commission = narrowed(ceiling_of((wide)quantity * setup->taker_ppm, MILLION), &run->unfit);
        wide value = ceiling_of((wide)base_commission * price, setup->price_scale);
        fee = narrowed(wide_product(value, setup->fee_unit, &run->unfit), &run->unfit);
    }
    *position = (Position){
        .side = state->entry_side,
        .entry_close_ms = state->entry_close_ms,
        .opened_ms = open_ms,
        .quantity = narrowed((wide)state->dust + quantity - base_commission, &run->unfit),
        .cost = narrowed((wide)state->dust_cost + quote - (setup->is_futures ? 0 : fee), &run->unfit),
        .entry_quantity = quantity,
        .entry_quote = quote,
        .entry_fee = fee,
        .trailing_since_ms = NONE,
    };
    set_levels(run, price);
    state->balance = difference(state->balance, fee, &run->unfit);
    state->dust = state->dust_cost = 0;
    state->trades_today += 1;
    state->entry_side = 0;
    state->tally.entries += 1;
    write_entry(run, price, base_commission, open_ms);
    if (is_dust(run, price)) {
        turn_to_dust(run);
        return 0;
    }
    hold(run, open_ms + 1);
    return 1;
}

#endif
