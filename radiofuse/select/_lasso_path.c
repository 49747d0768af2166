/* The exact LASSO path of several training sets in step: all rows, and all rows but those of each fold.

   A training set's path is followed from knot to knot (homotopy). Between two knots the solution is linear in the
   penalty: as it falls by t, the active coefficients move by t * direction and every column's correlation with the
   residual by -t * slope. The next knot is where an idle correlation reaches the penalty or an active coefficient
   reaches 0. Columns come standardized over all rows; each set centers and scales them again by its own rows.

   Of the Gram matrix only the rows of columns that ever become active are computed: once over all rows, and per set
   by taking the held-out rows away. At every penalty asked for, the correlations are computed afresh from the
   coefficients, and the coefficients are corrected by what those miss. */
#include "../_arrays.h"
#include <math.h>
#include <stdlib.h>

static const double PARALLEL = 1e-9;   /* difference of slopes up to which two lines never meet */
static const double TIE = 1e-10;       /* share of the penalty within which knots coincide: the first column goes */
static const double ROUNDING = 1e-13;  /* share of the spread of y up to which a correlation or coefficient is 0 */
static const double DRIFT = 1e-10;     /* miss of the active correlations beyond which the inverse is computed afresh */
static const double DEPENDENT = 1e-12; /* share of a column's variance outside the active ones below which it waits */

enum { UNROLL = 8, FIRST_CAPACITY = 32, MAX_CORRECTIONS = 3, MAX_KNOTS_IN_PLACE = 100000 };
enum { DONE = 0, NO_MEMORY = -1, STUCK = -2 };
enum { IDLE, ACTIVE, WAITING }; /* WAITING: a linear combination of the active columns, until one of those leaves */

typedef struct {
    Py_ssize_t n_held;
    const double **held;     /* their rows of the table */
    double *held_weights, *held_y;
    double weight;           /* sum of the weights of the training rows */
    double y_mean, noise, alpha;
    double *mean, *scale;    /* of the columns; scale is 1 / standard deviation, 0 for a constant column */
    double *first_correlations, *correlations, *slopes, *reach;
    double **gram;           /* rows of the correlation matrix, NULL where not needed yet */
    unsigned char *states;
    Py_ssize_t n_active, capacity;
    Py_ssize_t *active;
    double *signs, *coefs, *direction, *spare; /* of the active columns */
    const double **active_gram;
    double *inverse;         /* of the correlation matrix of the active columns; rows are `capacity` apart */
    const double **inverse_rows;
} TrainingSet;

typedef struct {
    Py_buffer views[4]; /* table, y, weights, folds */
    Py_ssize_t n_rows, n_columns, n_sets;
    const double **rows; /* of the table */
    double *row_coefs;
    double **gram;       /* weighted cross products over all rows, NULL where not needed yet */
    TrainingSet *sets;   /* one per fold, then all rows */
} Paths;

/* Add the sum of coefs[k] * rows[k] to out. */
FOR_EACH_PROCESSOR
static void add_rows(double *RESTRICT out, Py_ssize_t length, const double *const *rows, const double *coefs,
                     Py_ssize_t n_rows)
{
    Py_ssize_t k = 0;
    for (; k + UNROLL <= n_rows; k += UNROLL) {
        const double *RESTRICT r0 = rows[k], *RESTRICT r1 = rows[k + 1], *RESTRICT r2 = rows[k + 2];
        const double *RESTRICT r3 = rows[k + 3], *RESTRICT r4 = rows[k + 4], *RESTRICT r5 = rows[k + 5];
        const double *RESTRICT r6 = rows[k + 6], *RESTRICT r7 = rows[k + 7];
        const double *c = coefs + k;
        const double c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3], c4 = c[4], c5 = c[5], c6 = c[6], c7 = c[7];
        for (Py_ssize_t j = 0; j < length; j++)
            out[j] += ((c0 * r0[j] + c1 * r1[j]) + (c2 * r2[j] + c3 * r3[j])) +
                      ((c4 * r4[j] + c5 * r5[j]) + (c6 * r6[j] + c7 * r7[j]));
    }
    for (; k < n_rows; k++) {
        const double *RESTRICT row = rows[k];
        const double coef = coefs[k];
        for (Py_ssize_t j = 0; j < length; j++)
            out[j] += coef * row[j];
    }
}

