/* Features of one co-occurrence matrix that regions and windows share, digit for digit.

   Formulas: Haralick et al. 1973 (doi:10.1109/TSMC.1973.4309314) and IBSI section 3.6 (arXiv:1612.07003); four-letter
   codes are IBSI's. pyradiomics adds eps = 2^-52 inside its logarithms and below its fractions, and so do these. Sums
   run over the cells in row order, as pyradiomics' do.

   Contrast, the cluster features, the information measures and the maximal correlation are not here: a region of many
   levels and a window of few take the cheaper sum of each, and the two differ in the last digit. */
#ifndef RADIOFUSE_COOCCURRENCE_H
#define RADIOFUSE_COOCCURRENCE_H

#include "../../_arrays.h"
#include "_logarithms.h"
#include <math.h>
#include <stdlib.h>

enum { /* the order of glcm.FEATURES: alphabetical */
    AUTOCORRELATION, CLUSTER_PROMINENCE, CLUSTER_SHADE, CLUSTER_TENDENCY, CONTRAST, CORRELATION, DIFFERENCE_AVERAGE,
    DIFFERENCE_ENTROPY, DIFFERENCE_VARIANCE, ID, IDM, IDMN, IDN, IMC1, IMC2, INVERSE_VARIANCE, JOINT_AVERAGE,
    JOINT_ENERGY, JOINT_ENTROPY, MCC, MAXIMUM_PROBABILITY, SUM_AVERAGE, SUM_ENTROPY, SUM_SQUARES, N_GLCM
};

/* A cell of the matrix that is not 0: the levels in row i and column j, with probability p. */
typedef struct {
    int32_t i, j;
    double p;
} Cell;

/* One direction's probabilities. */
typedef struct {
    const int32_t *levels; /* that rows and columns stand for, ascending */
    int n_levels;
    int32_t highest;       /* level, whether or not it occurs here: it normalizes Idn and Idmn */
    Cell *cells;           /* in row order */
    Py_ssize_t n_cells;
    double *rows, *columns, *sums, *differences; /* marginals of i, j, i + j (from twice the lowest level) and |i - j| */
    int n_sums, n_differences;
    double mean_i, mean_j;
    Logarithms *logarithms, *exact; /* the second without eps, of the joint entropy of a region; NULL for windows */
} Cooccurrence;

/* Cells that sum to total become probabilities; their marginals (IBSI 3.6.1) and means. */
static inline void normalize(Cooccurrence *of, double total)
{
    int32_t lowest = of->levels[0], span = of->levels[of->n_levels - 1] - lowest;
    of->n_sums = 2 * span + 1;
    of->n_differences = span + 1;
    memset(of->rows, 0, (size_t)of->n_levels * sizeof(double));
    memset(of->columns, 0, (size_t)of->n_levels * sizeof(double));
    memset(of->sums, 0, (size_t)of->n_sums * sizeof(double));
    memset(of->differences, 0, (size_t)of->n_differences * sizeof(double));
    double row = 0, mean_i = 0, mean_j = 0;
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        Cell *cell = &of->cells[c];
        int32_t i = of->levels[cell->i], j = of->levels[cell->j];
        double p = cell->p /= total;
        row = c && cell->i == cell[-1].i ? row + p : p; /* row by row, so that no sum waits for memory */
        of->rows[cell->i] = row;
        of->columns[cell->j] += p;
        of->sums[i + j - 2 * lowest] += p;
        of->differences[i > j ? i - j : j - i] += p;
        mean_i += i * p;
        mean_j += j * p;
    }
    of->mean_i = mean_i;
    of->mean_j = mean_j;
}

/* Joint maximum (GYBY), angular second moment (8ZQL), autocorrelation (QWB0), joint average (60VM), joint variance
   (UR99) and correlation (NI2N), which is 1 where a level stands alone. */
static inline void describe_cells(const Cooccurrence *of, double *features)
{
    double maximum = 0, energy = 0, autocorrelation = 0, variance_i = 0, variance_j = 0, covariance = 0;
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        double i = of->levels[of->cells[c].i], j = of->levels[of->cells[c].j], p = of->cells[c].p;
        double from_i = i - of->mean_i, from_j = j - of->mean_j;
        maximum = p > maximum ? p : maximum;
        energy += p * p;
        autocorrelation += p * (i * j);
        variance_i += p * (from_i * from_i);
        variance_j += p * (from_j * from_j);
        covariance += p * from_i * from_j;
    }
    double deviations = sqrt(variance_i) * sqrt(variance_j);
    features[MAXIMUM_PROBABILITY] = maximum;
    features[JOINT_ENERGY] = energy;
    features[AUTOCORRELATION] = autocorrelation;
    features[JOINT_AVERAGE] = of->mean_i;
    features[SUM_SQUARES] = variance_i;
    features[CORRELATION] = deviations == 0 ? 1 : covariance / (deviations + of->logarithms->added);
}

/* Sum average (ZGXS) and entropy (P6QZ). */
static inline void describe_sums(const Cooccurrence *of, double *features)
{
    double average = 0, entropy = 0;
    for (int k = 0; k < of->n_sums; k++) {
        double p = of->sums[k];
        if (p == 0)
            continue;
        average += (k + 2 * of->levels[0]) * p;
        entropy -= log_of(of->logarithms, p, p);
    }
    features[SUM_AVERAGE] = average;
    features[SUM_ENTROPY] = entropy;
}

/* Difference average (TF7R), entropy (NTRS), variance (D3YU), inverse differences (IB1Z, NDRX), their moments (WF0Z,
   1QCO) and inverse variance (E8JP). */
static inline void describe_differences(const Cooccurrence *of, double *features)
{
    double n = of->highest, average = 0, entropy = 0, variance = 0;
    double id = 0, idm = 0, idn = 0, idmn = 0, inverse_variance = 0;
    for (int step = 0; step < of->n_differences; step++)
        average += step * of->differences[step];
    for (int step = 0; step < of->n_differences; step++) {
        double p = of->differences[step], k = step;
        if (p == 0)
            continue;
        entropy -= log_of(of->logarithms, p, p);
        variance += p * ((k - average) * (k - average));
        id += p / (1 + k);
        idm += p / (1 + k * k);
        idn += p / (1 + k / n);
        idmn += p / (1 + k * k / (n * n));
        if (step)
            inverse_variance += p / (k * k);
    }
    features[DIFFERENCE_AVERAGE] = average;
    features[DIFFERENCE_ENTROPY] = entropy;
    features[DIFFERENCE_VARIANCE] = variance;
    features[ID] = id;
    features[IDM] = idm;
    features[IDN] = idn;
    features[IDMN] = idmn;
    features[INVERSE_VARIANCE] = inverse_variance;
}

#endif
