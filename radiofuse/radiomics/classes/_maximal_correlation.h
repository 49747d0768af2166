/* Maximal correlation coefficient of a region's matrix: the square root of the second eigenvalue of
   Q(i, j) = sum_k p(i, k) p(j, k) / (p_i p_k + eps).

   Q is similar to S S' with S(i, k) = p(i, k) / sqrt(p_i p_k + eps), but for terms of second order in eps / (p_i p_k).
   To the same order S S' has the eigenvalue 1 with the vector sqrt(p_i). Its largest eigenvalue across that vector is
   found by Lanczos' method (Golub and Van Loan, Matrix Computations, chapter 10), which only multiplies with S. */
#ifndef RADIOFUSE_MAXIMAL_CORRELATION_H
#define RADIOFUSE_MAXIMAL_CORRELATION_H

#include "_cooccurrence.h"

enum { MAX_STEPS = 2000, STEPS_BETWEEN_CHECKS = 4 };
static const double GROWTH = 1e-12; /* of the eigenvalue between two checks, relative, at which it has converged */

typedef struct {
    const Cooccurrence *matrix;
    double *entries;       /* of S: (n_cells,) as the cells, or (n_levels, n_levels) where most cells are not 0 */
    double *transposed;    /* of such a matrix; entries itself if it is symmetric */
    int is_dense, is_symmetric;
    double *known, *here, *before, *next, *between;     /* (n_levels,) each */
    double diagonal[MAX_STEPS], off_diagonal[MAX_STEPS]; /* of Lanczos' tridiagonal matrix */
} Iteration;

static double dot(const double *a, const double *b, Py_ssize_t n)
{
    double sums[4] = {0, 0, 0, 0};
    for (; n >= 4; n -= 4, a += 4, b += 4)
        for (int lane = 0; lane < 4; lane++)
            sums[lane] += a[lane] * b[lane];
    for (; n; n--)
        sums[0] += *a++ * *b++;
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void subtract(double *from, double factor, const double *vector, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        from[i] -= factor * vector[i];
}

static void set_entries(Iteration *of)
{
    const Cooccurrence *matrix = of->matrix;
    Py_ssize_t n = matrix->n_levels;
    of->is_dense = n < 64 || 6 * matrix->n_cells > n * n;
    if (of->is_dense) {
        memset(of->entries, 0, (size_t)(n * n) * sizeof(double));
        memset(of->transposed, 0, (size_t)(n * n) * sizeof(double));
    }
    for (Py_ssize_t c = 0; c < matrix->n_cells; c++) {
        const Cell *cell = &matrix->cells[c];
        double entry = cell->p / sqrt(matrix->rows[cell->i] * matrix->columns[cell->j] + matrix->logarithms->added);
        if (of->is_dense)
            of->entries[cell->i * n + cell->j] = of->transposed[cell->j * n + cell->i] = entry;
        else
            of->entries[c] = entry;
    }
}

/* to = M' from, for a square matrix. */
FOR_EACH_PROCESSOR
static void multiply_dense(const double *matrix, Py_ssize_t n, const double *from, double *to)
{
    memset(to, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t i = 0; i < n; i++)
        for (Py_ssize_t j = 0; j < n; j++)
            to[j] += from[i] * matrix[i * n + j];
}

/* next = S S' here */
static void multiply(Iteration *of)
{
    const Cooccurrence *matrix = of->matrix;
    Py_ssize_t n = matrix->n_levels;
    if (of->is_dense) {
        multiply_dense(of->entries, n, of->here, of->between);
        multiply_dense(of->transposed, n, of->between, of->next);
        return;
    }
    memset(of->between, 0, (size_t)n * sizeof(double));
    memset(of->next, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t c = 0; c < matrix->n_cells; c++)
        of->between[matrix->cells[c].j] += of->entries[c] * of->here[matrix->cells[c].i];
    for (Py_ssize_t c = 0; c < matrix->n_cells; c++) /* by columns where S is symmetric: these sums do not wait */
        if (of->is_symmetric)
            of->next[matrix->cells[c].j] += of->entries[c] * of->between[matrix->cells[c].i];
        else
            of->next[matrix->cells[c].i] += of->entries[c] * of->between[matrix->cells[c].j];
}

/* Set known to the unit vector sqrt(p_i) over the levels that pairs join to the commonest one, 0 at others. Levels
   apart from these have an eigenvalue near 1 of their own, which is the second one. */
static void set_known(Iteration *of)
{
    const Cooccurrence *matrix = of->matrix;
    Py_ssize_t n = matrix->n_levels, commonest = 0;
    uint8_t *joined_rows = (uint8_t *)of->between, *joined_columns = (uint8_t *)of->next, joined = 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        commonest = matrix->rows[i] > matrix->rows[commonest] ? i : commonest;
        joined_rows[i] = joined_columns[i] = 0;
    }
    for (joined_rows[commonest] = 1; joined;) {
        joined = 0;
        for (Py_ssize_t c = 0; c < matrix->n_cells; c++) {
            uint8_t *row = joined_rows + matrix->cells[c].i, *column = joined_columns + matrix->cells[c].j;
            if (*row == *column)
                continue;
            *row = *column = joined = 1;
        }
    }
    for (Py_ssize_t i = 0; i < n; i++)
        of->known[i] = joined_rows[i] ? sqrt(matrix->rows[i]) : 0;
    double norm = sqrt(dot(of->known, of->known, n));
    for (Py_ssize_t i = 0; i < n; i++)
        of->known[i] /= norm;
}

