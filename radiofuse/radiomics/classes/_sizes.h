/* Features of matrices of level by size, in windows. */
#ifndef RADIOFUSE_SIZES_H
#define RADIOFUSE_SIZES_H

#include "_logarithms.h"
#include "_windows.h"

/* GLDM, GLRLM and GLSZM count a level and a size (number of dependent voxels, run length, zone size); their
   features are the same functions of the counts. */
enum { /* the order of voxel_maps.ROWS */
    SMALL, LARGE, LEVEL_NON_UNIFORMITY, LEVEL_NON_UNIFORMITY_NORMALIZED, SIZE_NON_UNIFORMITY,
    SIZE_NON_UNIFORMITY_NORMALIZED, PERCENTAGE, LEVEL_VARIANCE, SIZE_VARIANCE, SIZE_ENTROPY, LOW_LEVEL, HIGH_LEVEL,
    SMALL_LOW, SMALL_HIGH, LARGE_LOW, LARGE_HIGH, N_SIZE
};

typedef struct {
    double *counts; /* (n_levels, n_sizes); 0 between uses */
    int32_t *cells; /* those that are not 0 */
    int n_cells;
    int n_sizes;
    double *per_level, *per_size;
    Logarithms logarithms;
} Sizes;

static inline int new_sizes(Sizes *sizes, size_t n_levels, size_t n_sizes)
{
    sizes->n_sizes = (int)n_sizes;
    sizes->logarithms.added = EPSILON;
    sizes->counts = calloc(n_levels * n_sizes, sizeof(double));
    sizes->cells = malloc(n_levels * n_sizes * sizeof(int32_t));
    sizes->per_level = malloc(n_levels * sizeof(double));
    sizes->per_size = malloc(n_sizes * sizeof(double));
    return sizes->counts && sizes->cells && sizes->per_level && sizes->per_size;
}

static inline void free_sizes(Sizes *sizes)
{
    if (!sizes)
        return;
    free(sizes->counts);
    free(sizes->cells);
    free(sizes->per_level);
    free(sizes->per_size);
    free(sizes);
}

static inline void count_size(Sizes *sizes, int32_t rank, int size, double weight)
{
    int32_t cell = rank * sizes->n_sizes + size - 1;
    if (sizes->counts[cell] == 0)
        sizes->cells[sizes->n_cells++] = cell;
    sizes->counts[cell] += weight;
}

/* Sum of squares and variance of the distribution of n values, 1, 2, ... or levels, over counts that sum to total. */
static inline void spread(const double *counts, const int32_t *levels, int n, double total, double *squares, double *variance)
{
    double mean = 0;
    *squares = *variance = 0;
    for (int k = 0; k < n; k++) {
        *squares += counts[k] * counts[k];
        mean += counts[k] / total * (levels ? levels[k] : k + 1);
    }
    for (int k = 0; k < n; k++) {
        double d = (levels ? levels[k] : k + 1) - mean;
        *variance += counts[k] / total * (d * d);
    }
}

static inline void divide(double *f, double total, double n_voxels)
{
    for (int k = 0; k < N_SIZE; k++)
        f[k] /= total;
    f[PERCENTAGE] = total / n_voxels;
}

/* Features of the counts, which are taken; NaN for all if there are none. */
static inline void describe_sizes(const Window *window, Sizes *sizes, double *f)
{
    double total = 0, n_voxels = 0, entropy = 0, squares, variance;
    memset(f, 0, N_SIZE * sizeof(double));
    memset(sizes->per_level, 0, (size_t)window->n_levels * sizeof(double));
    memset(sizes->per_size, 0, (size_t)sizes->n_sizes * sizeof(double));
    for (int k = 0; k < sizes->n_cells; k++) {
        int32_t rank = sizes->cells[k] / sizes->n_sizes, place = sizes->cells[k] % sizes->n_sizes;
        double count = sizes->counts[sizes->cells[k]], i = window->levels[rank], j = place + 1.0;
        double ii = i * i, jj = j * j;
        sizes->per_level[rank] += count;
        sizes->per_size[place] += count;
        total += count;
        n_voxels += count * j;
        f[SMALL] += count / jj;
        f[LARGE] += count * jj;
        f[LOW_LEVEL] += count / ii;
        f[HIGH_LEVEL] += count * ii;
        f[SMALL_LOW] += count / (ii * jj);
        f[SMALL_HIGH] += count * ii / jj;
        f[LARGE_LOW] += count * jj / ii;
        f[LARGE_HIGH] += count * ii * jj;
    }
    divide(f, total, n_voxels);
    spread(sizes->per_level, window->levels, window->n_levels, total, &squares, &variance);
    f[LEVEL_NON_UNIFORMITY] = squares / total;
    f[LEVEL_NON_UNIFORMITY_NORMALIZED] = squares / (total * total);
    f[LEVEL_VARIANCE] = variance;
    spread(sizes->per_size, NULL, sizes->n_sizes, total, &squares, &variance);
    f[SIZE_NON_UNIFORMITY] = squares / total;
    f[SIZE_NON_UNIFORMITY_NORMALIZED] = squares / (total * total);
    f[SIZE_VARIANCE] = variance;
    for (int k = 0; k < sizes->n_cells; k++) {
        double p = sizes->counts[sizes->cells[k]] / total;
        entropy -= log_of(&sizes->logarithms, p, p);
        sizes->counts[sizes->cells[k]] = 0;
    }
    f[SIZE_ENTROPY] = total > 0 ? entropy : NAN;
    sizes->n_cells = 0;
}

#endif