static double *zeros(Py_ssize_t length)
{
    return calloc((size_t)(length > 0 ? length : 1), sizeof(double));
}

/* Return the weighted cross products of one column with all, over all rows. */
static const double *full_gram(Paths *paths, Py_ssize_t column)
{
    if (!paths->gram[column] && (paths->gram[column] = zeros(paths->n_columns))) {
        const double *weights = paths->views[2].buf;
        for (Py_ssize_t i = 0; i < paths->n_rows; i++)
            paths->row_coefs[i] = weights[i] * paths->rows[i][column];
        add_rows(paths->gram[column], paths->n_columns, paths->rows, paths->row_coefs, paths->n_rows);
    }
    return paths->gram[column];
}

/* Return the correlations of one column with all in a training set: over all rows, less the held-out ones. */
static const double *set_gram(Paths *paths, TrainingSet *set, Py_ssize_t column)
{
    const double *full = full_gram(paths, column);
    double *row = set->gram[column];
    if (row || !full || !(row = set->gram[column] = malloc((size_t)paths->n_columns * sizeof(double))))
        return row;
    memcpy(row, full, (size_t)paths->n_columns * sizeof(double));
    for (Py_ssize_t i = 0; i < set->n_held; i++)
        paths->row_coefs[i] = -set->held_weights[i] * set->held[i][column];
    add_rows(row, paths->n_columns, set->held, paths->row_coefs, set->n_held);
    const double scale = set->scale[column] / set->weight, center = set->mean[column] * set->scale[column];
    for (Py_ssize_t j = 0; j < paths->n_columns; j++)
        row[j] = (row[j] * scale - set->mean[j] * center) * set->scale[j];
    row[column] = 1.0;
    return row;
}

/* ---------------------------------------------------------------- the active columns */

/* Make room for one more active column. Return 0, or -1 without memory. */
static int make_room(TrainingSet *set)
{
    const Py_ssize_t old = set->capacity, capacity = old ? 2 * old : FIRST_CAPACITY;
    if (set->n_active < old)
        return 0;
    double **lists[] = {&set->signs, &set->coefs, &set->direction, &set->spare};
    for (int k = 0; k < 4; k++) {
        double *longer = realloc(*lists[k], (size_t)capacity * sizeof(double));
        if (!longer)
            return -1;
        *lists[k] = longer;
    }
    Py_ssize_t *active = realloc(set->active, (size_t)capacity * sizeof(Py_ssize_t));
    set->active = active ? active : set->active;
    const double **gram = realloc(set->active_gram, (size_t)capacity * sizeof(double *));
    set->active_gram = gram ? gram : set->active_gram;
    const double **rows = realloc(set->inverse_rows, (size_t)capacity * sizeof(double *));
    set->inverse_rows = rows ? rows : set->inverse_rows;
    double *inverse = zeros(capacity * capacity);
    if (!active || !gram || !rows || !inverse) {
        free(inverse);
        return -1;
    }
    for (Py_ssize_t k = 0; k < old; k++)
        memcpy(inverse + k * capacity, set->inverse + k * old, (size_t)old * sizeof(double));
    free(set->inverse);
    set->inverse = inverse;
    set->capacity = capacity;
    for (Py_ssize_t k = 0; k < capacity; k++)
        rows[k] = inverse + k * capacity;
    return 0;
}

/* Fill product with the inverse times vector. */
static void times_inverse(const TrainingSet *set, const double *vector, double *product)
{
    for (Py_ssize_t k = 0; k < set->n_active; k++)
        product[k] = 0.0;
    add_rows(product, set->n_active, set->inverse_rows, vector, set->n_active);
}

/* Compute the inverse of the active columns' correlation matrix by sweeping every pivot of it. */
static void invert_afresh(TrainingSet *set)
{
    const Py_ssize_t m = set->n_active, stride = set->capacity;
    for (Py_ssize_t i = 0; i < m; i++)
        for (Py_ssize_t k = 0; k < m; k++)
            set->inverse[i * stride + k] = set->active_gram[i][set->active[k]];
    for (Py_ssize_t pivot = 0; pivot < m; pivot++) {
        double *swept = set->inverse + pivot * stride;
        const double scale = 1.0 / swept[pivot];
        swept[pivot] = 1.0;
        for (Py_ssize_t k = 0; k < m; k++)
            swept[k] *= scale;
        for (Py_ssize_t i = 0; i < m; i++) {
            double *row = set->inverse + i * stride;
            const double factor = -row[pivot];
            if (i == pivot)
                continue;
            row[pivot] = 0.0;
            const double *source = swept;
            add_rows(row, m, &source, &factor, 1);
        }
    }
}

