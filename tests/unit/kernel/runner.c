/* Runs the kernel over cases from standard input and writes all that it gives to standard output, to be compared
   between processors. Built without Python, so that an emulator needs nothing but this file. */
#include "kernel.c"

#include <stdio.h>
#include <stdlib.h>

static void *take(size_t size) {
    void *place = malloc(size ? size : 1);
    if (!place || fread(place, 1, size, stdin) != size) exit(1);
    return place;
}

static void give(const void *place, size_t size) {
    if (fwrite(place, 1, size, stdout) != size) exit(1);
}

static Table table(int64_t columns, int64_t capacity) {
    Table made = {calloc((size_t)(columns * capacity), 8), capacity, 0};
    if (!made.columns) exit(1);
    return made;
}

static void give_table(const Table *from, int64_t columns) {
    give(&from->count, 8);
    for (int64_t i = 0; i < columns; i++) give(from->columns + i * from->capacity, 8 * (size_t)from->count);
    free(from->columns);
}

static void run_case(int64_t count, int64_t fundings) {
    Setup *setup = take(sizeof(Setup));
    State *state = take(sizeof(State));
    size_t column = 8 * (size_t)count, history = 8 * (size_t)fundings;
    int64_t room = count + BLOCK;
    Input input = {.open_time_ms = take(column), .open = take(column), .high = take(column), .low = take(column)};
    input.close = take(column);
    input.count = count;
    input.signals = malloc(SIGNALS);
    if (!input.signals) exit(1);
    input.funding_ms = take(history);
    input.funding_rate = take(history);
    input.funding_mark = take(history);
    Output output = {.equity = calloc((size_t)room, 8), .first = 0};
    output.trades = table(TRADE_COLUMNS, room * TRADES_A_CANDLE);
    output.days = table(5, room);
    output.skips = table(2, room * SKIPS_A_CANDLE);
    output.gaps = table(2, room);
    int32_t answer = tradebot_kernel_run(setup, state, &input, &output);
    give(&answer, sizeof answer);
    give(state, sizeof *state);
    give(output.equity, column);
    give_table(&output.trades, TRADE_COLUMNS);
    give_table(&output.days, 5);
    give_table(&output.skips, 2);
    give_table(&output.gaps, 2);
    free(output.equity);
    free(input.signals);
}

int main(void) {
    int64_t head[2];
    while (fread(head, 1, sizeof head, stdin) == sizeof head) run_case(head[0], head[1]);
    return 0;
}
