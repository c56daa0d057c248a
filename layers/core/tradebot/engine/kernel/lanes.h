/* The averages of `ema` over a long stretch of closes, in several places at once.

Every step of an average waits for the division of the step before; four lanes fill that wait. All but the first begin
some way before their part from a guess, which an average forgets to the last bit. Whether it did is looked up: a lane
whose beginning is not, bit for bit, the end of the lane before it is not used. */
#ifndef TRADEBOT_LANES_H
#define TRADEBOT_LANES_H

#include "indicators.h"

#if defined(__x86_64__)
#include <cpuid.h>
#define WIDE __attribute__((target("avx2")))
#else
#define WIDE
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define LANES 4
/* A guess and the truth come closer by 1 - 1 / span a step: after 37 spans they differ in the last bit of a float, and
   lose that by rounding in some more. */
#define SPANS_TO_FORGET 50

typedef double Lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t Masks __attribute__((vector_size(8 * LANES)));

typedef struct {
    Lanes fast;
    Lanes slow;
    Lanes previous;
    Lanes gain;
    Lanes loss;
} Averages;

typedef struct {
    double fast_smoothing;
    double slow_smoothing;
    double period;
    double scale;
} Pace;

/* Columns that the rules read beside the closes; cells to a line of the processor's cache. */
#define BESIDE 4
#define LINE 8

/* Where each lane reads, the bytes that its signals begin at, and where it is in the columns that are read next. */
typedef struct {
    const int64_t *closes[LANES];
    uint8_t *signals[LANES];
    const int64_t *beside[LANES * BESIDE];
} Places;

ALWAYS_INLINE Lanes everywhere(double value) { return (Lanes){value, value, value, value}; }

/* Steps whose closes are made floats before the first of them is taken: otherwise the compiler may let a conversion
   wait for the averages that it has nothing to do with. */
#define TILE 32

ALWAYS_INLINE void read_closes(Lanes *into, const Places *places, int64_t begin, int64_t count) {
    double *cells = (double *)into;
    for (int lane = 0; lane < LANES; lane++) {
        const int64_t *closes = places->closes[lane] + begin;
        for (int64_t i = 0; i < count; i++) cells[i * LANES + lane] = (double)closes[i];
    }
}

/* Fetch two lines of one of the other columns. The averages keep only the divider busy, and memory is slow: so every
   step fetches its share of what a tile's candles hold beside their closes, and the rules find it near. */
ALWAYS_INLINE void fetch_beside(const Places *places, int64_t begin, int64_t step) {
    const int64_t *cells = places->beside[step % (LANES * BESIDE)] + begin + step / (LANES * BESIDE) * 2 * LINE;
    __builtin_prefetch(cells, 0, 2);
    __builtin_prefetch(cells + LINE, 0, 2);
}

ALWAYS_INLINE Averages stepped(Averages now, Pace pace, Lanes close) {
    const Lanes n = everywhere(pace.period), rest = everywhere(pace.period - 1);
    Lanes change = close - now.previous;
    Masks rose = change > 0;
    Lanes rise = (Lanes)((Masks)change & rose), fall = (Lanes)((Masks)-change & ~rose);
    return (Averages){
        .fast = (close - now.fast) * everywhere(pace.fast_smoothing) + now.fast,
        .slow = (close - now.slow) * everywhere(pace.slow_smoothing) + now.slow,
        .previous = close,
        .gain = (now.gain * rest + rise) / n,
        .loss = (now.loss * rest + fall) / n,
    };
}

/* 100 x gain / (gain + loss), and 50 where nothing moved. */
ALWAYS_INLINE Lanes rsi_in_lanes(Averages now) {
    Lanes total = now.gain + now.loss, rsi = everywhere(100.0) * (now.gain / total);
    Masks still = total == 0;
    return (Lanes)(((Masks)everywhere(50.0) & still) | ((Masks)rsi & ~still));
}

static inline int is_same(const Averages *a, int lane, const Averages *b, int other) {
    const double one[] = {a->fast[lane], a->slow[lane], a->previous[lane], a->gain[lane], a->loss[lane]};
    const double two[] = {b->fast[other], b->slow[other], b->previous[other], b->gain[other], b->loss[other]};
    return !__builtin_memcmp(one, two, sizeof one);
}

/* Whether this processor and its system have registers as wide as the lanes. Others do the same in halves. */
static int has_wide_registers(void) {
#if defined(__x86_64__)
    /* Asked once, as the question leaves a virtual machine; two threads that ask get one answer. */
    static int answer = -1;
    if (answer >= 0) return answer;
    uint32_t a, b, c, d, features = 0, low, high;
    if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE) {
        __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        if ((low & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d)) features = b;
    }
    answer = (features & bit_AVX2) != 0;
    return answer;
#else
    return 0;
#endif
}

/* Steps after which every lane has forgotten its guess. */
static inline int64_t steps_to_forget(const Ema *fast, const Ema *slow, const Rsi *rsi) {
    int64_t longest = (fast->period > slow->period ? fast->period : slow->period) / 2 + 1;
    return SPANS_TO_FORGET * (longest > rsi->period ? longest : rsi->period);
}

#endif