/* Add a last position to the inverse: link is the inverse times the new column's correlations with the active ones. */
static void grow_inverse(TrainingSet *set, const double *link, double outside)
{
    const Py_ssize_t m = set->n_active, stride = set->capacity;
    double *last = set->inverse + m * stride;
    const double *source = last;
    for (Py_ssize_t k = 0; k < m; k++)
        last[k] = link[k] / outside;
    for (Py_ssize_t k = 0; k < m; k++) {
        add_rows(set->inverse + k * stride, m, &source, &link[k], 1);
        set->inverse[k * stride + m] = -last[k];
    }
    for (Py_ssize_t k = 0; k < m; k++)
        last[k] = -last[k];
    last[m] = 1.0 / outside;
}

/* Let a column in, or wait if the active ones explain all of it. Return 0, or -1 without memory. */
static int enter(Paths *paths, TrainingSet *set, Py_ssize_t column)
{
    const Py_ssize_t m = set->n_active;
    const double *row = make_room(set) == 0 ? set_gram(paths, set, column) : NULL;
    if (!row)
        return -1;
    double *link = set->direction, outside = 1.0;
    for (Py_ssize_t k = 0; k < m; k++)
        set->spare[k] = row[set->active[k]];
    times_inverse(set, set->spare, link);
    for (Py_ssize_t k = 0; k < m; k++)
        outside -= link[k] * set->spare[k];
    set->states[column] = outside < DEPENDENT ? WAITING : ACTIVE;
    if (outside < DEPENDENT)
        return 0;
    grow_inverse(set, link, outside);
    set->active[m] = column;
    set->active_gram[m] = row;
    set->signs[m] = set->correlations[column] > 0 ? 1.0 : -1.0;
    set->coefs[m] = 0.0;
    set->n_active++;
    return 0;
}

/* Take a position out of the inverse; the last one fills it. */
static void shrink_inverse(TrainingSet *set, Py_ssize_t position)
{
    const Py_ssize_t last = set->n_active - 1, stride = set->capacity;
    double *inverse = set->inverse, *border = set->spare;
    memcpy(border, inverse + position * stride, (size_t)(last + 1) * sizeof(double));
    const double pivot = border[position], *source = border;
    for (Py_ssize_t k = 0; k <= last; k++) {
        const double factor = -border[k] / pivot;
        add_rows(inverse + k * stride, last + 1, &source, &factor, 1);
    }
    memmove(inverse + position * stride, inverse + last * stride, (size_t)(last + 1) * sizeof(double));
    for (Py_ssize_t k = 0; k < last; k++)
        inverse[k * stride + position] = inverse[k * stride + last];
}

/* Let an active column go; the last one takes its position. */
static void leave(const Paths *paths, TrainingSet *set, Py_ssize_t column)
{
    Py_ssize_t position = 0;
    while (set->active[position] != column)
        position++;
    shrink_inverse(set, position);
    const Py_ssize_t last = --set->n_active;
    set->states[column] = IDLE;
    set->active[position] = set->active[last];
    set->active_gram[position] = set->active_gram[last];
    set->signs[position] = set->signs[last];
    set->coefs[position] = set->coefs[last];
    for (Py_ssize_t j = 0; j < paths->n_columns; j++)
        if (set->states[j] == WAITING)
            set->states[j] = IDLE;
}

/* ---------------------------------------------------------------- from knot to knot */

/* Return the most by which fitted misses target at the active columns; leave the misses in spare. */
static double misses(TrainingSet *set, const double *fitted, double target)
{
    double most = 0.0;
    for (Py_ssize_t k = 0; k < set->n_active; k++) {
        set->spare[k] = target * set->signs[k] - fitted[set->active[k]];
        most = fmax(most, fabs(set->spare[k]));
    }
    return most;
}

