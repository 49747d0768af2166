/* Penalized generalized linear models at one penalty: proximal Newton steps, their quadratic solved exactly.

   minimize  sum_i w_i loss(y_i, eta_i) + alpha * sum_kj (l1_ratio s_j |b_kj| + (1 - l1_ratio) / 2 s_j^2 b_kj^2)

   with eta_k = sum_j b_kj x_j, weights that sum to 1 and a scale s_j per column. Column 0 is all ones, of scale 0: the
   intercept. A column of infinite scale stays out. Several problems share the columns: each has its own weights (0
   where a fold holds a row out), scales and coefficients, so no fold copies the table.

   The quadratic is solved by turns: coordinate descent finds which coefficients are not zero and their signs, then one
   linear system gives their values, or leads the first of them to zero. Where columns depend on each other, a flat
   direction is followed until one leaves. The Hessian serves on while the linear predictors hardly move. A step too
   long for the loss is shortened by the factor that self-concordance guarantees to descend (F. Bach, "Self-concordant
   analysis for logistic regression", Electronic Journal of Statistics 4 (2010) 384-414), so the loss itself is never
   evaluated. Columns are screened by the sequential strong rule (R. Tibshirani et al., "Strong rules for discarding
   predictors in lasso-type problems", JRSS B 74 (2012) 245-266) and all checked in the end. */
#include "../_arrays.h"
#include <math.h>
#include <stdlib.h>

enum { LANES = 8, MOST_STEPS = 500, MOST_ROUNDS = 200, MOST_STALLED = 20, ADDED_AT_ONCE = 64 };
enum screening { DISCARDED, SCREENED, EXCLUDED };
enum family { GAUSSIAN, BINOMIAL, MULTINOMIAL };
static const double DEPENDENT = 1e-10; /* share of a diagonal left by elimination up to which nothing is left */
static const double LONGEST = 1.0;     /* change of a linear predictor up to which the full step descends */
static const double FORGIVEN = 0.03;   /* change of a linear predictor up to which the Hessian serves on */

typedef struct {
    Py_ssize_t n_columns, n_rows, n_predictors;
    enum family family;
    const double *X, *Y, *weights, *scale;
    double *coef, *gradient, *linear; /* (n_predictors, n_columns), the same, (n_predictors, n_rows) */
    double l1, l2, strong, tolerance, drift; /* of the linear predictors since the Hessian was assembled */
    double *mean, *residual, *curved; /* (n_predictors, n_rows) each */
    char *checked, *working;          /* per coefficient: enum screening; is in the working set */
    Py_ssize_t *entries, *predictor, *column; /* of the working set: k * n_columns + j, k and j */
    Py_ssize_t n_entries, capacity, n_assembled;
    double *hessian, *triangle; /* (capacity, capacity) */
    double *value, *slope, *threshold, *right, *change;
    Py_ssize_t *moving, n_moving; /* positions in the working set of the values that are not zero */
    Py_ssize_t *factored, n_factored; /* the same when triangle was last made; 0 where it is of no use */
} Problem;

/* ---- rows: their number is a multiple of LANES */

