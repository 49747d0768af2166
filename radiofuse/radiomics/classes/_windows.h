/* Voxel-wise features: for every voxel, the features of the small window round it.

   A window holds few distinct gray levels, so each texture matrix is made over these alone: level number r of a
   window ("rank") stands for levels[r]. Voxels that are outside the image or the region are absent: level 0.
   Sums run in the order in which NumPy sums pyradiomics' full matrices, of which the cells left out here are 0;
   this keeps equal what is decided by rounding, such as whether a variance is 0. */
#ifndef RADIOFUSE_WINDOWS_H
#define RADIOFUSE_WINDOWS_H

#include "../../_arrays.h"
#include <math.h>
#include <stdlib.h>

#define ABSENT (-1)

/* Arrays that every class reads. Each position of a window is an offset into the grid from the window's center. */
typedef struct {
    const int32_t *grid; /* gray levels, 1 to n_levels, 0 where absent */
    Py_ssize_t n_grid;
    const int64_t *centers, *positions;
    Py_ssize_t n_centers, n_positions;
    int32_t n_levels;
} Windows;

typedef struct {
    int32_t *ranks;  /* of each position, or ABSENT */
    int32_t *levels; /* distinct, ascending */
    int32_t *rank_of;
    int n_levels;
    int n_present;
} Window;

/* The number of distinct levels that a window can have. */
static inline size_t most_levels(const Windows *windows)
{
    return (size_t)(windows->n_positions < windows->n_levels ? windows->n_positions : windows->n_levels);
}

static inline int new_window(const Windows *windows, Window *window)
{
    size_t n = (size_t)windows->n_positions;
    window->ranks = malloc(n * sizeof(int32_t));
    window->levels = malloc(most_levels(windows) * sizeof(int32_t));
    window->rank_of = calloc((size_t)windows->n_levels + 1, sizeof(int32_t));
    return window->ranks && window->levels && window->rank_of;
}

static inline void free_window(Window *window)
{
    free(window->ranks);
    free(window->levels);
    free(window->rank_of);
}

static inline void insert_level(Window *window, int32_t level)
{
    int k = window->n_levels++;
    for (; k > 0 && window->levels[k - 1] > level; k--)
        window->levels[k] = window->levels[k - 1];
    window->levels[k] = level;
    window->rank_of[level] = 1;
}

static inline void read_window(const Windows *windows, Py_ssize_t center, Window *window)
{
    const int32_t *grid = windows->grid + windows->centers[center];
    window->n_levels = window->n_present = 0;
    for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
        int32_t level = grid[windows->positions[k]];
        window->ranks[k] = level;
        window->n_present += level > 0;
        if (level > 0 && !window->rank_of[level])
            insert_level(window, level);
    }
    for (int r = 0; r < window->n_levels; r++)
        window->rank_of[window->levels[r]] = r;
    for (Py_ssize_t k = 0; k < windows->n_positions; k++)
        window->ranks[k] = window->ranks[k] ? window->rank_of[window->ranks[k]] : ABSENT;
    for (int r = 0; r < window->n_levels; r++)
        window->rank_of[window->levels[r]] = 0;
}

/* ------------------------------------------------------------------ sums as NumPy's */

/* Pairwise summation in NumPy's blocks (Higham 1993, SIAM J. Sci. Comput. 14:783). */
static inline double sum(const double *x, Py_ssize_t n)
{
    if (n < 8) {
        double total = 0;
        for (Py_ssize_t k = 0; k < n; k++)
            total += x[k];
        return total;
    }
    if (n <= 128) {
        double r[8];
        Py_ssize_t k = 8;
        memcpy(r, x, sizeof r);
        for (; k < n - n % 8; k += 8)
            for (int lane = 0; lane < 8; lane++)
                r[lane] += x[k + lane];
        double total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; k < n; k++)
            total += x[k];
        return total;
    }
    Py_ssize_t half = n / 2;
    half -= half % 8;
    return sum(x, half) + sum(x + half, n - half);
}

/* Mean of what is not NaN; x is overwritten. */
static inline double mean_of_known(double *x, Py_ssize_t n)
{
    Py_ssize_t n_known = n;
    for (Py_ssize_t k = 0; k < n; k++)
        if (isnan(x[k])) {
            x[k] = 0;
            n_known--;
        }
    return n_known ? sum(x, n) / (double)n_known : NAN;
}

static inline void write_features(const double *f, int n_features, Py_ssize_t voxel, Py_ssize_t n_voxels, double *out)
{
    for (int k = 0; k < n_features; k++)
        out[k * n_voxels + voxel] = f[k];
}

#endif