/* Find how coefficients and correlations move as the penalty falls by 1. */
static void find_direction(const Paths *paths, TrainingSet *set)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        times_inverse(set, set->signs, set->direction);
        memset(set->slopes, 0, (size_t)paths->n_columns * sizeof(double));
        add_rows(set->slopes, paths->n_columns, set->active_gram, set->direction, set->n_active);
        if (attempt || misses(set, set->slopes, 1.0) <= DRIFT)
            return;
        invert_afresh(set);
    }
}

/* Compute the correlations afresh from the coefficients, and correct the coefficients by what they miss. */
static void correct(const Paths *paths, TrainingSet *set)
{
    for (int attempt = 0; attempt < MAX_CORRECTIONS; attempt++) {
        memcpy(set->correlations, set->first_correlations, (size_t)paths->n_columns * sizeof(double));
        for (Py_ssize_t k = 0; k < set->n_active; k++)
            set->spare[k] = -set->coefs[k];
        add_rows(set->correlations, paths->n_columns, set->active_gram, set->spare, set->n_active);
        const double most = misses(set, set->correlations, set->alpha);
        if (most > DRIFT * set->alpha)
            invert_afresh(set);
        times_inverse(set, set->spare, set->direction);
        for (Py_ssize_t k = 0; k < set->n_active; k++)
            set->coefs[k] -= set->direction[k];
        if (most <= DRIFT * set->alpha)
            return;
    }
}

/* Fill reach with how far the penalty falls until each idle correlation meets it from inside. */
FOR_EACH_PROCESSOR
static void find_reach(double *RESTRICT reach, const double *RESTRICT correlations, const double *RESTRICT slopes,
                       double alpha, Py_ssize_t length)
{
    for (Py_ssize_t j = 0; j < length; j++) {
        const double up = 1.0 - slopes[j], down = 1.0 + slopes[j];
        const double rise = (up > PARALLEL ? alpha - correlations[j] : HUGE_VAL) / (up > PARALLEL ? up : 1.0);
        const double fall = (down > PARALLEL ? alpha + correlations[j] : HUGE_VAL) / (down > PARALLEL ? down : 1.0);
        const double nearer = rise < fall ? rise : fall;
        reach[j] = nearer > 0.0 ? nearer : 0.0;
    }
}

/* Return the column whose knot comes next, the first of those that tie, and in *step how far away it is. */
static Py_ssize_t next_knot(const Paths *paths, TrainingSet *set, double *step)
{
    const Py_ssize_t p = paths->n_columns;
    find_reach(set->reach, set->correlations, set->slopes, set->alpha, p);
    for (Py_ssize_t k = 0; k < set->n_active; k++) {
        const double shrinking = -set->signs[k] * set->direction[k], size = set->signs[k] * set->coefs[k];
        set->reach[set->active[k]] = shrinking > 0.0 ? fmax(size, 0.0) / shrinking : HUGE_VAL;
    }
    double nearest = HUGE_VAL;
    for (Py_ssize_t j = 0; j < p; j++)
        if (set->reach[j] < nearest && set->states[j] != WAITING)
            nearest = set->reach[j];
    *step = nearest;
    for (Py_ssize_t j = 0; j < p; j++)
        if (set->reach[j] <= nearest + TIE * set->alpha && set->states[j] != WAITING)
            return j;
    return -1;
}

static void move(const Paths *paths, TrainingSet *set, double step)
{
    const double back = -step, *source = set->slopes;
    add_rows(set->correlations, paths->n_columns, &source, &back, 1);
    source = set->direction;
    add_rows(set->coefs, set->n_active, &source, &step, 1);
    set->alpha -= step;
}

/* Follow one path down to a penalty. */
static int follow(Paths *paths, TrainingSet *set, double alpha)
{
    int in_place = 0; /* knots since the penalty last fell; exact ties could in theory go round for ever */
    while (set->alpha > alpha) {
        double step;
        find_direction(paths, set);
        const Py_ssize_t column = next_knot(paths, set, &step);
        if (step >= set->alpha - alpha) {
            move(paths, set, set->alpha - alpha);
            set->alpha = alpha;
            break;
        }
        in_place = step > TIE * set->alpha ? 0 : in_place + 1;
        if (in_place > MAX_KNOTS_IN_PLACE)
            return STUCK;
        move(paths, set, step);
        if (set->states[column] == ACTIVE)
            leave(paths, set, column);
        else if (enter(paths, set, column) < 0)
            return NO_MEMORY;
    }
    correct(paths, set);
    return DONE;
}