static inline double dot(const double *RESTRICT a, const double *RESTRICT b, Py_ssize_t n)
{
    double sums[LANES] = {0};
    for (Py_ssize_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sums[k] += a[i + k] * b[i + k];
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static inline void add_multiple(double *RESTRICT to, double factor, const double *RESTRICT from, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        to[i] += factor * from[i];
}

static void predict(Problem *z)
{
    memset(z->linear, 0, (size_t)(z->n_predictors * z->n_rows) * sizeof(double));
    for (Py_ssize_t k = 0; k < z->n_predictors; k++)
        for (Py_ssize_t j = 0; j < z->n_columns; j++)
            if (z->coef[k * z->n_columns + j] != 0)
                add_multiple(z->linear + k * z->n_rows, z->coef[k * z->n_columns + j], z->X + j * z->n_rows, z->n_rows);
}

static void softmax_row(Problem *z, Py_ssize_t row)
{
    double largest = -INFINITY, total = 0;
    for (Py_ssize_t at = row; at < z->n_predictors * z->n_rows; at += z->n_rows)
        largest = fmax(largest, z->linear[at]);
    for (Py_ssize_t at = row; at < z->n_predictors * z->n_rows; at += z->n_rows)
        total += z->mean[at] = exp(z->linear[at] - largest);
    for (Py_ssize_t at = row; at < z->n_predictors * z->n_rows; at += z->n_rows)
        z->mean[at] /= total;
}

static void find_residuals(Problem *z)
{
    const Py_ssize_t n = z->n_rows;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (z->weights[i] == 0)
            continue;
        if (z->family == BINOMIAL)
            z->mean[i] = 1 / (1 + exp(-z->linear[i]));
        else if (z->family == GAUSSIAN)
            z->mean[i] = z->linear[i];
        else
            softmax_row(z, i);
    }
    for (Py_ssize_t k = 0; k < z->n_predictors; k++)
        for (Py_ssize_t i = 0; i < n; i++)
            z->residual[k * n + i] = z->weights[i] * (z->mean[k * n + i] - z->Y[k * n + i]);
}

/* out = x times the second derivative of the loss by the linear predictors k and l. */
static inline void curve(const Problem *z, Py_ssize_t k, Py_ssize_t l, const double *RESTRICT x, double *RESTRICT out)
{
    const double *mean_k = z->mean + k * z->n_rows, *mean_l = z->mean + l * z->n_rows;
    const double same = k == l;
    for (Py_ssize_t i = 0; i < z->n_rows; i++)
        out[i] = z->weights[i] * x[i] * (z->family == GAUSSIAN ? 1 : mean_k[i] * (same - mean_l[i]));
}

/* ---- which coefficients take part */

static double excess(double gradient, double coef, double threshold)
{
    return coef != 0 ? fabs(gradient + copysign(threshold, coef)) : fabs(gradient) - threshold;
}

FOR_EACH_PROCESSOR
static void find_gradient(Problem *z, char which)
{
    for (Py_ssize_t k = 0; k < z->n_predictors; k++)
        for (Py_ssize_t j = 0; j < z->n_columns; j++) {
            const Py_ssize_t entry = k * z->n_columns + j;
            if (z->checked[entry] != which)
                continue;
            z->gradient[entry] = dot(z->X + j * z->n_rows, z->residual + k * z->n_rows, z->n_rows);
            if (z->coef[entry] != 0)
                z->gradient[entry] += z->l2 * z->scale[j] * z->scale[j] * z->coef[entry];
        }
}

/* Return the gradient's largest excess over what the penalty allows, among coefficients marked so. */
static double largest_excess(const Problem *z, char which)
{
    double largest = 0;
    for (Py_ssize_t k = 0, entry = 0; k < z->n_predictors; k++)
        for (Py_ssize_t j = 0; j < z->n_columns; j++, entry++)
            if (z->checked[entry] == which) {
                const double over = excess(z->gradient[entry], z->coef[entry], z->l1 * z->scale[j]);
                largest = over > largest ? over : largest;
            }
    return largest;
}

static int grow(Problem *z)
{
    const Py_ssize_t capacity = 2 * z->capacity + 32;
    double *table = malloc((size_t)(2 * capacity + 5) * (size_t)capacity * sizeof(double));
    Py_ssize_t *indices = malloc((size_t)(5 * capacity) * sizeof(Py_ssize_t));
    if (!table || !indices) {
        free(table);
        free(indices);
        return -1;
    }
    for (Py_ssize_t a = 0; a < z->n_entries; a++) {
        indices[a] = z->entries[a];
        indices[capacity + a] = z->predictor[a];
        indices[2 * capacity + a] = z->column[a];
    }
    free(z->hessian);
    free(z->entries);
    z->entries = indices;
    z->predictor = indices + capacity;
    z->column = indices + 2 * capacity;
    z->moving = indices + 3 * capacity;
    z->factored = indices + 4 * capacity;
    z->hessian = table;
    z->triangle = table + capacity * capacity;
    z->value = z->triangle + capacity * capacity;
    z->slope = z->value + capacity;
    z->threshold = z->slope + capacity;
    z->right = z->threshold + capacity;
    z->change = z->right + capacity;
    z->capacity = capacity;
    z->n_assembled = z->n_factored = 0;
    return 0;
}

/* Add to the working set what is not zero or should not stay so. Return how many, or -1 without memory. */
static Py_ssize_t enlist(Problem *z)
{
    const Py_ssize_t before = z->n_entries, most = 2 * before + ADDED_AT_ONCE;
    for (Py_ssize_t k = 0, entry = 0; k < z->n_predictors; k++)
        for (Py_ssize_t j = 0; j < z->n_columns; j++, entry++) {
            if (z->checked[entry] != SCREENED || z->working[entry])
                continue;
            const double threshold = z->l1 * z->scale[j];
            const int should = fabs(z->gradient[entry]) > threshold + z->tolerance && z->n_entries < most;
            if (threshold > 0 && z->coef[entry] == 0 && !should)
                continue;
            if (z->n_entries == z->capacity && grow(z) < 0)
                return -1;
            z->working[entry] = 1;
            z->entries[z->n_entries] = entry;
            z->predictor[z->n_entries] = k;
            z->column[z->n_entries++] = j;
        }
    return z->n_entries - before;
}

/* ---- the quadratic on the working set */

FOR_EACH_PROCESSOR
static void assemble(Problem *z)
{
    const Py_ssize_t n = z->n_rows;
    if (z->drift > FORGIVEN || (z->drift > 0 && z->n_assembled < z->n_entries)) { /* never two curvatures in one */
        z->n_assembled = z->n_factored = 0;
        z->drift = 0;
    }
    for (Py_ssize_t a = z->n_assembled; a < z->n_entries; a++) {
        const Py_ssize_t k = z->predictor[a], column = z->column[a];
        for (Py_ssize_t l = 0; l < z->n_predictors; l++)
            curve(z, k, l, z->X + column * n, z->curved + l * n);
        for (Py_ssize_t b = 0; b <= a; b++) {
            const double product = dot(z->curved + z->predictor[b] * n, z->X + z->column[b] * n, n);
            z->hessian[a * z->capacity + b] = z->hessian[b * z->capacity + a] = product;
        }
        z->hessian[a * (z->capacity + 1)] += z->l2 * z->scale[column] * z->scale[column];
    }
    z->n_assembled = z->n_entries;
    for (Py_ssize_t a = 0; a < z->n_entries; a++) {
        z->value[a] = z->coef[z->entries[a]];
        z->slope[a] = z->gradient[z->entries[a]];
        z->threshold[a] = z->l1 * z->scale[z->column[a]];
    }
}

FOR_EACH_PROCESSOR
static void sweep(Problem *z, Py_ssize_t from, Py_ssize_t to)
{
    for (Py_ssize_t a = from; a < to; a++) {
        const double diagonal = z->hessian[a * (z->capacity + 1)], old = z->value[a];
        if (!(diagonal > 0) || (old == 0 && fabs(z->slope[a]) <= z->threshold[a] + z->tolerance))
            continue;
        const double target = diagonal * old - z->slope[a], size = fabs(target) - z->threshold[a];
        z->value[a] = size > 0 ? copysign(size / diagonal, target) : 0;
        if (z->value[a] != old)
            add_multiple(z->slope, z->value[a] - old, z->hessian + a * z->capacity, z->n_entries);
    }
}

/* Eliminate below the diagonal. Return the first value that depends on those before it, or n_moving. */
FOR_EACH_PROCESSOR
static Py_ssize_t eliminate(Problem *z)
{
    const Py_ssize_t m = z->n_moving;
    if (m > 0 && m == z->n_factored && memcmp(z->moving, z->factored, (size_t)m * sizeof(Py_ssize_t)) == 0)
        return m;
    z->n_factored = 0;
    for (Py_ssize_t i = 0; i < m; i++)
        for (Py_ssize_t j = i; j < m; j++)
            z->triangle[i * m + j] = z->hessian[z->moving[i] * z->capacity + z->moving[j]];
    for (Py_ssize_t k = 0; k < m; k++) {
        const double *row = z->triangle + k * m;
        if (row[k] <= DEPENDENT * z->hessian[z->moving[k] * (z->capacity + 1)])
            return k;
        for (Py_ssize_t i = k + 1; i < m; i++)
            add_multiple(z->triangle + i * m + i, -row[i] / row[k], row + i, m - i);
    }
    memcpy(z->factored, z->moving, (size_t)m * sizeof(Py_ssize_t));
    z->n_factored = m;
    return m;
}

FOR_EACH_PROCESSOR
static void substitute_forward(const Problem *z)
{
    for (Py_ssize_t k = 0; k < z->n_moving; k++) {
        const double *row = z->triangle + k * z->n_moving;
        add_multiple(z->right + k + 1, -z->right[k] / row[k], row + k + 1, z->n_moving - k - 1);
    }
}

static void substitute_back(const Problem *z, Py_ssize_t n)
{
    for (Py_ssize_t k = n - 1; k >= 0; k--) {
        const double *row = z->triangle + k * z->n_moving;
        double sum = z->right[k];
        for (Py_ssize_t i = k + 1; i < n; i++)
            sum -= row[i] * z->change[i];
        z->change[k] = sum / row[k];
    }
}

/* The quadratic's slope at the values where they do not change their signs. */
static double signed_slope(const Problem *z, Py_ssize_t a)
{
    return z->slope[a] + (z->threshold[a] > 0 ? copysign(z->threshold[a], z->value[a]) : 0);
}

/* Set the change to a direction in which the quadratic is flat: downhill, or where level, to zero for the dependent
   value. Return how far the optimum lies. */
static double follow_flat_direction(const Problem *z, Py_ssize_t dependent)
{
    const double curvature = z->triangle[dependent * z->n_moving + dependent];
    for (Py_ssize_t i = 0; i < dependent; i++)
        z->right[i] = -z->triangle[i * z->n_moving + dependent];
    substitute_back(z, dependent);
    memset(z->change + dependent, 0, (size_t)(z->n_moving - dependent) * sizeof(double));
    z->change[dependent] = 1;
    double slope = 0;
    for (Py_ssize_t i = 0; i <= dependent; i++)
        slope += z->change[i] * signed_slope(z, z->moving[i]);
    const int level = fabs(slope) <= z->tolerance;
    if (level ? z->value[z->moving[dependent]] > 0 : slope > 0)
        for (Py_ssize_t i = 0; i <= dependent; i++)
            z->change[i] = -z->change[i];
    return level || curvature <= 0 ? INFINITY : fabs(slope) / curvature;
}

/* Change the values by at most this share, up to where the first of them reaches zero. Return whether none did. */
FOR_EACH_PROCESSOR
static int move_values(Problem *z, double share)
{
    Py_ssize_t first = -1;
    for (Py_ssize_t i = 0; i < z->n_moving; i++) {
        const double value = z->value[z->moving[i]], to_zero = -value / z->change[i];
        if (z->threshold[z->moving[i]] > 0 && value * z->change[i] < 0 && to_zero <= share) {
            share = to_zero;
            first = i;
        }
    }
    for (Py_ssize_t i = 0; isfinite(share) && i < z->n_moving; i++) {
        const Py_ssize_t a = z->moving[i];
        const double to = i == first ? 0 : z->value[a] + share * z->change[i];
        add_multiple(z->slope, to - z->value[a], z->hessian + a * z->capacity, z->n_entries);
        z->value[a] = to;
    }
    return first < 0;
}

/* Move the values that are not zero toward their optimum. Return whether they reached it. */
FOR_EACH_PROCESSOR
static int solve_for_values(Problem *z)
{
    z->n_moving = 0;
    for (Py_ssize_t a = 0; a < z->n_entries; a++)
        if (z->value[a] != 0 || z->threshold[a] == 0)
            z->moving[z->n_moving++] = a;
    const Py_ssize_t dependent = eliminate(z);
    if (dependent < z->n_moving) {
        move_values(z, follow_flat_direction(z, dependent));
        return 0;
    }
    for (Py_ssize_t i = 0; i < z->n_moving; i++)
        z->right[i] = -signed_slope(z, z->moving[i]);
    substitute_forward(z);
    substitute_back(z, z->n_moving);
    return move_values(z, 1);
}

/* Return the value whose slope exceeds most what the penalty allows, or -1 where none does. */
static Py_ssize_t worst_value(const Problem *z)
{
    double largest = z->tolerance;
    Py_ssize_t worst = -1;
    for (Py_ssize_t a = 0; a < z->n_entries; a++) {
        const double over = excess(z->slope[a], z->value[a], z->threshold[a]);
        if (over > largest) {
            largest = over;
            worst = a;
        }
    }
    return worst;
}

static void minimize_quadratic(Problem *z)
{
    sweep(z, 0, z->n_entries);
    for (Py_ssize_t round = 0; round < MOST_ROUNDS + 10 * z->n_entries; round++) {
        if (!solve_for_values(z))
            continue;
        const Py_ssize_t worst = worst_value(z);
        if (worst < 0)
            return;
        sweep(z, worst, worst + 1);
    }
}

/* ---- Newton steps */

/* Return how far the linear predictors of a row, whose change is in curved, move apart at most. */
static double longest_change(const Problem *z)
{
    double longest = 0;
    for (Py_ssize_t i = 0; i < z->n_rows; i++) {
        if (z->weights[i] == 0)
            continue;
        double least = z->family == BINOMIAL ? 0 : INFINITY, most = z->family == BINOMIAL ? 0 : -INFINITY;
        for (Py_ssize_t k = 0; k < z->n_predictors; k++) {
            const double change = z->curved[k * z->n_rows + i];
            least = change < least ? change : least;
            most = change > most ? change : most;
        }
        longest = most - least > longest ? most - least : longest;
    }
    return longest;
}

FOR_EACH_PROCESSOR
static int take_step(Problem *z)
{
    const Py_ssize_t size = z->n_predictors * z->n_rows;
    memset(z->curved, 0, (size_t)size * sizeof(double));
    for (Py_ssize_t a = 0; a < z->n_entries; a++) {
        const double change = z->value[a] - z->coef[z->entries[a]];
        if (change != 0)
            add_multiple(z->curved + z->predictor[a] * z->n_rows, change, z->X + z->column[a] * z->n_rows, z->n_rows);
    }
    const double longest = z->family == GAUSSIAN ? 0 : longest_change(z);
    const double share = longest <= LONGEST ? 1 : log1p(longest) / longest;
    z->drift += share * longest;
    for (Py_ssize_t a = 0; a < z->n_entries; a++) {
        double *coef = z->coef + z->entries[a];
        *coef = share == 1 ? z->value[a] : *coef + share * (z->value[a] - *coef);
    }
    add_multiple(z->linear, share, z->curved, size);
    return share == 1;
}

static void screen(Problem *z)
{
    z->n_entries = z->n_assembled = z->n_factored = 0;
    z->drift = 0;
    memset(z->working, 0, (size_t)(z->n_predictors * z->n_columns));
    for (Py_ssize_t k = 0, entry = 0; k < z->n_predictors; k++)
        for (Py_ssize_t j = 0; j < z->n_columns; j++, entry++) {
            const int strong = z->coef[entry] != 0 || fabs(z->gradient[entry]) >= z->strong * z->scale[j];
            z->checked[entry] = isinf(z->scale[j]) ? EXCLUDED : strong ? SCREENED : DISCARDED;
        }
    if (z->family == MULTINOMIAL)
        z->checked[0] = EXCLUDED; /* a shift of all intercepts changes nothing */
}

/* What the strong rule discarded and the gradient demands takes part after all. */
static void reconsider(Problem *z)
{
    for (Py_ssize_t k = 0, entry = 0; k < z->n_predictors; k++)
        for (Py_ssize_t j = 0; j < z->n_columns; j++, entry++)
            if (z->checked[entry] == DISCARDED && fabs(z->gradient[entry]) > z->l1 * z->scale[j] + z->tolerance)
                z->checked[entry] = SCREENED;
}

/* Return 0, or -1 without memory; *left becomes the largest excess of the gradient that is left. */
static int minimize(Problem *z, double *left)
{
    double least = INFINITY;
    int stalled = 0;
    screen(z);
    predict(z);
    for (int step = 0; step < MOST_STEPS && stalled < MOST_STALLED; step++) {
        find_residuals(z);
        find_gradient(z, SCREENED);
        Py_ssize_t added = enlist(z);
        *left = largest_excess(z, SCREENED);
        if (added == 0 && *left <= z->tolerance) {
            find_gradient(z, DISCARDED);
            const double outside = largest_excess(z, DISCARDED);
            if (outside <= z->tolerance)
                return 0;
            reconsider(z);
            added = enlist(z);
        }
        if (added < 0)
            return -1;
        assemble(z);
        minimize_quadratic(z);
        const int whole = take_step(z);
        stalled = added == 0 && whole && *left > least / 2 ? stalled + 1 : 0;
        least = fmin(least, *left);
    }
    return 0;
}

static int allocate(Problem *z)
{
    const size_t rows = (size_t)(z->n_predictors * z->n_rows), entries = (size_t)(z->n_predictors * z->n_columns);
    z->mean = calloc(3 * rows, sizeof(double));
    z->checked = malloc(2 * entries);
    if (!z->mean || !z->checked)
        return -1;
    z->residual = z->mean + rows;
    z->curved = z->residual + rows;
    z->working = z->checked + entries;
    return grow(z);
}

/* ---- Python */

enum { COLUMNS, TARGETS, WEIGHTS, SCALES, TOLERANCES, ACTIVE, COEF, GRADIENT, LINEAR, LEFT, N_ARRAYS };
static const struct {
    const char *name;
    char kind;
    int n_dims, flags;
} ARRAYS[N_ARRAYS] = {
    {"columns", 'f', 2, READ}, {"targets", 'f', 2, READ},   {"weights", 'f', 2, READ},
    {"scales", 'f', 2, READ},  {"tolerances", 'f', 1, READ},  {"active", 'u', 1, READ},
    {"coef", 'f', 3, WRITE},   {"gradient", 'f', 3, WRITE}, {"linear", 'f', 3, WRITE},
    {"left", 'f', 1, WRITE},
};

static int shapes_fit(const Py_buffer *views)
{
    const Py_ssize_t n_columns = views[COLUMNS].shape[0], n_rows = views[COLUMNS].shape[1];
    const Py_ssize_t n_predictors = views[TARGETS].shape[0], n_problems = views[WEIGHTS].shape[0];
    const Py_ssize_t *coef = views[COEF].shape, *gradient = views[GRADIENT].shape, *linear = views[LINEAR].shape;
    if (n_columns > 0 && n_rows % LANES == 0 && n_predictors > 0 && views[TARGETS].shape[1] == n_rows &&
        views[WEIGHTS].shape[1] == n_rows && views[SCALES].shape[0] == n_problems &&
        views[SCALES].shape[1] == n_columns && views[TOLERANCES].shape[0] == n_problems &&
        views[ACTIVE].shape[0] == n_problems && coef[0] == n_problems &&
        coef[1] == n_predictors && coef[2] == n_columns && gradient[0] == n_problems && gradient[1] == n_predictors &&
        gradient[2] == n_columns && linear[0] == n_problems && linear[1] == n_predictors && linear[2] == n_rows &&
        views[LEFT].shape[0] == n_problems)
        return 1;
    PyErr_Format(PyExc_ValueError, "minimize_penalized: the arrays' shapes do not fit, or rows are no multiple of %d",
                 LANES);
    return 0;
}

static int minimize_each(const Py_buffer *views, Problem *z)
{
    const Py_ssize_t n_entries = z->n_predictors * z->n_columns;
    int status = allocate(z);
    for (Py_ssize_t at = 0; status == 0 && at < views[WEIGHTS].shape[0]; at++) {
        if (!((const unsigned char *)views[ACTIVE].buf)[at])
            continue;
        z->weights = (const double *)views[WEIGHTS].buf + at * z->n_rows;
        z->scale = (const double *)views[SCALES].buf + at * z->n_columns;
        z->tolerance = ((const double *)views[TOLERANCES].buf)[at];
        z->coef = (double *)views[COEF].buf + at * n_entries;
        z->gradient = (double *)views[GRADIENT].buf + at * n_entries;
        z->linear = (double *)views[LINEAR].buf + at * z->n_predictors * z->n_rows;
        status = minimize(z, (double *)views[LEFT].buf + at);
    }
    free(z->mean);
    free(z->checked);
    free(z->hessian);
    free(z->entries);
    return status;
}

/* minimize_penalized(columns (p, n), targets (k, n), weights (f, n), scales (f, p), tolerances (f,), active (f,),
   coef (f, k, p), gradient (f, k, p), linear (f, k, n), left (f,), family, alpha, previous_alpha, l1_ratio): fit the
   active ones of f problems, starting from coef and from the gradient that belongs to the previous alpha. */
static PyObject *minimize_penalized(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_ARRAYS];
    Py_buffer views[N_ARRAYS] = {{0}};
    Problem z = {0};
    int family;
    double alpha, previous, l1_ratio;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOOOOOOOiddd", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5], &objects[6], &objects[7], &objects[8], &objects[9], &family, &alpha,
                          &previous, &l1_ratio))
        return NULL;
    PyObject *done = NULL;
    int taken = 0;
    while (taken < N_ARRAYS && take_array(objects[taken], &views[taken], ARRAYS[taken].kind,
                                          ARRAYS[taken].kind == 'f' ? 8 : 1, ARRAYS[taken].n_dims, ARRAYS[taken].flags,
                                          ARRAYS[taken].name) == 0)
        taken++;
    if (taken == N_ARRAYS && shapes_fit(views)) {
        int status;
        z.n_columns = views[COLUMNS].shape[0];
        z.n_rows = views[COLUMNS].shape[1];
        z.n_predictors = views[TARGETS].shape[0];
        z.family = (enum family)family;
        z.X = views[COLUMNS].buf;
        z.Y = views[TARGETS].buf;
        z.l1 = alpha * l1_ratio;
        z.l2 = alpha * (1 - l1_ratio);
        z.strong = l1_ratio * (2 * alpha - previous);
        Py_BEGIN_ALLOW_THREADS
        status = minimize_each(views, &z);
        Py_END_ALLOW_THREADS
        done = status == 0 ? Py_NewRef(Py_None) : PyErr_NoMemory();
    }
    release_arrays(views, N_ARRAYS);
    return done;
}

static PyMethodDef methods[] = {{"minimize_penalized", minimize_penalized, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_coordinate_descent", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__coordinate_descent(void)
{
    return PyModule_Create(&module);
}
