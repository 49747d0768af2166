/* Maximal correlation coefficient of a region's matrix: the square root of the second eigenvalue of
   Q(i, j) = sum_k p(i, k) p(j, k) / (p_i p_k + eps).

   Q is similar to S S' with S(i, k) = p(i, k) / sqrt(p_i p_k + eps), but for terms of second order in eps / (p_i p_k).
   To the same order S S' has the vector sqrt(p_i) of each group of levels that no pair joins to the others, with an
   eigenvalue that eps alone keeps below 1. Those are written down. The largest eigenvalue across these vectors is found
   by Lanczos' method (Golub and Van Loan, Matrix Computations, chapter 10), which only multiplies with S. It ends by the
   residual, whose length bounds the error: an eigenvalue that grows slowly from step to step may be far from its limit
   where others lie close by. */
#ifndef RADIOFUSE_MAXIMAL_CORRELATION_H
#define RADIOFUSE_MAXIMAL_CORRELATION_H

#include "_cooccurrence.h"

enum { MAX_STEPS = 2000, STEPS_BETWEEN_CHECKS = 4, MAX_TIMES = 200 };
static const double RESIDUAL = 1e-10; /* the length at which the eigenvalue has converged */

typedef struct {
    const Cooccurrence *matrix;
    double *entries;       /* of S: (n_cells,) as the cells, or (n_levels, n_levels) where most cells are not 0 */
    double *transposed;    /* of such a matrix; entries itself if it is symmetric */
    int is_dense, is_symmetric;
    double *known, *here, *before, *next, *between, *sums; /* (n_levels,) each */
    int32_t *parts;                                     /* (2 n_levels,) of rows and columns */
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

/* to = M' from, for a square matrix. Four rows at a time, so that sums are kept where they are; rows of levels that do
   not occur are 0 in from. */
FOR_EACH_PROCESSOR
static void multiply_dense(const double *matrix, Py_ssize_t n, const double *from, double *RESTRICT to)
{
    Py_ssize_t rows[4];
    int n_rows = 0;
    memset(to, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t i = 0; i < n; i++) {
        if (from[i] == 0)
            continue;
        rows[n_rows++] = i;
        if (n_rows < 4)
            continue;
        const double *a = matrix + rows[0] * n, *b = matrix + rows[1] * n, *c = matrix + rows[2] * n, *d = matrix + i * n;
        const double of_a = from[rows[0]], of_b = from[rows[1]], of_c = from[rows[2]], of_d = from[i];
        for (Py_ssize_t j = 0; j < n; j++)
            to[j] = (((to[j] + of_a * a[j]) + of_b * b[j]) + of_c * c[j]) + of_d * d[j];
        n_rows = 0;
    }
    for (int k = 0; k < n_rows; k++)
        for (Py_ssize_t j = 0; j < n; j++)
            to[j] += from[rows[k]] * matrix[rows[k] * n + j];
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

/* The part that a row (or n_levels + a column) belongs to, by its lowest member. */
static int32_t part_of(int32_t *parts, int32_t k)
{
    while (parts[k] != k)
        k = parts[k] = parts[parts[k]];
    return k;
}

/* Parts are groups of rows and columns that pairs join, directly or through others; each has an eigenvalue of S S' near
   1 of its own. */
static void set_parts(Iteration *of)
{
    const Cooccurrence *matrix = of->matrix;
    int32_t n = matrix->n_levels;
    for (int32_t k = 0; k < 2 * n; k++)
        of->parts[k] = k;
    for (Py_ssize_t c = 0; c < matrix->n_cells; c++) {
        int32_t row = of->parts[matrix->cells[c].i], column = of->parts[n + matrix->cells[c].j];
        if (row == column)
            continue;
        row = part_of(of->parts, row);
        column = part_of(of->parts, column);
        if (row < column)
            of->parts[column] = row;
        else
            of->parts[row] = column;
    }
    for (int32_t k = 0; k < 2 * n; k++)
        of->parts[k] = part_of(of->parts, k); /* of the row that begins it */
}

/* Set known to the unit vectors sqrt(p_i) of all parts, side by side. Return the second largest of their eigenvalues,
   by Rayleigh's quotient; -1 where there is one part. */
static double set_known(Iteration *of)
{
    const Cooccurrence *matrix = of->matrix;
    Py_ssize_t n = matrix->n_levels;
    double *shares = of->next, first = -1, second = -1;
    memset(shares, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t i = 0; i < n; i++)
        shares[of->parts[i]] += matrix->rows[i];
    for (Py_ssize_t i = 0; i < n; i++)
        of->here[i] = of->known[i] = matrix->rows[i] > 0 ? sqrt(matrix->rows[i] / shares[of->parts[i]]) : 0;
    multiply(of); /* by S S': between is S' known */
    memset(of->sums, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t j = 0; j < n; j++)
        if (matrix->columns[j] > 0)
            of->sums[of->parts[n + j]] += of->between[j] * of->between[j];
    for (Py_ssize_t i = 0; i < n; i++) {
        second = fmax(second, fmin(first, of->sums[i]));
        first = fmax(first, of->sums[i]);
    }
    return second;
}

/* Take from a vector what it has of known, part by part. */
static void leave_known(Iteration *of, double *vector)
{
    Py_ssize_t n = of->matrix->n_levels;
    memset(of->sums, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t i = 0; i < n; i++)
        of->sums[of->parts[i]] += vector[i] * of->known[i];
    for (Py_ssize_t i = 0; i < n; i++)
        vector[i] -= of->sums[of->parts[i]] * of->known[i];
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
        leave_known(of, of->here);
    return sqrt(dot(of->here, of->here, n));
}

/* Whether a value lies above all roots of the first n rows' characteristic polynomial: every pivot is negative. */
static int is_above(const Iteration *of, Py_ssize_t n, double value)
{
    double pivot = of->diagonal[0] - value;
    for (Py_ssize_t k = 1; k < n && pivot < 0; k++)
        pivot = of->diagonal[k] - value - of->off_diagonal[k - 1] * of->off_diagonal[k - 1] / pivot;
    return pivot < 0;
}

/* Largest eigenvalue of the first n rows of the tridiagonal matrix, by Newton's method on the characteristic polynomial
   from above all its roots: p'/p is the sum of slope/pivot over the pivots of the matrix less value. It begins at guess
   where that is above. */
static double largest_eigenvalue(const Iteration *of, Py_ssize_t n, double guess)
{
    double value = guess < 1 && is_above(of, n, guess) ? guess : 1 + 1e-6, step = 1;
    for (int times = 0; times < MAX_TIMES && step > 4e-16 * value; times++) {
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

/* Last component of the unit vector that the eigenvalue has in the tridiagonal matrix. From the last row up: the first
   component, what the vector has of the start, is never among the smallest. */
static double last_component(const Iteration *of, Py_ssize_t n, double value)
{
    double pivot = of->diagonal[n - 1] - value, last = 1, squares = 1;
    for (Py_ssize_t k = n - 2; k >= 0; k--) {
        double ratio = of->off_diagonal[k] / pivot;
        last *= ratio;
        squares = 1 + ratio * ratio * squares;
        pivot = of->diagonal[k] - value - ratio * of->off_diagonal[k];
    }
    return fabs(last) / sqrt(squares);
}

/* One step of Lanczos' method from here, a unit vector; return the length of the next vector. */
static double advance(Iteration *of, Py_ssize_t step)
{
    Py_ssize_t n = of->matrix->n_levels;
    multiply(of);
    subtract(of->next, step ? of->off_diagonal[step - 1] : 0, of->before, n);
    of->diagonal[step] = dot(of->next, of->here, n);
    subtract(of->next, of->diagonal[step], of->here, n);
    leave_known(of, of->next);
    of->off_diagonal[step] = sqrt(dot(of->next, of->next, n));
    double *unused = of->before;
    of->before = of->here;
    of->here = of->next;
    of->next = unused;
    return of->off_diagonal[step];
}

/* Largest eigenvalue of S S' across the known vectors. */
static double largest_across(Iteration *of)
{
    double length = start(of), value = 0, residual = 1;
    for (Py_ssize_t step = 0; length > 1e-14 && step < MAX_STEPS; step++) {
        for (Py_ssize_t i = 0; i < of->matrix->n_levels; i++)
            of->here[i] /= length;
        length = advance(of, step);
        if (length >= 1e-14 && step % STEPS_BETWEEN_CHECKS != STEPS_BETWEEN_CHECKS - 1)
            continue;
        value = largest_eigenvalue(of, step + 1, value + residual);
        residual = length * last_component(of, step + 1, value);
        if (residual < RESIDUAL)
            break;
    }
    return value;
}

static double maximal_correlation(Iteration *of)
{
    set_entries(of);
    set_parts(of);
    double of_parts = set_known(of);
    return sqrt(fmax(fmax(of_parts, largest_across(of)), 0)); /* 0 where a single level has neighbors */
}

#endif