/* ---------------------------------------------------------------- training sets */

/* Center and scale the columns by the n_rows training rows given, whose weights are shares of their sum. */
static void standardize(const Paths *paths, TrainingSet *set, const double **rows, const double *shares,
                        Py_ssize_t n_rows, const double *rounding)
{
    add_rows(set->mean, paths->n_columns, rows, shares, n_rows);
    for (Py_ssize_t i = 0; i < n_rows; i++)
        for (Py_ssize_t j = 0; j < paths->n_columns; j++) {
            const double deviation = rows[i][j] - set->mean[j];
            set->scale[j] += shares[i] * deviation * deviation;
        }
    for (Py_ssize_t j = 0; j < paths->n_columns; j++) {
        const double spread = sqrt(set->scale[j]);
        set->scale[j] = spread > rounding[j] + ROUNDING * fabs(set->mean[j]) ? 1.0 / spread : 0.0;
    }
}

/* Fill the correlations with the target, and start the path at the largest. */
static void correlate(const Paths *paths, TrainingSet *set, const double **rows, const double *shares,
                      const double *targets, Py_ssize_t n_rows)
{
    double variance = 0.0;
    for (Py_ssize_t i = 0; i < n_rows; i++)
        set->y_mean += shares[i] * targets[i];
    for (Py_ssize_t i = 0; i < n_rows; i++) {
        paths->row_coefs[i] = shares[i] * (targets[i] - set->y_mean);
        variance += paths->row_coefs[i] * (targets[i] - set->y_mean);
    }
    set->noise = ROUNDING * sqrt(variance);
    add_rows(set->first_correlations, paths->n_columns, rows, paths->row_coefs, n_rows);
    for (Py_ssize_t j = 0; j < paths->n_columns; j++) {
        double *correlation = &set->first_correlations[j];
        *correlation *= set->scale[j];
        *correlation = fabs(*correlation) > set->noise ? *correlation : 0.0;
        set->alpha = fmax(set->alpha, fabs(*correlation));
    }
    memcpy(set->correlations, set->first_correlations, (size_t)paths->n_columns * sizeof(double));
}

static int allocate_set(const Paths *paths, TrainingSet *set, Py_ssize_t n_held)
{
    const size_t n_columns = (size_t)paths->n_columns;
    double **columns[] = {&set->mean, &set->scale, &set->first_correlations, &set->correlations, &set->slopes,
                          &set->reach};
    int complete = 1;
    for (int k = 0; k < 6; k++)
        complete &= (*columns[k] = zeros(paths->n_columns)) != NULL;
    set->gram = calloc(n_columns + 1, sizeof(double *));
    set->states = calloc(n_columns + 1, 1);
    set->held = malloc((size_t)(n_held + 1) * sizeof(double *));
    set->held_weights = zeros(n_held);
    set->held_y = zeros(n_held);
    return complete && set->gram && set->states && set->held && set->held_weights && set->held_y ? 0 : -1;
}

/* Deal the rows into held-out ones and training ones; return the number of these. Their weights become shares. */
static Py_ssize_t deal_rows(const Paths *paths, TrainingSet *set, Py_ssize_t fold, const double **rows, double *shares,
                            double *targets)
{
    const double *y = paths->views[1].buf, *weights = paths->views[2].buf;
    const int64_t *folds = paths->views[3].buf;
    Py_ssize_t n_training = 0;
    for (Py_ssize_t i = 0; i < paths->n_rows; i++) {
        if (folds[i] == fold) {
            set->held[set->n_held] = paths->rows[i];
            set->held_weights[set->n_held] = weights[i];
            set->held_y[set->n_held++] = y[i];
            continue;
        }
        set->weight += weights[i];
        rows[n_training] = paths->rows[i];
        shares[n_training] = weights[i];
        targets[n_training++] = y[i];
    }
    for (Py_ssize_t i = 0; i < n_training; i++)
        shares[i] /= set->weight;
    return n_training;
}