/* Start from what maximal correlation usually is, a function that grows with the level, and a little of all else. */
static double start(Iteration *of)
{
    Py_ssize_t n = of->matrix->n_levels;
    const double *rows = of->matrix->rows;
    uint32_t chance = 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        chance = chance * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        of->here[i] = rows[i] > 0 ? sqrt(rows[i]) * ((double)(i + 1) - of->matrix->mean_i) / (double)n +
                                        ((double)chance / UINT32_MAX - 0.5) / 8 / (double)n
                                  : 0;
        of->before[i] = 0;
    }
    for (int time = 0; time < 2; time++) /* twice, so that rounding leaves nothing of it */
        subtract(of->here, dot(of->here, of->known, n), of->known, n);
    return sqrt(dot(of->here, of->here, n));
}

/* Largest eigenvalue of the first n rows of the tridiagonal matrix, by Newton's method on the characteristic polynomial
   from above all its roots: p'/p is the sum of slope/pivot over the pivots of the matrix less value. */
static double largest_eigenvalue(const Iteration *of, Py_ssize_t n)
{
    double value = 1 + 1e-6, step = 1;
    while (step > 4e-16 * value) {
        double pivot = of->diagonal[0] - value, slope = -1, sum = slope / pivot;
        for (Py_ssize_t k = 1; k < n && pivot < 0; k++) {
            double ratio = of->off_diagonal[k - 1] / pivot;
            slope = -1 + ratio * ratio * slope;
            pivot = of->diagonal[k] - value - ratio * of->off_diagonal[k - 1];
            sum += slope / pivot;
        }
        if (!(pivot < 0))
            break; /* rounding has led past the root */
        step = 1 / sum;
        value -= step;
    }
    return value;
}

/* One step of Lanczos' method from here, a unit vector; return the length of the next vector. */
static double advance(Iteration *of, Py_ssize_t step)
{
    Py_ssize_t n = of->matrix->n_levels;
    multiply(of);
    subtract(of->next, step ? of->off_diagonal[step - 1] : 0, of->before, n);
    of->diagonal[step] = dot(of->next, of->here, n);
    subtract(of->next, of->diagonal[step], of->here, n);
    subtract(of->next, dot(of->next, of->known, n), of->known, n);
    of->off_diagonal[step] = sqrt(dot(of->next, of->next, n));
    double *unused = of->before;
    of->before = of->here;
    of->here = of->next;
    of->next = unused;
    return of->off_diagonal[step];
}

static double maximal_correlation(Iteration *of)
{
    set_known(of);
    double length = start(of), value = 0;
    if (length < 1e-12)
        return 0; /* a single level has neighbors */
    set_entries(of);
    for (Py_ssize_t step = 0; step < MAX_STEPS; step++) {
        for (Py_ssize_t i = 0; i < of->matrix->n_levels; i++)
            of->here[i] /= length;
        length = advance(of, step);
        int is_complete = length < 1e-14;
        if (!is_complete && step % STEPS_BETWEEN_CHECKS != STEPS_BETWEEN_CHECKS - 1)
            continue;
        double former = value;
        value = largest_eigenvalue(of, step + 1);
        if (is_complete || value - former < GROWTH * value)
            break;
    }
    return sqrt(fmax(value, 0));
}

#endif
