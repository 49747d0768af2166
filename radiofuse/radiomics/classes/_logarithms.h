/* Logarithms of probabilities, kept: those of small windows are a few fractions over and over. */
#ifndef RADIOFUSE_LOGARITHMS_H
#define RADIOFUSE_LOGARITHMS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define EPSILON 2.220446049250313e-16 /* added by pyradiomics before every logarithm */
#define LOG_BITS 10

typedef struct {
    double added; /* EPSILON, or 0 for exact logarithms */
    double of[1 << LOG_BITS], value[1 << LOG_BITS];
} Logarithms;

/* weight * log2(p + added); the kept logarithms must be 0 bytes at first. */
static inline double log_of(Logarithms *kept, double p, double weight)
{
    uint64_t bits;
    memcpy(&bits, &p, sizeof bits);
    size_t place = (size_t)((bits * 0x9E3779B97F4A7C15u) >> (64 - LOG_BITS)); /* Knuth's multiplicative hash */
    if (kept->of[place] != p) {
        kept->of[place] = p;
        kept->value[place] = log2(p + kept->added);
    }
    return weight * kept->value[place];
}

#endif