/* Start the path of all rows but those of a fold. Return 0, or -1 without memory. */
static int start(Paths *paths, Py_ssize_t fold, const double *rounding)
{
    const int64_t *folds = paths->views[3].buf;
    TrainingSet *set = &paths->sets[fold];
    Py_ssize_t n_held = 0;
    for (Py_ssize_t i = 0; i < paths->n_rows; i++)
        n_held += folds[i] == fold;
    const double **rows = malloc((size_t)(paths->n_rows + 1) * sizeof(double *));
    double *shares = zeros(paths->n_rows), *targets = zeros(paths->n_rows);
    const int failed = allocate_set(paths, set, n_held) < 0 || !rows || !shares || !targets;
    if (!failed) {
        const Py_ssize_t n_training = deal_rows(paths, set, fold, rows, shares, targets);
        standardize(paths, set, rows, shares, n_training, rounding);
        correlate(paths, set, rows, shares, targets, n_training);
    }
    free((void *)rows);
    free(shares);
    free(targets);
    return -failed;
}

/* Return the mean squared error on the held-out rows. */
static double held_out_error(const TrainingSet *set)
{
    double sum = 0.0, weight = 0.0;
    for (Py_ssize_t i = 0; i < set->n_held; i++) {
        double residual = set->held_y[i] - set->y_mean;
        for (Py_ssize_t k = 0; k < set->n_active; k++) {
            const Py_ssize_t j = set->active[k];
            residual -= set->coefs[k] * (set->held[i][j] - set->mean[j]) * set->scale[j];
        }
        sum += set->held_weights[i] * residual * residual;
        weight += set->held_weights[i];
    }
    return sum / weight;
}

/* ---------------------------------------------------------------- the object that Python holds */

static void free_set(const Paths *paths, TrainingSet *set)
{
    for (Py_ssize_t j = 0; set->gram && j < paths->n_columns; j++)
        free(set->gram[j]);
    void *blocks[] = {set->gram,   set->states, (void *)set->held,   set->held_weights, set->held_y,
                      set->mean,   set->scale,  set->first_correlations, set->correlations, set->slopes,
                      set->reach,  set->active, set->signs,          set->coefs,        set->direction,
                      set->spare,  set->inverse, (void *)set->active_gram, (void *)set->inverse_rows};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        free(blocks[k]);
}

static void free_paths(Paths *paths)
{
    for (Py_ssize_t k = 0; paths->sets && k < paths->n_sets; k++)
        free_set(paths, &paths->sets[k]);
    for (Py_ssize_t j = 0; paths->gram && j < paths->n_columns; j++)
        free(paths->gram[j]);
    free(paths->gram);
    free((void *)paths->rows);
    free(paths->row_coefs);
    free(paths->sets);
    release_arrays(paths->views, 4);
    free(paths);
}

static const char NAME[] = "radiofuse.select._lasso_path.paths";

static void destroy(PyObject *capsule)
{
    free_paths(PyCapsule_GetPointer(capsule, NAME));
}

/* Allocate what all training sets share, and start every path. Return 0, or -1 without memory. */
static int start_all(Paths *paths, const double *rounding)
{
    const double *table = paths->views[0].buf;
    paths->rows = malloc((size_t)(paths->n_rows + 1) * sizeof(double *));
    paths->row_coefs = zeros(paths->n_rows);
    paths->gram = calloc((size_t)paths->n_columns + 1, sizeof(double *));
    paths->sets = calloc((size_t)paths->n_sets, sizeof(TrainingSet));
    if (!paths->rows || !paths->row_coefs || !paths->gram || !paths->sets)
        return -1;
    for (Py_ssize_t i = 0; i < paths->n_rows; i++)
        paths->rows[i] = table + i * paths->n_columns;
    for (Py_ssize_t k = 0; k < paths->n_sets; k++)
        if (start(paths, k, rounding) < 0)
            return -1;
    return 0;
}

static int shapes_fit(const Py_buffer *views, Py_ssize_t n_folds)
{
    const Py_ssize_t n = views[0].shape[0], p = views[0].shape[1];
    const int64_t *folds = views[3].buf;
    int fit = n_folds >= 0 && views[1].shape[0] == n && views[2].shape[0] == n && views[3].shape[0] == n &&
              views[4].shape[0] == p && views[5].shape[0] == p;
    for (Py_ssize_t i = 0; fit && i < n; i++)
        fit = folds[i] >= 0 && folds[i] < n_folds;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "start: lengths differ, or a fold is not in range(n_folds)");
    return fit;
}

