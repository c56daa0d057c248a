/* Directed rounding and exact products. What does not fit 64 bits stops the run: the plain engine then serves it. */
#ifndef TRADEBOT_ARITHMETIC_H
#define TRADEBOT_ARITHMETIC_H

#include <stdint.h>

typedef __int128 wide;

/* Rates are parts per million. */
#define MILLION 1000000

static inline int is_narrow(wide value) { return value == (wide)(int64_t)value; }

/* Sets *unfit where the value does not fit, and goes on with something. */
static inline int64_t narrowed(wide value, int32_t *unfit) {
    *unfit |= !is_narrow(value);
    return (int64_t)value;
}

static inline int64_t sum(int64_t a, int64_t b, int32_t *unfit) {
    int64_t result;
    *unfit |= __builtin_add_overflow(a, b, &result);
    return result;
}

static inline int64_t difference(int64_t a, int64_t b, int32_t *unfit) {
    int64_t result;
    *unfit |= __builtin_sub_overflow(a, b, &result);
    return result;
}

static inline wide wide_product(wide a, wide b, int32_t *unfit) {
    /* Two that are narrow cannot overflow; the test for it divides. */
    if (is_narrow(a) && is_narrow(b)) return a * b;
    wide result;
    *unfit |= __builtin_mul_overflow(a, b, &result);
    return result;
}

static inline wide floor_of(wide value, wide unit) {
    if (is_narrow(value) && is_narrow(unit)) {
        int64_t a = (int64_t)value, b = (int64_t)unit, quotient = a / b;
        return quotient - ((a % b != 0) & (a < 0));
    }
    /* The rest by a product: a second division of 128 bits would be a second call. */
    wide quotient = value / unit;
    return quotient - (wide)(quotient * unit != value && value < 0);
}

static inline wide ceiling_of(wide value, wide unit) { return -floor_of(-value, unit); }

#endif
