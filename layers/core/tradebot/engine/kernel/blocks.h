/* What crosses the border to Python, as blocks.py lays it out: eight bytes a field, no padding, one order.

Prices, quantities and money are integers of the units of backtest_setup.py; times are milliseconds since 1970. */
#ifndef TRADEBOT_BLOCKS_H
#define TRADEBOT_BLOCKS_H

#include "signals.h"

/* Where a setting may be absent, this says so. */
#define NONE (-1)

/* The order of REASONS and SKIPS in backtest_output.py. Reason 0 is an entry's, or no exit's. */
enum {
    NO_REASON,
    EXIT_SIGNAL,
    STOP_LOSS,
    TRAILING_STOP,
    TAKE_PROFIT,
    LIQUIDATION,
    DAILY_LOSS,
    DAILY_TARGET,
    MANUAL
};
enum {
    SKIP_GAP,
    SKIP_STALE_SIGNAL,
    SKIP_PAUSED_DAILY_LOSS,
    SKIP_PAUSED_DAILY_TARGET,
    SKIP_PAUSED_MAX_TRADES,
    SKIP_NO_FREE_BALANCE,
    SKIP_BELOW_MIN_QTY,
    SKIP_BELOW_MIN_NOTIONAL,
    SKIP_BEYOND_BRACKET
};

typedef struct {
    int64_t timeframe_ms;
    int64_t is_futures;
    int64_t leverage;
    int64_t stop_loss_ppm;
    int64_t take_profit_ppm;
    int64_t trailing_stop_ppm;
    int64_t size_fixed;
    int64_t size_ppm;
    int64_t max_daily_loss_ppm;
    int64_t daily_target_ppm;
    int64_t max_daily_trades;
    int64_t maker_ppm;
    int64_t taker_ppm;
    int64_t slippage_ppm;
    int64_t maintenance_ppm;
    int64_t maintenance_amount;
    int64_t notional_cap;
    int64_t tick;
    int64_t step;
    int64_t min_qty;
    int64_t max_qty;
    int64_t min_notional;
    /* Price units to a quote; quantity x price units to a money unit; money units to 0.00000001 quote. */
    int64_t price_scale;
    int64_t grain;
    int64_t fee_unit;
    /* What the candles' own integers are multiplied and divided by: to price units, to a float in quote. */
    int64_t candle_factor;
    int64_t candle_scale;
    /* Funding: history in the order of time, marks NONE where the open stands for them; the assumed rate; and what
       quantity x mark (or open) x rate is divided by for a multiple of 0.00000001 quote. */
    int64_t funding_count;
    int64_t assumed_rate;
    int64_t mark_divisor;
    int64_t open_divisor;
} Setup;

typedef struct {
    /* +1 long, -1 short, 0 none. */
    int64_t side;
    int64_t entry_close_ms;
    int64_t opened_ms;
    int64_t quantity;
    int64_t cost;
    int64_t entry_quantity;
    int64_t entry_quote;
    int64_t entry_fee;
    int64_t funding;
    int64_t price;
    int64_t stop_loss;
    int64_t take_profit;
    int64_t has_trailing;
    int64_t trailing;
    /* Open of the candle that drew the trailing stop past the stop loss, or NONE. */
    int64_t trailing_since_ms;
    int64_t extreme;
} Position;

typedef struct {
    int64_t candles;
    int64_t candles_in_position;
    int64_t entry_signals;
    int64_t entries;
    int64_t round_trips;
    int64_t wins;
    int64_t losses;
    int64_t gross_profit;
    int64_t gross_loss;
    int64_t fees;
    int64_t funding;
    int64_t funding_assumed;
    int64_t funding_known;
    int64_t has_first_open;
    int64_t first_open;
} Tally;

typedef struct {
    Indicators indicators;
    int64_t warm_up_left;
    int64_t has_last;
    int64_t last_open_ms;
    int64_t last_close_ms;
    int64_t last_close;
    int64_t gaps;
    int64_t balance;
    int64_t dust;
    int64_t dust_cost;
    int64_t has_day;
    int64_t day;
    int64_t day_base;
    int64_t daily_pnl;
    int64_t trades_today;
    int64_t day_latch;
    int64_t exit_reason;
    int64_t exit_close_ms;
    int64_t exit_close;
    /* +1 long, -1 short, 0 none. */
    int64_t entry_side;
    int64_t entry_close_ms;
    int64_t entry_close;
    Position position;
    Tally tally;
} State;

typedef struct {
    const int64_t *open_time_ms;
    const int64_t *open;
    const int64_t *high;
    const int64_t *low;
    const int64_t *close;
    int64_t count;
    /* The next one to take. */
    int64_t next;
    const int64_t *funding_ms;
    const int64_t *funding_rate;
    const int64_t *funding_mark;
} Input;

/* Columns of one table lie behind one another, `capacity` apart. */
typedef struct {
    int64_t *columns;
    int64_t capacity;
    int64_t count;
} Table;

typedef struct {
    /* Of each candle from the one of index `first` on, before which all only warm up. */
    int64_t *equity;
    int64_t first;
    Table trades;
    Table days;
    Table skips;
    Table gaps;
} Output;

/* The order of TradeColumns. */
enum {
    AT_MS,
    CANDLE_MS,
    LEG,
    POSITION_SIDE,
    REASON,
    IS_MAKER,
    PRICE,
    QUANTITY,
    QUOTE,
    FEE,
    COMMISSION,
    IS_BASE_COMMISSION,
    FUNDING,
    REALIZED_PNL,
    TRADE_COLUMNS
};

/* Between two calls a table is emptied; one block of candles has to fit. */
#define BLOCK 1024
#define TRADES_A_CANDLE 3
#define SKIPS_A_CANDLE 2

/* All candles are taken; a table is full; something that only the plain engine can do or say. */
enum { DONE, FULL, DECLINED };

#endif