/* start(table (n, p), y (n), weights (n), folds (n), n_folds, rounding (p), gradient (p)): begin the path of every
   fold's training rows and of all rows, and fill gradient with the latter's mean products of column and centered y.
   rounding is the spread up to which a column of the table is constant. */
static PyObject *start_paths(PyObject *module, PyObject *arguments)
{
    static const char *names[] = {"table", "y", "weights", "folds", "rounding", "gradient"};
    PyObject *objects[6], *capsule = NULL;
    Py_ssize_t n_folds;
    Py_buffer views[6] = {{0}};
    int taken = 0, failed = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOnOO", &objects[0], &objects[1], &objects[2], &objects[3], &n_folds,
                          &objects[4], &objects[5]))
        return NULL;
    while (taken < 6 && take_array(objects[taken], &views[taken], taken == 3 ? 'i' : 'f', 8, taken ? 1 : 2,
                                   taken == 5 ? WRITE : READ, names[taken]) == 0)
        taken++;
    Paths *paths = taken == 6 && shapes_fit(views, n_folds) ? calloc(1, sizeof(Paths)) : NULL;
    if (!paths) {
        release_arrays(views, 6);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    memcpy(paths->views, views, sizeof paths->views);
    paths->n_rows = views[0].shape[0];
    paths->n_columns = views[0].shape[1];
    paths->n_sets = n_folds + 1;
    Py_BEGIN_ALLOW_THREADS
    failed = start_all(paths, views[4].buf) < 0;
    if (!failed)
        memcpy(views[5].buf, paths->sets[n_folds].first_correlations, (size_t)views[5].len);
    Py_END_ALLOW_THREADS
    release_arrays(views + 4, 2);
    if (failed)
        PyErr_NoMemory();
    else
        capsule = PyCapsule_New(paths, NAME, destroy);
    if (!capsule)
        free_paths(paths);
    return capsule;
}

/* Follow every path to a penalty; fill the folds' errors and the coefficients of the path of all rows. */
static int advance_all(Paths *paths, double alpha, double *errors, double *coefs)
{
    for (Py_ssize_t k = 0; k < paths->n_sets; k++) {
        const int outcome = follow(paths, &paths->sets[k], alpha);
        if (outcome != DONE)
            return outcome;
        if (k + 1 < paths->n_sets)
            errors[k] = held_out_error(&paths->sets[k]);
    }
    const TrainingSet *all = &paths->sets[paths->n_sets - 1];
    for (Py_ssize_t k = 0; k < all->n_active; k++)
        if (fabs(all->coefs[k]) > all->noise)
            coefs[all->active[k]] = all->coefs[k];
    return DONE;
}

/* advance(paths, alpha, errors (n_folds), coefs (p)): follow every path down to alpha, at most the last one; coefs
   must come as zeros. */
static PyObject *advance(PyObject *module, PyObject *arguments)
{
    PyObject *capsule, *errors, *coefs, *done = NULL;
    Py_buffer views[2] = {{0}};
    double alpha;
    int outcome;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OdOO", &capsule, &alpha, &errors, &coefs))
        return NULL;
    Paths *paths = PyCapsule_GetPointer(capsule, NAME);
    if (!paths)
        return NULL;
    if (take_array(errors, &views[0], 'f', 8, 1, WRITE, "errors") == 0 &&
        take_array(coefs, &views[1], 'f', 8, 1, WRITE, "coefs") == 0) {
        if (views[0].shape[0] != paths->n_sets - 1 || views[1].shape[0] != paths->n_columns) {
            PyErr_SetString(PyExc_ValueError, "advance: errors has one item per fold, coefs one per column");
        } else {
            Py_BEGIN_ALLOW_THREADS
            outcome = advance_all(paths, alpha, views[0].buf, views[1].buf);
            Py_END_ALLOW_THREADS
            if (outcome == STUCK)
                PyErr_SetString(PyExc_ArithmeticError, "advance: columns that tie exactly take turns without end");
            else
                done = outcome == DONE ? Py_NewRef(Py_None) : PyErr_NoMemory();
        }
    }
    release_arrays(views, 2);
    return done;
}

static PyMethodDef methods[] = {{"start", start_paths, METH_VARARGS, NULL},
                                {"advance", advance, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_lasso_path", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__lasso_path(void)
{
    return PyModule_Create(&module);
}
